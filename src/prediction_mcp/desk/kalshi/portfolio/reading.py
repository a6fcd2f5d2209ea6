"""Reading a whole account: everything that was traded, across the exchange's archive cutoff, and what is held now."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prediction_mcp.analytics.pnl import Ending, Execution, Lots, fifo
from prediction_mcp.kalshi.models.portfolio import Fill, Settlement

from ..settled import settled_value

if TYPE_CHECKING:
    from ..account import Account


@dataclass(frozen=True, slots=True)
class History:
    """Everything that was traded and settled, with the lots that follow from it."""

    fills: list[Fill]
    settlements: list[Settlement]
    endings: list[Ending]
    lots: dict[str, Lots]


async def history(account: Account, ticker: str | None = None) -> History:
    """All fills and settlements of the account, or of one market."""

    async def fills(*, historical: bool) -> list[Fill]:
        return [f async for f in account.kalshi.portfolio.all_fills(ticker=ticker, historical=historical)]

    async def settlements() -> list[Settlement]:
        return [s async for s in account.kalshi.portfolio.all_settlements(ticker=ticker)]

    recent, archived, settled = await asyncio.gather(fills(historical=False), fills(historical=True), settlements())
    traded = list({f.fill_id: f for f in (*archived, *recent)}.values())
    values = await asyncio.gather(*(settled_value(account, row) for row in settled))
    endings = [Ending(row.ticker, value, row.settled_time) for row, value in zip(settled, values, strict=True)]
    return History(traded, settled, endings, fifo(map(execution, traded), endings))


def execution(fill: Fill) -> Execution:
    time = fill.created_time or datetime.fromtimestamp(0, UTC)
    return Execution(
        fill.ticker, fill.book_side, fill.yes_price_dollars, fill.count_fp, fill.fee_cost, time, fill.fill_id
    )
