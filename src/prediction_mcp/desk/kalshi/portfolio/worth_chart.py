"""What the account holds, as bars: each position at the bid beside what it cost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from prediction_mcp.desk.bars import Bar, bars
from prediction_mcp.desk.drawing import Picture

from .listing import positions

if TYPE_CHECKING:
    from ..account import Account
    from .account_results import PortfolioValue
    from .results import PositionLine, PositionList

ROWS = 100


async def picture(account: Account, value: PortfolioValue) -> bytes:
    """The picture as PNG."""
    held = await positions(account, None, None, "open", ROWS, None)
    return await asyncio.to_thread(lambda: draw(value, held).png)


def draw(value: PortfolioValue, held: PositionList) -> Picture:
    """Dollars here are pixels: computing has ended. Without a bid a position counts nothing, and says so."""
    rows = [_bar(line) for line in sorted(held.positions, key=lambda line: line.value or 0, reverse=True)]
    title = f"Worth ${value.total_at_bid:,.2f}, of it ${value.cash:,.2f} in cash"
    under = f"dollars, {value.source}" + ("; there are more positions" if held.cursor else "")
    if not rows:
        return bars(title, [Bar("cash", float(value.cash))], under, "{:,.2f}".format)
    return bars(title, rows, under, "{:,.2f}".format, keys=("positions at the bid", "from cost to worth"))


def _bar(line: PositionLine) -> Bar:
    label = f"{line.ticker} {line.side or ''}"
    if line.value is None or line.cost is None:
        return Bar(label, None if line.value is None else float(line.value))
    return Bar(label, float(line.value), *sorted((float(line.cost), float(line.value))))
