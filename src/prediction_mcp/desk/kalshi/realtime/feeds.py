"""What an account watches, from the first subscription on; and watching for those who listen to a resource."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from prediction_mcp.desk.kalshi.account import Account
    from prediction_mcp.kalshi.models.markets import Orderbook
    from prediction_mcp.kalshi.raw_feed import RawFeed
    from prediction_mcp.net.caching import ReadCache
    from prediction_mcp.realtime.events import Channel, Event
    from prediction_mcp.realtime.watcher import Watch, Watcher

    from .polling import Poller
    from .source import FeedSource

Heard = Callable[["Channel", str, "Event"], None]
BOOK_URI = "kalshi://markets/{ticker}/orderbook"
_BOOK = re.compile(BOOK_URI.format(ticker="([^/]+)"))
PORTFOLIO_URI = "kalshi://portfolio"


class Listener(Protocol):
    """Who is told what is watched."""

    def alert(self, watch: Watch, ticker: str, text: str) -> None:
        """Something is worth a word; without text, an update came that somebody wants to hear of."""

    def touched(self, channel: Channel, ticker: str) -> None:
        """An update came."""

    def turned(self) -> None:
        """The state of the feed, or what is watched, is another one."""


class Nobody:
    """A listener where nobody listens: what came is looked at."""

    def alert(self, watch: Watch, ticker: str, text: str) -> None: ...
    def touched(self, channel: Channel, ticker: str) -> None: ...
    def turned(self) -> None: ...


def _forgetting(heard: Heard, cache: ReadCache | None) -> Heard:
    """The same ears, which have the cache forget what a fill or an order of ours changes."""
    if cache is None:
        return heard
    from prediction_mcp.realtime.events import FillEvent, OrderEvent

    def told(channel: Channel, ticker: str, event: Event) -> None:
        if isinstance(event, FillEvent | OrderEvent):
            cache.changed()
        heard(channel, ticker, event)

    return told


class Feeds:
    """The watcher of an account with its source, and the raw feed."""

    def __init__(self, account: Account, listener: Listener) -> None:
        self._account = account
        self._listener = listener
        self._watcher: Watcher | None = None
        self._source: FeedSource | Poller | None = None
        self._raw: RawFeed | None = None
        self._for_resources: dict[str, list[list[Watch]]] = {}

    @property
    def watcher(self) -> Watcher:
        """Of an account that is open."""
        if self._watcher is None:
            from prediction_mcp.realtime.watcher import Watcher

            self._watcher = Watcher(self._open, self._listener.alert, self._listener.touched)
        return self._watcher

    @property
    def source(self) -> FeedSource | Poller:
        """Where the watcher's events come from, with the books."""
        watcher = self.watcher
        if self._source is None:
            raise RuntimeError(f"{watcher!r} has no source")
        return self._source

    @property
    def state(self) -> str:
        """How the connection goes; idle where nobody watches anything. Looking opens nothing."""
        return "idle" if self._source is None else self._source.state

    @property
    def polling(self) -> bool:
        """Whether markets are read again and again, for want of a key."""
        return not self._account.kalshi.has_key

    def _open(self, heard: Heard, again: Callable[[], None]) -> FeedSource | Poller:
        kalshi = self._account.kalshi
        heard = _forgetting(heard, kalshi.transport.cache)
        if kalshi.transport.signer is None:
            from .polling import Poller

            self._source = Poller(kalshi, heard)
        else:
            from .source import FeedSource

            self._source = FeedSource(kalshi, kalshi.transport.signer, heard, again, self._listener.turned)
        return self._source

    def book(self, ticker: str) -> Orderbook | None:
        """A watched book that is right at this moment, as REST would have it; None where it must be read."""
        from prediction_mcp.kalshi.models.markets import Orderbook

        if self._source is None or self._source.state != "live":
            return None
        found = self._source.books.get(ticker)
        if found is None or found.state != "live":
            return None
        return Orderbook.model_construct(
            yes_dollars=found.yes_bids, no_dollars=[(1 - price, count) for price, count in found.yes_asks]
        )

    @property
    def raw(self) -> RawFeed | None:
        """The WebSocket as it is; None without a key."""
        kalshi = self._account.kalshi
        if self._raw is None and kalshi.transport.signer is not None:
            from prediction_mcp.kalshi.raw_feed import RawFeed
            from prediction_mcp.kalshi.websocket import url_of

            self._raw = RawFeed(url_of(kalshi.transport.base_url), kalshi.transport.signer)
        return self._raw

    async def wanted(self, uri: str) -> None:
        """Somebody listens to a resource: watch what it shows."""
        await self._account.open()
        watches: list[Watch] = []
        if (named := _BOOK.fullmatch(uri)) is not None:
            watches.append(await self.watcher.subscribe("orderbook", [named[1].upper()]))
        elif uri == PORTFOLIO_URI:
            watches += [await self.watcher.subscribe("fills", ()), await self.watcher.subscribe("orders", ())]
        self._for_resources.setdefault(uri, []).append(watches)

    async def unwanted(self, uri: str) -> None:
        """Nobody does any more."""
        held = self._for_resources.get(uri)
        if held and self._watcher is not None:
            for watch in held.pop():
                await self._watcher.unsubscribe(watch)

    async def close(self) -> None:
        if self._raw is not None:
            await self._raw.close()
        if self._watcher is not None:
            await self._watcher.close()
