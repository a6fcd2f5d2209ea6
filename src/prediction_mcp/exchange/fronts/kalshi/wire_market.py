"""What is listed, its books, trades and candlesticks, as Kalshi's JSON has them."""

from __future__ import annotations

from prediction_mcp.exchange.engine.market_state import MarketState, Trade
from prediction_mcp.exchange.engine.matching import Book
from prediction_mcp.exchange.world.history import Candle
from prediction_mcp.exchange.world.listed import Event, Market, Series
from prediction_mcp.kalshi.units import (
    MICROS,
    PRICE_UNITS,
    PriceGrid,
    format_count,
    format_dollars,
    format_price,
)

from ..documents import terms_url
from .wire import EXCHANGE_INDEX, Json, moment, side_names

RULES_SECONDARY = "Simulated market: it is settled by the paper exchange's own random draw."


def series(item: Series, address: str, volume: int | None = None) -> Json:
    """``address`` is where this exchange is reached: it has documents there."""
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
        "exchange_index": EXCHANGE_INDEX,
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
        "last_updated_ts": moment(item.updated_ms),
        "exchange_index": EXCHANGE_INDEX,
    }
    if item.fee_type is not None:
        out["fee_type_override"] = item.fee_type
        out["fee_multiplier_override"] = None if item.fee_multiplier is None else float(item.fee_multiplier)
    if item.strike_ms is not None:
        out["strike_date"] = moment(item.strike_ms)
    if markets is not None:
        out["markets"] = markets
    return out


def quotes(state: MarketState) -> Json:
    """The best prices of both outcomes with their sizes; 0 and 1 where nobody quotes."""
    book = state.book
    bid, ask = book.bids.best, book.asks.best
    yes_bid, yes_ask = bid or 0, PRICE_UNITS if ask is None else ask
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
        "subtitle": item.yes_sub_title,
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
        "liquidity_dollars": "0.0000",
        "settlement_bounds_type": "default",
        "fractional_trading_enabled": state.fractional,
        "expiration_value": item.expiration_value,
        "strike_type": item.strike_type,
        "rules_primary": item.rules,
        "rules_secondary": RULES_SECONDARY,
        "response_price_units": "usd_cent",
        "price_level_structure": item.structure,
        "price_ranges": price_ranges(item.grid),
        "exchange_index": EXCHANGE_INDEX,
    }
    if item.can_close_early:
        out["early_close_condition"] = "Closes early once the outcome is known."
    if item.floor_strike is not None:
        out["floor_strike"] = float(item.floor_strike)
    if item.cap_strike is not None:
        out["cap_strike"] = float(item.cap_strike)
    if item.decided_ms:
        out["settlement_value_dollars"] = format_price(item.value)
        out["occurrence_datetime"] = moment(item.decided_ms)
    if item.settled_ms:
        out["settlement_ts"] = moment(item.settled_ms)
    if item.legs:
        out["mve_collection_ticker"] = item.event.collection
        out["mve_selected_legs"] = legs(item)
    return out


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
    """One candlestick. Quotes of the past aren't kept, so bid and ask are the traded band, a tick apart."""

    def price(units: int) -> str:
        return format_price(min(max(units, 0), PRICE_UNITS))

    def band(shift: int) -> Json:
        return {
            "open_dollars": price((candle.open_price or 0) + shift),
            "low_dollars": price(candle.low + shift),
            "high_dollars": price(candle.high + shift),
            "close_dollars": price((candle.close_price or 0) + shift),
        }

    traded: Json = {
        "open_dollars": price(candle.open_price or 0),
        "low_dollars": price(candle.low),
        "high_dollars": price(candle.high),
        "close_dollars": price(candle.close_price or 0),
        "mean_dollars": format_dollars(candle.notional // candle.volume * (MICROS // PRICE_UNITS)),
        "min_dollars": price(candle.low),
        "max_dollars": price(candle.high),
    }
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
