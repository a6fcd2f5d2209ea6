"""Analysis: books, trades, charts, and what they say."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

from fastmcp.dependencies import Depends
from pydantic import Field

from prediction_mcp.desk.kalshi import lookup
from prediction_mcp.desk.kalshi.account import Account
from prediction_mcp.desk.kalshi.analysis.book_results import BookAnswer, TradeList
from prediction_mcp.desk.results import more
from prediction_mcp.kalshi.errors import InvalidRequestError
from prediction_mcp.protocol.annotations import READS
from prediction_mcp.protocol.parameters import Interval, Probability, Quantity, Ticker, When
from prediction_mcp.protocol.session import get_account
from prediction_mcp.protocol.toolset import Toolset
from prediction_mcp.tools.apps import uri

if TYPE_CHECKING:
    from fastmcp.tools import ToolResult

    from prediction_mcp.desk.kalshi.analysis.results import (
        ArbitrageAnswer,
        Candles,
        Comparison,
        FlowAnswer,
        ImpliedAnswer,
        LiquidityAnswer,
        Opportunity,
        RiskAnswer,
        VolatilityAnswer,
    )

mcp = Toolset()


Window = Annotated[str, Field(description="like 24h, 7d, 2w")]
ROWS = 200
"""Candlesticks of one answer."""


@mcp.tool(title="Order book", annotations=READS, tags={"analysis"}, app=uri("book"))
async def kalshi_get_orderbook(
    ticker: Ticker | None = None,
    tickers: Annotated[list[Ticker] | None, Field(min_length=1, max_length=25)] = None,
    depth: Annotated[int, Field(ge=1, le=100)] = 5,
    chart: bool = False,
    account: Account = Depends(get_account),
) -> BookAnswer | ToolResult:
    """Show the order book: YES bids and asks as [dollars, contracts], best first, spread, mid, depth. chart: of one."""
    if (ticker is None) == (tickers is None):
        raise InvalidRequestError("Give either ticker or tickers.")
    from prediction_mcp.desk.kalshi.analysis.books import books_of

    names = [t.strip().upper() for t in tickers or [ticker or ""]]
    answer, books = await books_of(account, names, depth)
    if not chart:
        return answer
    from prediction_mcp.desk.kalshi.analysis.depth_chart import picture
    from prediction_mcp.protocol.pictures import with_picture

    if ticker is None:
        raise InvalidRequestError("chart is for one ticker.")
    title = (await lookup.market(account, names[0])).name
    return with_picture(answer, await picture(books[names[0]], title, account.environment))


@mcp.tool(title="Trades", annotations=READS, tags={"analysis"})
async def kalshi_get_trades(
    ticker: Ticker | None = None,
    since: When | None = None,
    until: When | None = None,
    limit: Annotated[int, Field(ge=1, le=500)] = 20,
    cursor: str | None = None,
    account: Account = Depends(get_account),
) -> TradeList:
    """The last trades, newest first, of one market or all. Prices are YES dollars."""
    name = None if ticker is None else (await lookup.market(account, ticker)).ticker
    page = await account.kalshi.markets.trades(
        ticker=name,
        min_ts=None if since is None else int(since.timestamp()),
        max_ts=None if until is None else int(until.timestamp()),
        limit=limit,
        cursor=cursor,
    )
    return TradeList.of(page.trades, name, more(page), account.environment).within(since, until)


@mcp.tool(title="Candlesticks", annotations=READS, tags={"analysis"})
async def kalshi_get_candlesticks(
    ticker: Ticker,
    interval: Interval = "1h",
    start: When | None = None,
    end: When | None = None,
    chart: bool = False,
    account: Account = Depends(get_account),
) -> Candles | ToolResult:
    """Open, high, low, close and volume, live or archived; the newest 200 of the time asked for. chart adds a PNG."""
    from prediction_mcp.desk.kalshi.analysis.reading import DEFAULT_SPAN, candles
    from prediction_mcp.desk.kalshi.analysis.results import Candles

    market = await lookup.market(account, ticker)
    last = end or datetime.now(UTC)
    first = start or last - DEFAULT_SPAN[interval]
    if first >= last:
        raise InvalidRequestError("start must be before end.")
    sticks = await candles(account, market, first, last, interval)
    answer = Candles.of(market.ticker, interval, sticks, ROWS, account.environment)
    if not chart:
        return answer
    from prediction_mcp.desk.kalshi.analysis.chart import picture
    from prediction_mcp.protocol.pictures import with_picture

    return with_picture(answer, await picture(answer, market.name))


@mcp.tool(title="Liquidity", annotations=READS, tags={"analysis"})
async def kalshi_analyze_liquidity(
    ticker: Ticker,
    size: Annotated[Quantity | None, Field(gt=0)] = None,
    account: Account = Depends(get_account),
) -> LiquidityAnswer:
    """Is it liquid: spread, depth, imbalance, cost of in and out at your size, a score with reasons."""
    from prediction_mcp.desk.kalshi.analysis.one_market import liquidity_of

    return await liquidity_of(account, ticker, size)


@mcp.tool(title="Volatility", annotations=READS, tags={"analysis"})
async def kalshi_analyze_volatility(
    ticker: Ticker,
    window: Window = "7d",
    account: Account = Depends(get_account),
) -> VolatilityAnswer:
    """Is it volatile: a typical day's move, range, largest moves, scaled to expiry."""
    from prediction_mcp.desk.kalshi.analysis.one_market import volatility_of

    return await volatility_of(account, ticker, window)


