"""Discovery: what is listed, and whether the exchange trades."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastmcp.dependencies import Depends
from fastmcp.server.providers import LocalProvider
from pydantic import Field

from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.settings import Settings

from . import lookup
from .annotations import READS
from .context import get_kalshi, get_settings
from .listing import events_of_category, find_markets
from .market_results import EventDetail, EventLine, EventList, ExchangeState, MarketDetail, MarketLine, MarketList
from .parameters import Limit, When
from .results import more
from .status import exchange_state

mcp = LocalProvider()

Status = Literal["open", "unopened", "closed", "settled"]


@mcp.tool(title="Markets", annotations=READS, tags={"discovery"}, output_schema=None)
async def kalshi_get_markets(
    event_ticker: str | None = None,
    series_ticker: str | None = None,
    tickers: Annotated[list[str] | None, Field(max_length=100)] = None,
    status: Status | None = None,
    closes_after: When | None = None,
    closes_before: When | None = None,
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
    return MarketList(source=settings.env, count=len(lines), cursor=more(found), markets=lines)


@mcp.tool(title="One market", annotations=READS, tags={"discovery"}, output_schema=None)
async def kalshi_get_market(
    ticker: str, kalshi: KalshiClient = Depends(get_kalshi), settings: Settings = Depends(get_settings)
) -> MarketDetail:
    """One market in full: prices, sizes, volume, rules, fee type, price grid, time left."""
    market = await lookup.market(kalshi, ticker)
    series, schedule = await lookup.fees(kalshi, market)
    return MarketDetail.of(market, series, schedule, settings.env)


@mcp.tool(title="Events", annotations=READS, tags={"discovery"}, output_schema=None)
async def kalshi_get_events(
    series_ticker: str | None = None,
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


@mcp.tool(title="One event", annotations=READS, tags={"discovery"}, output_schema=None)
async def kalshi_get_event(
    event_ticker: str, kalshi: KalshiClient = Depends(get_kalshi), settings: Settings = Depends(get_settings)
) -> EventDetail:
    """One event with all its markets; a probability ladder where outcomes exclude each other."""
    return EventDetail.of(await lookup.event(kalshi, event_ticker), settings.env)


@mcp.tool(title="Exchange status", annotations=READS, tags={"discovery"}, output_schema=None)
async def kalshi_get_exchange_status(
    kalshi: KalshiClient = Depends(get_kalshi), settings: Settings = Depends(get_settings)
) -> ExchangeState:
    """Whether the exchange runs and trades, its hours, this server's mode, and the rate budget left."""
    status, schedule = await kalshi.exchange.status(), await kalshi.exchange.schedule()
    return exchange_state(status, schedule, kalshi, settings, datetime.now(UTC))
