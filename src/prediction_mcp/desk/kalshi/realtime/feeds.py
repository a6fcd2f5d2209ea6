"""The session's watcher, wired to its feed and to what pushes; and watching for those who listen to a resource."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.protocol.push import BOOK_URI, PORTFOLIO, Push

if TYPE_CHECKING:
    from prediction_mcp.kalshi.models.markets import Orderbook
    from prediction_mcp.kalshi.raw_feed import RawFeed
    from prediction_mcp.realtime.watcher import Watch, Watcher


class Live:
    """What a server watches, from the first subscription on."""

    def __init__(self) -> None:
        self.push = Push()
        self._watcher: Watcher | None = None
        self._lock = asyncio.Lock()
        self._raw: RawFeed | None = None
        self._for_resources: dict[str, list[list[Watch]]] = {}

    def watcher(self, kalshi: KalshiClient) -> Watcher:
        if self._watcher is None:
            from prediction_mcp.kalshi.feed import Feed
            from prediction_mcp.kalshi.websocket import url_of
            from prediction_mcp.realtime.watcher import Watcher

            signer, url = kalshi.transport.signer, url_of(kalshi.transport.base_url)
            self._watcher = Watcher(
                kalshi,
                None if signer is None else lambda heard, again: Feed(url, signer, heard, again, self.push.turned),
                self.push.told,
                self.push.touched,
            )
        return self._watcher

    def book(self, ticker: str) -> Orderbook | None:
        """A watched book that is right at this moment, as REST would have it; None where it must be read."""
        from prediction_mcp.kalshi.models.markets import Orderbook

        watcher = self._watcher
        found = None if watcher is None or watcher.polling else watcher.source.books.get(ticker)
        if watcher is None or found is None or found.state != "live" or watcher.source.state != "live":
            return None
        return Orderbook.model_construct(
            yes_dollars=found.yes_bids, no_dollars=[(1 - price, count) for price, count in found.yes_asks]
        )

    def raw(self, kalshi: KalshiClient) -> RawFeed | None:
        """The WebSocket as it is; None without a key."""
        if self._raw is None and kalshi.transport.signer is not None:
            from prediction_mcp.kalshi.raw_feed import RawFeed
            from prediction_mcp.kalshi.websocket import url_of

            self._raw = RawFeed(url_of(kalshi.transport.base_url), kalshi.transport.signer)
        return self._raw

    async def wanted(self, kalshi: KalshiClient, uri: str) -> None:
        """Somebody listens to a resource: watch what it shows."""
        watcher = self.watcher(kalshi)
        watches: list[Watch] = []
        if (named := BOOK_URI.fullmatch(uri)) is not None:
            watches.append(await watcher.subscribe("orderbook_delta", [named[1].upper()]))
        elif uri == PORTFOLIO:
            watches += [await watcher.subscribe("fill", ()), await watcher.subscribe("user_orders", ())]
        self._for_resources.setdefault(uri, []).append(watches)

    async def unwanted(self, uri: str) -> None:
        held = self._for_resources.get(uri)
        if held and self._watcher is not None:
            for watch in held.pop():
                await self._watcher.unsubscribe(watch)

    async def close(self) -> None:
        await self.push.close()
        if self._raw is not None:
            await self._raw.close()
        if self._watcher is not None:
            await self._watcher.close()
