"""What is listed, its books, trades and candlesticks, as Kalshi's JSON has them."""

from __future__ import annotations

import uuid

from prediction_mcp.exchange.engine.market_state import MarketState, Trade
from prediction_mcp.exchange.engine.matching import Book
from prediction_mcp.exchange.world.history import Candle
from prediction_mcp.exchange.world.listed import Event, Market, Series
from prediction_mcp.kalshi.units import (
    PRICE_UNITS,
    PriceGrid,
    format_count,
    format_price,
)

from ..documents import terms_url
from .wire import Json, moment, side_names

RULES_SECONDARY = "Simulated market: it is settled by the paper exchange's own random draw."
SPORTS = {
    "KXNBAGAME": ("Basketball", "Pro Basketball", "basketball"),
    "KXNFLGAME": ("Football", "Pro Football", "football"),
}
"""Sport, competition and word of the series of games."""


def identity(kind: str, name: str) -> str:
    """A UUID, always the same for its kind and name."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}/{name}"))


def series(item: Series, shard: int, address: str, volume: int | None = None) -> Json:
    """``shard``: of its new events; ``address``: where this exchange is reached, which has documents there."""
    out: Json = {
        "ticker": item.ticker,
        "title": item.title,
        "frequency": item.frequency,
        "category": item.category,
        "categories": [item.category],
        "tags": item.tags,
        "settlement_sources": [{"name": item.source[0], "url": item.source[1]}],
        "contract_url": terms_url(address, item.ticker),
        "contract_terms_url": terms_url(address, item.ticker),
        "fee_type": item.fee_type,
        "fee_multiplier": float(item.fee_multiplier),
        "additional_prohibitions": [],
        "last_updated_ts": moment(item.created_ms),
        "exchange_index": shard,
    }
    if volume is not None:
        out["volume_fp"] = format_count(volume)
    return out


def event(item: Event, markets: list[Json] | None = None) -> Json:
    out: Json = {
        "event_ticker": item.ticker,
        "series_ticker": item.series.ticker,
        "title": item.title,
        "sub_title": item.sub_title,
        "collateral_return_type": "MECNET" if item.exclusive else "",
        "mutually_exclusive": item.exclusive,
        "category": item.series.category,
        "settlement_sources": [{"name": item.series.source[0], "url": item.series.source[1]}],
        "strike_period": "",
        "product_metadata": competition(item),
        "available_on_brokers": True,
        "last_updated_ts": moment(item.updated_ms),
        "exchange_index": item.shard,
    }
    if item.fee_type is not None:
        out["fee_type_override"] = item.fee_type
        out["fee_multiplier_override"] = None if item.fee_multiplier is None else float(item.fee_multiplier)
    if item.strike_ms is not None:
        out["strike_date"] = moment(item.strike_ms)
    if markets is not None:
        out["markets"] = markets
    return out


def competition(item: Event) -> Json:
    """Return the competition of a sports event, as production's ``product_metadata`` has it."""
    sport = SPORTS.get(item.series.ticker)
    return {} if sport is None else {"competition": sport[1], "competition_scope": "Game"}


def scope(item: Series) -> Json:
    """Return the scope of a series of sports, as production's ``product_metadata`` has it."""
    return {"scope": "Game"} if item.ticker in SPORTS else {}


def quotes(state: MarketState) -> Json:
    """Best prices of both outcomes with their sizes.

    A side without orders has a size of 0 and a bid of 0. Its ask is 1, or 0 in a market that was never quoted: so 162
    of 200 open markets were recorded (``recorded/markets__status_open``).
    """
    book = state.book
    bid, ask = book.bids.best, book.asks.best
    yes_bid, yes_ask = bid or 0, ask or (PRICE_UNITS if state.was_quoted else 0)
    return {
        "yes_bid_dollars": format_price(yes_bid),
        "yes_bid_size_fp": format_count(book.bids.best_size),
        "yes_ask_dollars": format_price(yes_ask),
        "yes_ask_size_fp": format_count(book.asks.best_size),
        "no_bid_dollars": format_price(PRICE_UNITS - yes_ask),
        "no_ask_dollars": format_price(PRICE_UNITS - yes_bid),
    }


