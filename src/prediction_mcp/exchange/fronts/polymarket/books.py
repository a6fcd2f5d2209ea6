"""The order book, public: books, prices, ticks, terms."""

from __future__ import annotations

from typing import Any

import msgspec

from prediction_mcp.exchange.engine.market_state import MarketState
from prediction_mcp.exchange.engine.matching import BID
from prediction_mcp.exchange.world.history import candles
from prediction_mcp.exchange.world.listed import Market
from prediction_mcp.kalshi.units import PRICE_UNITS

from . import wire
from .call import Call
from .refusals import RefusalError

Json = dict[str, Any]
MOST_TOKENS = 500
TOO_MUCH = "Payload exceeds the limit"
INTERVALS_S = {"1h": 3_600, "6h": 21_600, "12h": 43_200, "1d": 86_400, "1w": 604_800, "1m": 2_592_000}
WINDOW_S = 15 * 86_400


class Asked(msgspec.Struct):
    token_id: str
    side: str = ""


def _state(call: Call, market: Market) -> MarketState:
    return call.exchange.engine.markets[market.ticker]


def _tokens(call: Call) -> list[tuple[Asked, Market, bool]]:
    """Those tokens of a request's list that have a book; others are left out."""
    asked = call.decode(list[Asked])
    if len(asked) > MOST_TOKENS:
        raise RefusalError(TOO_MUCH)
    found = []
    for one in asked:
        known = call.exchange.by_token(one.token_id)
        if known is not None and not wire.is_resolved(known[0]) and not wire.question_of(known[0]).placeholder:
            found.append((one, *known))
    return found


def book(call: Call) -> Json:
    market, first = call.token(call.query.get("token_id"))
    return wire.full_book_json(market, _state(call, market), call.now_ms, first=first)


def books(call: Call) -> list[Json]:
    return [wire.full_book_json(m, _state(call, m), call.now_ms, first=first) for _, m, first in _tokens(call)]


def best(state: MarketState, *, first: bool) -> tuple[int | None, int | None]:
    """(best bid, best ask) of a token."""
    bid, ask = state.book.bids.best, state.book.asks.best
    if first:
        return bid, ask
    return (None if ask is None else PRICE_UNITS - ask), (None if bid is None else PRICE_UNITS - bid)


def _price(call: Call, market: Market, side: str, *, first: bool) -> str:
    """``BUY`` answers the best **bid**, ``SELL`` the best ask: recorded, and not what one would pay."""
    if side.upper() not in ("BUY", "SELL"):
        raise RefusalError("Invalid side")
    bid, ask = best(_state(call, market), first=first)
    found = bid if side.upper() == "BUY" else ask
    return "0" if found is None else wire.price(found)


def price(call: Call) -> Json:
    market, first = call.token(call.query.get("token_id"))
    return {"price": _price(call, market, call.query.get("side") or "", first=first)}


def prices(call: Call) -> Json:
    found: Json = {}
    for asked, market, first in _tokens(call):
        found.setdefault(asked.token_id, {})[asked.side.upper()] = _price(call, market, asked.side, first=first)
    return found


def _middle(call: Call, market: Market, *, first: bool) -> str:
    bid, ask = best(_state(call, market), first=first)
    if bid is None or ask is None:
        return "0.5"
    return wire.decimal_text((bid + ask) * 5, 10 * PRICE_UNITS)


def midpoint(call: Call) -> Json:
    market, first = call.token(call.query.get("token_id"))
    return {"mid": _middle(call, market, first=first)}


def midpoints(call: Call) -> Json:
    return {asked.token_id: _middle(call, m, first=first) for asked, m, first in _tokens(call)}


def _spread(call: Call, market: Market) -> str:
    bid, ask = best(_state(call, market), first=True)
    return "0" if bid is None or ask is None else wire.price(ask - bid)


def spread(call: Call) -> Json:
    market, _ = call.token(call.query.get("token_id"))
    return {"spread": _spread(call, market)}


def spreads(call: Call) -> Json:
    return {asked.token_id: _spread(call, m) for asked, m, _ in _tokens(call)}


def _last(call: Call, market: Market, *, first: bool) -> Json:
    state = _state(call, market)
    trades = state.trades
    if not trades:
        return {"price": "0.5", "side": ""}
    bought = (trades[-1].taker_side == BID) == first
    return {"price": wire.price(wire.last_price(state, first=first)), "side": "BUY" if bought else "SELL"}


def last_trade_price(call: Call) -> Json:
    market, first = call.token(call.query.get("token_id"))
    return _last(call, market, first=first)


def last_trades_prices(call: Call) -> list[Json]:
    return [
        {"token_id": asked.token_id, **_last(call, m, first=first)}
        for asked, m, first in _tokens(call)
        if _state(call, m).trades
    ]


def tick_size(call: Call) -> Json:
    market, _ = call.token(call.query.get("token_id") or call.path.get("token_id"))
    return {"minimum_tick_size": wire.number(wire.tick(market))}


def neg_risk(call: Call) -> Json:
    market, _ = call.token(call.query.get("token_id") or call.path.get("token_id"))
    return {"neg_risk": market.event.exclusive}


def fee_rate(call: Call) -> Json:
    call.token(call.query.get("token_id"))
    return {"base_fee": 1000}


def market_by_token(call: Call) -> Json:
    found = call.exchange.by_token(call.path["token_id"])
    if found is None:
        raise RefusalError("market not found", 404)
    ours = wire.tokens_of(found[0])
    return {"condition_id": wire.condition(found[0]), "primary_token_id": ours[0], "secondary_token_id": ours[1]}


def clob_market(call: Call) -> Json:
    market = call.market(call.path["condition_id"])
    if market is None or wire.question_of(market).placeholder:
        raise RefusalError("market not found", 404)
    return wire.terms_json(market)


def server_time(call: Call) -> int:
    return call.now_ms // 1000


def ok(_: Call) -> str:
    return "OK"


# -- prices in time ------------------------------------------------------------------------------------------------


def history_points(
    call: Call, market: Market, start: int, end: int, step_s: int, *, first: bool
) -> list[tuple[int, int]]:
    """(Unix seconds, price units) of the periods in a window, each with the last price there was."""
    minutes = max(1, step_s // 60)
    found = candles(_state(call, market).trades, start, end, minutes)
    points = [(c.end_ts, c.close_price) for c in found if c.close_price is not None]
    return [(min(ts, call.now_ms // 1000), p if first else PRICE_UNITS - p) for ts, p in points]


def window(call: Call) -> tuple[int, int]:
    """(start, end) in Unix seconds by ``interval``, or by ``startTs`` and ``endTs``."""
    now = call.now_ms // 1000
    interval = call.query.get("interval")
    if interval in ("max", "all"):
        return 0, now
    if interval is not None:
        if interval not in INTERVALS_S:
            raise RefusalError("invalid interval")
        return now - INTERVALS_S[interval], now
    start, end = call.number("startTs", 0, 10**11), call.number("endTs", now, 10**11)
    if start > end:
        raise RefusalError("startTs must be before endTs")
    return start, end


def prices_history(call: Call) -> Json:
    """A token id as ``market``: trap 13."""
    known = call.exchange.by_token(call.query.get("market") or "")
    if known is None:
        raise RefusalError("Invalid token id")
    start, end = window(call)
    step = max(1, call.number("fidelity", 10, 10_000)) * 60
    points = history_points(call, known[0], start, end, step, first=known[1])
    return {"history": [{"t": ts, "p": wire.number(wire.price(p))} for ts, p in points]}
