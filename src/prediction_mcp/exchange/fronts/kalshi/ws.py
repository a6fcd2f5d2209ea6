"""WebSocket as Kalshi speaks it: the signed handshake, frames, heartbeat, and what happens to a slow reader.

The handshake and what comes in go through the sans-I/O protocol of ``websockets``; data frames go out by hand, many in
one write, because hundreds of readers of one market each get every change. uvicorn hands the connection over when a
request asks for an upgrade, so REST and WebSocket share a port.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Any, cast

import orjson
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.rejection import RejectionError, not_found
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import wall_clock_ms

from .ws_commands import ERRORS, Commands, scope
from .ws_hub import Hub
from .ws_subscription import Subscription

DATA = (Opcode.TEXT, Opcode.BINARY)
PATH = "/trade-api/ws/v2"
HEARTBEAT_S = 10.0
GOODBYE_S = 5.0
"""How long a closing connection may take to read what was sent before it is cut."""
OVERFLOW_BYTES = 4 << 20
"""Unsent bytes a connection may hold before it counts as too slow."""


def _frame(payload: bytes) -> bytes:
    """A whole unmasked text frame (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return b"\x81" + bytes((size,)) + payload
    if size < 1 << 16:
        return b"\x81\x7e" + struct.pack("!H", size) + payload
    return b"\x81\x7f" + struct.pack("!Q", size) + payload


class FeedConnection(asyncio.Protocol):
    """One WebSocket connection; uvicorn makes it with its own three arguments."""

    account: Account
    may_read: bool

    def __init__(self, exchange: Exchange, hub: Hub, server_state: Any) -> None:
        self._exchange = exchange
        self._connections: set[Any] = server_state.connections
        self._hub = hub
        self._protocol = ServerProtocol(extensions=None, max_size=1 << 20)
        self._transport: asyncio.Transport | None = None
        self._commands: Commands | None = None
        self._waiting: list[bytes] = []
        self._heartbeat: asyncio.TimerHandle | None = None

    # -- asyncio -----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._open(event)
            elif isinstance(event, Frame) and event.opcode in DATA and self._commands is not None:
                self._commands.handle(bytes(event.data))
        self._send_control()

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._send_control()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._hub.outlets.discard(self)
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        if self._commands is not None:
            self._commands.close()
        self._transport = None

    def shutdown(self) -> None:
        """uvicorn is going down: say goodbye."""
        self.close(1012, "service restart")

    # -- handshake ---------------------------------------------------------------------------------------------

    def _open(self, request: Request) -> None:
        path = request.path.partition("?")[0]
        if path != PATH:
            self._refuse(not_found("no such endpoint"))
            return
        response = self._protocol.accept(request)
        if response.status_code != 101:
            self._protocol.send_response(response)
            return
        headers = request.headers
        try:
            key = self._exchange.access.authenticate(
                headers.get("KALSHI-ACCESS-KEY"),
                headers.get("KALSHI-ACCESS-TIMESTAMP"),
                headers.get("KALSHI-ACCESS-SIGNATURE"),
                "GET",
                path,
                wall_clock_ms(),
            )
        except RejectionError as rejection:
            self._refuse(rejection)
            return
        self.account, self.may_read = key.account, "read" in key.scopes
        self._protocol.send_response(response)
        self._commands = Commands(self._exchange, self._hub, self)
        self._hub.outlets.add(self)
        self._schedule_heartbeat()

    def _refuse(self, rejection: RejectionError) -> None:
        response = self._protocol.reject(rejection.status, orjson.dumps(rejection.body).decode())
        response.headers["Content-Type"] = "application/json"
        self._protocol.send_response(response)

    def _schedule_heartbeat(self) -> None:
        self._heartbeat = asyncio.get_running_loop().call_later(HEARTBEAT_S, self._beat)

    def _beat(self) -> None:
        if self._protocol.state is State.OPEN:  # a closing connection takes no pings
            self._protocol.send_ping(b"heartbeat")
            self._send_control()
            self._schedule_heartbeat()

    # -- frames out --------------------------------------------------------------------------------------------

    def push(self, payload: bytes) -> None:
        """Queue a data frame; all that one step of the event loop queues leaves in one write."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append(payload)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(b"".join(map(_frame, waiting)))
        if self._transport.get_write_buffer_size() > OVERFLOW_BYTES:
            self._cut()

    def _cut(self) -> None:
        """Too slow: error 25 for each subscription, which is terminal, and the end; nobody else notices."""
        if self._transport is None or self._commands is None:
            return
        for subscription in self._commands.subscriptions.values():
            error = {"type": "error", **scope(subscription), "msg": {"code": 25, "msg": ERRORS[25]}}
            self._transport.write(_frame(orjson.dumps(error)))
        self._commands.close()
        self._commands = None  # what it may still ask is not heard
        self.close(1013, ERRORS[25])

    def faults(self) -> list[str]:
        return self._exchange.faults.for_message()

    def drop(self) -> None:
        """Cut the connection without a word, after what waits has left."""
        if self._transport is not None:
            self._flush()
            self._transport.abort()

    def abandon(self) -> None:
        """Cut the connection; what waits to leave may not be true."""
        self._waiting.clear()
        if self._transport is not None:
            self._transport.abort()

    def end(self, subscription: Subscription) -> None:
        """End a subscription with error 10: whoever wants it must subscribe again."""
        if self._commands is not None:
            self._commands.end(subscription, 10)

    def close(self, code: int, reason: str) -> None:
        """Close the connection in order."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason)
        self._send_control()
        if self._transport is not None:
            self._transport.close()
            # a reader that never reads would keep its unsent frames alive for ever
            asyncio.get_running_loop().call_later(GOODBYE_S, self._transport.abort)

    def _send_control(self) -> None:
        """Write what the protocol wants to say: the handshake, pongs, pings, close."""
        if self._transport is None:
            return
        if self._waiting:
            self._flush()
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()  # the protocol's sign for the end of the stream


def connection_factory(exchange: Exchange, hub: Hub) -> Callable[..., FeedConnection]:
    """What uvicorn calls to make the protocol of an upgraded connection."""

    def make(config: Any, server_state: Any, app_state: Any) -> FeedConnection:
        return FeedConnection(exchange, hub, server_state)

    return make
