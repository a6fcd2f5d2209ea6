"""Hand-worked figures for what a trader sees before and after an order."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_mcp.analytics.book import bid_value, mid, spread, walk
from prediction_mcp.analytics.costs import order_cost
from prediction_mcp.analytics.positions import mark
from prediction_mcp.kalshi.fees import FeeSchedule

D = Decimal
QUADRATIC = FeeSchedule.of("quadratic")
MAKER = FeeSchedule.of("quadratic_with_maker_fees")


def test_buying_100_at_40() -> None:
    """Pays 40, fee 0.07·100·0.4·0.6 = 1.68: at worst 41.68 is lost, at best 58.32 won, even at 41.68 %."""
    cost = order_cost(MAKER, D("0.40"), D(100), buying=True)
    assert (cost.pays, cost.taker_fee, cost.maker_fee) == (D(40), D("1.68"), D("0.42"))
    assert (cost.max_loss, cost.max_profit, cost.break_even) == (D("41.68"), D("58.32"), D("0.4168"))


def test_selling_100_at_40() -> None:
    """Brings 40 − 1.68 if held; opening, it risks the other 60 and the fee; pays while the chance is below 38.32 %."""
    cost = order_cost(QUADRATIC, D("0.40"), D(100), buying=False)
    assert (cost.receives, cost.pays) == (D(40), D(60))
    assert (cost.max_loss, cost.max_profit, cost.break_even) == (D("61.68"), D("38.32"), D("0.3832"))


def test_fee_is_rounded_to_the_balance_grid() -> None:
    """1 at 55¢ of a tenth: trade fee 0.017325 → the balance moves on $0.0001, so 0.0174 is charged."""
    assert QUADRATIC.fee(D("0.55"), D(1), is_taker=True) == D("0.0174")


@given(st.integers(1, 99), st.integers(1, 10_000))
def test_best_and_worst_case_differ_by_the_dollar(cents: int, count: int) -> None:
    for buying in (True, False):
        cost = order_cost(QUADRATIC, D(cents) / 100, D(count), buying=buying)
        assert cost.max_profit + cost.max_loss == count


def test_half_a_book_has_no_middle() -> None:
    assert mid(D("0.4"), D("0.5")) == D("0.45")
    assert spread(D("0.4"), D("0.5")) == D("0.1")
    assert mid(None, D("0.5")) is None
    assert spread(D("0.4"), None) is None


def test_walking_a_book() -> None:
    asks = [(D("0.40"), D(10)), (D("0.42"), D(5)), (D("0.50"), D(100))]
    met = walk(asks, D(12))
    assert (met.filled, met.cost, met.last_price) == (D(12), D("4.84"), D("0.42"))
    assert walk(asks, D(50), D("0.42")).filled == D(15)
    assert walk(asks, D(5), D("0.39")) == walk([], D(5))
    bids = [(D("0.30"), D(10)), (D("0.20"), D(10))]
    assert walk(bids, D(15), D("0.25"), buying=False).filled == D(10)
    assert bid_value(bids) == D(5)


@pytest.mark.parametrize(
    ("position", "bid", "ask", "value"),
    [
        (D(10), D("0.40"), D("0.44"), D("4.00")),
        (D(-10), D("0.40"), D("0.44"), D("5.60")),
        (D(10), None, D("0.44"), None),
        (D(-10), D("0.40"), None, None),
        (D(0), D("0.40"), D("0.44"), None),
    ],
)
def test_a_position_is_worth_the_bid_for_its_side(
    position: Decimal, bid: Decimal | None, ask: Decimal | None, value: Decimal | None
) -> None:
    """YES sells to the YES bid, NO to 1 − the YES ask; where nobody bids nothing is made up."""
    marked = mark(position, D("3.00"), bid, ask)
    assert marked.value == value
    assert marked.unrealized == (None if value is None else value - 3)