def market(item: Market, state: MarketState, now_ms: int) -> Json:
    day_ago = now_ms - 86_400_000
    volume_24h = 0
    for trade in reversed(state.trades):
        if trade.ts_ms < day_ago:
            break
        volume_24h += trade.count
    out: Json = {
        "ticker": item.ticker,
        "event_ticker": item.event.ticker,
        "market_type": item.market_type,
        "title": item.title,
        "yes_sub_title": item.yes_sub_title,
        "no_sub_title": item.no_sub_title,
        "created_time": moment(item.created_ms),
        "updated_time": moment(item.updated_ms),
        "open_time": moment(item.open_ms),
        "close_time": moment(item.close_ms),
        "expected_expiration_time": moment(item.decide_ms),
        "expiration_time": moment(item.decide_ms),
        "latest_expiration_time": moment(item.decide_ms + 7 * 86_400_000),
        "settlement_timer_seconds": item.settlement_timer_s,
        "status": item.status,
        **quotes(state),
        "last_price_dollars": format_price(state.last_price),
        "volume_fp": format_count(state.volume),
        "volume_24h_fp": format_count(volume_24h),
        "result": item.result,
        "can_close_early": item.can_close_early,
        "open_interest_fp": format_count(state.open_interest),
        "notional_value_dollars": format_price(PRICE_UNITS),
        "previous_yes_bid_dollars": format_price(item.previous_bid),
        "previous_yes_ask_dollars": format_price(item.previous_ask),
        "previous_price_dollars": format_price(item.previous_price),
        "settlement_bounds_type": "default",
        "expiration_value": item.expiration_value,
        "strike_type": item.strike_type,
        "rules_primary": item.rules,
        "rules_secondary": RULES_SECONDARY,
        "price_level_structure": item.structure,
        "price_ranges": price_ranges(item.grid),
        "exchange_index": item.event.shard,
    }
    if item.can_close_early and not item.legs:
        out["early_close_condition"] = "Closes early once the outcome is known."
    if item.floor_strike is not None:
        out["floor_strike"] = float(item.floor_strike)
    if item.cap_strike is not None:
        out["cap_strike"] = float(item.cap_strike)
    if item.decided_ms:
        out["settlement_value_dollars"] = format_price(item.value)
    if item.settled_ms:
        out["settlement_ts"] = moment(item.settled_ms)
    if item.waiver_ms:
        out["fee_waiver_expiration_time"] = moment(item.waiver_ms)
    if item.legs:
        out["mve_collection_ticker"] = item.event.collection
        out["mve_selected_legs"] = legs(item)
        out["is_provisional"] = True
    else:
        out["occurrence_datetime"] = moment(item.decide_ms)
    if custom := custom_strike(item):
        out["custom_strike"] = custom
    return out


def custom_strike(item: Market) -> Json:
    """Return the subject of a market beyond a number: the target of a structured one, the legs of a combo."""
    if item.legs:
        events, markets, sides = zip(*item.legs, strict=True)
        return {
            "Associated Events": ",".join(events),
            "Associated Market Sides": ",".join(sides),
            "Associated Markets": ",".join(markets),
            "Multivariate Event Ticker": item.event.ticker,
        }
    if item.strike_type != "structured":
        return {}
    sport = SPORTS.get(item.event.series.ticker)
    target = "outcome" if sport is None else f"{sport[2]}_team"
    return {target: identity(item.event.series.ticker, item.yes_sub_title)}


def created(item: Market) -> Json:
    """What the feed says of a market that is new."""
    more: Json = {
        "name": item.yes_sub_title,
        "title": item.title,
        "yes_sub_title": item.yes_sub_title,
        "no_sub_title": item.no_sub_title,
        "rules_primary": item.rules,
        "rules_secondary": RULES_SECONDARY,
        "can_close_early": item.can_close_early,
        "event_ticker": item.event.ticker,
        "expected_expiration_ts": item.decide_ms // 1000,
        "strike_type": item.strike_type,
    }
    if item.floor_strike is not None:
        more["floor_strike"] = float(item.floor_strike)
    if item.cap_strike is not None:
        more["cap_strike"] = float(item.cap_strike)
    return {
        "exchange_index": item.event.shard,
        "open_ts": item.open_ms // 1000,
        "close_ts": item.close_ms // 1000,
        "additional_metadata": more,
        "price_level_structure": item.structure,
    } | ({} if item.legs else {"price_ranges": price_ranges(item.grid)})


