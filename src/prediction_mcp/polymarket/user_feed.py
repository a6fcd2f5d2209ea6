"""The user feed: a wallet's own orders and trades, each step told once, also those that the feed dropped.

Frames may be lost without a sign, and the frame of a killed order carries nothing where numbers belong (trap 7). So
what the feed says is held against REST: trades are asked for from the last one known on, after each connection and
every while. A trade is told once for each status it reaches.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

import msgspec
import orjson
from loguru import logger
from pydantic import ValidationError
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from prediction_mcp.net.deadline import background
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.net.kept import GRACE_S

from .errors import AuthenticationError, UnavailableError
from .frames import user_frames
from .own import UserOrder, UserTrade
from .text_pings import TextPinged
from .wallet import ApiKey

USER_URL = "wss://ws-subscriptions-clob.polymarket.com/ws/user"
POLL_S = 15.0
REMEMBERED = 10_000
"""Trades whose last status is remembered."""
_ORDER_OF = ("MATCHED_NOT_BROADCASTED", "MATCHED", "RETRYING", "MINED", "CONFIRMED", "FAILED")


class Record(Protocol):
    """What REST knows of the wallet's trades."""

    async def trades(self, after: datetime | None = None, market: str | None = None) -> list[UserTrade]: ...


class UserFeed(TextPinged):
    """The user feed of an API key.

    Args:
        key: whose orders and trades are told; its secret goes in the first frame, and into no log.
        record: REST, for what the feed drops.
        on_order, on_trade: told each step once.
    """

    def __init__(
        self,
        key: ApiKey,
        record: Record,
        url: str = USER_URL,
        on_order: Callable[[UserOrder], None] | None = None,
        on_trade: Callable[[UserTrade], None] | None = None,
        on_reconnect: Callable[[], None] | None = None,
        on_state: Callable[[], None] | None = None,
        *,
        poll_s: float = POLL_S,
        grace_s: float = GRACE_S,
    ) -> None:
        super().__init__(on_reconnect, on_state, grace_s)
        self.url = url
        self._key = key
        self._record = record
        self._on_order = on_order
        self._on_trade = on_trade
        self._poll_s = poll_s
        self._wanted = 0
        self._told: OrderedDict[str, str] = OrderedDict()
        self._since: datetime | None = None
        self._polling: asyncio.Task[None] | None = None

    async def watch(self) -> None:
        """Want it; wants add up. Raises PolymarketError where it can't be had."""
        self._wanted += 1
        try:
            if self._polling is None:
                known = await self._record.trades()  # older than this subscription: not to be reported
                if self._polling is None:
                    for trade in known:
                        self._remember(trade)
                    self._polling = background(self._poll())
            self.start()
            await self.connected()
        except BaseException:
            self.unwatch()
            raise

    def unwatch(self) -> None:
        """Take back one want."""
        self._wanted -= 1
        if not self._wanted and self._polling is not None:
            self._polling.cancel()
            self._polling = None
        self.release()

    async def close(self) -> None:
        self._wanted = 0
        if self._polling is not None:
            self._polling.cancel()
            self._polling = None
        await super().close()

    # -- the connection ------------------------------------------------------------------------------------------

    def is_wanted(self) -> bool:
        return self._wanted > 0

    async def resume(self, *, again: bool) -> None:
        socket = self._socket
        if socket is None:
            return
        auth = {"apiKey": self._key.key, "secret": self._key.secret, "passphrase": self._key.passphrase}
        with contextlib.suppress(ConnectionClosed):  # the next connection sends it
            await socket.send(orjson.dumps({"type": "user", "auth": auth}).decode())
        self.start_pings()
        if again:
            self.spawn(self._catch_up())

    def read(self, frame: bytes) -> None:
        if not self.hear(frame):
            return
        try:
            for message in user_frames(frame):
                self._receive(message)
        except (msgspec.DecodeError, RecursionError, ValidationError) as error:
            self.counters["unreadable"] += 1
            logger.debug("a frame of Polymarket's user feed can't be read: {}", type(error).__name__)

    def lost(self) -> None:
        """What is missed meanwhile is asked for when it is back."""

    def refusal(self, error: Exception) -> PlatformError | None:
        """A refused key is a close for policy: the first frame bears it, and nothing else answers that frame."""
        if isinstance(error, ConnectionClosed) and error.rcvd is not None:
            code, reason = error.rcvd.code, error.rcvd.reason.lower()
            if code == CloseCode.POLICY_VIOLATION and ("auth" in reason or "key" in reason):
                return AuthenticationError("Polymarket refused the API key for the user feed: check it.")
        return None

    def unreachable(self, reason: str) -> PlatformError:
        return UnavailableError(f"Polymarket's user feed can't be reached now ({reason}): try again.", sent=False)

    # -- what comes ----------------------------------------------------------------------------------------------

    def _receive(self, message: dict[str, Any]) -> None:
        self.counters["messages"] += 1
        if message.get("event_type") == "order":
            order = UserOrder.model_validate(message)
            if self._on_order is not None:
                self._on_order(order)
        elif message.get("event_type") == "trade":
            self._tell(UserTrade.model_validate(message))

    def _tell(self, trade: UserTrade) -> None:
        """Tell a step of a trade, unless it was told, or a later one was."""
        told = self._told.get(trade.id)
        if told is not None and _rank(trade.status) <= _rank(told):
            return
        self._remember(trade)
        if self._on_trade is not None:
            self._on_trade(trade)

    def _remember(self, trade: UserTrade) -> None:
        self._told[trade.id] = trade.status
        self._told.move_to_end(trade.id)
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        if trade.match_time is not None and (self._since is None or trade.match_time > self._since):
            self._since = trade.match_time

    # -- what the feed drops -------------------------------------------------------------------------------------

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_s)
            await self._catch_up()

    async def _catch_up(self) -> None:
        try:
            for trade in reversed(await self._record.trades(after=self._since)):
                if trade.id not in self._told:
                    self.counters["dropped"] += 1
                self._tell(trade)
        except PlatformError as error:
            logger.info("own trades can't be asked for now: {}", error)


def _rank(status: str) -> int:
    return _ORDER_OF.index(status) if status in _ORDER_OF else -1
