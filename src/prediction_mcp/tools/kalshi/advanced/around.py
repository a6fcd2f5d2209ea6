"""What stands around the markets and the account: rewards, live data, forecasts, terms, limits, subaccounts."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from fastmcp.dependencies import Depends
from pydantic import Field

from prediction_mcp.desk.kalshi.account import Account
from prediction_mcp.protocol.annotations import ARRANGES, READS
from prediction_mcp.protocol.confirmed import confirmed
from prediction_mcp.protocol.parameters import Dollars, Interval, Limit, Quantity, Ticker, When, Word
from prediction_mcp.protocol.session import get_account
from prediction_mcp.protocol.toolset import Toolset

if TYPE_CHECKING:
    from prediction_mcp.desk.kalshi.discovery.around import ForecastAnswer, IncentiveList, LiveAnswer, TargetList
    from prediction_mcp.desk.kalshi.discovery.terms import ContractTerms
    from prediction_mcp.desk.kalshi.portfolio.limits import LimitsOfAccount
    from prediction_mcp.desk.kalshi.portfolio.moving import CashMoved
    from prediction_mcp.desk.kalshi.portfolio.subaccounts import SubaccountList, Transferred
    from prediction_mcp.safety.plan import Plan

mcp = Toolset()

Percentiles = Annotated[list[Quantity], Field(min_length=1, max_length=10)]
Subaccount = Annotated[int, Field(ge=0, le=63)]
Shard = Annotated[int, Field(ge=0, le=100)]


@mcp.tool(title="Rewards", annotations=READS, tags={"advanced"})
async def kalshi_get_incentives(
    ticker: Ticker | None = None,
    kind: Annotated[Literal["liquidity", "volume"], Word] | None = None,
    status: Annotated[Literal["all", "active", "upcoming", "closed", "paid_out"], Word] = "active",
    limit: Limit = 20,
    cursor: str | None = None,
    account: Account = Depends(get_account),
) -> IncentiveList:
    """Rewards (incentives) in dollars for resting orders (providing liquidity) or trading (volume)."""
    from prediction_mcp.desk.kalshi.discovery.around import incentives

    return await incentives(account, ticker, kind, status, limit, cursor)


@mcp.tool(title="Live data", annotations=READS, tags={"advanced"})
async def kalshi_get_live_data(
    event_ticker: Ticker | None = None,
    milestone_id: str | None = None,
    city: str | None = None,
    plays: bool = False,
    account: Account = Depends(get_account),
) -> LiveAnswer:
    """Live score of a game now (plays=true: play by play), an event's number, or a city's temperature."""
    from prediction_mcp.desk.kalshi.discovery.around import live_data

    return await live_data(account, event_ticker, milestone_id, city, plays=plays)


@mcp.tool(title="Forecast history", annotations=READS, tags={"advanced"})
async def kalshi_get_forecast_history(
    event_ticker: Ticker,
    percentiles: Percentiles | None = None,
    interval: Interval = "1h",
    start: When | None = None,
    end: When | None = None,
    account: Account = Depends(get_account),
) -> ForecastAnswer:
    """Expected number of an event over time: its median and other percentiles (0-100)."""
    from prediction_mcp.desk.kalshi.discovery.around import forecast

    chosen = percentiles or [Decimal(25), Decimal(50), Decimal(75)]
    return await forecast(account, event_ticker, chosen, interval, start, end)


@mcp.tool(title="Contract terms", annotations=READS, tags={"advanced"})
async def kalshi_get_contract_terms(
    ticker: Ticker, offset: Annotated[int, Field(ge=0)] = 0, account: Account = Depends(get_account)
) -> ContractTerms:
    """The legal text of a series' contract (PDF), a piece at a time; ticker of a series, event or market."""
    from prediction_mcp.desk.kalshi.discovery.terms import contract_terms

    return await contract_terms(account, ticker, offset)


@mcp.tool(title="Structured targets", annotations=READS, tags={"advanced"})
async def kalshi_get_structured_targets(
    ids: Annotated[list[str] | None, Field(max_length=100)] = None,
    type: str | None = None,
    competition: str | None = None,
    limit: Limit = 20,
    cursor: str | None = None,
    account: Account = Depends(get_account),
) -> TargetList:
    """Teams, players, cities: the subjects of markets."""
    from prediction_mcp.desk.kalshi.discovery.around import targets

    return await targets(account, ids, type, competition, limit, cursor)


@mcp.tool(title="Account limits", annotations=READS, tags={"advanced"})
async def kalshi_get_account_limits(account: Account = Depends(get_account)) -> LimitsOfAccount:
    """Your API usage tier and rate limits, and what volume earns the next tier."""
    from prediction_mcp.desk.kalshi.portfolio.limits import account_limits

    return await account_limits(account)


@mcp.tool(title="Subaccounts", annotations=READS, tags={"advanced"})
async def kalshi_get_subaccounts(account: Account = Depends(get_account)) -> SubaccountList:
    """Free cash of the primary account (0) and each subaccount."""
    from prediction_mcp.desk.kalshi.portfolio.subaccounts import subaccounts_of

    return await subaccounts_of(account)


@mcp.tool(title="Move money", annotations=ARRANGES, tags={"advanced", "write"})
@confirmed
async def kalshi_transfer_between_subaccounts(
    from_subaccount: Subaccount,
    to_subaccount: Subaccount,
    amount: Dollars,
    account: Account = Depends(get_account),
) -> Plan[Transferred]:
    """Move cash between your subaccounts (0 is the primary)."""
    from prediction_mcp.desk.kalshi.portfolio.subaccounts import plan_transfer

    return await plan_transfer(account, from_subaccount, to_subaccount, amount)


@mcp.tool(title="Move money between shards", annotations=ARRANGES, tags={"advanced", "write"})
@confirmed
async def kalshi_move_cash_between_shards(
    from_shard: Shard,
    to_shard: Shard,
    amount: Dollars,
    subaccount: Subaccount = 0,
    account: Account = Depends(get_account),
) -> Plan[CashMoved]:
    """Move cash between shards of the exchange; orders do it by themselves."""
    from prediction_mcp.desk.kalshi.portfolio.moving import plan_move

    return await plan_move(account, from_shard, to_shard, amount, subaccount)