@mcp.tool(title="Trade flow", annotations=READS, tags={"analysis"})
async def kalshi_analyze_trade_flow(
    ticker: Ticker,
    window: Window = "24h",
    account: Account = Depends(get_account),
) -> FlowAnswer:
    """Buying or selling: which side takers took, VWAP, large trades, pace."""
    from prediction_mcp.desk.kalshi.analysis.one_market import flow_of

    return await flow_of(account, ticker, window)


@mcp.tool(title="Implied probabilities", annotations=READS, tags={"analysis"})
async def kalshi_get_implied_probabilities(
    event_ticker: Ticker, account: Account = Depends(get_account)
) -> ImpliedAnswer:
    """Probability of each outcome of an event: prices normalised, overround; for strikes median and ranges."""
    from prediction_mcp.desk.kalshi.analysis.one_event import implied

    return await implied(account, event_ticker)


@mcp.tool(title="Arbitrage", annotations=READS, tags={"analysis"})
async def kalshi_find_arbitrage(
    event_ticker: Ticker | None = None,
    series_ticker: Ticker | None = None,
    category: str | None = None,
    min_edge_cents: Annotated[Quantity, Field(ge=0)] = Decimal(0),
    account: Account = Depends(get_account),
) -> ArbitrageAnswer:
    """Arbitrage after fees: outcomes, strikes, combos whose prices contradict each other; size and legs."""
    from prediction_mcp.desk.kalshi.analysis.arbitrage import find_arbitrage

    return await find_arbitrage(account, event_ticker, series_ticker, category, min_edge_cents)


@mcp.tool(title="Compare markets", annotations=READS, tags={"analysis"})
async def kalshi_compare_markets(
    tickers: Annotated[list[Ticker], Field(min_length=2, max_length=10)],
    window: Window = "7d",
    account: Account = Depends(get_account),
) -> Comparison:
    """Markets side by side: prices, moves, correlation of hourly changes, divergence."""
    from prediction_mcp.desk.kalshi.analysis.one_market import compare

    return await compare(account, tickers, window)


@mcp.tool(title="Brief on a market", annotations=READS, tags={"analysis"})
async def kalshi_analyze_market_opportunity(
    ticker: Ticker,
    my_probability: Probability | None = None,
    account: Account = Depends(get_account),
) -> Opportunity:
    """Is it a good trade: price, book, flow, volatility, time, rules; edge at the probability you believe."""
    from prediction_mcp.desk.kalshi.analysis.one_market import opportunity

    return await opportunity(account, ticker, my_probability)


@mcp.tool(title="Risks of a market", annotations=READS, tags={"analysis"})
async def kalshi_assess_market_risk(ticker: Ticker, account: Account = Depends(get_account)) -> RiskAnswer:
    """What could go wrong, the risks: liquidity, time, jumps, early close, settlement, fees, graded."""
    from prediction_mcp.desk.kalshi.analysis.one_market import risks_of

    return await risks_of(account, ticker)
