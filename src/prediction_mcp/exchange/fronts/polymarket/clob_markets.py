"""The order book's own lists of markets, as older clients read them, and what it says of rewards, which aren't paid.

Source: a recorded answer of ``/markets/{condition_id}``; the lists hold the same objects (py-clob-client-v2).
"""

from __future__ import annotations

import hashlib
from typing import Any

from prediction_mcp.exchange.world.listed import Market
from prediction_mcp.kalshi.units import COUNT_UNITS, PRICE_UNITS

from . import wire
from .call import LAST_PAGE, Call
from .refusals import RefusalError

Json = dict[str, Any]
PAGE = 500


def _page(call: Call, rows: list[Json]) -> Json:
    chunk, cursor = call.page(rows, PAGE, call.query.get("next_cursor"))
    return {"limit": PAGE, "count": len(chunk), "next_cursor": cursor or LAST_PAGE, "data": chunk}


def _simplified(call: Call, market: Market) -> Json:
    state, closed = call.exchange.engine.markets[market.ticker], wire.is_resolved(market)
    middle = wire.middle(market, state)
    prices = (middle, PRICE_UNITS - middle)
    return {
        "condition_id": wire.condition(market), "active": True, "closed": closed, "archived": False,
        "accepting_orders": state.is_open and not closed,
        "rewards": {"rates": None, "min_size": 0, "max_spread": 0},
        "tokens": [
            {"token_id": token, "outcome": label, "price": wire.number(wire.price(price)),
             "winner": closed and price == PRICE_UNITS}
            for token, label, price in zip(wire.tokens_of(market), wire.outcomes(market), prices, strict=True)
        ],
    }  # fmt: skip


def _whole(call: Call, market: Market) -> Json:
    question, event = wire.question_of(market), market.event
    group = hashlib.sha256(f"neg-risk/{event.ticker}".encode()).hexdigest() if event.exclusive else ""
    return {
        **_simplified(call, market), "question": market.title, "market_slug": market.ticker,
        "description": market.rules, "question_id": wire.question_id(market), "tags": [event.series.title],
        "minimum_order_size": wire.MIN_SIZE // COUNT_UNITS, "minimum_tick_size": wire.number(wire.tick(market)),
        "end_date_iso": wire.iso(market.close_ms), "accepting_order_timestamp": wire.iso(market.open_ms),
        "game_start_time": wire.iso(question.game_start_ms) if question.game_start_ms else None,
        "seconds_delay": question.seconds_delay, "maker_base_fee": 1000, "taker_base_fee": 1000,
        "neg_risk": event.exclusive, "neg_risk_market_id": f"0x{group}" if group else "", "neg_risk_request_id": "",
        "enable_order_book": not wire.is_resolved(market), "is_50_50_outcome": market.result == "void",
        "notifications_enabled": False, "fpmm": "", "icon": "", "image": "",
    }  # fmt: skip


def _with_book(call: Call) -> list[Market]:
    return [m for m in call.exchange.catalogue.markets.values() if not wire.question_of(m).placeholder]


def _sampled(call: Call) -> list[Market]:
    """Markets that take orders. Polymarket lists those with rewards here; the paper exchange pays none."""
    markets = call.exchange.engine.markets
    return [m for m in _with_book(call) if markets[m.ticker].is_open and not wire.is_resolved(m)]


def markets(call: Call) -> Json:
    return _page(call, [_whole(call, m) for m in _with_book(call)])


def simplified(call: Call) -> Json:
    return _page(call, [_simplified(call, m) for m in _with_book(call)])


def sampling(call: Call) -> Json:
    return _page(call, [_whole(call, m) for m in _sampled(call)])


def sampling_simplified(call: Call) -> Json:
    return _page(call, [_simplified(call, m) for m in _sampled(call)])


def market(call: Call) -> Json:
    found = call.market(call.path["condition_id"])
    if found is None or wire.question_of(found).placeholder:
        raise RefusalError("market not found", 404)
    return _whole(call, found)


def version(_: Call) -> Json:
    """The version of the orders that are taken."""
    return {"version": 2}


# -- rewards: there are none ---------------------------------------------------------------------------------------


def order_scoring(_: Call) -> Json:
    return {"scoring": False}


def orders_scoring(call: Call) -> Json:
    return dict.fromkeys(call.decode(list[str]), False)


def no_rewards(call: Call) -> Json:
    return _page(call, [])


def no_percentages(_: Call) -> Json:
    return {}