def price_ranges(grid: PriceGrid) -> list[Json]:
    return [
        {"start": format_price(r.start), "end": format_price(r.end), "step": format_price(r.step)} for r in grid.ranges
    ]


def legs(item: Market) -> list[Json]:
    """What a combo is made of."""
    return [
        {"event_ticker": event_ticker, "market_ticker": ticker, "side": side}
        for event_ticker, ticker, side in item.legs
    ]


def orderbook(book: Book, depth: int = 0) -> Json:
    """Bids of both outcomes, worst first as Kalshi was seen to send them; a YES ask is a NO bid at $1 − price."""
    yes = book.bids.depth()[: depth or None]
    no = [(PRICE_UNITS - price, count) for price, count in book.asks.depth()[: depth or None]]
    return {
        "yes_dollars": [[format_price(p), format_count(c)] for p, c in reversed(yes)],
        "no_dollars": [[format_price(p), format_count(c)] for p, c in reversed(no)],
    }


def trade(item: Trade, ticker: str, trade_id: str) -> Json:
    outcome, side = side_names(item.taker_side)
    return {
        "trade_id": trade_id,
        "ticker": ticker,
        "count_fp": format_count(item.count),
        "yes_price_dollars": format_price(item.price),
        "no_price_dollars": format_price(PRICE_UNITS - item.price),
        "taker_side": outcome,
        "taker_outcome_side": outcome,
        "taker_book_side": side,
        "created_time": moment(item.ts_ms),
        "is_block_trade": item.is_block,
    }


def candlestick(candle: Candle, tick: int, open_interest: int) -> Json:
    """One candlestick; without a trade its price is only what it was before.

    Quotes of the past aren't kept, so bid and ask are the traded band, a tick apart.
    """

    def price(units: int) -> str:
        return format_price(min(max(units, 0), PRICE_UNITS))

    def band(shift: int) -> Json:
        return {name: price(units + shift) for name, units in shown.items()}

    before = candle.previous or 0
    shown = {
        "open_dollars": candle.open_price or before,
        "low_dollars": candle.low if candle.volume else before,
        "high_dollars": candle.high if candle.volume else before,
        "close_dollars": candle.close_price or before,
    }
    traded: Json = {}
    if candle.volume:
        mean = (2 * candle.notional + candle.volume) // (2 * candle.volume)
        traded = {**band(0), "mean_dollars": format_price(mean)}
    if candle.previous is not None:
        traded["previous_dollars"] = price(candle.previous)
    return {
        "end_period_ts": candle.end_ts,
        "yes_bid": band(-tick),
        "yes_ask": band(0),
        "price": traded,
        "volume_fp": format_count(candle.volume),
        "open_interest_fp": format_count(open_interest),
    }


def candlestick_before(end_ts: int, close: int, open_interest: int) -> Json:
    """The candlestick that stands for all before the start: nothing traded in it, and what the last one closed at."""
    none = dict.fromkeys(("open_dollars", "low_dollars", "high_dollars", "close_dollars"))
    quoted = dict.fromkeys(none, format_price(close))  # the schema wants bid and ask in full
    return {
        "end_period_ts": end_ts,
        "yes_bid": quoted,
        "yes_ask": quoted,
        "price": {**none, "mean_dollars": None, "previous_dollars": format_price(close)},
        "volume_fp": format_count(0),
        "open_interest_fp": format_count(open_interest),
    }


def historical_candlestick(candle: Json) -> Json:
    """The historical endpoint spells the same candlestick with other names."""

    def plain(quotes: Json) -> Json:
        return {key.removesuffix("_dollars"): value for key, value in quotes.items()}

    traded = plain(candle["price"])
    return {
        "end_period_ts": candle["end_period_ts"],
        "yes_bid": plain(candle["yes_bid"]),
        "yes_ask": plain(candle["yes_ask"]),
        "price": {key: traded.get(key) for key in ("open", "low", "high", "close", "mean", "previous")},
        "volume": candle["volume_fp"],
        "open_interest": candle["open_interest_fp"],
    }
