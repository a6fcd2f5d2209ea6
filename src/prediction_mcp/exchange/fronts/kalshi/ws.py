"""WebSocket as Kalshi speaks it: the signed handshake, commands, heartbeat."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from websockets.http11 import Request
from websockets.protocol import State

from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.rejection import RejectionError, not_found
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import wall_clock_ms

from ..connection import Connection
from .ws_commands import ERRORS, Commands
from .ws_hub import Hub
from .ws_subscription import Subscription

PATH = "/trade-api/ws/v2"
HEARTBEAT_S = 10.0


class FeedConnection(Connection):
    """One connection of Kalshi's feed."""

    account: Account
    may_read: bool

    def __init__(self, exchange: Exchange, hub: Hub, server_state: Any) -> None:
        super().__init__(server_state)
        self._exchange = exchange
        self._hub = hub
        self._commands: Commands | None = None
        self._heartbeat: asyncio.TimerHandle | None = None

    def _hear(self, data: bytes) -> None:
        if self._commands is not None:
            self._commands.handle(data)

    def _gone(self) -> None:
        self._hub.outlets.discard(self)
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        if self._commands is not None:
            self._commands.close()

    # -- handshake ---------------------------------------------------------------------------------------------

    def _open(self, request: Request) -> None:
        path = request.path.partition("?")[0]
        if path != PATH:
            rejection = not_found("no such endpoint")
            self._refuse(rejection.status, rejection.body)
            return
        if not self._accept(request):
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
            self._refuse(rejection.status, rejection.body)
            return
        self.account, self.may_read = key.account, "read" in key.scopes
        self._welcome()
        self._commands = Commands(self._exchange, self._hub, self)
        self._hub.outlets.add(self)
        self._schedule_heartbeat()

    def _schedule_heartbeat(self) -> None:
        self._heartbeat = asyncio.get_running_loop().call_later(HEARTBEAT_S, self._beat)

    def _beat(self) -> None:
        if self._protocol.state is State.OPEN:  # a closing connection takes no pings
            self._protocol.send_ping(b"heartbeat")
            self._send_control()
            self._schedule_heartbeat()

    # -- what the hub asks for ---------------------------------------------------------------------------------

    def _too_slow(self) -> None:
        """Error 25 for each subscription, which is terminal, and the end; nobody else notices."""
        if self._commands is None:
            return
        for subscription in self._commands.subscriptions.values():
            error = {"type": "error", **subscription.scope(), "msg": {"code": 25, "msg": ERRORS[25]}}
            self._write(orjson.dumps(error))
        self._commands.close()
        self._commands = None  # what it may still ask is not heard
        self.close(1013, ERRORS[25])

    def faults(self) -> list[str]:
        return self._exchange.faults.for_message()

    def end(self, subscription: Subscription) -> None:
        """End a subscription with error 10: whoever wants it must subscribe again."""
        if self._commands is not None:
            self._commands.end(subscription, 10)
