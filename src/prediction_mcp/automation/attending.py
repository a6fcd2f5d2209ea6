"""Prices as they come: from the live feed where a key is, else read every so often; and what they set off.

What a quote turns is put in a row and worked off one after the other, so that the feed is never held up. Nothing that
matters is only in memory: a worker that dies leaves what it wrote, and the next one looks again.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from loguru import logger

from prediction_mcp.desk.kalshi.realtime.source import FeedSource
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.realtime.events import Channel, Event, FillEvent, OrderEvent, Quote
from prediction_mcp.records import watching
from prediction_mcp.records.keeping import Quoted

from .alerts.prices import PriceAlerts
from .board import Board, Turn
from .standing.running import Runner
from .standing.triggers import Triggers

if TYPE_CHECKING:
    from prediction_mcp.records.rules import Rule

    from .desk import Desk

AT_ONCE = 100
"""Markets of one request."""
BEAT_S = 1.0
"""How often prices that must hold are looked at."""
CHANGES_S = 5.0
"""How often it is asked whether alerts and rules were changed, here or elsewhere."""
LAST_S = 5.0
"""How long orders under way may take when a worker ends."""
OWN: tuple[Channel, ...] = ("fills", "orders")


class Attendant:
    """The board of one account, fed, with alerts and rules behind it.

    Args:
        kick: called when fills or orders of the account changed.
    """

    def __init__(self, desk: Desk, kick: Callable[[], None] = lambda: None) -> None:
        self.desk, self.board = desk, Board()
        self.alerts, self.triggers = PriceAlerts(desk, self.board), Triggers(desk, self.board)
        self.runner = Runner(desk)
        self.since: datetime | None = None
        """When quotes were last read or the feed was live."""
        self._kick = kick
        self._source: FeedSource | None = None
        self._watched = set[str]()
        self._own = set[Channel]()
        """Channels of the account that are watched; one that couldn't be had is tried again with the next look."""
        self._unread = set[str]()
        """Markets with a condition that has seen no quote yet: a still market wouldn't tell it one."""
        self._turns: deque[Turn] = deque()
        self._woken = asyncio.Event()
        self._stamp: tuple[object, ...] | None = None
        self._missed = self._stopping = self._told_of_feed = False
        self._asked = -math.inf
        self._orders = set[asyncio.Task[int]]()
        self.quotes = 0
        """Quotes that were looked at."""
        self.quoted: dict[str, Quoted] = {}
        """The last prices of what is on the board."""
        desk.alerts.ledger.listeners.append(self._changed)

    # -- what is watched -------------------------------------------------------------------------------------------

    async def refresh(self) -> bool:
        """Take over what was made, changed or ended, by whomever; whether anything was."""
        stamp = await watching.stamp(self.desk.alerts.ledger)
        if stamp == self._stamp:
            return False
        alerts = await self.desk.alerts.active()
        self._unread |= self.alerts.take(alerts)
        self._told_of_feed = any(alert.kind == "feed_down" for alert in alerts)
        if self.desk.account.policy.writes_allowed:  # else rules wait for a worker that may write
            self._unread |= self.triggers.take(await self.desk.rules.active())
        await self._align()
        self._stamp = stamp  # only now: what couldn't be read is tried again
        return True

    async def _align(self) -> None:
        """Bring the feed in line with the board, and look at what is new on it."""
        wanted = set(self.board.tickers)
        source = self._feed() if wanted or self._told_of_feed else self._source
        fresh, gone = wanted - self._watched, self._watched - wanted
        if source is not None:
            for channel in OWN:
                if channel not in self._own:
                    await source.watch(channel)
                    self._own.add(channel)
            if fresh:
                await source.watch("ticker", sorted(fresh))
            if gone:
                await source.unwatch("ticker", sorted(gone))
        self._watched = wanted
        for ticker in gone:
            self.quoted.pop(ticker, None)
        unread, self._unread = self._unread & wanted, set()
        if unread:
            try:
                await self.read(unread)
            except PlatformError:
                self._unread |= unread
                raise

    def _feed(self) -> FeedSource | None:
        kalshi = self.desk.account.kalshi
        if self._source is None and kalshi.transport.signer is not None:
            self._source = FeedSource(kalshi, kalshi.transport.signer, self._heard, self._again, lambda: None)
        return self._source

    @property
    def is_live(self) -> bool:
        """Whether quotes come by themselves."""
        return self._source is not None and self._source.state == "live"

    @property
    def feed_state(self) -> str:
        return "none" if self._source is None else self._source.state

    @property
    def feed_counters(self) -> Counter[str]:
        return Counter() if self._source is None else self._source.counters

    # -- quotes ----------------------------------------------------------------------------------------------------

    def _heard(self, channel: Channel, ticker: str, event: Event) -> None:
        if isinstance(event, Quote):
            self.feed(ticker, event)
        elif isinstance(event, FillEvent | OrderEvent):
            self._kick()

    def feed(self, ticker: str, quote: Quote) -> None:
        """A quote, from wherever; nothing is waited for."""
        self.quotes += 1
        self.quoted[ticker] = Quoted(quote.bid, quote.ask, quote.last)
        if turns := self.board.feed(ticker, quote):
            self._turns.extend(turns)
            self._woken.set()

    def _changed(self) -> None:
        """An alert or a rule was made in this process: nobody waits for the next look."""
        self._asked = -math.inf
        self._woken.set()

    def _again(self) -> None:
        """The connection was lost and made again: what was missed is read."""
        self._missed = True
        self._woken.set()
        self._kick()

    async def read(self, tickers: Iterable[str]) -> int:
        """Read the markets' quotes and feed them; how many. Raises PlatformError."""
        names, found = sorted(tickers), 0
        for begin in range(0, len(names), AT_ONCE):
            page = await self.desk.account.kalshi.markets.list(tickers=names[begin : begin + AT_ONCE], limit=1_000)
            for market in page.markets:
                bid, ask = market.yes_quotes
                self.feed(market.ticker, Quote(market.last_price_dollars or None, bid, ask, market.volume_fp))
                found += 1
        self.since = self.desk.clock()
        return found

    async def look(self) -> None:
        """Read everything on the board, unless the feed tells it by itself, and do what that sets off."""
        await self.refresh()
        down = self._source is not None and not self.is_live
        self.desk.feed_down = (self.desk.feed_down or self.desk.clock()) if down else None
        if not self.is_live:
            await self.read(self.board.tickers)
        await self.work_off(wait=True)

    # -- what they set off -----------------------------------------------------------------------------------------

    async def work_off(self, *, wait: bool) -> None:
        """Everything that turned, and rules whose price has held for long enough.

        Their orders go side by side, and, where nobody waits, beside what comes next: a slow one holds up no stop.
        """
        due: list[Rule] = []
        while self._turns:
            turn = self._turns.popleft()
            if turn.watcher.key[0] == "alert":
                await self.alerts.on(turn)
            elif (rule := await self.triggers.on(turn)) is not None:
                due.append(rule)
        if self.is_live:
            self.since = self.desk.clock()
        if self.since is not None:
            due += await self.triggers.holding(self.since)
        if due:
            work = asyncio.create_task(self.runner.run_all(due))
            self._orders.add(work)
            work.add_done_callback(self._orders.discard)
            if wait:
                await work

    async def attend(self, seconds: float) -> None:
        """Do what quotes set off as they come, for a while."""
        end = asyncio.get_running_loop().time() + seconds
        while (left := end - asyncio.get_running_loop().time()) > 0 and not self._stopping:
            with contextlib.suppress(TimeoutError):
                beat = BEAT_S if self.triggers.holds else CHANGES_S
                await asyncio.wait_for(self._woken.wait(), min(beat, left))
            self._woken.clear()
            try:
                if self._missed:
                    self._missed = False
                    await self.read(self.board.tickers)
                await self.work_off(wait=False)
                if (now := asyncio.get_running_loop().time()) - self._asked >= CHANGES_S:
                    self._asked = now
                    await self.refresh()
            except PlatformError as error:
                logger.warning("what prices set off can't be done now: {}", error)
                self._stamp = None
                await asyncio.sleep(BEAT_S)

    async def look_back(self, last: datetime | None, gap: timedelta) -> None:
        """Tell what alerts would have told since somebody last looked, where that is longer ago than usual."""
        await self.refresh()
        if last is not None and self.desk.clock() - last > gap:
            await self.alerts.look_back(last)

    def stop(self) -> None:
        """Attend no longer: the worker ends."""
        self._stopping = True
        self._woken.set()

    async def close(self) -> None:
        """Orders under way end, within a moment; what is cut off the next worker asks the exchange about."""
        if self._changed in (listeners := self.desk.alerts.ledger.listeners):
            listeners.remove(self._changed)
        if self._orders:
            await asyncio.wait(self._orders, timeout=LAST_S)
        if self._source is not None:
            await self._source.close()
            self._source, self._own, self._watched = None, set(), set()
