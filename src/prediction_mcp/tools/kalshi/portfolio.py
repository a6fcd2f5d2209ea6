"""Portfolio: balance, positions, value, profit, risk."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from fastmcp.dependencies import Depends

from prediction_mcp.desk.kalshi import lookup
from prediction_mcp.desk.kalshi.account import Account
from prediction_mcp.desk.kalshi.portfolio.results import BalanceAnswer, PositionDetail, PositionList
from prediction_mcp.desk.results import more
from prediction_mcp.kalshi.errors import NotFoundError
from prediction_mcp.protocol.annotations import READS, WRITES_FILE
from prediction_mcp.protocol.parameters import GroupBy, Limit, Period, Probability, Ticker, When, Word
from prediction_mcp.protocol.session import get_account
from prediction_mcp.protocol.toolset import Toolset
from prediction_mcp.tools.apps import uri

if TYPE_CHECKING:
    from fastmcp.tools import ToolResult

    from prediction_mcp.desk.kalshi.portfolio.account_results import (
        ExposureAnswer,
        Margin,
        PnlAnswer,
        PortfolioValue,
        PositionRisk,
        SettlementList,
    )
    from prediction_mcp.desk.kalshi.portfolio.export_results import ExportAnswer

mcp = Toolset()


@mcp.tool(title="Balance", annotations=READS, tags={"portfolio"})
async def kalshi_get_balance(account: Account = Depends(get_account)) -> BalanceAnswer:
    """Your cash, free for orders (by shard where there are several), and the value of positions, in dollars."""
    from prediction_mcp.desk.kalshi.portfolio.listing import balance

    return await balance(account)


@mcp.tool(title="Positions", annotations=READS, tags={"portfolio"})
async def kalshi_get_positions(
    ticker: Ticker | None = None,
    event_ticker: Ticker | None = None,
    status: Annotated[Literal["open", "settled", "all"], Word] = "open",
    limit: Limit = 20,
    cursor: str | None = None,
    account: Account = Depends(get_account),
) -> PositionList:
    """Your positions, what you hold: cost, value at the best bid, P&L."""
    from prediction_mcp.desk.kalshi.portfolio.listing import positions

    return await positions(account, ticker, event_ticker, status, limit, cursor)


@mcp.tool(title="One position", annotations=READS, tags={"portfolio"})
async def kalshi_get_position(ticker: Ticker, account: Account = Depends(get_account)) -> PositionDetail:
    """Your position in one market: cost, value now, profit."""
    market = await lookup.market(account, ticker)
    page = await account.kalshi.portfolio.positions(ticker=market.ticker, settlement_status="all")
    if not page.market_positions:
        raise NotFoundError(f"You have no position in {market.ticker}.")
    return PositionDetail.of(page.market_positions[0], market, account.environment)


@mcp.tool(title="Portfolio value", annotations=READS, tags={"portfolio"}, app=uri("portfolio"))
async def kalshi_get_portfolio_value(
    chart: bool = False, account: Account = Depends(get_account)
) -> PortfolioValue | ToolResult:
    """Worth of your portfolio: cash and positions at the bid, the middle, and cost."""
    from prediction_mcp.desk.kalshi.portfolio.listing import value

    answer = await value(account)
    if not chart:
        return answer
    from prediction_mcp.desk.kalshi.portfolio.worth_chart import picture
    from prediction_mcp.protocol.pictures import with_picture

    return with_picture(answer, await picture(account, answer))


@mcp.tool(title="Profit and loss", annotations=READS, tags={"portfolio"})
async def kalshi_get_pnl(
    ticker: Ticker | None = None,
    period: Period = "all",
    account: Account = Depends(get_account),
) -> PnlAnswer:
    """Profit and loss, realized (FIFO, after fees) and unrealized, per market and day."""
    from prediction_mcp.desk.kalshi.portfolio.account_results import pnl_answer
    from prediction_mcp.desk.kalshi.portfolio.reading import history

    name = None if ticker is None else (await lookup.market(account, ticker)).ticker
    past = await history(account, name)
    markets = await lookup.markets_of(account, (t for t, lots in past.lots.items() if lots.count))
    answer = [p async for p in account.kalshi.portfolio.all_positions(ticker=name, settlement_status="all")]
    answer += [p async for p in account.kalshi.portfolio.all_positions(ticker=name, historical=True)]
    realized = sum({p.ticker: p.realized_pnl_dollars for p in answer}.values(), Decimal(0))
    return pnl_answer(past.lots, markets, realized, period, account.environment)


@mcp.tool(title="Settlements", annotations=READS, tags={"portfolio"})
async def kalshi_get_settlement_history(
    since: When | None = None,
    limit: Limit = 20,
    cursor: str | None = None,
    account: Account = Depends(get_account),
) -> SettlementList:
    """What was settled: markets of yours that ended, what was held, what it paid."""
    from prediction_mcp.desk.kalshi.portfolio.account_results import SettlementLine, SettlementList

    min_ts = None if since is None else int(since.timestamp())
    page = await account.kalshi.portfolio.settlements(min_ts=min_ts, limit=limit, cursor=cursor)
    lines = [SettlementLine.of(s) for s in page.settlements]
    profit = sum((line.profit for line in lines), Decimal(0))
    answer = SettlementList(
        source=account.environment, count=len(lines), cursor=more(page), profit=profit, settlements=lines
    )
    return answer.within(since)


@mcp.tool(title="Risk of a position", annotations=READS, tags={"portfolio"})
async def kalshi_calculate_position_risk(
    ticker: Ticker,
    my_probability: Probability | None = None,
    account: Account = Depends(get_account),
) -> PositionRisk:
    """What a position could lose and gain, break-even, what selling now brings; Kelly at your probability of YES."""
    from prediction_mcp.desk.kalshi.portfolio.risk import risk_of

    return await risk_of(account, await lookup.market(account, ticker), my_probability)


@mcp.tool(title="Exposure", annotations=READS, tags={"portfolio"})
async def kalshi_get_portfolio_exposure(
    by: GroupBy = "event", account: Account = Depends(get_account)
) -> ExposureAnswer:
    """Where you are exposed: money at risk, grouped; exclusive outcomes netted."""
    from prediction_mcp.desk.kalshi.portfolio.risk import exposure_of

    return await exposure_of(account, by)


@mcp.tool(title="Collateral", annotations=READS, tags={"portfolio"})
async def kalshi_get_margin_requirements(account: Account = Depends(get_account)) -> Margin:
    """Collateral: cash free, locked up by resting orders, and paid for positions."""
    from prediction_mcp.desk.kalshi.portfolio.risk import margin_of

    return await margin_of(account)


@mcp.tool(title="Export", annotations=WRITES_FILE, tags={"portfolio"})
async def kalshi_export_portfolio(
    format: Annotated[Literal["json", "csv", "parquet"], Word] = "csv",
    path: str | None = None,
    account: Account = Depends(get_account),
) -> ExportAnswer:
    """Export every deposit, fill and settlement with its cash, then positions; path: a new file's name."""
    from prediction_mcp.desk.kalshi.portfolio.export import export
    from prediction_mcp.protocol.asking import is_anonymous
    from prediction_mcp.safety.policy import ReadOnlyError

    if path is not None and is_anonymous():
        raise ReadOnlyError("Over HTTP files are written for authenticated clients only: leave path out.")
    return await export(account, format, path, account.settings.exports)
