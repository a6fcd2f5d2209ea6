"""``watch``: live books and trades in the terminal; ``q`` quits."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from prediction_mcp.connection import open_account
from prediction_mcp.desk.kalshi import lookup
from prediction_mcp.desk.kalshi.account import Account
from prediction_mcp.desk.kalshi.realtime.feeds import Feeds
from prediction_mcp.kalshi.models.markets import Market
from prediction_mcp.kalshi.orderbook import LiveBook
from prediction_mcp.net.words import cents, printed
from prediction_mcp.realtime.events import TradeEvent
from prediction_mcp.realtime.watcher import Update, Watch
from prediction_mcp.safety.text import clean
from prediction_mcp.settings import load_settings

from .output import show
from .shapes import Shown

REFRESHES = 4
WORDS = 3
"""Hyphens that no ticker of Kalshi has in small letters."""
LEVELS, TRADES = 6, 8


@dataclass
class Screen:
    """What is drawn."""

    markets: list[Market]
    feeds: Feeds
    trades: Watch

    def draw(self) -> RenderableType:
        books = Columns([self._book(market) for market in self.markets], padding=(0, 3))
        source = self.feeds.source
        state = f"{source.state}, {source.counters['reconnects']} reconnects, {source.counters['gaps']} gaps; q quits"
        return Group(books, self._trades(), Text(state, style="dim"))

    def _book(self, market: Market) -> Table:
        book = self.feeds.source.books.get(market.ticker)
        title = clean(market.name)
        table = Table(title=f"{title}\n[dim]{market.ticker}[/]", box=None, title_justify="left", padding=(0, 1))
        for heading in ("buyers", "bid", "ask", "sellers"):
            table.add_column(heading, justify="right")
        if book is None or book.state != "live":
            table.add_row("", f"[yellow]{book.state if book else 'waiting'}[/]", "", "")
            return table
        for bid, ask in _rows(book):
            table.add_row(
                _count(bid),
                f"[green]{_cents(bid)}[/]" if bid else "",
                f"[red]{_cents(ask)}[/]" if ask else "",
                _count(ask),
            )
        return table

    def _trades(self) -> Table:
        table = Table(title="trades", box=None, title_justify="left", padding=(0, 1))
        for heading in ("time", "market", "price", "contracts", "taker"):
            table.add_column(heading)
        newest: deque[Update] = deque(self.trades.log, maxlen=TRADES)
        for update in reversed(newest):
            trade, at = update.event, time.strftime("%H:%M:%S", time.localtime(update.at))
            if isinstance(trade, TradeEvent):
                colour = "green" if trade.taker == "yes" else "red"
                taker = f"[{colour}]{trade.taker}[/]"
                table.add_row(at, update.ticker, cents(trade.price), printed(trade.count), taker)
        return table

    def lines(self) -> list[Shown]:
        """The same for a program, a line a market."""
        trades = defaultdict[str, list[dict[str, Any]]](list)
        for update in self.trades.log:
            if isinstance(trade := update.event, TradeEvent):
                trades[update.ticker].append(
                    {"price": float(trade.price), "contracts": float(trade.count), "taker": trade.taker}
                )
        return [self._line(market.ticker, trades[market.ticker][-TRADES:]) for market in self.markets]

    def _line(self, ticker: str, trades: list[dict[str, Any]]) -> Shown:
        book = self.feeds.source.books.get(ticker)
        if book is None or book.state != "live":
            return Shown(ticker=ticker, state=book.state if book else "waiting", bids=[], asks=[], trades=trades)
        bids, asks = book.yes_bids[:LEVELS], book.yes_asks[:LEVELS]
        return Shown(ticker=ticker, state="live", bids=bids, asks=asks, trades=trades)


Row = tuple[Decimal, Decimal]


def _rows(book: LiveBook) -> Iterator[tuple[Row | None, Row | None]]:
    bids, asks = book.yes_bids[:LEVELS], book.yes_asks[:LEVELS]
    for i in range(max(len(bids), len(asks))):
        yield (bids[i] if i < len(bids) else None, asks[i] if i < len(asks) else None)


def _cents(row: Row | None) -> str:
    return "" if row is None else cents(row[0].normalize())


def _count(row: Row | None) -> str:
    return "" if row is None else f"{row[1].normalize():,f}"


async def watch(tickers: list[str], seconds: float | None, *, as_json: bool) -> None:
    """Show live books and trades until ``q``, Ctrl-C, or for so many seconds."""
    settings = load_settings()
    console = Console()
    if all(map(is_polymarket, tickers)):
        from prediction_mcp.cli.watch_polymarket import watch_books

        await watch_books(settings, tickers, seconds, as_json=as_json)
        return
    async with open_account(settings) as account:
        markets = [await lookup.market(account, ticker) for ticker in tickers]
        screen = await _open(account, markets)
        if as_json:
            await stream(screen.lines, seconds)
            return
        quitting = asyncio.Event()
        with keys(quitting), Live(screen.draw(), console=console, refresh_per_second=REFRESHES) as view:
            until = None if seconds is None else time.monotonic() + seconds
            while not quitting.is_set() and (until is None or time.monotonic() < until):
                view.update(screen.draw())
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(quitting.wait(), 1 / REFRESHES)


async def stream(lines: Callable[[], list[Shown]], seconds: float | None) -> None:
    """Write each line that isn't as it was, until interrupted or for so many seconds."""
    until, before = None if seconds is None else time.monotonic() + seconds, dict[str, Shown]()
    while until is None or time.monotonic() < until:
        for line in lines():
            if before.get(line.ticker) != line:
                before[line.ticker] = line
                show(line, as_json=True)
        sys.stdout.flush()
        await asyncio.sleep(1 / REFRESHES)


def is_polymarket(name: str) -> bool:
    """Whether a market is named as Polymarket names its own: a link, 0x and digits, or a slug of several words."""
    slug = name == name.lower() and not name.startswith("kx") and name.count("-") >= WORDS
    return "polymarket.com" in name or name.startswith("0x") or slug


async def _open(account: Account, markets: list[Market]) -> Screen:
    watcher, names = account.feeds.watcher, [market.ticker for market in markets]
    await watcher.subscribe("orderbook", names)
    return Screen(markets, account.feeds, await watcher.subscribe("trades", names))


@contextlib.contextmanager
def keys(quitting: asyncio.Event) -> Iterator[None]:
    """Listen for ``q`` where there is a keyboard."""
    if not sys.stdin.isatty():
        yield
        return
    import termios
    import tty

    descriptor, loop = sys.stdin.fileno(), asyncio.get_running_loop()
    before = termios.tcgetattr(descriptor)

    def pressed() -> None:
        if sys.stdin.read(1) in ("q", "Q", "\x03"):
            quitting.set()

    tty.setcbreak(descriptor)
    loop.add_reader(descriptor, pressed)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
