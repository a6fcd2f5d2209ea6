"""Each analytic against a hand-worked example, and against the laws it must keep."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from prediction_mcp.analytics import arbitrage as arb
from prediction_mcp.analytics.ends import Claim, leaves_no_gap, of_combos, of_exclusive, of_number, of_numbers
from prediction_mcp.analytics.flow import Print, flow
from prediction_mcp.analytics.linear import maximize
from prediction_mcp.analytics.liquidity import depth_within, imbalance, round_trip, score
from prediction_mcp.analytics.probability import Rung, ladder, normalised, overround
from prediction_mcp.analytics.subject import subject
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


@pytest.mark.parametrize(("cents", "points"), [(1, 40), (2, 36), (6, 20), (10, 4), (11, 0), (40, 0)])
def test_what_a_spread_earns(cents: int, points: int) -> None:
    """As score's docstring has it: 40 up to a cent, 4 less with each more; the little that rests earns nothing here."""
    bids, asks = [(D("0.20"), D("0.01"))], [(D("0.20") + D(cents) / 100, D("0.01"))]
    assert score(bids, asks, D(0)).total == points


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
    """NO of three at 0.60, 0.62, 0.70 pays at least 2 for 1.92: 0.08 a set, and 50 sets are offered.

    A's next level is too dear for sets of three (0.69 + 0.62 + 0.70 > 2), and B and C alone pay 1 for 1.32.
    """
    ends = of_exclusive(["A", "B", "C"])
    found = arb.find(
        [
            offer("A", "no", ("0.60", 50), ("0.69", 100)),
            offer("B", "no", ("0.62", 80)),
            offer("C", "no", ("0.70", 200)),
        ],
        ends,
    )
    assert found is not None
    assert [found.kind, found.count, found.pays_at_least, found.cost, found.profit] == ["sell_all", 50, 100, 96, 4]
    with_fees = arb.find(
        [offer(t, "no", (p, 50), fees=FEES) for t, p in (("A", "0.60"), ("B", "0.62"), ("C", "0.70"))], ends
    )
    assert with_fees is not None
    assert with_fees.profit == 4 - with_fees.fees
    assert with_fees.fees == D("0.84") + D("0.8246") + D("0.735")
    few = [offer("A", "no", ("0.60", 5), fees=FEES), offer("B", "no", ("0.40", 5), fees=FEES)]
    assert arb.find(few, of_exclusive(["A", "B"])) is None


def test_the_thinnest_outcome_does_not_end_it() -> None:
    """Four at 0.55: 3 for 2.20. Of A there are 10 only; the three others still exclude each other: 2 for 1.65."""
    sides = [offer(t, "no", ("0.55", 10 if t == "A" else 100)) for t in "ABCD"]
    found = arb.find(sides, of_exclusive(list("ABCD")))
    assert found is not None
    assert {leg.ticker: leg.count for leg in found.legs} == {"A": 10, "B": 100, "C": 100, "D": 100}
    assert found.profit == 10 * D("0.80") + 90 * D("0.35")


def test_a_broken_ladder_by_hand() -> None:
    """Above 10 is offered at 0.40, above 30 bid at 0.45 (NO at 0.55), a wide market between: 0.95 for a dollar."""
    claims = [Claim(t, "greater", D(k)) for t, k in (("L", 10), ("M", 20), ("H", 30))]
    ends = of_number(claims, exclusive=False)
    assert sorted(map(sorted, ends)) == [[], ["H", "L", "M"], ["L"], ["L", "M"]]
    sides = [
        offer("L", "yes", ("0.40", 30)), offer("L", "no", ("0.65", 9)),
        offer("M", "yes", ("0.99", 30)), offer("M", "no", ("0.99", 9)),
        offer("H", "yes", ("0.47", 9)), offer("H", "no", ("0.55", 40)),
    ]  # fmt: skip
    found = arb.find(sides, ends)
    assert found is not None
    assert [found.kind, found.count, found.profit] == ["ladder", 30, D("1.50")]
    assert [(leg.ticker, leg.side, leg.limit) for leg in found.legs] == [
        ("L", "yes", D("0.40")),
        ("H", "no", D("0.55")),
    ]
    wrong = [Claim("L", "greater", D(30)), claims[1], Claim("H", "greater", D(10))]
    assert arb.find(sides, of_number(wrong, exclusive=False)) is None


