"""One WebSocket connection of either front: frames in and out, and what happens to a slow reader.

The handshake and what comes in go through the sans-I/O protocol of ``websockets``; data frames go out by hand, many in
one write, because hundreds of readers of one market each get every change. uvicorn hands the connection over when a
request asks for an upgrade, so REST and WebSocket share a port.
"""

from __future__ import annotations

import asyncio
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, cast

import orjson
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

DATA = (Opcode.TEXT, Opcode.BINARY)
GOODBYE_S = 5.0
"""How long a closing connection may take to read what was sent before it is cut."""
OVERFLOW_BYTES = 4 << 20
"""Unsent bytes a connection may hold before it counts as too slow."""


def frame(payload: bytes) -> bytes:
    """A whole unmasked text frame (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return b"\x81" + bytes((size,)) + payload
    if size < 1 << 16:
        return b"\x81\x7e" + struct.pack("!H", size) + payload
    return b"\x81\x7f" + struct.pack("!Q", size) + payload


class Connection(asyncio.Protocol, ABC):
    """A WebSocket connection; what is said on it is its front's affair."""

    def __init__(self, server_state: Any) -> None:
        self._connections: set[Any] = server_state.connections
        self._protocol = ServerProtocol(extensions=None, max_size=1 << 20)
        self._transport: asyncio.Transport | None = None
        self._waiting: list[bytes] = []

    @abstractmethod
    def _open(self, request: Request) -> None:
        """Answer the handshake."""

    @abstractmethod
    def _hear(self, data: bytes) -> None:
        """A data frame came."""

    @abstractmethod
    def _gone(self) -> None:
        """The connection is over."""

    @abstractmethod
    def _too_slow(self) -> None:
        """The reader doesn't keep up: say the last words and close."""

    # -- asyncio -----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._open(event)
            elif isinstance(event, Frame) and event.opcode in DATA:
                self._hear(bytes(event.data))
        self._send_control()

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._send_control()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._gone()
        self._transport = None

    def shutdown(self) -> None:
        """uvicorn is going down: say goodbye."""
        self.close(1012, "service restart")

    def _accept(self, request: Request) -> bool:
        """Take the handshake, without sending the answer yet; False where it is none and was answered so."""
        self._response = self._protocol.accept(request)
        if self._response.status_code != 101:
            self._protocol.send_response(self._response)
            return False
        return True

    def _welcome(self) -> None:
        self._protocol.send_response(self._response)

    def _refuse(self, status: int, body: Any) -> None:
        response = self._protocol.reject(status, orjson.dumps(body).decode())
        response.headers["Content-Type"] = "application/json"
        self._protocol.send_response(response)

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
        self._transport.write(b"".join(map(frame, waiting)))
        if self._transport.get_write_buffer_size() > OVERFLOW_BYTES:
            self._too_slow()

    def _write(self, payload: bytes) -> None:
        if self._transport is not None:
            self._transport.write(frame(payload))

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


class Switch(asyncio.Protocol):
    """What uvicorn makes of an upgrade, before the path is known: gives the connection to its front.

    Args:
        choose: makes the connection for a path.
    """

    def __init__(self, choose: Callable[[bytes], Connection]) -> None:
        self._choose = choose
        self._transport: asyncio.BaseTransport | None = None
        self._inner: Connection | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._inner is None:
            target = data.split(b" ", 2)[1]  # uvicorn gives the whole head of the request at once
            self._inner = self._choose(target.partition(b"?")[0])
            if self._transport is not None:
                self._inner.connection_made(self._transport)
        self._inner.data_received(data)

    def eof_received(self) -> None:
        if self._inner is not None:
            self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._inner is not None:
            self._inner.connection_lost(exc)
