"""Discovery: what is listed, and whether the exchange trades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastmcp.dependencies import Depends
from pydantic import Field

from prediction_mcp.desk.kalshi import lookup
from prediction_mcp.desk.kalshi.account import Account
from prediction_mcp.desk.kalshi.discovery.listing import events_of_category, find_markets, series_answer
from prediction_mcp.desk.kalshi.discovery.market_results import (
    EventDetail,
    EventLine,
    EventList,
    ExchangeState,
    MarketDetail,
    MarketLine,
    MarketList,
)
from prediction_mcp.desk.kalshi.discovery.status import exchange_state
from prediction_mcp.desk.results import more
from prediction_mcp.protocol.annotations import READS
from prediction_mcp.protocol.parameters import Deadline, Limit, Ticker, Word
from prediction_mcp.protocol.session import get_account
from prediction_mcp.protocol.toolset import Toolset
from prediction_mcp.tools.apps import uri

if TYPE_CHECKING:
    from fastmcp.tools import ToolResult

    from prediction_mcp.desk.kalshi.discovery.results import CollectionList, MilestoneList, SearchAnswer, SeriesAnswer

mcp = Toolset()

Status = Annotated[Literal["open", "unopened", "closed", "settled"], Word]
ScanBy = Annotated[Literal["volume", "movers", "spread", "closing_soon", "new", "open_interest", "featured"], Word]


@mcp.tool(title="Search markets", annotations=READS, tags={"discovery"})
async def kalshi_search_markets(
    query: Annotated[str, Field(min_length=1, max_length=200)],
    category: str | None = None,
    status: Status = "open",
    closes_before: Deadline | None = None,
    min_volume: Annotated[float, Field(ge=0)] = 0,
    include_combos: bool = False,
    limit: Annotated[int, Field(ge=1, le=50)] = 10,
    account: Account = Depends(get_account),
) -> SearchAnswer:
    """Find markets on a subject (bitcoin, the fed) by words or ticker part. min_volume: contracts in 24 h."""
    from prediction_mcp.desk.kalshi.discovery.search import search

    answer = await search(
        account,
        query,
        category=category,
        status=status,
        closes_before=closes_before,
        min_volume=min_volume,
        include_combos=include_combos,
        limit=limit,
    )
    return answer.within(until=closes_before)


@mcp.tool(title="Scan the exchange", annotations=READS, tags={"discovery"})
async def kalshi_scan_markets(
    by: ScanBy = "volume",
    category: str | None = None,
    within_hours: Annotated[float | None, Field(gt=0)] = None,
    limit: Annotated[int, Field(ge=1, le=50)] = 10,
    account: Account = Depends(get_account),
) -> SearchAnswer:
    """Biggest movers, most volume, widest spread, what closes next, new: open markets, all or of a category."""
    from prediction_mcp.desk.kalshi.discovery.search import scan

    return await scan(account, by, category, within_hours, limit)


@mcp.tool(title="Series", annotations=READS, tags={"discovery"})
async def kalshi_get_series(
    series_ticker: Ticker | None = None,
    category: str | None = None,
    tags: list[str] | None = None,
    limit: Limit = 20,
    cursor: str | None = None,
    account: Account = Depends(get_account),
) -> SeriesAnswer:
    """One series, or those of a category or tags; without arguments the categories with their tags."""
    return await series_answer(account, series_ticker, category, tags, limit, cursor)


@mcp.tool(title="Milestones", annotations=READS, tags={"discovery"})
async def kalshi_get_milestones(
    category: str | None = None,
    related_event: str | None = None,
    starts_after: Deadline | None = None,
    limit: Limit = 20,
    cursor: str | None = None,
    account: Account = Depends(get_account),
) -> MilestoneList:
    """When the next game, release or vote is, with the events that hang on it."""
    from prediction_mcp.desk.kalshi.discovery.results import MilestoneLine, MilestoneList

    page = await account.kalshi.reference.milestones(
        category=category,
        related_event_ticker=related_event.strip().upper() if related_event else None,
        minimum_start_date=starts_after.isoformat() if starts_after else None,
        limit=limit,
        cursor=cursor,
    )
    lines = [MilestoneLine.of(m) for m in page.milestones]
    answer = MilestoneList(source=account.environment, count=len(lines), cursor=more(page), milestones=lines)
    return answer.within(starts_after, after="after")


@mcp.tool(title="Combo collections", annotations=READS, tags={"discovery"})
async def kalshi_get_multivariate_collections(
    status: Annotated[Literal["unopened", "open", "closed"], Word] | None = None,
    series_ticker: Ticker | None = None,
    limit: Limit = 20,
    cursor: str | None = None,
    account: Account = Depends(get_account),
) -> CollectionList:
    """Collections of events whose markets can be combined into one market."""
    from prediction_mcp.desk.kalshi.discovery.results import CollectionLine, CollectionList

    page = await account.kalshi.collections.list(
        status=status,
        series_ticker=series_ticker.strip().upper() if series_ticker else None,
        limit=limit,
        cursor=cursor,
    )
    lines = [CollectionLine.of(c) for c in page.multivariate_contracts]
    return CollectionList(source=account.environment, count=len(lines), cursor=more(page), collections=lines)


@mcp.tool(title="Markets", annotations=READS, tags={"discovery"})
async def kalshi_get_markets(
    event_ticker: Ticker | None = None,
    series_ticker: Ticker | None = None,
    tickers: Annotated[list[Ticker] | None, Field(max_length=100)] = None,
    status: Status | None = None,
    closes_after: Deadline | None = None,
    closes_before: Deadline | None = None,
    include_combos: bool = False,
    limit: Limit = 20,
    cursor: str | None = None,
    account: Account = Depends(get_account),
) -> MarketList:
    """List markets with their prices. Open ones, unless tickers or a status are given."""
    found = await find_markets(
        account,
        event_ticker=event_ticker,
        series_ticker=series_ticker,
        tickers=tickers,
        status=status or (None if tickers else "open"),
        closes_after=closes_after,
        closes_before=closes_before,
        include_combos=include_combos,
        limit=limit,
        cursor=cursor,
    )
    lines = [MarketLine.of(m) for m in found.markets]
    answer = MarketList(source=account.environment, count=len(lines), cursor=more(found), markets=lines)
    return answer.within(closes_after, closes_before, after="after")


@mcp.tool(title="One market", annotations=READS, tags={"discovery"})
async def kalshi_get_market(ticker: Ticker, account: Account = Depends(get_account)) -> MarketDetail:
    """One market in full: price, sizes, volume, rules, fee type, price grid, time left."""
    market = await lookup.market(account, ticker)
    series, schedule = await account.fees.of(market)
    return MarketDetail.of(market, series, schedule, account.environment)


@mcp.tool(title="Events", annotations=READS, tags={"discovery"})
async def kalshi_get_events(
    series_ticker: Ticker | None = None,
    category: str | None = None,
    status: Status | None = "open",
    limit: Limit = 20,
    cursor: str | None = None,
    account: Account = Depends(get_account),
) -> EventList:
    """List events (questions; each has one or more markets)."""
    if category is None:
        page = await account.kalshi.events.list(series_ticker=series_ticker, status=status, limit=limit, cursor=cursor)
        events, rest, scanned = page.events, more(page), None
    else:
        events, rest, scanned = await events_of_category(account, category, series_ticker, status, limit, cursor)
    lines = [EventLine.of(e) for e in events]
    return EventList(source=account.environment, count=len(lines), cursor=rest, events=lines, scanned=scanned)


@mcp.tool(title="One event", annotations=READS, tags={"discovery"}, app=uri("ladder"))
async def kalshi_get_event(
    event_ticker: Ticker, chart: bool = False, account: Account = Depends(get_account)
) -> EventDetail | ToolResult:
    """One event with all its markets; a probability ladder where outcomes exclude each other."""
    answer = EventDetail.of(await lookup.event(account, event_ticker), account.environment)
    if not chart or not answer.markets:
        return answer
    from prediction_mcp.desk.kalshi.discovery.ladder_chart import picture
    from prediction_mcp.protocol.pictures import with_picture

    return with_picture(answer, await picture(answer))


@mcp.tool(title="Exchange status", annotations=READS, tags={"discovery"})
async def kalshi_get_exchange_status(account: Account = Depends(get_account)) -> ExchangeState:
    """Whether the exchange runs and trades, its hours, this server's mode, and the rate budget left."""
    return await exchange_state(account)