def test_ranges_against_a_threshold_by_hand() -> None:
    """Above 20 is bid at 0.70 (NO at 0.30); 20 to 30 and 30 up are offered at 0.25 and 0.30: 0.85 for a dollar.

    At exactly 20 the range may or may not count, and NO of "above 20" pays then.
    """
    claims = [
        Claim("R1", "between", D(20), D(30)),
        Claim("R2", "greater_or_equal", D(30)),
        Claim("T", "greater", D(20)),
    ]
    sides = [
        offer("T", "no", ("0.30", 10)), offer("R1", "yes", ("0.25", 10)), offer("R2", "yes", ("0.30", 10)),
    ]  # fmt: skip
    found = arb.find(sides, of_number(claims, exclusive=False))
    assert found is not None
    assert (found.kind, found.profit) == ("set", D("1.50"))
    strict = [claims[0], Claim("R2", "greater", D(30)), claims[2]]
    assert arb.find(sides, of_number(strict, exclusive=False)) is None  # at exactly 30 perhaps none of them pays


def test_how_a_number_can_end_by_hand() -> None:
    whole = [Claim("A", "less", None, D(10)), Claim("B", "between", D(10), D(20)), Claim("C", "greater", D(20))]
    assert sorted(map(sorted, of_number(whole, exclusive=True))) == [["A"], ["B"], ["C"]]  # no gap: one of them is YES
    gap = [Claim("A", "less", None, D(10)), Claim("C", "greater", D(12))]
    assert sorted(map(sorted, of_number(gap, exclusive=True))) == [[], ["A"], ["C"]]
    edges = of_number([Claim("B", "between", D(10), D(20))], exclusive=False)
    assert sorted(map(sorted, edges)) == [[], ["B"]]
    contradiction = of_number([Claim("A", "greater", D(1)), Claim("B", "greater", D(2))], exclusive=True)
    assert frozenset({"A", "B"}) in contradiction  # the exchange's word and its strikes differ: nothing is sure
    inclusive = of_number(
        [Claim("A", "greater_or_equal", D(5)), Claim("B", "less_or_equal", None, D(5))], exclusive=False
    )
    assert sorted(map(sorted, inclusive)) == [["A"], ["A", "B"], ["B"]]
    assert of_number([], exclusive=False) == []


@given(st.lists(st.tuples(st.sampled_from(["greater", "greater_or_equal", "less", "less_or_equal"]), st.integers(0, 6)),
                min_size=1, max_size=5), st.integers(-8, 56))  # fmt: skip
def test_whatever_the_number_is_its_end_is_among_them(listed: list[tuple[Any, int]], eighths: int) -> None:
    claims = [
        Claim(str(i), kind, D(k) if kind.startswith("greater") else None, D(k) if kind.startswith("less") else None)
        for i, (kind, k) in enumerate(listed)
    ]
    value = D(eighths) / 8
    assert frozenset(c.ticker for c in claims if c.at(value)) in of_number(claims, exclusive=False)


def test_a_combo_against_its_legs_by_hand() -> None:
    """Both legs are bid at 0.30 and 0.40, the combo of the two is offered at 0.20, NO of it at 0.55.

    NO of the combo and YES of both legs pays at least 1 (all wrong: NO; one right: NO and that one), for 0.55 + a leg's
    price: with YES of one leg alone it pays 1 in every end, so 0.55 + 0.30 = 0.85 is a dollar.
    """
    ends = of_combos([("X", [("A", True), ("B", True)])], [(["A"], True), (["B"], True)])
    assert sorted(map(sorted, ends)) == [[], ["A"], ["A", "B", "X"], ["B"]]
    sides = [offer("X", "no", ("0.55", 10)), offer("A", "yes", ("0.30", 6)), offer("B", "yes", ("0.40", 9))]
    found = arb.find(sides, ends)
    assert found is not None
    assert {f"{leg.side} {leg.ticker}": leg.count for leg in found.legs} == {"no X": 10, "yes A": 6, "yes B": 4}
    assert found.profit == 6 * D("0.15") + 4 * D("0.05")
    both = of_combos([("X", [("A", True), ("B", False)])], [(["A", "B"], False)])
    assert sorted(map(sorted, both)) == [[], ["A", "B"], ["A", "X"], ["B"]]


