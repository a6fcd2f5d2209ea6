"""Reading a whole account: everything that was traded, across the exchange's archive cutoff, and what is held now."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from prediction_mcp.analytics.pnl import Ending, Execution, Lots, fifo
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.errors import NotFoundError
from prediction_mcp.kalshi.models.events import Event
from prediction_mcp.kalshi.models.markets import Market
from prediction_mcp.kalshi.models.portfolio import Fill, MarketPosition, Settlement

BATCH = 100
"""Markets of one request."""


@dataclass(frozen=True, slots=True)
class History:
    """Everything that was traded and settled, with the lots that follow from it."""

    fills: list[Fill]
    settlements: list[Settlement]
    lots: dict[str, Lots]


async def history(kalshi: KalshiClient, ticker: str | None = None) -> History:
    """All fills and settlements of the account, or of one market."""

    async def fills(*, historical: bool) -> list[Fill]:
        return [f async for f in kalshi.portfolio.all_fills(ticker=ticker, historical=historical)]

    async def settlements() -> list[Settlement]:
        return [s async for s in kalshi.portfolio.all_settlements(ticker=ticker)]

    recent, archived, settled = await asyncio.gather(fills(historical=False), fills(historical=True), settlements())
    traded = list({f.fill_id: f for f in (*archived, *recent)}.values())
    return History(traded, settled, fifo(map(execution, traded), map(ending, settled)))


def execution(fill: Fill) -> Execution:
    time = fill.created_time or datetime.fromtimestamp(0, UTC)
    return Execution(
        fill.ticker, fill.book_side, fill.yes_price_dollars, fill.count_fp, fill.fee_cost, time, fill.fill_id
    )


def ending(settlement: Settlement) -> Ending:
    """What one YES paid; where the exchange doesn't say it, the result does."""
    if settlement.value is not None:
        value = Decimal(settlement.value) / 100
    else:
        value = Decimal(1) if settlement.market_result == "yes" else Decimal(0)
    return Ending(settlement.ticker, value, settlement.settled_time)


async def open_positions(kalshi: KalshiClient, ticker: str | None = None) -> list[MarketPosition]:
    """What is held now."""
    return [p async for p in kalshi.portfolio.all_positions(count_filter="position", ticker=ticker) if p.position_fp]


async def markets_of(kalshi: KalshiClient, tickers: Iterable[str]) -> dict[str, Market]:
    """Markets by ticker, a hundred a request; those the exchange doesn't list any more are missing."""
    wanted, found = list(dict.fromkeys(tickers)), dict[str, Market]()
    for start in range(0, len(wanted), BATCH):
        page = await kalshi.markets.list(tickers=wanted[start : start + BATCH], limit=1000)
        found.update((m.ticker, m) for m in page.markets)
    return found


async def events_of(kalshi: KalshiClient, tickers: Iterable[str]) -> dict[str, Event]:
    """Events by ticker, with their markets; unknown ones are missing."""

    async def one(ticker: str) -> Event | None:
        try:
            return await kalshi.events.get(ticker)
        except NotFoundError:
            return None

    events = await asyncio.gather(*(one(ticker) for ticker in dict.fromkeys(tickers)))
    return {event.event_ticker: event for event in events if event is not None}
