"""``watch`` for markets of Polymarket: live books in the terminal; ``q`` quits."""

from __future__ import annotations

import asyncio
import contextlib
import time

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from prediction_mcp.cli.shapes import Shown
from prediction_mcp.cli.watch import LEVELS, REFRESHES, keys, stream
from prediction_mcp.connection import open_both
from prediction_mcp.desk.polymarket import lookup
from prediction_mcp.desk.polymarket.account import Account
from prediction_mcp.desk.polymarket.lookup import Side
from prediction_mcp.net.words import cents, printed
from prediction_mcp.safety.text import clean
from prediction_mcp.settings import Settings


async def watch_books(settings: Settings, names: list[str], seconds: float | None, *, as_json: bool) -> None:
    """Show live books until ``q``, Ctrl-C, or for so many seconds."""
    async with open_both(settings) as (_, wallet):
        await wallet.open()
        sides = [await lookup.side(wallet, name, None) for name in names]
        await wallet.feeds.watch_tokens("orderbook", sides, "log")
        if as_json:
            await stream(lambda: [_line(wallet, side) for side in sides], seconds)
            return
        quitting = asyncio.Event()
        until = None if seconds is None else time.monotonic() + seconds
        with keys(quitting), Live(_draw(wallet, sides), console=Console(), refresh_per_second=REFRESHES) as view:
            while not quitting.is_set() and (until is None or time.monotonic() < until):
                view.update(_draw(wallet, sides))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(quitting.wait(), 1 / REFRESHES)


def _line(wallet: Account, side: Side) -> Shown:
    name, book = f"{side.market.slug}/{side.name}", wallet.feeds.book(side.token)
    if book is None:
        return Shown(ticker=name, state="waiting", bids=[], asks=[], trades=[])
    bids, asks = book.depth(LEVELS)
    return Shown(ticker=name, state="live", bids=bids, asks=asks, trades=[])


def _draw(wallet: Account, sides: list[Side]) -> RenderableType:
    status = wallet.feeds.status()
    state = (
        f"{status.feed}, {status.doubtful} books doubtful, {status.counters.get('reconnects', 0)} reconnects; q quits"
    )
    return Group(Columns([_book(wallet, side) for side in sides], padding=(0, 3)), Text(state, style="dim"))


def _book(wallet: Account, side: Side) -> Table:
    title = f"{clean(side.market.question)}\n[dim]{clean(side.name)}[/]"
    table = Table(title=title, box=None, title_justify="left", padding=(0, 1))
    for heading in ("buyers", "bid", "ask", "sellers"):
        table.add_column(heading, justify="right")
    book = wallet.feeds.book(side.token)
    if book is None:
        table.add_row("", "[yellow]waiting[/]", "", "")
        return table
    bids, asks = book.depth(LEVELS)
    for i in range(max(len(bids), len(asks))):
        bid, ask = (bids[i] if i < len(bids) else None), (asks[i] if i < len(asks) else None)
        table.add_row(
            "" if bid is None else printed(bid[1]),
            "" if bid is None else f"[green]{cents(bid[0])}[/]",
            "" if ask is None else f"[red]{cents(ask[0])}[/]",
            "" if ask is None else printed(ask[1]),
        )
    return table
