"""How Kalshi writes things down: engine objects to the JSON of its REST answers.

Every field that the official SDK requires is here; see KALSHI.md, "Numbers", for the formats.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prediction_mcp.exchange.engine.ledger import Account, Fill, Holding, Settlement
from prediction_mcp.exchange.engine.market_state import MarketState, Trade
from prediction_mcp.exchange.engine.matching import BID, Book, Order
from prediction_mcp.exchange.world.history import Candle
from prediction_mcp.exchange.world.listed import Event, Market, Series
from prediction_mcp.kalshi.units import (
    COUNT_UNITS,
    MICROS,
    PRICE_UNITS,
    PriceGrid,
    format_count,
    format_dollars,
    format_price,
)

Json = dict[str, Any]
EXCHANGE_INDEX = 0
RULES_SECONDARY = "Simulated market: it is settled by the paper exchange's own random draw."


def moment(ms: int) -> str:
    """Unix milliseconds as RFC 3339 in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def cents(micros: int) -> int:
    """Micros as whole cents, rounded down: what the few remaining integer fields carry."""
    return micros * 100 // MICROS


def _micros(micros: int) -> str:
    """Money of orders, fills and positions: always six decimals, as recorded."""
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    return f"{sign}{micros // MICROS}.{micros % MICROS:06d}"


def _side_names(side: int) -> tuple[str, str]:
    return ("yes", "bid") if side == BID else ("no", "ask")


def series(item: Series, volume: int | None = None) -> Json:
    out: Json = {
        "ticker": item.ticker,
        "title": item.title,
        "frequency": item.frequency,
        "category": item.category,
        "categories": [item.category],
        "tags": item.tags,
        "settlement_sources": [{"name": item.source[0], "url": item.source[1]}],
        "contract_url": f"https://example.invalid/contracts/{item.ticker}.pdf",
        "contract_terms_url": f"https://example.invalid/terms/{item.ticker}.pdf",
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
    outcome, side = _side_names(item.taker_side)
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


def _deprecated(outcome: str) -> Json:
    """The direction as it was said before 2026, still sent: what trades the other way is a buy of NO."""
    return {"side": outcome, "action": "buy"}


def order(item: Order) -> Json:
    outcome, side = _side_names(item.side)
    out: Json = {
        "order_id": item.order_id,
        "user_id": item.account.user_id,
        "client_order_id": item.client_order_id,
        "ticker": item.ticker,
        **_deprecated(outcome),
        "outcome_side": outcome,
        "book_side": side,
        "type": "limit",
        "status": item.status,
        "yes_price_dollars": format_price(item.price),
        "no_price_dollars": format_price(PRICE_UNITS - item.price),
        "fill_count_fp": format_count(item.filled),
        "remaining_count_fp": format_count(item.remaining),
        "initial_count_fp": format_count(item.initial),
        "taker_fill_cost_dollars": _micros(item.taker_cost),
        "maker_fill_cost_dollars": _micros(item.maker_cost),
        "taker_fees_dollars": _micros(item.taker_fees),
        "maker_fees_dollars": _micros(item.maker_fees),
        "created_time": moment(item.created_ms),
        "last_update_time": moment(item.updated_ms),
        "self_trade_prevention_type": item.stp,
        "cancel_order_on_pause": item.cancel_on_pause,
        "subaccount_number": item.account.number,
        "exchange_index": EXCHANGE_INDEX,
    }
    if item.expires_ms:
        out["expiration_time"] = moment(item.expires_ms)
    if item.group is not None:
        out["order_group_id"] = item.group.group_id
    return out


def executed(item: Order, filled: int, notional: int, fees: int) -> Json:
    """The part of a create or amend answer that tells what traded; averages are per contract."""
    out: Json = {
        "order_id": item.order_id,
        "fill_count": format_count(filled),
        "remaining_count": format_count(item.remaining),
        "ts_ms": item.updated_ms,
    }
    if item.client_order_id:
        out["client_order_id"] = item.client_order_id
    if filled:
        out["average_fill_price"] = format_dollars(notional * COUNT_UNITS // filled)
        out["average_fee_paid"] = format_dollars(fees * COUNT_UNITS // filled)
    return out


def fill(item: Fill) -> Json:
    outcome, side = _side_names(item.side)
    return {
        "fill_id": item.fill_id,
        "trade_id": item.fill_id,
        "order_id": item.order_id,
        "client_order_id": item.client_order_id,
        "exchange_index": EXCHANGE_INDEX,
        "ticker": item.ticker,
        "market_ticker": item.ticker,
        **_deprecated(outcome),
        "outcome_side": outcome,
        "book_side": side,
        "count_fp": format_count(item.count),
        "yes_price_dollars": format_price(item.price),
        "no_price_dollars": format_price(PRICE_UNITS - item.price),
        "is_taker": item.is_taker,
        "fee_cost": _micros(item.fee),
        "created_time": moment(item.ts_ms),
        "subaccount_number": item.account.number,
        "ts": item.ts_ms // 1000,
    }


def position(ticker: str, item: Holding, resting: int) -> Json:
    """A position in a market, in which ``resting`` orders of the member wait."""
    return {
        "ticker": ticker,
        "exchange_index": EXCHANGE_INDEX,
        "total_traded_dollars": _micros(item.traded),
        "position_fp": format_count(item.position),
        "market_exposure_dollars": _micros(item.cost),
        "realized_pnl_dollars": _micros(item.realized),
        "fees_paid_dollars": _micros(item.fees),
        "last_updated_ts": moment(item.updated_ms),
        "resting_orders_count": resting,
    }


def event_position(event_ticker: str, holdings: list[Holding]) -> Json:
    return {
        "event_ticker": event_ticker,
        "total_cost_dollars": _micros(sum(h.traded for h in holdings)),
        "total_cost_shares_fp": format_count(sum(abs(h.position) for h in holdings)),
        "event_exposure_dollars": _micros(sum(h.cost for h in holdings)),
        "realized_pnl_dollars": _micros(sum(h.realized for h in holdings)),
        "fees_paid_dollars": _micros(sum(h.fees for h in holdings)),
    }


def settlement(item: Settlement, event_ticker: str) -> Json:
    yes, no = max(item.position, 0), max(-item.position, 0)
    return {
        "ticker": item.ticker,
        "exchange_index": EXCHANGE_INDEX,
        "event_ticker": event_ticker,
        "market_result": item.result,
        "yes_count_fp": format_count(yes),
        "yes_total_cost_dollars": _micros(item.cost if yes else 0),
        "no_count_fp": format_count(no),
        "no_total_cost_dollars": _micros(item.cost if no else 0),
        "revenue": cents(item.revenue),
        "settled_time": moment(item.ts_ms),
        "fee_cost": _micros(item.fees),
        "value": item.value * 100 // PRICE_UNITS,
    }


def balance_dollars(micros: int) -> str:
    """A balance: four decimals, the rest cut off, as recorded."""
    return format_price(micros // (MICROS // PRICE_UNITS))


def balance(account: Account, portfolio_value: int) -> Json:
    return {
        "balance": cents(account.available),
        "balance_dollars": balance_dollars(account.available),
        "portfolio_value": cents(portfolio_value),
        "updated_ts": account.updated_ms // 1000,
        "balance_breakdown": [{"exchange_index": EXCHANGE_INDEX, "balance": balance_dollars(account.available)}],
    }
