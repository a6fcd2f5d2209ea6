"""Polymarket: what is listed and offered. Nothing here needs a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastmcp.dependencies import Depends
from pydantic import Field

from prediction_mcp.desk.polymarket import discovery
from prediction_mcp.desk.polymarket.account import Account
from prediction_mcp.desk.polymarket.results import (
    BookAnswer,
    EventAnswer,
    EventList,
    Found,
    History,
    Holders,
    MarketAnswer,
    TradeList,
)
from prediction_mcp.protocol.annotations import READS
from prediction_mcp.protocol.parameters import Word
from prediction_mcp.protocol.session import get_wallet
from prediction_mcp.protocol.toolset import Toolset

if TYPE_CHECKING:
    from fastmcp.tools import ToolResult

mcp = Toolset()

MarketName = Annotated[str, Field(min_length=1, max_length=300)]
"""Link, slug, condition id, token id, or number."""
Outcome = Annotated[str, Field(max_length=100)]
Limit = Annotated[int, Field(ge=1, le=100)]
Cursor = Annotated[str, Field(max_length=500)]


@mcp.tool(title="Search Polymarket", annotations=READS, tags={"polymarket"})
async def polymarket_search_markets(
    query: Annotated[str, Field(min_length=1, max_length=200)],
    limit: Limit = 10,
    cursor: Cursor | None = None,
    closed: bool = False,
    account: Account = Depends(get_wallet),
) -> Found:
    """Find Polymarket markets by words."""
    return await discovery.search(account, query, limit, cursor, closed=closed)


@mcp.tool(title="A Polymarket market", annotations=READS, tags={"polymarket"})
async def polymarket_get_market(market: MarketName, account: Account = Depends(get_wallet)) -> MarketAnswer:
    """Prices, terms, fee and rules. market, here and elsewhere: link, slug, condition id or token id."""
    return await discovery.market(account, market)


@mcp.tool(title="Polymarket events", annotations=READS, tags={"polymarket"})
async def polymarket_get_events(
    query: Annotated[str, Field(max_length=200)] | None = None,
    tag: Annotated[str, Field(max_length=100)] | None = None,
    limit: Limit = 20,
    cursor: Cursor | None = None,
    closed: bool = False,
    account: Account = Depends(get_wallet),
) -> EventList:
    """Events, largest first: by words of the title, or by tag like politics."""
    return await discovery.events(account, query, tag, limit, cursor, closed=closed)


@mcp.tool(title="A Polymarket event", annotations=READS, tags={"polymarket"})
async def polymarket_get_event(
    event: Annotated[str, Field(min_length=1, max_length=300)], account: Account = Depends(get_wallet)
) -> EventAnswer:
    """An event with all its markets, by link, slug or number."""
    from prediction_mcp.desk.polymarket import lookup

    return EventAnswer.of(await lookup.event(account, event), account.source)


@mcp.tool(title="A Polymarket book", annotations=READS, tags={"polymarket"})
async def polymarket_get_orderbook(
    market: MarketName,
    outcome: Outcome | None = None,
    depth: Annotated[int, Field(ge=1, le=100)] = 10,
    account: Account = Depends(get_wallet),
) -> BookAnswer:
    """Bids and asks of an outcome (the first one, if none is named), best first."""
    return await discovery.orderbook(account, market, outcome, depth)


@mcp.tool(title="Polymarket trades", annotations=READS, tags={"polymarket"})
async def polymarket_get_trades(
    market: MarketName,
    limit: Limit = 20,
    cursor: Cursor | None = None,
    account: Account = Depends(get_wallet),
) -> TradeList:
    """A market's newest trades."""
    return await discovery.trades(account, market, limit, cursor)


@mcp.tool(title="Polymarket prices in time", annotations=READS, tags={"polymarket"})
async def polymarket_get_price_history(
    market: MarketName,
    outcome: Outcome | None = None,
    interval: Annotated[Literal["1h", "6h", "1d", "1w", "1m", "max"], Word] = "1w",
    chart: bool = False,
    account: Account = Depends(get_wallet),
) -> History | ToolResult:
    """An outcome's prices over the last interval. chart adds a PNG."""
    answer = await discovery.history(account, market, outcome, interval)
    if not chart:
        return answer
    from prediction_mcp.desk.polymarket.chart import picture
    from prediction_mcp.protocol.pictures import with_picture

    return with_picture(answer, await picture(answer))


@mcp.tool(title="Polymarket holders", annotations=READS, tags={"polymarket"})
async def polymarket_get_holders(
    market: MarketName, limit: Annotated[int, Field(ge=1, le=50)] = 10, account: Account = Depends(get_wallet)
) -> Holders:
    """The largest holders of each outcome."""
    return await discovery.holders(account, market, limit)