def test_ranges_without_a_gap() -> None:
    whole = [(None, D(10)), (D(10), D(20)), (D(20), None)]
    assert leaves_no_gap(whole)
    assert not leaves_no_gap(whole[:2])
    assert not leaves_no_gap([(None, D(10)), (D(11), None)])
    assert not leaves_no_gap([])


Worlds = tuple[list[arb.Side], list[frozenset[str]]]


def world(seed: int) -> Worlds:
    """Two or three markets with a few contracts offered of each side, and some of the ends there could be."""
    rng = random.Random(seed)
    names = [str(i) for i in range(rng.randrange(2, 4))]
    ways = [
        frozenset(t for t, yes in zip(names, bits, strict=True) if yes) for bits in product((0, 1), repeat=len(names))
    ]
    ends, schedule = rng.sample(ways, rng.randrange(1, len(ways))), rng.choice([FREE, FEES])
    sides = list[arb.Side]()
    for ticker, side in product(names, ("yes", "no")):
        levels = {D(rng.randrange(5, 80)) / 100: D(rng.randrange(1, 4)) for _ in range(rng.randrange(0, 3))}
        sides.append(arb.Side(ticker, "yes" if side == "yes" else "no", sorted(levels.items()), schedule))
    return sides, ends


def by_trying_everything(sides: list[arb.Side], ends: list[frozenset[str]]) -> Decimal | None:
    """Slow model: every number of contracts of every side. None where there are too many ways."""
    ways = list[list[tuple[int, Decimal]]]()
    for side in sides:
        costs = [D(0)]
        for price, count in side.offers:
            base = costs[-1]
            costs += [
                base + price * n + side.schedule.fee(price, D(n), is_taker=True) for n in range(1, int(count) + 1)
            ]
        ways.append(list(enumerate(costs)))
    if math.prod(map(len, ways)) > 4_000:
        return None
    best = D(0)
    for chosen in product(*ways):
        cost = sum((c for _, c in chosen), D(0))
        pays = min(sum(n for (n, _), s in zip(chosen, sides, strict=True) if s.pays(end)) for end in ends)
        best = max(best, pays - cost)
    return best


@settings(max_examples=400)
@given(st.integers(0, 10**9))
def test_it_finds_what_trying_everything_finds(seed: int) -> None:
    """At least 99 % of the most there is, and what it tells can't lose; half of a contract may beat whole ones."""
    sides, ends = world(seed)
    found, most = arb.find(sides, ends), by_trying_everything(sides, ends)
    if most is not None and most > D("0.01"):
        assert found is not None
        assert found.profit >= most * D("0.99")
    if found is None:
        return
    for end in ends:
        paid = sum((leg.count for leg in found.legs if (leg.ticker in end) == (leg.side == "yes")), D(0))
        assert paid - found.cost - found.fees >= found.profit > 0
    for leg in found.legs:
        side = next(s for s in sides if (s.ticker, s.side) == (leg.ticker, leg.side))
        assert leg.count <= sum((n for p, n in side.offers if p <= leg.limit), D(0))


_books = st.lists(
    st.lists(st.tuples(st.integers(1, 99), st.integers(1, 200)), max_size=4), min_size=2, max_size=5
)  # per outcome: offers of NO as (cents, contracts)


@settings(max_examples=300)
@given(_books, st.sampled_from([FREE, FEES]), st.integers(0, 3))
def test_an_edge_that_is_asked_for_is_held(
    books: list[list[tuple[int, int]]], schedule: FeeSchedule, edge: int
) -> None:
    sides = [
        arb.Side(str(i), "no", sorted((D(c) / 100, D(n)) for c, n in levels), schedule)
        for i, levels in enumerate(books)
    ]
    found = arb.find(sides, of_exclusive([side.ticker for side in sides]), D(edge) / 100)
    if found is not None:
        assert found.edge >= D(edge) / 100


