"""Analysis: order books and trades."""

from __future__ import annotations

from typing import Annotated

from fastmcp.dependencies import Depends
from fastmcp.server.providers import LocalProvider
from pydantic import Field

from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.errors import InvalidRequestError
from prediction_mcp.settings import Settings

from . import lookup
from .annotations import READS
from .book_results import BookAnswer, BookView, TradeList
from .context import get_kalshi, get_settings
from .parameters import When
from .results import more

mcp = LocalProvider()


@mcp.tool(title="Order book", annotations=READS, tags={"analysis"}, output_schema=None)
async def kalshi_get_orderbook(
    ticker: str | None = None,
    tickers: Annotated[list[str] | None, Field(min_length=1, max_length=25)] = None,
    depth: Annotated[int, Field(ge=1, le=100)] = 5,
    kalshi: KalshiClient = Depends(get_kalshi),
    settings: Settings = Depends(get_settings),
) -> BookAnswer:
    """YES bids and asks as [dollars, contracts], best first, with spread, mid and depth. Give ticker or tickers."""
    if (ticker is None) == (tickers is None):
        raise InvalidRequestError("Give either ticker or tickers.")
    names = [t.strip().upper() for t in tickers or [ticker or ""]]
    books = await kalshi.markets.orderbooks(names)
    for name in names:
        if name not in books or not (books[name].yes_dollars or books[name].no_dollars):
            await lookup.market(kalshi, name)  # an unknown ticker has an empty book too: say so instead
    return BookAnswer(source=settings.env, books=[BookView.of(n, books[n], depth) for n in names if n in books])


@mcp.tool(title="Trades", annotations=READS, tags={"analysis"}, output_schema=None)
async def kalshi_get_trades(
    ticker: str | None = None,
    since: When | None = None,
    until: When | None = None,
    limit: Annotated[int, Field(ge=1, le=500)] = 20,
    cursor: str | None = None,
    kalshi: KalshiClient = Depends(get_kalshi),
    settings: Settings = Depends(get_settings),
) -> TradeList:
    """Recent trades, newest first, of one market or all. Prices are YES dollars."""
    name = None if ticker is None else (await lookup.market(kalshi, ticker)).ticker
    page = await kalshi.markets.trades(
        ticker=name,
        min_ts=None if since is None else int(since.timestamp()),
        max_ts=None if until is None else int(until.timestamp()),
        limit=limit,
        cursor=cursor,
    )
    return TradeList.of(page.trades, name, more(page), settings.env)
