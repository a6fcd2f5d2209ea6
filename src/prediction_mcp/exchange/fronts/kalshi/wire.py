"""How Kalshi writes things down: engine objects to the JSON of its REST answers.

Every field that the official SDK requires is here; see docs/kalshi.md, "Numbers", for the formats.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from prediction_mcp.exchange.engine.ledger import Account, Fill, Holding, Settlement
from prediction_mcp.exchange.engine.matching import BID, Order
from prediction_mcp.kalshi.units import (
    COUNT_UNITS,
    MICROS,
    PRICE_UNITS,
    format_count,
    format_dollars,
    format_price,
)

Json = dict[str, Any]


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


def side_names(side: int) -> tuple[str, str]:
    return ("yes", "bid") if side == BID else ("no", "ask")


def _deprecated(outcome: str) -> Json:
    """The direction as it was said before 2026, still sent: what trades the other way is a buy of NO."""
    return {"side": outcome, "action": "buy"}


def order(item: Order) -> Json:
    outcome, side = side_names(item.side)
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
        "exchange_index": item.account.shard,
    }
    if item.expires_ms:
        out["expiration_time"] = moment(item.expires_ms)
    if item.group is not None:
        out["order_group_id"] = item.group.group_id
    return out


def executed(item: Order, filled: int, notional: int, fees: int) -> Json:
    """The answer to a create; averages are per contract."""
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


def amended(item: Order, filled: int, notional: int, fees: int, *, resized: bool) -> Json:
    """The answer to an amend: counts are null unless it filled or changed the open size, averages unless it filled."""
    averages: Json = {"average_fill_price": None, "average_fee_paid": None}
    counts = {} if filled or resized else {"fill_count": None, "remaining_count": None}
    return averages | executed(item, filled, notional, fees) | counts


def fill(item: Fill) -> Json:
    outcome, side = side_names(item.side)
    return {
        "fill_id": item.fill_id,
        "trade_id": item.fill_id,
        "order_id": item.order_id,
        "exchange_index": item.account.shard,
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


def position(ticker: str, shard: int, item: Holding) -> Json:
    return {
        "ticker": ticker,
        "exchange_index": shard,
        "total_traded_dollars": _micros(item.traded),
        "position_fp": format_count(item.position),
        "market_exposure_dollars": _micros(item.cost),
        "realized_pnl_dollars": _micros(item.realized),
        "fees_paid_dollars": _micros(item.fees),
        "last_updated_ts": moment(item.updated_ms),
    }


def event_position(event_ticker: str, holdings: list[Holding], returned: int) -> Json:
    """``returned``: micros of collateral that were paid back already, by which the exposure is less."""
    return {
        "event_ticker": event_ticker,
        "total_cost_dollars": _micros(sum(h.traded for h in holdings)),
        "total_cost_shares_fp": format_count(sum(h.contracts for h in holdings)),
        "event_exposure_dollars": _micros(sum(h.cost for h in holdings) - returned),
        "realized_pnl_dollars": _micros(sum(h.realized for h in holdings)),
        "fees_paid_dollars": _micros(sum(h.fees for h in holdings)),
    }


def settlement(item: Settlement, event_ticker: str) -> Json:
    """``value`` is whole cents; null where a scalar end isn't, which the market has to four decimals."""
    yes, no = max(item.position, 0), max(-item.position, 0)
    return {
        "ticker": item.ticker,
        "exchange_index": item.account.shard,
        "event_ticker": event_ticker,
        "market_result": item.result,
        "yes_count_fp": format_count(yes),
        "yes_total_cost_dollars": _micros(item.cost if yes else 0),
        "no_count_fp": format_count(no),
        "no_total_cost_dollars": _micros(item.cost if no else 0),
        "revenue": cents(item.revenue),
        "settled_time": moment(item.ts_ms),
        "fee_cost": _micros(item.fees),
        "value": None if item.value % 100 else item.value // 100,
    }


def balance_dollars(micros: int) -> str:
    """A balance: four decimals, the rest cut off, as recorded."""
    return format_price(micros // (MICROS // PRICE_UNITS))


def balance(accounts: Sequence[Account], portfolio_value: int) -> Json:
    """Return what a subaccount has on some shards together."""
    available = sum(account.available for account in accounts)
    return {
        "balance": cents(available),
        "balance_dollars": balance_dollars(available),
        "portfolio_value": cents(portfolio_value),
        "updated_ts": max(account.updated_ms for account in accounts) // 1000,
    }


def breakdown(account: Account) -> list[Json]:
    """Return the free cash of a subaccount on each shard that it uses."""
    return [{"exchange_index": a.shard, "balance": balance_dollars(a.available)} for a in account.in_use]
