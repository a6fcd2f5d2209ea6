"""One connection of the market feed with its tokens: kept alive by text, subscribed, read frame by frame."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import msgspec
import orjson
from loguru import logger
from websockets.exceptions import ConnectionClosed

from prediction_mcp.net.errors import PlatformError

from .errors import UnavailableError
from .frames import market_frames
from .text_pings import TextPinged

if TYPE_CHECKING:
    from .feed import Feed


class Connection(TextPinged):
    """One connection of the market feed with its tokens."""

    def __init__(self, url: str, feed: Feed) -> None:
        super().__init__(feed.reconnected, feed.turned, feed.grace_s)
        self.url = url
        self.tokens: dict[str, None] = {}
        self._feed = feed
        self._held: set[str] = set()

    # -- what is wanted ------------------------------------------------------------------------------------------

    async def bring_in_line(self) -> None:
        """Make the connection hold exactly the tokens that are wanted; one that is cut meanwhile is so by the next."""
        socket = await self.connected()
        new, old = [t for t in self.tokens if t not in self._held], self._held - self.tokens.keys()
        first = not self._held
        self._held |= set(new)
        self._held -= old
        self._feed.subscribed(new)
        with contextlib.suppress(ConnectionClosed):
            if new:
                body: dict[str, object] = {"assets_ids": new, "custom_feature_enabled": True}
                body |= {"type": "market"} if first else {"operation": "subscribe"}
                await socket.send(orjson.dumps(body).decode())
            if old:
                await socket.send(orjson.dumps({"operation": "unsubscribe", "assets_ids": sorted(old)}).decode())

    async def again(self) -> None:
        """Give the connection up; another one is made."""
        if self._socket is not None:
            await self._socket.close(1000)

    # -- the connection ------------------------------------------------------------------------------------------

    def is_wanted(self) -> bool:
        return bool(self.tokens)

    async def resume(self, *, again: bool) -> None:
        self.start_pings()
        if again:
            await self.bring_in_line()

    def read(self, frame: bytes) -> None:
        if not self.hear(frame):
            return
        try:
            for message in market_frames(frame):
                self._feed.receive(message)
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            self._feed.counters["unreadable"] += 1
            logger.debug("a frame of Polymarket's feed can't be read: {}", error)

    def lost(self) -> None:
        self._held.clear()
        for token in self.tokens:
            self._feed.lost(token)

    def refusal(self, error: Exception) -> PlatformError | None:
        return None  # it takes no key

    def unreachable(self, reason: str) -> PlatformError:
        return UnavailableError(f"Polymarket's feed can't be reached now ({reason}): try again.", sent=False)
