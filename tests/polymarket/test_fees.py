"""Fees by Polymarket's formula: a hand-worked table, and the engine's integers against the client's decimals."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_mcp.polymarket.fees import TakerFees, taker_fee
from prediction_mcp.polymarket.models import FeeSchedule


@pytest.mark.parametrize(
    ("rate", "exponent", "price", "shares", "dollars"),
    [
        ("0.05", 1, "0.5", "100", "1.25"),  # 100 x 0.05 x 0.25
        ("0.04", 1, "0.1", "50", "0.18"),  # 50 x 0.04 x 0.09
        ("0.25", 2, "0.5", "10", "0.15625"),  # 10 x 0.25 x 0.0625
        ("0.05", 1, "0.01", "0.01", "0"),  # 0.00000495: below a step
        ("0.05", 1, "0.33", "1", "0.01106"),  # 0.011055, half up
    ],
)
def test_hand_worked(rate: str, exponent: int, price: str, shares: str, dollars: str) -> None:
    schedule = FeeSchedule(rate=Decimal(rate), exponent=Decimal(exponent))
    assert taker_fee(schedule, Decimal(price), Decimal(shares)) == Decimal(dollars)


@given(
    rate=st.integers(0, 2_500),
    exponent=st.sampled_from([1, 2]),
    price=st.integers(1, 9_999),
    count=st.integers(1, 10**7),
)
def test_engine_and_client_agree(rate: int, exponent: int, price: int, count: int) -> None:
    fees = TakerFees(rate * 10**6, exponent)
    schedule = FeeSchedule(rate=Decimal(rate).scaleb(-4), exponent=Decimal(exponent))
    wanted = taker_fee(schedule, Decimal(price).scaleb(-4), Decimal(count).scaleb(-2))
    assert Decimal(fees.worst(price, count)).scaleb(-6) == wanted
    assert fees.taker(-price * count, price, count, 1, 0) == (fees.worst(price, count), 0)
    assert fees.maker(-price * count, price, count, 1, 0) == (0, 0)