@settings(max_examples=200)
@given(st.integers(0, 10**9))
def test_the_programme_against_trying_its_corners(seed: int) -> None:
    """Slow model: every corner of a small programme, where as many bounds as there are variables hold."""
    rng = random.Random(seed)
    number = rng.randrange(1, 4)
    gains = [Fraction(rng.randrange(-5, 9)) for _ in range(number)]
    rows = [[rng.randrange(-2, 3) for _ in range(number)] for _ in range(rng.randrange(0, 4))]
    bounds = [Fraction(rng.randrange(1, 6)) for _ in range(number)]
    found = maximize(gains, rows, list(bounds))
    assert all(0 <= x <= bound for x, bound in zip(found, bounds, strict=True))
    assert all(sum(a * x for a, x in zip(row, found, strict=True)) <= 0 for row in rows)
    value = sum(g * x for g, x in zip(gains, found, strict=True))
    for part in product(range(5), repeat=number):  # points of a grid are no better
        point = [bound * k / 4 for bound, k in zip(bounds, part, strict=True)]
        if all(sum(a * x for a, x in zip(row, point, strict=True)) <= 0 for row in rows):
            assert sum(g * x for g, x in zip(gains, point, strict=True)) <= value


def test_a_programme_without_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing bounds"):
        maximize([Fraction(1)], [[-1]], [None])


@pytest.mark.parametrize(
    ("rules", "floor", "cap"),
    [
        ("the index is above 95000 at 5 PM EST", 95000, None),
        ("the index is above $95,000.00 at 5 PM EST", 95000, None),
        ("the index is below 93,000.5 at 5 PM EST", None, "93000.5"),
        ("the index is between 95000-95249.99 at 5 PM EST", 95000, "95249.99"),
        ("the index is between $95,000 and $95,249.99 at 5 PM EST", 95000, "95249.99"),
        ("the index is at least 95000 at 5 PM EST", 95000, None),
        ("the index is greater than or equal to 95000 at 5 PM EST", 95000, None),
        ("the index is 95000 or above at 5 PM EST", 95000, None),
        ("the index is 3+ at 5 PM EST", "2.5", None),
    ],
)
def test_wordings_of_one_number_are_alike(rules: str, floor: Any, cap: Any) -> None:
    found = subject(rules, *(None if edge is None else D(edge) for edge in (floor, cap)))
    assert found == "the index … at 5 PM EST"


@pytest.mark.parametrize(
    ("rules", "floor", "cap"),
    [
        ("the index is above 95000 at 5 PM EST", 96000, None),  # not this market's strike
        ("the index is above 5 at 5 PM EST", 5, None),  # twice: which is the strike?
        ("the index is between 95000-95249.99 at 5 PM EST", 95000, None),
        ("the index is up", 95000, None),
        ("", None, None),
        ("the index is above " + "9" * 5_000, "9" * 5_000, None),
    ],
)
def test_wordings_that_are_not_understood_are_no_number(rules: str, floor: Any, cap: Any) -> None:
    assert subject(rules, *(None if edge is None else D(edge) for edge in (floor, cap))) is None


def test_other_numbers_have_other_wordings() -> None:
    """Another hour, another index: never the same."""
    texts = ["index A is above 10 at 5 PM", "index B is above 10 at 5 PM", "index A is above 10 at 6 PM"]
    assert len({subject(text, D(10), None) for text in texts}) == 3


@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=4, unique=True),
    st.lists(st.integers(0, 6), min_size=2, max_size=4, unique=True),
)
def test_ends_of_one_number_in_two_events_are_all_there(thresholds: list[int], edges: list[int]) -> None:
    """Thresholds and exclusive ranges of one number, held against every number there could be."""
    above = [Claim(f"T{k}", "greater", D(k)) for k in thresholds]
    cuts = sorted(edges)
    ranges = [Claim(f"B{a}", "between", D(a), D(b)) for a, b in pairwise(cuts)]
    ends = set(of_numbers([(above, False), (ranges, True)]))
    for quarter in range(-4, 30):
        value = D(quarter) / 4
        sure = {c.ticker for c in (*above, *ranges) if c.at(value)}
        unsure = {c.ticker for c in ranges if c.at(value) is None}
        assert any(sure <= end <= sure | unsure for end in ends)
    for end in ends:  # and none that no number leads to
        assert any(
            end - {r.ticker for r in ranges} == {c.ticker for c in above if c.at(D(q) / 4)} for q in range(-4, 30)
        )
