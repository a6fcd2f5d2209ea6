"""Records: what was traded, held, believed and owed, kept on this machine for years."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastmcp.dependencies import Depends
from pydantic import Field

from prediction_mcp.desk.kalshi.account import Account
from prediction_mcp.desk.kalshi.records.results import (
    ForecastKept,
    ForecastList,
    HistoryAnswer,
    LotList,
    ScoreAnswer,
    TaxAnswer,
    TransactionList,
)
from prediction_mcp.protocol.annotations import KEEPS_EACH, READS, WRITES_FILE
from prediction_mcp.protocol.parameters import Limit, Probability, Ticker, When, Word
from prediction_mcp.protocol.session import get_account
from prediction_mcp.protocol.toolset import Toolset

if TYPE_CHECKING:
    from fastmcp.tools import ToolResult

mcp = Toolset()

Span = Annotated[Literal["day", "week", "month", "year", "all"], Word]
Kind = Annotated[Literal["fill", "settlement", "deposit", "withdrawal", "transfer"], Word]
Method = Annotated[Literal["fifo", "lifo", "hifo", "average", "named"], Word]
Year = Annotated[int, Field(ge=2021, le=2200)]


@mcp.tool(title="Portfolio history", annotations=READS, tags={"records"})
async def get_portfolio_history(
    period: Span = "month", chart: bool = False, account: Account = Depends(get_account)
) -> HistoryAnswer | ToolResult:
    """How your account's worth went, at the bid; a snapshot is kept with each call."""
    from prediction_mcp.desk.kalshi.records import pictures
    from prediction_mcp.desk.kalshi.records.worth import history_of
    from prediction_mcp.protocol.pictures import with_picture

    answer, worths = await history_of(account.history, period)
    if not chart or len(worths) < pictures.FEWEST:
        return answer
    title = f"Worth of the account, {period if period != 'all' else 'whole history'}, {account.environment}"
    return with_picture(answer, await pictures.worth_picture(worths, title))


@mcp.tool(title="Transactions", annotations=READS, tags={"records"})
async def get_transactions(
    since: When | None = None,
    kind: Kind | None = None,
    ticker: Ticker | None = None,
    limit: Limit = 20,
    cursor: str | None = None,
    account: Account = Depends(get_account),
) -> TransactionList:
    """Every cent that moved: fills, settlements, deposits, withdrawals, transfers between subaccounts; newest first."""
    from prediction_mcp.desk.kalshi.records.kept import transactions

    return await transactions(account.history, since, kind, ticker, limit, cursor)


@mcp.tool(title="Tax report", annotations=WRITES_FILE, tags={"records"})
async def get_tax_report(
    year: Year,
    method: Method | None = None,
    format: Annotated[Literal["json", "csv", "pdf"], Word] = "json",
    path: str | None = None,
    account: Account = Depends(get_account),
) -> TaxAnswer:
    """A year's closings with proceeds, basis, gain; path: a new file's name. Adds up only: never advise on taxes."""
    from prediction_mcp.desk.kalshi.records.tax import answer
    from prediction_mcp.protocol.asking import is_anonymous
    from prediction_mcp.safety.policy import ReadOnlyError

    if path is not None and is_anonymous():
        raise ReadOnlyError("Over HTTP files are written for authenticated clients only: leave path out.")
    settings = account.settings
    return await answer(account.history, year, method, format, path, settings.zone, settings.exports)


@mcp.tool(title="Tax lots", annotations=READS, tags={"records"})
async def get_tax_lots(
    ticker: Ticker | None = None, limit: Limit = 20, account: Account = Depends(get_account)
) -> LotList:
    """Open lots: when they were acquired and what they cost with fees."""
    from prediction_mcp.desk.kalshi.records.kept import lots

    return await lots(account.history, ticker, limit)


@mcp.tool(title="Keep a forecast", annotations=KEEPS_EACH, tags={"records"})
async def record_forecast(
    ticker: Ticker,
    probability: Probability,
    note: Annotated[str, Field(max_length=500)] = "",
    account: Account = Depends(get_account),
) -> ForecastKept:
    """Keep your user's own belief in YES beside the market's price of now, to be scored when it ends."""
    from prediction_mcp.desk.kalshi.records.forecasts import record

    return await record(account.history, ticker, probability, note)


@mcp.tool(title="Forecasts", annotations=READS, tags={"records"})
async def get_forecasts(
    status: Annotated[Literal["open", "settled", "all"], Word] = "all",
    limit: Limit = 20,
    cursor: str | None = None,
    account: Account = Depends(get_account),
) -> ForecastList:
    """Forecasts that were kept, newest first."""
    from prediction_mcp.desk.kalshi.records.forecasts import listed

    return await listed(account.history, status, limit, cursor)


@mcp.tool(title="Score forecasts", annotations=READS, tags={"records"})
async def score_forecasts(
    since: When | None = None,
    category: Annotated[str, Field(max_length=100)] | None = None,
    chart: bool = False,
    account: Account = Depends(get_account),
) -> ScoreAnswer | ToolResult:
    """How good the settled forecasts were: scores, skill against the market, calibration, profit of betting on them."""
    from prediction_mcp.desk.kalshi.records import pictures
    from prediction_mcp.desk.kalshi.records.forecasts import score
    from prediction_mcp.protocol.pictures import with_picture

    answer, bins = await score(account.history, since, category)
    if not chart or not bins:
        return answer
    picture = await pictures.reliability_picture(bins, f"{answer.forecasts} forecasts, {account.environment}")
    return with_picture(answer, picture)
