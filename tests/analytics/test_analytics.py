"""Each analytic against a hand-worked example, and against the laws it must keep."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Literal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from prediction_mcp.analytics import arbitrage as arb
from prediction_mcp.analytics.flow import Print, flow
from prediction_mcp.analytics.liquidity import depth_within, imbalance, round_trip, score
from prediction_mcp.analytics.probability import Rung, ladder, normalised, overround
from prediction_mcp.analytics.volatility import correlation, log_odds, realised, volatility
from prediction_mcp.kalshi.fees import FeeSchedule

D = Decimal
FREE = FeeSchedule.of("quadratic", D(0))
FEES = FeeSchedule.of("quadratic")


# -- liquidity ---------------------------------------------------------------------------------------------------

BIDS = [(D("0.48"), D(100)), (D("0.40"), D(50))]
ASKS = [(D("0.52"), D(10)), (D("0.54"), D(200))]


def test_depth_and_imbalance_by_hand() -> None:
    """Middle 0.50: within 5¢ there are 100 bid and 210 asked: (100 − 210) / 310."""
    assert depth_within(BIDS, D("0.5"), D("0.05")) == 100
    assert depth_within(ASKS, D("0.5"), D("0.03")) == 10
    assert imbalance(D(100), D(210)) == D(-110) / 310
    assert imbalance(D(0), D(0)) is None


def test_a_round_trip_by_hand() -> None:
    """Buy 30: 10 @0.52 + 20 @0.54 = 16.00; sell 30 @0.48 = 14.40: 1.60 without fees. With fees 0.07 × C × P × (1 − P)
    each: 10 → 0.17472, 20 → 0.34776, 30 → 0.52416, each rounded up to a hundredth of a cent of the balance."""
    assert round_trip(BIDS, ASKS, D(30), FREE).cost == D("1.60")
    trip = round_trip(BIDS, ASKS, D(30), FEES)
    assert trip.fees == D("0.1748") + D("0.3478") + D("0.5242")
    assert trip.cost == D("1.60") + trip.fees
    thin = round_trip(BIDS, ASKS, D(180), FEES)
    assert (thin.cost, thin.unfilled) == (None, D(30))


def test_scores() -> None:
    """Spread 4¢: 40 × 0.7 = 28; $48 bid + 10 × 0.48 + 200 × 0.46 = $144.80 near: 5.79; 500 contracts: 10. 43 in all."""
    assert score(BIDS, ASKS, D(500)).total == 43
    deep = [(D("0.49"), D(5_000))], [(D("0.50"), D(5_000))]
    assert score(*deep, D(5_000)).total == 100
    assert score([], ASKS, D(0)).total == 0
    assert "one side" in score([], ASKS, D(0)).reasons[0]


# -- volatility --------------------------------------------------------------------------------------------------


def test_volatility_by_hand() -> None:
    """Moves of +2, −2, +1 cents an hour: √((4 + 4 + 1) / 3) = √3 cents an hour, √72 = 8.49 cents a day."""
    found = volatility([0.50, 0.52, 0.50, 0.51])
    assert found.daily == pytest.approx(math.sqrt(72) / 100)
    assert (found.low, found.high) == (0.50, 0.52)
    assert found.net == pytest.approx(0.01)
    assert volatility([0.5]).daily is None
    with pytest.raises(ValueError, match="no price"):
        volatility([])
    assert realised([], 24) is None


def test_log_odds_by_hand() -> None:
    assert log_odds(0.5) == 0
    assert log_odds(0.8) == pytest.approx(math.log(4))
    assert math.isfinite(log_odds(0.0))
    assert log_odds(0.3) == pytest.approx(-log_odds(0.7))


@given(st.lists(st.floats(0.01, 0.99), min_size=4, max_size=30), st.floats(0.1, 3), st.floats(-0.5, 0.5))
def test_correlation_is_what_its_laws_say(series: list[float], scale: float, shift: float) -> None:
    assume(max(series) == min(series) or max(series) - min(series) > 1e-6)  # prices differ by ticks, not by rounding
    mirrored = [1 - p for p in series]
    found = correlation(series, [scale * p + shift for p in series])
    if found is not None:
        assert found == pytest.approx(1)
        assert correlation(series, mirrored) == pytest.approx(-1)
    assert correlation(series, [0.5] * len(series)) is None


def test_correlation_by_hand() -> None:
    """(1, 2, 3) and (1, 3, 2): covariance 1, variances 2 and 2: r = 0.5."""
    assert correlation([1, 2, 3], [1, 3, 2]) == pytest.approx(0.5)
    assert correlation([1, 2], [1, 2]) is None
    with pytest.raises(ValueError, match="length"):
        correlation([1, 2, 3], [1])


# -- flow --------------------------------------------------------------------------------------------------------


def test_flow_by_hand() -> None:
    """30 YES @0.40 and 10 NO @0.50 within two hours: imbalance 20/40, VWAP (12 + 5) / 40 = 0.425, 20 an hour."""
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    prints = [
        Print(now - timedelta(minutes=90), D("0.40"), D(30), "yes"),
        Print(now - timedelta(minutes=5), D("0.50"), D(10), "no"),
    ]
    found = flow(prints, now, D(2), shown=1)
    assert (found.imbalance, found.vwap, found.per_hour, found.last_hour) == (D("0.5"), D("0.425"), D(20), D(10))
    assert found.large == prints[:1]
    empty = flow([], now, D(2))
    assert (empty.imbalance, empty.vwap, empty.trades) == (None, None, 0)


# -- probabilities -----------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 99), min_size=1, max_size=12))
def test_normalised_probabilities_sum_to_one(cents: list[int]) -> None:
    prices = [D(c) / 100 for c in cents]
    shares = normalised(prices)
    assert abs(sum(shares, D(0)) - 1) < D("1e-20")
    assert overround(prices) == sum(prices, D(0)) - 1


def test_a_ladder_by_hand() -> None:
    """Above 10: 0.9, above 20: 0.6, above 30: 0.2. Half of it lies above 20 + 10 × (0.6 − 0.5) / 0.4 = 22.5."""
    found = ladder([Rung(D(30), D("0.2")), Rung(D(10), D("0.9")), Rung(D(20), D("0.6"))])
    assert found.between == [
        (None, D(10), D("0.1")), (D(10), D(20), D("0.3")), (D(20), D(30), D("0.4")), (D(30), None, D("0.2")),
    ]  # fmt: skip
    assert (found.median, found.broken) == (D("22.5"), [])
    crooked = ladder([Rung(D(10), D("0.3")), Rung(D(20), D("0.4"))])
    assert crooked.broken == [(D(10), D(20))]
    assert crooked.median is None
    with pytest.raises(ValueError, match="strikes"):
        ladder([])


@given(
    st.lists(st.tuples(st.integers(-50, 50), st.integers(0, 100)), min_size=1, max_size=15, unique_by=lambda r: r[0])
)
def test_a_ladder_is_a_distribution(rungs: list[tuple[int, int]]) -> None:
    found = ladder([Rung(D(k), D(p) / 100) for k, p in rungs])
    assert sum((p for *_, p in found.between), D(0)) == 1
    assert all(p >= 0 for *_, p in found.between)
    if found.median is not None:
        assert min(k for k, _ in rungs) <= found.median <= max(k for k, _ in rungs)


# -- arbitrage ---------------------------------------------------------------------------------------------------


def offer(ticker: str, side: str, *levels: tuple[str, int], fees: FeeSchedule = FREE) -> arb.Side:
    return arb.Side(ticker, side, [(D(p), D(n)) for p, n in levels], fees)  # type: ignore[arg-type]


def test_selling_all_by_hand() -> None:
    """NO of three at 0.60, 0.62, 0.70 pays at least 2 for 1.92: 0.08 a set, and 50 sets are offered."""
    found = arb.sell_all(
        [
            offer("A", "no", ("0.60", 50), ("0.69", 100)),
            offer("B", "no", ("0.62", 80)),
            offer("C", "no", ("0.70", 200)),
        ]
    )
    assert found is not None
    assert [found.count, found.pays_at_least, found.cost, found.profit] == [50, 100, 96, 4]
    with_fees = arb.sell_all(
        [offer(t, "no", (p, 50), fees=FEES) for t, p in (("A", "0.60"), ("B", "0.62"), ("C", "0.70"))]
    )
    assert with_fees is not None
    assert with_fees.profit == 4 - with_fees.fees
    assert with_fees.fees == D("0.84") + D("0.8246") + D("0.735")
    assert arb.sell_all([offer("A", "no", ("0.60", 5), fees=FEES), offer("B", "no", ("0.40", 5), fees=FEES)]) is None


def test_a_broken_ladder_by_hand() -> None:
    """Above 10 is offered at 0.40, above 20 bid at 0.45 (NO at 0.55): 0.95 for a dollar at least; 30 sets."""
    low = (D(10), offer("L", "yes", ("0.40", 30)), offer("L", "no", ("0.65", 9)))
    high = (D(20), offer("H", "yes", ("0.47", 9)), offer("H", "no", ("0.55", 40)))
    (found,) = arb.broken_ladder([high, low])
    assert [found.count, found.profit] == [30, D("1.50")]
    assert [(leg.ticker, leg.side, leg.limit) for leg in found.legs] == [
        ("L", "yes", D("0.40")),
        ("H", "no", D("0.55")),
    ]
    assert arb.broken_ladder([low, (D(10), high[1], high[2])]) == []  # the same strike proves nothing


def test_ranges_without_a_gap() -> None:
    whole = [(None, D(10)), (D(10), D(20)), (D(20), None)]
    assert arb.leaves_no_gap(whole)
    assert not arb.leaves_no_gap(whole[:2])
    assert not arb.leaves_no_gap([(None, D(10)), (D(11), None)])
    assert not arb.leaves_no_gap([])


_books = st.lists(
    st.lists(st.tuples(st.integers(1, 99), st.integers(1, 200)), max_size=4), min_size=2, max_size=5
)  # per outcome: offers of NO as (cents, contracts)


@settings(max_examples=400)
@given(_books, st.sampled_from([FREE, FEES]), st.integers(0, 3))
def test_what_is_found_is_riskless_whatever_happens(
    books: list[list[tuple[int, int]]], schedule: FeeSchedule, edge: int
) -> None:
    """Every end there can be is tried: nobody wins, or one of them does; the legs pay more than they cost."""
    sides = [
        arb.Side(str(i), "no", sorted((D(c) / 100, D(n)) for c, n in levels), schedule)
        for i, levels in enumerate(books)
    ]
    found = arb.sell_all(sides, D(edge) / 100)
    if found is None:
        return
    spent = sum((leg.cost + leg.fee for leg in found.legs), D(0))
    for winner in (None, *(side.ticker for side in sides)):
        paid = sum((leg.count for leg in found.legs if leg.ticker != winner), D(0))
        assert paid - spent >= found.profit > 0
    assert found.edge >= D(edge) / 100
    for leg in found.legs:
        offered = sum((n for p, n in sides[int(leg.ticker)].offers if p <= leg.limit), D(0))
        assert leg.count <= offered


@settings(max_examples=300)
@given(st.integers(0, 10**9), st.booleans())
def test_ladders_and_full_sets_are_riskless_too(seed: int, with_fees: bool) -> None:
    rng, schedule = random.Random(seed), FEES if with_fees else FREE

    def side(i: int, kind: Literal["yes", "no"]) -> arb.Side:
        offers = sorted((D(rng.randrange(5, 60)) / 100, D(rng.randrange(1, 90))) for _ in range(3))
        return arb.Side(f"{i}", kind, offers, schedule)

    number = rng.randrange(2, 5)
    full = arb.buy_all([side(i, "yes") for i in range(number)])
    if full is not None:
        spent = sum((leg.cost + leg.fee for leg in full.legs), D(0))
        assert full.count - spent == full.profit > 0  # exactly one pays, whichever it is
    rungs = [(D(10 * i), side(i, "yes"), side(i, "no")) for i in range(number)]
    for found in arb.broken_ladder(rungs):
        low, high = found.legs
        spent = low.cost + low.fee + high.cost + high.fee
        for value, _ in product(range(-5, 10 * number + 5, 3), (0,)):
            paid = low.count * (value > 10 * int(low.ticker)) + high.count * (value <= 10 * int(high.ticker))
            assert paid - spent >= found.profit > 0
