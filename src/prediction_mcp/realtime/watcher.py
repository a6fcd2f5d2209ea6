"""Who watches what: subscriptions over one feed, the latest value of each channel and market, and waiting for the next.

Nothing here grows without bound: each subscription keeps its last thousand events and counts what it dropped.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from prediction_mcp.net.errors import MissingError, PlatformError
from prediction_mcp.net.retrying import Retrier

from .conditions import Alarm, Condition
from .event_log import EventLog
from .events import BookEvent, Channel, Event, FillEvent, Quote

MOST = 100
"""Subscriptions of one server."""
Notify = Literal["off", "changes", "all"]
"""Updates that are notified unasked: none, those with other prices than before, or all."""


class TooManyError(PlatformError):
    """No more can be watched."""


class Source(Protocol):
    """Where events come from: a feed, or reading again and again."""

    counters: Counter[str]

    @property
    def state(self) -> str: ...
    async def watch(self, channel: Channel, tickers: Iterable[str] = ()) -> None: ...
    async def unwatch(self, channel: Channel, tickers: Iterable[str] = ()) -> None: ...
    async def fills_since(self, at: float) -> list[tuple[str, float, FillEvent]]:
        """(market, when, fill) of the account since a time in Unix seconds, oldest first. Raises PlatformError."""

    async def close(self) -> None: ...


Open = Callable[[Callable[[Channel, str, Event], None], Callable[[], None]], Source]
"""Makes a source: given whom to tell events, and whom that a lost connection was made again."""


@dataclass(frozen=True, slots=True)
class Update:
    """One event as it came, in Unix seconds."""

    at: float
    channel: Channel
    ticker: str
    event: Event


@dataclass
class Watch:
    """One subscription. Without tickers it is for the whole exchange, or all of the account."""

    id: str
    channel: Channel
    tickers: tuple[str, ...]
    notify: Notify
    condition: Condition
    log: EventLog[Update] = field(default_factory=EventLog)
    alarms: dict[str, Alarm] = field(default_factory=dict)
    since: float = field(default_factory=time.time)


class Watcher:
    """The subscriptions of one server.

    Args:
        open_source: makes where events come from.
        alert: called with a watch, its market and words, when something is worth them.
        touched: called with (channel, market) for each update.
    """

    def __init__(
        self,
        open_source: Open,
        alert: Callable[[Watch, str, str], None],
        touched: Callable[[Channel, str], None],
    ) -> None:
        self.source = open_source(self._heard, self._again)
        self.watches: dict[str, Watch] = {}
        self._alert = alert
        self._touched = touched
        self._numbers = itertools.count(1)
        self._of_market: dict[tuple[Channel, str], list[Watch]] = defaultdict(list)
        self._of_all: dict[Channel, list[Watch]] = defaultdict(list)
        self._latest: dict[tuple[Channel, str], Update] = {}
        self._waiting: dict[tuple[Channel, str], set[asyncio.Future[Update]]] = defaultdict(set)
        self._fills: deque[str] = deque(maxlen=10_000)
        self._heard_fills = set[str]()
        self._missed = Retrier(self._fetch_fills)

    # -- subscriptions -----------------------------------------------------------------------------------------

    async def subscribe(
        self, channel: Channel, tickers: Iterable[str], notify: Notify = "off", condition: Condition | None = None
    ) -> Watch:
        """Watch a channel. Raises what the source raises; then nothing is watched."""
        if len(self.watches) >= MOST:
            raise TooManyError(f"{MOST} subscriptions are the most: end some first.")
        names = tuple(dict.fromkeys(tickers))
        watch = Watch(f"s{next(self._numbers)}", channel, names, notify, condition or Condition())
        self._enter(watch)
        try:
            await self.source.watch(channel, names)
        except BaseException:
            self._leave(watch)
            raise
        return watch

    async def unsubscribe(self, watch: Watch) -> None:
        """End a subscription; what nobody else watches is unsubscribed at the exchange."""
        self._leave(watch)
        await self.source.unwatch(watch.channel, watch.tickers)

    def _enter(self, watch: Watch) -> None:
        self.watches[watch.id] = watch
        for ticker in watch.tickers:
            self._of_market[watch.channel, ticker].append(watch)
        if not watch.tickers:
            self._of_all[watch.channel].append(watch)

    def _leave(self, watch: Watch) -> None:
        self.watches.pop(watch.id, None)
        for ticker in watch.tickers:
            listed = self._of_market[watch.channel, ticker]
            listed.remove(watch)
            if not listed:
                del self._of_market[watch.channel, ticker]
                self._latest.pop((watch.channel, ticker), None)
        if not watch.tickers:
            self._of_all[watch.channel].remove(watch)

    def find(self, watch_id: str | None, channel: str | None, ticker: str | None) -> list[Watch]:
        """Subscriptions by id, or by channel and market. Raises MissingError."""
        found = [
            w
            for w in self.watches.values()
            if (watch_id is None or w.id == watch_id)
            and (channel is None or w.channel == channel)
            and (ticker is None or ticker in w.tickers)
        ]
        if not found:
            raise MissingError(f"There is no such subscription; there are {', '.join(self.watches) or 'none'}.")
        return found

    def watching(self, channel: Channel, ticker: str) -> list[Watch]:
        """Subscriptions that hear of a market; with "" those of the channel."""
        return [
            w
            for w in self.watches.values()
            if w.channel == channel and (not ticker or not w.tickers or ticker in w.tickers)
        ]

    # -- updates -----------------------------------------------------------------------------------------------

    def latest(self, channel: Channel, ticker: str) -> Update | None:
        return self._latest.get((channel, ticker))

    async def next(self, channel: Channel, ticker: str, seconds: float) -> Update | None:
        """The next update that comes; None if none does in time. ``ticker`` "" is any market."""
        answer: asyncio.Future[Update] = asyncio.get_running_loop().create_future()
        waiting = self._waiting[channel, ticker]
        waiting.add(answer)
        try:
            return await asyncio.wait_for(answer, seconds)
        except TimeoutError:
            return None
        finally:
            waiting.discard(answer)
            if not waiting:
                self._waiting.pop((channel, ticker), None)

    def _heard(self, channel: Channel, ticker: str, event: Event) -> None:
        """An event came, from the reading loop."""
        if isinstance(event, FillEvent) and not self._is_new(event):
            return
        update = Update(time.time(), channel, ticker, event)
        key = (channel, ticker)
        self._latest[key] = update
        for watch in (*self._of_market.get(key, ()), *self._of_all.get(channel, ())):
            watch.log.add(update)
            self._consider(watch, ticker, event)
        for name in (ticker, "") if self._waiting else ():
            for answer in self._waiting.get((channel, name), ()):
                if not answer.done():
                    answer.set_result(update)
        self._touched(channel, ticker)

    def _is_new(self, fill: FillEvent) -> bool:
        """A fill that was asked for after a lost connection may come by the feed too, and is one fill."""
        if fill.id in self._heard_fills:
            return False
        if len(self._fills) == self._fills.maxlen:
            self._heard_fills.discard(self._fills[0])
        self._fills.append(fill.id)
        self._heard_fills.add(fill.id)
        return True

    def _consider(self, watch: Watch, ticker: str, event: Event) -> None:
        """Whether the person would want to hear of it."""
        if watch.condition.is_given:
            if isinstance(event, Quote):
                alarm = watch.alarms.setdefault(ticker, Alarm(watch.condition))
                if (text := alarm.check(event)) is not None:
                    self._alert(watch, ticker, text)
        elif watch.notify == "all" or (watch.notify == "changes" and _is_change(watch, ticker, event)):
            self._alert(watch, ticker, "")

    # -- after a lost connection -------------------------------------------------------------------------------

    def _again(self) -> None:
        """The connection was lost and made again: read what the feed doesn't repeat."""
        if any(w.channel == "fills" for w in self.watches.values()):
            self._missed.need("fills", "the connection was lost")

    async def _fetch_fills(self, _: list[str]) -> None:
        """Read fills since the first subscription to them, oldest first; those heard of before are let pass.

        Raises PlatformError; then they are read again later.
        """
        since = min((w.since for w in self.watches.values() if w.channel == "fills"), default=time.time())
        found = await self.source.fills_since(since)
        self._missed.right("fills")
        mine = [w for w in self.watches.values() if w.channel == "fills"]
        for ticker, at, fill in found:
            if mine and at >= min(w.since for w in mine):
                self._heard("fills", ticker, fill)

    async def close(self) -> None:
        await self._missed.close()
        await self.source.close()


def _is_change(watch: Watch, ticker: str, event: Event) -> bool:
    """Whether an update shows other prices than the market's one before; fills, orders and trades always count."""
    match event:
        case Quote():
            return watch.log.is_new(ticker, (event.last, event.bid, event.ask))
        case BookEvent(side=None):
            return watch.log.is_new(ticker, (event.best_bid, event.best_ask))
        case _:
            return True
