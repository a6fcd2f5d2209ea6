"""What the client does with answers it has never seen: it ignores what is new, except a direction."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from prediction_mcp.kalshi.errors import MalformedResponseError, PaginationError
from prediction_mcp.kalshi.models.base import Page
from prediction_mcp.kalshi.models.markets import Candlestick, Market, Orderbook, Trade
from prediction_mcp.kalshi.models.orders import NewOrder, Order
from prediction_mcp.kalshi.pagination import everything
from prediction_mcp.kalshi.parsing import parse

ORDER: dict[str, Any] = {
    "order_id": "o", "ticker": "T", "outcome_side": "yes", "book_side": "bid", "status": "resting",
    "yes_price_dollars": "0.5600", "fill_count_fp": "0.00", "remaining_count_fp": "10.00", "initial_count_fp": "10.00",
}  # fmt: skip


def test_unknown_fields_and_enum_values_are_no_problem() -> None:
    order = Order.model_validate(ORDER | {"status": "hibernating", "new_field": {"deep": [1]}})
    assert order.status == "hibernating"
    assert Market.model_validate({"ticker": "T", "event_ticker": "E", "status": "odd", "strike_type": "odd"}).grid


@pytest.mark.parametrize("change", [{"book_side": "sideways"}, {"outcome_side": "maybe"}, {"book_side": None}])
def test_an_unknown_side_is_never_guessed(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="side"):
        Order.model_validate(ORDER | change)


def test_a_trade_without_a_direction_is_malformed() -> None:
    body = b'{"trade_id":"t","ticker":"T","count_fp":"1","yes_price_dollars":"0.5","created_time":"2026-01-01T00:00Z"}'
    with pytest.raises(MalformedResponseError, match="taker_outcome_side"):
        parse(Trade, body, "GET /markets/trades")


def test_money_stays_exact() -> None:
    exact = {
        "fill_count_fp": "0.10", "remaining_count_fp": "0.20", "initial_count_fp": "0.30",
        "taker_fees_dollars": "0.000001", "maker_fees_dollars": "0.000002",
    }  # fmt: skip
    order = parse(Order, json.dumps(ORDER | exact).encode(), "GET an order")
    assert order.fees == Decimal("0.000003")
    assert order.fill_count_fp + order.remaining_count_fp == order.initial_count_fp


def test_a_book_is_sorted_whatever_the_exchange_sends() -> None:
    shuffled = {"yes_dollars": [["0.40", "1.00"], ["0.42", "2.00"], ["0.41", "3.00"]], "no_dollars": None}
    book = Orderbook.model_validate(shuffled)
    assert [str(price) for price, _ in book.yes_bids] == ["0.42", "0.41", "0.40"]
    assert book.yes_asks == []
    book = Orderbook.model_validate({"no_dollars": [["0.55", "1.00"], ["0.57", "2.00"]]})
    assert book.yes_asks == [(Decimal("0.43"), Decimal("2.00")), (Decimal("0.45"), Decimal("1.00"))]


def test_both_spellings_of_a_candlestick() -> None:
    live = {"open_dollars": "0.40", "low_dollars": "0.39", "high_dollars": "0.42", "close_dollars": "0.41"}
    old = {name.removesuffix("_dollars"): value for name, value in live.items()}
    shared = {"end_period_ts": 60}
    new = Candlestick.model_validate(
        {**shared, "price": live, "yes_bid": live, "yes_ask": live, "volume_fp": "5.00", "open_interest_fp": "1.00"}
    )
    archived = Candlestick.model_validate(
        {**shared, "price": old, "yes_bid": old, "yes_ask": old, "volume": "5.00", "open_interest": "1.00"}
    )
    assert new == archived


def test_a_misspelt_field_of_a_request_is_our_error() -> None:
    with pytest.raises(ValueError, match="tiker"):
        NewOrder.model_validate({"tiker": "T", "side": "bid", "count": "1", "price": "0.5", "client_order_id": "x"})


async def test_a_cursor_that_repeats_ends_the_walk() -> None:
    asked: list[str | None] = []

    async def fetch(cursor: str | None) -> Page:
        asked.append(cursor)
        return Page(cursor={None: "a", "a": "b", "b": "a"}[cursor])

    with pytest.raises(PaginationError, match="twice"):
        async for _ in everything(fetch, lambda _: [1]):
            pass
    assert asked == [None, "a", "b"]
