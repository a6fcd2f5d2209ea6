"""Portfolio: balance and positions."""

from __future__ import annotations

from typing import Literal

from fastmcp.dependencies import Depends
from fastmcp.server.providers import LocalProvider

from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.errors import NotFoundError
from prediction_mcp.kalshi.models.markets import Market
from prediction_mcp.kalshi.models.portfolio import MarketPosition
from prediction_mcp.settings import Settings

from . import lookup
from .annotations import READS
from .context import get_kalshi, get_settings
from .parameters import Limit
from .portfolio_results import BalanceAnswer, PositionDetail, PositionLine, PositionList
from .results import more

mcp = LocalProvider()

_SETTLEMENT = {"open": "unsettled", "settled": "settled", "all": "all"}


@mcp.tool(title="Balance", annotations=READS, tags={"portfolio"}, output_schema=None)
async def kalshi_get_balance(
    kalshi: KalshiClient = Depends(get_kalshi), settings: Settings = Depends(get_settings)
) -> BalanceAnswer:
    """Cash that is free for orders, and the value of positions, in dollars."""
    return BalanceAnswer.of(await kalshi.portfolio.balance(), settings.env)


@mcp.tool(title="Positions", annotations=READS, tags={"portfolio"}, output_schema=None)
async def kalshi_get_positions(
    ticker: str | None = None,
    event_ticker: str | None = None,
    status: Literal["open", "settled", "all"] = "open",
    limit: Limit = 20,
    cursor: str | None = None,
    kalshi: KalshiClient = Depends(get_kalshi),
    settings: Settings = Depends(get_settings),
) -> PositionList:
    """Your positions with cost, value at the best bid, and P&L."""
    page = await kalshi.portfolio.positions(
        ticker=ticker.strip().upper() if ticker else None,
        event_ticker=event_ticker.strip().upper() if event_ticker else None,
        settlement_status=_SETTLEMENT[status],
        count_filter="position" if status == "open" else None,
        limit=limit,
        cursor=cursor,
    )
    markets = await _markets_of(kalshi, page.market_positions)
    lines = [PositionLine.of(p, markets.get(p.ticker)) for p in page.market_positions]
    return PositionList.of(lines, more(page), settings.env)


@mcp.tool(title="One position", annotations=READS, tags={"portfolio"}, output_schema=None)
async def kalshi_get_position(
    ticker: str, kalshi: KalshiClient = Depends(get_kalshi), settings: Settings = Depends(get_settings)
) -> PositionDetail:
    """Your position in one market: cost, value now, profit."""
    market = await lookup.market(kalshi, ticker)
    page = await kalshi.portfolio.positions(ticker=market.ticker, settlement_status="all")
    if not page.market_positions:
        raise NotFoundError(f"You have no position in {market.ticker}.")
    return PositionDetail.of(page.market_positions[0], market, settings.env)


async def _markets_of(kalshi: KalshiClient, positions: list[MarketPosition]) -> dict[str, Market]:
    """The markets of open positions, a hundred a request."""
    tickers = [p.ticker for p in positions if p.position_fp]
    found: dict[str, Market] = {}
    for start in range(0, len(tickers), 100):
        page = await kalshi.markets.list(tickers=tickers[start : start + 100], limit=1000)
        found.update((m.ticker, m) for m in page.markets)
    return found
