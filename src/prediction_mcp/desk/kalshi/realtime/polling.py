"""Reading again and again, where there is no key for the live feed: books, prices and trades of named markets."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from loguru import logger

from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.errors import InvalidRequestError, KalshiError
from prediction_mcp.kalshi.orderbook import DOLLAR, LiveBook
from prediction_mcp.net.deadline import background
from prediction_mcp.realtime.events import BookEvent, Channel, Event, FillEvent, Quote, TradeEvent

if TYPE_CHECKING:
    from prediction_mcp.kalshi.models.markets import Trade

POLL_S = 5.0


class Poller:
    """A source of updates as the feed is one, a few seconds behind."""

    def __init__(self, kalshi: KalshiClient, heard: Callable[[Channel, str, Event], None]) -> None:
        self.state = "polling"
        self.problem: str | None = None
        self.counters: Counter[str] = Counter()
        self.books: dict[str, LiveBook] = {}
        self._kalshi = kalshi
        self._heard = heard
        self._wanted: dict[Channel, Counter[str]] = defaultdict(Counter)
        self._trades: dict[str, str] = {}
        self._quotes: dict[str, tuple[Quote, object]] = {}
        self._task: asyncio.Task[None] | None = None

    async def watch(self, channel: Channel, tickers: Iterable[str] = ()) -> None:
        names = list(tickers)
        if channel not in ("orderbook", "ticker", "trades"):
            raise InvalidRequestError("Your own fills and orders take an API key: set KALSHI_API_KEY_ID and a key.")
        if not names:
            raise InvalidRequestError("Without an API key markets are read one by one: name some in tickers.")
        self._wanted[channel].update(names)
        await self._look(channel, names)
        if self._task is None:
            self._task = background(self._poll())

    async def unwatch(self, channel: Channel, tickers: Iterable[str] = ()) -> None:
        self._wanted[channel].subtract(tickers)
        self._wanted[channel] += Counter()
        for ticker in tickers:
            if channel == "orderbook" and ticker not in self._wanted[channel]:
                self.books.pop(ticker, None)

    async def book(self, ticker: str, patience_s: float = 3.0) -> LiveBook:
        return self.books[ticker]

    async def fills_since(self, at: float) -> list[tuple[str, float, FillEvent]]:
        return []  # without a key there are none

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            for channel, wanted in list(self._wanted.items()):
                try:
                    await self._look(channel, list(wanted))
                except KalshiError as error:
                    self.counters["errors"] += 1
                    self.problem = error.message
                    logger.warning("{} can't be read now: {}", channel, error)
                else:
                    self.problem = None

    async def _look(self, channel: Channel, names: list[str]) -> None:
        self.counters["polls"] += 1
        look: dict[str, Callable[[list[str]], Awaitable[None]]] = {
            "orderbook": self._look_at_books, "ticker": self._look_at_quotes, "trades": self._look_at_trades,
        }  # fmt: skip
        if names:
            await look[channel](names)

    async def _look_at_books(self, names: list[str]) -> None:
        for start in range(0, len(names), 100):
            found = await self._kalshi.markets.orderbooks(names[start : start + 100])
            for ticker, read in found.items():
                book = LiveBook(ticker)
                book.bids = {int(p * DOLLAR): int(c * 100) for p, c in read.yes_bids}
                book.asks = {int(p * DOLLAR): int(c * 100) for p, c in read.yes_asks}
                book.best_bid, book.best_ask = max(book.bids, default=0), min(book.asks, default=DOLLAR)
                book.ts_ms, book.state = int(time.time() * 1000), "live"
                before = self.books.get(ticker)
                self.books[ticker] = book
                if before is None or (before.bids, before.asks) != (book.bids, book.asks):
                    best = (Decimal(price) / DOLLAR for price in (book.best_bid, book.best_ask))
                    self._heard("orderbook", ticker, BookEvent(None, None, None, *best))

    async def _look_at_quotes(self, names: list[str]) -> None:
        for start in range(0, len(names), 100):
            page = await self._kalshi.markets.list(tickers=names[start : start + 100], limit=1000)
            for m in page.markets:
                bid, ask = m.yes_quotes
                seen = (Quote(m.last_price_dollars or None, bid, ask), m.volume_fp)
                if self._quotes.get(m.ticker) != seen:
                    self._quotes[m.ticker] = seen
                    self._heard("ticker", m.ticker, seen[0])

    async def _look_at_trades(self, names: list[str]) -> None:
        for ticker in names:
            page = await self._kalshi.markets.trades(ticker=ticker, limit=50)
            new = list(_until(page.trades, self._trades.get(ticker)))
            if page.trades:
                self._trades[ticker] = page.trades[0].trade_id
            for t in reversed(new):
                self._heard("trades", ticker, TradeEvent(t.yes_price_dollars, t.count_fp, t.taker_outcome_side))


def _until(trades: Iterable[Trade], last: str | None) -> list[Trade]:
    """Trades newer than the last one that was seen; none at the first look."""
    if last is None:
        return []
    new = []
    for trade in trades:
        if trade.trade_id == last:
            break
        new.append(trade)
    return new
