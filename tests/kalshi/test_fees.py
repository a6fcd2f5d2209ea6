"""Fees against Kalshi's worked example, against Decimal arithmetic written out, and against their laws."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_mcp.kalshi.fees import GRID_CENT, GRID_DIRECT, FeeSchedule, UnknownFeeTypeError, round_fee, trade_fee

QUADRATIC = FeeSchedule.of("quadratic")
prices = st.integers(1, 9_999)
counts = st.integers(1, 10**7)


def test_worked_example_of_the_fee_rules() -> None:
    """Grid $0.01, revenue −0.055, model fee 0.00363825 → trade fee 0.003639, balance −0.06, rounding fee 0.001361."""
    fee = trade_fee(QUADRATIC.taker_rate, price=550, count=100)
    assert fee == 3_639
    net, accumulator = round_fee(-55_000, fee, GRID_CENT, 0)
    assert -55_000 - net == -60_000
    assert accumulator == 1_361
    assert net == 3_639 + 1_361


@pytest.mark.parametrize(
    ("fee_type", "multiplier", "taker", "maker"),
    [
        ("quadratic", "1", "1.75", "0"),
        ("quadratic_with_maker_fees", "1", "1.75", "0.4375"),
        ("quadratic_with_combo_maker_fees", "1", "1.75", "0.875"),
        ("quadratic", "0.5", "0.875", "0"),
    ],
)
def test_a_hundred_contracts_at_half_a_dollar(fee_type: str, multiplier: str, taker: str, maker: str) -> None:
    """0.07 × 100 × 0.5 × 0.5 = $1.75 for the taker."""
    schedule = FeeSchedule.of(fee_type, multiplier)
    assert trade_fee(schedule.taker_rate, 5_000, 10_000) == Decimal(taker) * 10**6
    assert trade_fee(schedule.maker_rate, 5_000, 10_000) == Decimal(maker) * 10**6


@pytest.mark.parametrize("fee_type", ["flat", "something_new"])
def test_no_fee_is_made_up(fee_type: str) -> None:
    with pytest.raises(UnknownFeeTypeError):
        FeeSchedule.of(fee_type)


@given(prices, counts, st.sampled_from(["1", "0.5", "0.035", "2", "0"]))
def test_trade_fee_is_the_formula_rounded_up(price: int, count: int, multiplier: str) -> None:
    p, c = Decimal(price) / 10_000, Decimal(count) / 100
    exact = Decimal(multiplier) * Decimal("0.07") * c * p * (1 - p)
    expected = exact.quantize(Decimal("0.000001"), ROUND_CEILING)
    assert trade_fee(FeeSchedule.of("quadratic", multiplier).taker_rate, price, count) == expected * 10**6


@given(prices, counts)
def test_both_sides_of_a_price_pay_the_same(price: int, count: int) -> None:
    assert trade_fee(QUADRATIC.taker_rate, price, count) == trade_fee(QUADRATIC.taker_rate, 10_000 - price, count)


@given(
    st.lists(st.tuples(prices, st.integers(1, 10**5), st.booleans()), min_size=1, max_size=40),
    st.sampled_from([GRID_CENT, GRID_DIRECT]),
)
def test_accumulator_over_many_fills(fills: list[tuple[int, int, bool]], grid: int) -> None:
    """Against the rules written out with fractions; and no cent is lost over the order's life."""
    accumulator = charged = trade_fees = 0
    slow = Fraction(0)
    for price, count, closing in fills:
        fee = trade_fee(QUADRATIC.taker_rate, price, count)
        revenue = price * count * (1 if closing else -1)
        net, accumulator = round_fee(revenue, fee, grid, accumulator)

        after = Fraction(revenue - fee, 10**6)
        step = Fraction(grid, 10**6)
        floored = (after / step).__floor__() * step
        rounding = after - floored
        slow += rounding
        rebate = min((slow / step).__floor__(), ((Fraction(fee, 10**6) + rounding) / step).__floor__()) * step
        slow -= rebate
        assert Fraction(net, 10**6) == Fraction(fee, 10**6) + rounding - rebate
        assert Fraction(accumulator, 10**6) == slow
        assert net >= 0
        assert (revenue - net) % grid == 0
        charged += net
        trade_fees += fee
    assert charged == trade_fees + accumulator


def test_floor_is_towards_minus_infinity() -> None:
    """A debit is rounded away from the member's favour, like a credit."""
    assert Decimal("-0.058639").quantize(Decimal("0.01"), ROUND_FLOOR) == Decimal("-0.06")
    assert round_fee(58_639, 0, GRID_CENT, 0)[0] == 8_639


def test_a_schedule_is_exact_or_refused() -> None:
    plain = FeeSchedule.of("quadratic")
    assert (plain.multiplier, plain.taker_rate, plain.maker_rate) == (Decimal(1), 700_000_000, 0)
    with pytest.raises(
        UnknownFeeTypeError, match=r"^fee type 'odd' has no formula here: see the exchange's fee schedule$"
    ):
        FeeSchedule.of("odd")
    for kind, multiplier in (("quadratic", "-1"), ("quadratic_with_maker_fees", "-0.5"), ("quadratic", "0.000000001"),
                             ("quadratic", "0.123456789012")):  # fmt: skip
        with pytest.raises(ValueError, match="must be positive, with six decimals at most"):
            FeeSchedule.of(kind, multiplier)


def test_what_rounding_does_by_hand() -> None:
    """Whose cash moves decides how far the fee is rounded; nothing is given back before a whole step was rounded."""
    assert QUADRATIC.fee_type == "quadratic"
    tiny = Decimal("0.0057"), Decimal("0.01")  # moves $0.000057, and the fee is $0.000004
    assert QUADRATIC.fee(*tiny, is_taker=True) == Decimal("0.000043")
    assert QUADRATIC.fee(*tiny, is_taker=True, closing=True) == Decimal("0.000053") + Decimal("0.000004")
    assert QUADRATIC.fee(Decimal("0.01"), Decimal("0.29"), is_taker=True) == Decimal("0.0003")  # 201 and 99 millionths
