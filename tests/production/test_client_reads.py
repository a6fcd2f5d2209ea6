"""Every recorded body read by the client's models: each field that a model has, to the last digit.

What a model leaves out is named, so that a field that is new in a recording doesn't pass unseen.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from prediction_mcp.kalshi.models.account import AccountLimits, EndpointCosts
from prediction_mcp.kalshi.models.base import KalshiModel
from prediction_mcp.kalshi.models.communications import Quote
from prediction_mcp.kalshi.models.events import Event
from prediction_mcp.kalshi.models.markets import Candlestick, Market, OrderbookAnswer, Trade
from prediction_mcp.kalshi.models.money import SubaccountBalance
from prediction_mcp.kalshi.models.orders import Order
from prediction_mcp.kalshi.models.portfolio import Balance, EventPosition, Fill, MarketPosition, Settlement, Transfer
from prediction_mcp.kalshi.models.reference import Collection
from prediction_mcp.kalshi.models.series import Series
from tests.facts import load, names

from .test_answers import found, production

LEFT_OUT: dict[type[KalshiModel], set[str]] = {
    Market: {
        "expiration_time", "occurrence_datetime",  # other times are used
        "custom_strike", "primary_participant_key", "is_provisional",  # legs of combos are in mve_selected_legs, too
        "subtitle", "liquidity_dollars", "fractional_trading_enabled", "response_price_units",  # gone
    },
    Event: {"product_metadata", "available_on_brokers"},
    OrderbookAnswer: {"ticker"},  # of a list of books
    Trade: {"taker_side"},  # deprecated: taker_outcome_side
    Order: {"side", "action", "self_trade_prevention_type"},
    Fill: {"side", "action", "ts"},  # deprecated: a direction is outcome_side and book_side; ts is created_time
    MarketPosition: {"resting_orders_count"},  # gone
    Collection: {"_truncated_from"},  # a note of who recorded it
}  # fmt: skip
"""Recorded fields that a model doesn't read."""
BODIES: tuple[tuple[type[KalshiModel], tuple[str, ...]], ...] = (
    (Market, ("ticker", "yes_ask_dollars", "title")),
    (Event, ("event_ticker", "mutually_exclusive")),
    (Series, ("fee_multiplier", "ticker")),
    (OrderbookAnswer, ("orderbook_fp",)),
    (Candlestick, ("end_period_ts",)),
    (Trade, ("taker_side", "trade_id", "ticker", "count_fp", "yes_price_dollars", "is_block_trade")),
    (Order, ("order_id", "initial_count_fp")),
    (Fill, ("fill_id",)),
    (Settlement, ("market_result",)),
    (MarketPosition, ("market_exposure_dollars",)),
    (EventPosition, ("event_exposure_dollars",)),
    (Balance, ("balance_dollars",)),
    (Collection, ("collection_ticker",)),
    (Quote, ("rfq_creator_id",)),
    (AccountLimits, ("usage_tier",)),
    (EndpointCosts, ("endpoint_costs",)),
    (SubaccountBalance, ("subaccount_number", "balance")),
)
"""Models with the fields by which their bodies are known in the recordings."""


def bodies(having: tuple[str, ...]) -> list[dict[str, Any]]:
    folders = ("kalshi/production", "kalshi/recorded", "kalshi/samples")
    return [body for folder in folders for name in names(folder) for body in found(load(name), *having)]


def lost(recorded: Any, read: Any, path: str) -> list[str]:
    """Where a model has another value than the body it was read from."""
    if isinstance(read, BaseModel) and isinstance(recorded, dict):
        return [
            wrong
            for name in type(read).model_fields
            if name in recorded
            for wrong in lost(recorded[name], getattr(read, name), f"{path}.{name}")
        ]
    if isinstance(read, list | tuple) and isinstance(recorded, list):
        if len(read) != len(recorded):
            return [f"{path}: {len(read)} of {len(recorded)}"]
        return [w for old, new in zip(recorded, read, strict=True) for w in lost(old, new, f"{path}[]")]
    if isinstance(read, Decimal):
        return [] if Decimal(str(recorded)) == read else [f"{path}: {recorded} read as {read}"]
    if isinstance(read, datetime):
        return [] if datetime.fromisoformat(recorded) == read else [f"{path}: {recorded} read as {read}"]
    if read is None and recorded in ("", None):
        return []
    return [] if read == recorded else [f"{path}: {recorded!r} read as {read!r}"]


@pytest.mark.parametrize(("model", "having"), BODIES, ids=lambda value: getattr(value, "__name__", ""))
def test_recorded_bodies_are_read_whole(model: type[KalshiModel], having: tuple[str, ...]) -> None:
    recorded = bodies(having)
    assert recorded, "no recording has such a body"
    wrong, left_out = list[str](), set[str]()
    for body in recorded:
        wrong += lost(body, model.model_validate(body), model.__name__)
        left_out |= body.keys() - model.model_fields.keys()
    assert not wrong, "\n".join(sorted(set(wrong))[:20])
    assert left_out == LEFT_OUT.get(model, set())


def test_deposits_are_read_with_their_states() -> None:
    """Recorded in October; their ids were taken out. Only what was applied is money."""
    recorded = production("subaccount_balances_by_shard")["deposits_2026-10"]
    read = [Transfer.model_validate({"id": str(number), **body}) for number, body in enumerate(recorded)]
    assert [(d.status, d.amount_cents, d.finalized_ts) for d in read] == [
        ("applied", 100_000, 1_770_584_924), ("pending", 20_000, 0), ("failed", 40_000, 1_791_036_300),
    ]  # fmt: skip
