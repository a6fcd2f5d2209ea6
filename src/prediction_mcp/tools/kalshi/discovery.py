"""Discovery: what is listed, and whether the exchange trades."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

from fastmcp.dependencies import Depends
from pydantic import Field

from prediction_mcp.catalogue.fill import Catalogue
from prediction_mcp.desk.kalshi import lookup
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
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.protocol.annotations import READS
from prediction_mcp.protocol.parameters import Deadline, Limit, Ticker, Word
from prediction_mcp.protocol.session import get_catalogue, get_kalshi, get_session, get_settings, report_progress
from prediction_mcp.protocol.toolset import Toolset
from prediction_mcp.settings import Settings

if TYPE_CHECKING:
    from prediction_mcp.catalogue.index import Found
    from prediction_mcp.desk.kalshi.discovery.results import CollectionList, MilestoneList, SearchAnswer, SeriesAnswer

mcp = Toolset()

Status = Annotated[Literal["open", "unopened", "closed", "settled"], Word]
ScanBy = Annotated[Literal["volume", "movers", "spread", "closing_soon", "new", "open_interest", "featured"], Word]
SEARCHED = {
    "open": ("active",),
    "unopened": ("initialized",),
    "closed": ("closed", "determined", "disputed", "amended", "inactive"),
    "settled": ("finalized",),
}


@mcp.tool(title="Search markets", annotations=READS, tags={"discovery"})
async def kalshi_search_markets(
    query: Annotated[str, Field(min_length=1, max_length=200)],
    category: str | None = None,
    status: Status = "open",
    closes_before: Deadline | None = None,
    min_volume: Annotated[float, Field(ge=0)] = 0,
    include_combos: bool = False,
    limit: Annotated[int, Field(ge=1, le=50)] = 10,
    kalshi: KalshiClient = Depends(get_kalshi),
    settings: Settings = Depends(get_settings),
    catalogue: Catalogue = Depends(get_catalogue),
) -> SearchAnswer:
    """Find markets by words, a nickname or part of a ticker; typos are forgiven. min_volume: contracts in 24 h."""
    await catalogue.ready(kalshi, report_progress, combos=include_combos)
    found = catalogue.index.search(
        query,
        category=category,
        statuses=SEARCHED[status],
        closes_before=closes_before,
        min_volume=min_volume,
        combos=include_combos,
        limit=limit,
    )
    answer = await _shown(kalshi, catalogue, found, settings.env, combos=include_combos)
    return answer.within(until=closes_before)


@mcp.tool(title="Scan the exchange", annotations=READS, tags={"discovery"})
async def kalshi_scan_markets(
    by: ScanBy = "volume",
    category: str | None = None,
    within_hours: Annotated[float | None, Field(gt=0)] = None,
    limit: Annotated[int, Field(ge=1, le=50)] = 10,
    kalshi: KalshiClient = Depends(get_kalshi),
    settings: Settings = Depends(get_settings),
    catalogue: Catalogue = Depends(get_catalogue),
) -> SearchAnswer:
    """Open markets across the exchange, sorted; within_hours: until they close. spread: widest first."""
    await catalogue.ready(kalshi, report_progress)
    found = catalogue.index.scan(by, category=category, closes_within_h=within_hours, limit=limit)
    return await _shown(kalshi, catalogue, found, settings.env)


async def _shown(
    kalshi: KalshiClient, catalogue: Catalogue, found: list[Found], source: str, *, combos: bool = False
) -> SearchAnswer:
    """What was found, with the prices of now."""
    from prediction_mcp.desk.kalshi.discovery.results import CatalogueState, SearchAnswer
    from prediction_mcp.desk.kalshi.portfolio.reading import markets_of

    current = await markets_of(kalshi, (f.ticker for f in found))
    lines = [MarketLine.of(current[f.ticker]) for f in found if f.ticker in current]
    state = CatalogueState.of(catalogue.index.coverage(), catalogue.index.coverage("combos") if combos else None)
    note = None
    if not state.complete:
        note = "The catalogue is still filling: ask again in a moment for the whole exchange."
    elif not lines:
        note = "Nothing fits: try fewer or other words, or list with kalshi_get_events."
    return SearchAnswer(source=source, count=len(lines), markets=lines, catalogue=state, note=note)


@mcp.tool(title="Series", annotations=READS, tags={"discovery"})
async def kalshi_get_series(
    series_ticker: Ticker | None = None,
    category: str | None = None,
    tags: list[str] | None = None,
    limit: Limit = 20,
    cursor: str | None = None,
    kalshi: KalshiClient = Depends(get_kalshi),
    settings: Settings = Depends(get_settings),
) -> SeriesAnswer:
    """One series, or those of a category or tags; without arguments the categories with their tags."""
    return await series_answer(kalshi, series_ticker, category, tags, limit, cursor, settings.env)


@mcp.tool(title="Milestones", annotations=READS, tags={"discovery"})
async def kalshi_get_milestones(
    category: str | None = None,
    related_event: str | None = None,
    starts_after: Deadline | None = None,
    limit: Limit = 20,
    cursor: str | None = None,
    kalshi: KalshiClient = Depends(get_kalshi),
    settings: Settings = Depends(get_settings),
) -> MilestoneList:
    """What happens when: games, releases, votes, with the events that hang on them."""
    from prediction_mcp.desk.kalshi.discovery.results import MilestoneLine, MilestoneList

    page = await kalshi.reference.milestones(
        category=category,
        related_event_ticker=related_event.strip().upper() if related_event else None,
        minimum_start_date=starts_after.isoformat() if starts_after else None,
        limit=limit,
        cursor=cursor,
    )
    lines = [MilestoneLine.of(m) for m in page.milestones]
    answer = MilestoneList(source=settings.env, count=len(lines), cursor=more(page), milestones=lines)
    return answer.within(starts_after, after="after")


@mcp.tool(title="Combo collections", annotations=READS, tags={"discovery"})
async def kalshi_get_multivariate_collections(
    status: Annotated[Literal["unopened", "open", "closed"], Word] | None = None,
    series_ticker: Ticker | None = None,
    limit: Limit = 20,
    cursor: str | None = None,
    kalshi: KalshiClient = Depends(get_kalshi),
    settings: Settings = Depends(get_settings),
) -> CollectionList:
    """Collections of events whose markets can be combined into one market."""
    from prediction_mcp.desk.kalshi.discovery.results import CollectionLine, CollectionList

    page = await kalshi.reference.collections(
        status=status,
        series_ticker=series_ticker.strip().upper() if series_ticker else None,
        limit=limit,
        cursor=cursor,
    )
    lines = [CollectionLine.of(c) for c in page.multivariate_contracts]
    return CollectionList(source=settings.env, count=len(lines), cursor=more(page), collections=lines)


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
    kalshi: KalshiClient = Depends(get_kalshi),
    settings: Settings = Depends(get_settings),
) -> MarketList:
    """List markets with their prices. Open ones, unless tickers or a status are given."""
    found = await find_markets(
        kalshi,
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
    answer = MarketList(source=settings.env, count=len(lines), cursor=more(found), markets=lines)
    return answer.within(closes_after, closes_before, after="after")


@mcp.tool(title="One market", annotations=READS, tags={"discovery"})
async def kalshi_get_market(
    ticker: Ticker, kalshi: KalshiClient = Depends(get_kalshi), settings: Settings = Depends(get_settings)
) -> MarketDetail:
    """One market in full: prices, sizes, volume, rules, fee type, price grid, time left."""
    market = await lookup.market(kalshi, ticker)
    series, schedule = await lookup.fees(kalshi, market)
    return MarketDetail.of(market, series, schedule, settings.env)


@mcp.tool(title="Events", annotations=READS, tags={"discovery"})
async def kalshi_get_events(
    series_ticker: Ticker | None = None,
    category: str | None = None,
    status: Status | None = "open",
    limit: Limit = 20,
    cursor: str | None = None,
    kalshi: KalshiClient = Depends(get_kalshi),
    settings: Settings = Depends(get_settings),
) -> EventList:
    """List events (questions; each has one or more markets)."""
    if category is None:
        page = await kalshi.events.list(series_ticker=series_ticker, status=status, limit=limit, cursor=cursor)
        events, rest, scanned = page.events, more(page), None
    else:
        events, rest, scanned = await events_of_category(kalshi, category, series_ticker, status, limit, cursor)
    lines = [EventLine.of(e) for e in events]
    return EventList(source=settings.env, count=len(lines), cursor=rest, events=lines, scanned=scanned)


@mcp.tool(title="One event", annotations=READS, tags={"discovery"})
async def kalshi_get_event(
    event_ticker: Ticker, kalshi: KalshiClient = Depends(get_kalshi), settings: Settings = Depends(get_settings)
) -> EventDetail:
    """One event with all its markets; a probability ladder where outcomes exclude each other."""
    return EventDetail.of(await lookup.event(kalshi, event_ticker), settings.env)


@mcp.tool(title="Exchange status", annotations=READS, tags={"discovery"})
async def kalshi_get_exchange_status(
    kalshi: KalshiClient = Depends(get_kalshi), settings: Settings = Depends(get_settings)
) -> ExchangeState:
    """Whether the exchange runs and trades, its hours, this server's mode, and the rate budget left."""
    status, schedule = await kalshi.exchange.status(), await kalshi.exchange.schedule()
    return exchange_state(status, schedule, kalshi, settings, datetime.now(UTC), get_session().halted_by())
