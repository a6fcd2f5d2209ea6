"""Scores by hand and against scikit-learn; intervals, calibration and bets by hand."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_mcp.analytics.scores import (
    FEWEST,
    Believed,
    bet,
    brier,
    calibration,
    cheap,
    logarithmic,
    mean_scores,
    skill,
)
from prediction_mcp.kalshi.fees import FeeSchedule

FEES = FeeSchedule.of("quadratic", 1)
D = Decimal
PROBABILITIES = st.decimals(D("0.001"), D("0.999"), places=3)


def believed(probability: str, value: int, market: str | None = None, group: str = "E") -> Believed:
    return Believed(D(probability), None if market is None else D(market), D(value), group)


def test_scores_by_hand() -> None:
    """70% and it came: 0.09 and −ln 0.7; 20% and it came: 0.64 and −ln 0.2; a scalar that paid a quarter at 50%."""
    assert brier(0.7, 1) == pytest.approx(0.09)
    assert logarithmic(0.7, 1) == pytest.approx(0.356675)
    assert mean_scores([believed("0.7", 1), believed("0.2", 1)]) == pytest.approx((0.365, 0.983056))
    assert brier(0.5, 0.25) == pytest.approx(0.0625)
    assert logarithmic(0.5, 0.25) == pytest.approx(0.693147)


@given(st.lists(st.tuples(PROBABILITIES, st.booleans()), min_size=1, max_size=60))
def test_the_same_as_scikit_learn(drawn: list[tuple[Decimal, bool]]) -> None:
    from sklearn.metrics import brier_score_loss, log_loss

    ours = mean_scores([believed(str(p), y) for p, y in drawn])
    given_ = [float(p) for p, _ in drawn]
    came = [int(y) for _, y in drawn]
    assert ours[0] == pytest.approx(brier_score_loss(came, given_, labels=[0, 1]))
    assert ours[1] == pytest.approx(log_loss(came, given_, labels=[0, 1]))


def test_skill_by_hand() -> None:
    """Mine 0.04 each, the market's 0.25: skill 0.84. One without a market's price counts for neither."""
    found = skill([believed("0.8", 1, "0.5", "A"), believed("0.2", 0, "0.5", "B"), believed("0.1", 1, None, "C")])
    assert found is not None
    assert (found.count, found.events) == (2, 2)
    assert found.skill == pytest.approx(1 - 0.04 / 0.25)
    assert found.better == pytest.approx(0.21)
    assert (found.low, found.high) == (None, None)  # two events are too few to conclude from
    assert skill([believed("0.8", 1)]) is None


def test_an_interval_covers_what_it_says() -> None:
    """Of 200 worlds in which both are equally good, the interval of 60 events leaves zero out about one time in 20."""
    rng, left_out = random.Random(5), 0
    for _ in range(200):
        some = []
        for event in range(60):
            mine, theirs = (D(rng.randrange(20, 81)) / 100 for _ in range(2))
            some.append(Believed(mine, theirs, D(rng.random() < 0.5), str(event)))
        found = skill(some)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        assert found.low <= found.better <= found.high
        left_out += not found.low <= 0 <= found.high
    assert 2 <= left_out <= 24


def test_beliefs_about_one_event_are_one_draw() -> None:
    """The same twenty events said ten times each conclude no more than said once."""
    once = [believed("0.6", n % 2, "0.5", str(n)) for n in range(FEWEST)]
    often = [one for one in once for _ in range(10)]
    first, second = skill(once), skill(often)
    assert first is not None
    assert second is not None
    assert (first.low, first.high) == pytest.approx((second.low, second.high))


def test_bins_by_hand() -> None:
    found = calibration([believed("0.1", 0), believed("0.19", 1), believed("0.95", 1), believed("0.999", 1)])
    assert [(b.low, b.high, b.count) for b in found] == [(0.1, 0.2, 2), (0.9, 1.0, 2)]
    assert found[0].believed == pytest.approx(0.145)
    assert found[0].happened == 0.5


@given(st.lists(st.tuples(PROBABILITIES, st.integers(0, 1)), min_size=1))
def test_each_belief_is_in_one_bin(drawn: list[tuple[Decimal, int]]) -> None:
    found = calibration([believed(str(p), y) for p, y in drawn])
    assert sum(b.count for b in found) == len(drawn)
    assert all(b.low - 1e-9 <= b.believed <= b.high + 1e-9 for b in found)


def test_bets_by_hand() -> None:
    """70% at an ask of 50¢: $10 buy 19.32 for 9.66 and a fee of 0.3381, so $9.9981; it pays 19.32 or nothing."""
    won = bet(D("0.7"), (D("0.48"), D("0.5")), D(1), FEES, D(10))
    assert won is not None
    assert won.side == "yes"
    assert won.staked <= 10 < won.staked + D("0.6")
    assert won.staked == won.contracts * D("0.5") + FEES.fee(D("0.5"), won.contracts, is_taker=True)
    assert won.profit == won.contracts - won.staked
    lost = bet(D("0.7"), (D("0.48"), D("0.5")), D(0), FEES, D(10))
    assert lost is not None
    assert lost.profit == -lost.staked


def test_the_cheap_side() -> None:
    """At 48 to 50¢: NO at 52¢ is cheap for 20%; nothing is for 49%, nor for 51% once the fee of 1.75¢ is in."""
    quotes = (D("0.48"), D("0.5"))
    assert cheap(D("0.2"), quotes, FEES) == ("no", D("0.52"), (D("0.8") - D("0.537472")) / (1 - D("0.537472")))
    assert cheap(D("0.49"), quotes, FEES) is None
    assert cheap(D("0.51"), quotes, FEES) is None
    assert cheap(D("0.7"), (None, None), FEES) is None
    assert bet(D("0.7"), quotes, D(1), FEES, D("0.001")) is None


@given(PROBABILITIES, st.integers(1, 98), st.integers(0, 1), st.integers(1, 10**6))
def test_no_bet_costs_more_than_its_stake(probability: Decimal, cents: int, value: int, stake: int) -> None:
    quotes = (D(cents) / 100, D(cents + 1) / 100)
    made = bet(probability, quotes, D(value), FEES, D(stake) / 100)
    if made is not None:
        assert 0 < made.staked <= D(stake) / 100
        assert made.profit >= -made.staked
