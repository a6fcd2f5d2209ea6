"""Order books, trades and candlesticks."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from prediction_mcp.exchange.engine.market_state import Trade
from prediction_mcp.exchange.engine.rejection import RejectionError
from prediction_mcp.exchange.world.history import candles, with_quiet
from prediction_mcp.exchange.world.listed import Market

from .. import wire_market
from ..call import Call, Json
from .listing import cutoff_ms

PERIODS = (1, 60, 1440)
MAX_CANDLES = 10_000
EMPTY_BOOK: Json = {"yes_dollars": [], "no_dollars": []}


def orderbook(call: Call) -> Json:
    """An unknown ticker gets an empty book, not a 404: that is how Kalshi answers."""
    depth = call.integer("depth", 0, None, 100) or 0
    state = call.exchange.engine.markets.get(call.path["ticker"])
    return {"orderbook_fp": wire_market.orderbook(state.book, max(depth, 0)) if state else EMPTY_BOOK}


def orderbooks(call: Call) -> Json:
    tickers = call.names("tickers", 100)
    if not tickers:
        raise call.refuse("tickers", "required")
    states = call.exchange.engine.markets
    return {
        "orderbooks": [
            {"ticker": t, "orderbook_fp": wire_market.orderbook(states[t].book) if t in states else EMPTY_BOOK}
            for t in tickers
        ]
    }


# -- trades ------------------------------------------------------------------------------------------------------


def _newest_first(call: Call) -> Iterator[tuple[int, str, Trade]]:
    """(sort key, ticker, trade) over one market or all; the key is unique and falls with age."""

    def keyed(ticker: str) -> Iterator[tuple[int, str, Trade]]:
        for trade in reversed(states[ticker].trades):
            yield (trade.ts_ms << 40) + trade.seq, ticker, trade

    states = call.exchange.engine.markets
    ticker = call.text("ticker")
    if ticker is not None:
        return keyed(ticker) if ticker in states else iter(())
    return heapq.merge(*(keyed(t) for t in states), key=lambda item: item[0], reverse=True)


def _trades(call: Call, *, archived: bool) -> Json:
    wanted, block = call.within("min_ts", "max_ts"), call.flag("is_block_trade")
    cutoff = cutoff_ms(call)
    found = (
        item
        for item in _newest_first(call)
        if wanted(item[2].ts_ms) and (item[2].ts_ms < cutoff) == archived and block in (None, item[2].is_block)
    )
    page, cursor = call.page(found, lambda item: item[0], call.limit(low=0))
    trade_id = call.exchange.engine.trade_id
    return {"trades": [wire_market.trade(t, ticker, trade_id(t.seq)) for _, ticker, t in page], "cursor": cursor}


def trades(call: Call) -> Json:
    return _trades(call, archived=False)


def historical_trades(call: Call) -> Json:
    return _trades(call, archived=True)


# -- candlesticks ------------------------------------------------------------------------------------------------


def _window(call: Call) -> tuple[int, int, int]:
    start, end, period = call.seconds("start_ts"), call.seconds("end_ts"), call.integer("period_interval")
    for name in ("start_ts", "end_ts", "period_interval"):
        if call.text(name) is None:
            raise call.refuse(name, "required")
    if start is None or end is None or period not in PERIODS:
        raise call.refuse("period_interval", "oneof")
    if end < start:
        raise call.refuse("end_ts", "gtefield")
    return start, end, period


def _candlesticks(call: Call, market: Market) -> list[Json]:
    start, end, period = _window(call)
    state = call.exchange.engine.markets[market.ticker]
    tick = market.grid.ranges[0].step
    made = with_quiet(candles(state.trades, start, end, period), min(end, call.now_ms // 1000), period)
    if len(made) > MAX_CANDLES:
        raise RejectionError("invalid_parameters", f"more than {MAX_CANDLES} candlesticks: ask for a shorter time")
    shown = [wire_market.candlestick(c, tick, state.open_interest) for c in made]
    if call.flag("include_latest_before_start"):
        before = candles(state.trades, 0, start - 1, period)
        if before:
            length = period * 60
            first = (start // length + 1) * length  # the first boundary after the start
            shown.insert(0, wire_market.candlestick_before(first, before[-1].close_price or 0, state.open_interest))
    return shown


def candlesticks(call: Call) -> Json:
    call.series()
    market = call.market()
    return {"ticker": market.ticker, "candlesticks": _candlesticks(call, market)}


def historical_candlesticks(call: Call) -> Json:
    market = call.market()
    return {
        "ticker": market.ticker,
        "candlesticks": [wire_market.historical_candlestick(c) for c in _candlesticks(call, market)],
    }


def batch_candlesticks(call: Call) -> Json:
    listed = call.exchange.catalogue.markets
    tickers = call.names("market_tickers", 100)
    if not tickers:
        raise call.refuse("market_tickers", "required")
    return {
        "markets": [
            {"market_ticker": t, "candlesticks": _candlesticks(call, listed[t])} for t in tickers if t in listed
        ]
    }


def event_candlesticks(call: Call) -> Json:
    call.series()
    event = call.event("ticker")
    return {
        "market_tickers": [m.ticker for m in event.markets],
        "market_candlesticks": [_candlesticks(call, m) for m in event.markets],
        "adjusted_end_ts": _window(call)[1],
    }
