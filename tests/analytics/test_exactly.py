"""Arithmetic that money hangs on, to the last unit and at each edge, worked out by hand."""

# Decimals are held against whole numbers here, in tuples and lists.
# mypy: disable-error-code="comparison-overlap"

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from prediction_mcp.analytics import arbitrage as arb
from prediction_mcp.analytics import ends
from prediction_mcp.analytics.book import bid_value, walk
from prediction_mcp.analytics.cashflow import changes
from prediction_mcp.analytics.costs import OrderCost, order_cost
from prediction_mcp.analytics.ends import Claim, leaves_no_gap
from prediction_mcp.analytics.flow import Print, flow
from prediction_mcp.analytics.liquidity import depth_within, imbalance, round_trip, score
from prediction_mcp.analytics.orders import Outcome, meet, outcome
from prediction_mcp.analytics.pnl import Ending, Execution, Lots, fifo
from prediction_mcp.analytics.positions import Mark, mark
from prediction_mcp.analytics.probability import Rung, ladder, normalised, overround
from prediction_mcp.analytics.risk import Exposure, Held, exposure, kelly, kelly_size
from prediction_mcp.analytics.volatility import correlation, log_odds, volatility
from prediction_mcp.kalshi.fees import FeeSchedule

D = Decimal
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


class PerContract:
    """A cent a contract that opens, a tenth of it for one that closes, the double for a maker: tells them apart."""

    def fee(self, price: Decimal, count: Decimal, *, is_taker: bool, closing: bool = False) -> Decimal:
        return count * D("0.01") / (10 if closing else 1) * (1 if is_taker else 2)


CENT = PerContract()


# -- fills -------------------------------------------------------------------------------------------------------


def test_what_a_taker_meets_at_the_edges() -> None:
    asks = [(D("0.40"), D(5)), (D("0.42"), D(5)), (D("0.45"), D(5))]
    assert meet(asks, D(7), D("0.42"), buying=True) == [(D("0.40"), D(5)), (D("0.42"), D(2))]
    assert meet(asks, D(20), D("0.42"), buying=True) == [(D("0.40"), D(5)), (D("0.42"), D(5))]
    assert meet(asks, D(5), D("0.99"), buying=True) == [(D("0.40"), D(5))]
    assert meet(asks, D("0.5"), D("0.99"), buying=True) == [(D("0.40"), D("0.5"))]
    assert meet(asks, D(0), D("0.99"), buying=True) == []
    bids = [(D("0.38"), D(5)), (D("0.35"), D(5)), (D("0.30"), D(5))]
    assert meet(bids, D(20), D("0.35"), buying=False) == [(D("0.38"), D(5)), (D("0.35"), D(5))]


@pytest.mark.parametrize(
    ("held", "buying", "told"),
    [
        # nothing held, buying 4 at 0.30 and 6 at 0.40: 1.20 + 2.40 paid, ten cents of fees, 5 of 15 left
        (0, True, Outcome(D(10), D("3.60"), D(0), D("0.10"), D(10), D(5))),
        # seven of the other side: the first 4 close for 0.70, three of the next for 0.60, three open at 0.40
        (-7, True, Outcome(D(10), D("1.20"), D("4.60"), D("0.037"), D(3), D(5))),
        # nothing held, selling: 4 open the other side at 0.70, 6 at 0.60
        (0, False, Outcome(D(10), D("6.40"), D(0), D("0.10"), D(-10), D(5))),
        # seven held: 4 close for 0.30, three for 0.40, three open the other side at 0.60
        (7, False, Outcome(D(10), D("1.80"), D("2.40"), D("0.037"), D(-3), D(5))),
        # more than enough held: all closes
        (12, False, Outcome(D(10), D(0), D("3.60"), D("0.010"), D(2), D(5))),
        (1, True, Outcome(D(10), D("3.60"), D(0), D("0.10"), D(11), D(5))),
    ],
)
def test_an_outcome_by_hand(held: int, buying: bool, told: Outcome) -> None:
    fills = [(D("0.30"), D(4)), (D("0.40"), D(6))]
    assert outcome(fills, D(15), D(held), CENT, buying=buying, rests=True) == told
    assert outcome(fills, D(15), D(held), CENT, buying=buying, rests=False) == replace(told, resting=D(0))
    assert told.fee is not None
    assert told.cash_change == told.received - told.paid - told.fee
    unknown = outcome(fills, D(15), D(held), None, buying=buying, rests=True)
    assert unknown == replace(told, fee=None)
    assert unknown.cash_change is None


def test_no_fill_costs_nothing() -> None:
    assert outcome([], D(3), D(2), None, buying=True, rests=True) == Outcome(D(0), D(0), D(0), D(0), D(2), D(3))


def test_selling_costs_the_fee_of_one_that_closes() -> None:
    """Ten at 0.30: bought for 3.00 and 10¢; sold for 3.00 less 1¢, or 7.00 at stake where none is held."""
    bought, sold = (order_cost(CENT, D("0.30"), D(10), buying=b) for b in (True, False))
    assert bought == OrderCost(D(3), D(0), D("0.10"), D("0.20"), D("3.10"), D("6.90"), D("0.31"))
    assert sold == OrderCost(D(7), D(3), D("0.01"), D("0.02"), D("7.01"), D("2.99"), D("0.299"))


# -- books and liquidity -----------------------------------------------------------------------------------------


def test_depth_counts_the_edge_on_both_sides() -> None:
    levels = [(D("0.55"), D(1)), (D("0.45"), D(2)), (D("0.5501"), D(4)), (D("0.4499"), D(8))]
    assert depth_within(levels, D("0.50"), D("0.05")) == 3
    assert imbalance(D(1), D(0)) == 1
    assert imbalance(D(0), D(3)) == -1
    assert imbalance(D(3), D(3)) == 0
    assert bid_value([(D("0.5"), D(3)), (D("0.25"), D(4))]) == D("2.5")


def test_a_walk_at_its_edges() -> None:
    asks = [(D("0.40"), D(5)), (D("0.42"), D(5))]
    assert (walk(asks, D(5)).filled, walk(asks, D(5)).last_price) == (5, D("0.40"))
    assert walk(asks, D("5.5")).cost == D("2.21")
    assert walk(asks, D(9), D("0.40")).filled == 5
    assert walk(asks[::-1], D(9), D("0.42"), buying=False).filled == 5
    assert walk(asks, D(0)).average is None


def test_a_round_trip_pays_to_open_and_to_close() -> None:
    """Buying 8: 5 at 0.52, 3 at 0.54 = 4.22 and 8¢; selling them: 6 at 0.50, 2 at 0.47 = 3.94, closing for 0.8¢."""
    asks, bids = [(D("0.52"), D(5)), (D("0.54"), D(9))], [(D("0.50"), D(6)), (D("0.47"), D(4))]
    trip = round_trip(bids, asks, D(8), CENT)
    assert (trip.size, trip.cost, trip.fees, trip.unfilled) == (8, D("0.28") + D("0.088"), D("0.088"), 0)
    short = round_trip(bids, asks, D(12), CENT)  # asks have 14, bids 10
    assert (short.size, short.cost, short.fees, short.unfilled) == (12, None, None, 2)
    assert round_trip(bids, asks[:1], D(8), CENT).unfilled == 3
    unknown = round_trip(bids, asks, D(8), None)
    assert (unknown.size, unknown.cost, unknown.fees, unknown.unfilled) == (8, None, None, 0)
    edge = round_trip([(D(0), D(1))], [(D(1), D(1))], D(1), CENT)  # the last prices there are count
    assert (edge.cost, edge.unfilled) == (D("1.011"), 0)


@pytest.mark.parametrize(
    ("bid", "ask", "number", "volume", "total"),
    [
        ("0.495", "0.505", 1_000, 500, 40 + 39 + 10),  # 495 + 495 dollars: 39.6
        ("0.499", "0.501", 10_000, 5_000, 100),  # no more than all of each
        ("0.48", "0.52", 0, 0, 28),
        ("0.45", "0.55", 1_000, 0, 4 + 36),  # 5¢ from the middle still counts: 450 + 450
        ("0.445", "0.555", 1_000, 0, 0),  # 11¢ wide: nothing for it, and nothing near
        ("0.30", "0.70", 1_000, 1_000, 20),
    ],
)
def test_a_score_by_hand(bid: str, ask: str, number: int, volume: int, total: int) -> None:
    assert score([(D(bid), D(number))], [(D(ask), D(number))], D(volume)).total == total


def test_a_score_gives_its_reasons() -> None:
    near, far = (D("0.48"), D(1_000)), (D("0.40"), D(99_999))
    both = score([near, far], [(D("0.52"), D(2_000)), (D("0.60"), D(99_999))], D(12_345))
    assert both.reasons == ["spread 4¢", "$1,440 within 5¢ of the middle", "12,345 contracts in 24 h"]
    assert both.total == 28 + 40 + 20
    half = score([near], [], D(100))
    assert (half.total, half.reasons) == (2, ["one side of the book is empty", "100 contracts in 24 h"])


# -- risk --------------------------------------------------------------------------------------------------------


def test_exposure_by_hand() -> None:
    """Ten YES of A for $4, five NO of B for $2.50, two YES of C for $0.40: $6.90."""
    held = [Held("A", D(10), D(4)), Held("B", D(-5), D("2.5")), Held("C", D(2), D("0.4"))]
    assert exposure([], exclusive=True) == exposure([], exclusive=False) == Exposure(D(0), D(0), D(0))
    # A 15, B 0, C 7, none 5
    assert exposure(held, exclusive=True) == Exposure(D("6.9"), D("6.9"), D("8.1"))
    assert exposure(held, exclusive=False) == Exposure(D("6.9"), D("6.9"), D("10.1"))
    # without B: A pays 10, C 2, none of them 0
    rest = [held[0], held[2]]
    assert exposure(rest, exclusive=True) == Exposure(D("4.4"), D("4.4"), D("5.6"))
    assert exposure(rest, exclusive=True, one_must_happen=True) == Exposure(D("4.4"), D("2.4"), D("5.6"))
    # NO of both: one of them at most is lost
    against = [Held("A", D(-10), D(6)), Held("B", D(-10), D(7))]
    assert exposure(against, exclusive=True) == Exposure(D(13), D(3), D(7))
    assert exposure(against, exclusive=True, one_must_happen=True) == Exposure(D(13), D(3), D(-3))


def test_kelly_at_its_edges() -> None:
    assert kelly(D("0.6"), D("0.5")) == D("0.2")
    assert kelly(D("0.4"), D("0.5")) == 0
    assert (kelly(D(1), D("0.5")), kelly(D(0), D("0.5"))) == (1, 0)
    for belief, price in (("0.5", "0"), ("0.5", "1"), ("-0.01", "0.5"), ("1.01", "0.5")):
        with pytest.raises(ValueError, match=r"^a price lies strictly between 0 and 1, a belief between 0 and 1$"):
            kelly(D(belief), D(price))


def grown(belief: Decimal, offers: list[tuple[Decimal, Decimal]], cash: Decimal, fee: Decimal) -> tuple[int, Decimal]:
    """The slow model: of every whole number of contracts the one under which the logarithm of wealth grows most."""
    best, at, cost, bought = D(0), (0, D(0)), D(0), 0
    for price, available in offers:
        for _ in range(int(available)):
            cost, bought = cost + price + fee, bought + 1
            if cost >= cash:
                return at
            growth = belief * ((cash - cost + bought) / cash).ln() + (1 - belief) * ((cash - cost) / cash).ln()
            if growth <= best:
                return at
            best, at = growth, (bought, cost)
    return at


@pytest.mark.parametrize("belief", ["0.45", "0.52", "0.60", "0.75", "0.95", "0.99"])
@pytest.mark.parametrize("cash", ["1", "7.3", "25", "100", "999"])
def test_kelly_sizes_like_the_slow_model(belief: str, cash: str) -> None:
    offers = [(D("0.40"), D(7)), (D("0.46"), D(20)), (D("0.55"), D(40)), (D("0.80"), D(300))]
    for fee in (D(0), D("0.013")):
        sized = kelly_size(D(belief), offers, D(cash), {price: fee for price, _ in offers}.__getitem__)
        assert (sized.contracts, sized.cost) == grown(D(belief), offers, D(cash), fee)
        assert sized.average == (sized.cost / sized.contracts if sized.contracts else None)


def test_kelly_takes_no_offer_that_pays_nothing() -> None:
    def free(_price: Decimal) -> Decimal:
        return D(0)

    for offers, cash in (([], 10), ([(D(1), D(5))], 10), ([(D(0), D(5))], 10), ([(D("0.5"), D(5))], D("0.5"))):
        assert kelly_size(D("0.9"), offers, D(cash), free).contracts == 0
    assert kelly_size(D("0.9"), [(D("0.98"), D(5))], D(10), lambda _: D("0.02")).contracts == 0
    # half a contract is offered first: none of it is bought, and what is dearer waits for nothing
    assert kelly_size(D("0.9"), [(D("0.5"), D("0.5")), (D("0.6"), D(5))], D(10), free).contracts == 0
    asked = list[Decimal]()
    kelly_size(D("0.9"), [(D("0.5"), D(2)), (D("0.6"), D(2))], D(100), lambda p: asked.append(p) or D(0))  # type: ignore[func-returns-value]
    assert asked == [D("0.5"), D("0.6")]


# -- ends --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "below", "at", "above"),
    [
        ("greater", False, False, True), ("greater_or_equal", False, True, True), ("less", True, False, False),
        ("less_or_equal", True, True, False),
    ],
)  # fmt: skip
def test_a_claim_at_its_edge(kind: Any, below: bool, at: bool, above: bool) -> None:
    edge = {"floor" if kind.startswith("greater") else "cap": D(10)}
    claim = Claim("A", kind, **edge)
    assert (claim.at(D(9)), claim.at(D(10)), claim.at(D(11))) == (below, at, above)
    assert Claim("A", kind).at(D(10)) is None
    wrong = Claim("A", kind, **{"cap" if "floor" in edge else "floor": D(10)})
    assert wrong.at(D(9)) is None


def test_a_range_at_its_edges() -> None:
    claim = Claim("A", "between", D(10), D(20))
    assert [claim.at(D(n)) for n in (9, 10, 15, 20, 21)] == [False, None, True, None, False]
    assert Claim("A", "between", D(10)).at(D(15)) is Claim("A", "between", None, D(10)).at(D(5)) is None


def sets(found: list[ends.End]) -> set[str]:
    return {"".join(sorted(end)) for end in found}


def test_ends_that_only_an_edge_has() -> None:
    """Each of these is found at 5 and nowhere else."""
    last = [Claim("C", "between", D(4), D(5)), Claim("B", "between", D(3), D(5)), Claim("A", "between", D(0), D(5))]
    assert "C" in sets(ends.of_number(last, exclusive=True))
    meeting = [
        Claim("A", "between", D(0), D(5)), Claim("B", "between", D(5), D(10)), Claim("S", "between", D(1), D(9)),
    ]  # fmt: skip
    assert "S" in sets(ends.of_number(meeting, exclusive=True))


def test_ends_come_in_one_order() -> None:
    claims = [Claim(name, "between", D(n), D(n + 3)) for n, name in enumerate("HCAFGBED")]
    found = ends.of_number(claims, exclusive=False)
    assert [sorted(end) for end in found] == sorted(sorted(end) for end in found)
    assert len(found) > 20


def test_the_ends_of_numbers_by_hand() -> None:
    over, under = Claim("A", "greater", D(10)), Claim("B", "less", None, D(10))
    assert sets(ends.of_number([over, under], exclusive=False)) == {"A", "B", ""}
    low, high = Claim("L", "between", D(0), D(10)), Claim("H", "between", D(10), D(20))
    # at 10 any of the two may be it: both, one, or none by their words alone
    assert sets(ends.of_number([low, high], exclusive=False)) == {"", "L", "H", "HL"}
    assert sets(ends.of_number([low, high], exclusive=True)) == {"", "L", "H"}
    # a whole line in three: exclusive, and no number is left over
    line = [Claim("B", "less_or_equal", None, D(0)), low, Claim("T", "greater_or_equal", D(10))]
    assert sets(ends.of_number(line, exclusive=True)) == {"B", "L", "T"}
    assert "" in sets(ends.of_number([Claim("B", "less", None, D(0)), Claim("T", "greater", D(0))], exclusive=False))
    assert sets(ends.of_number([Claim("X", "greater"), Claim("Y", "greater")], exclusive=True)) == {"X", "Y", ""}
    assert ends.of_number([Claim("X", "greater"), Claim("Y", "greater")], exclusive=False) == []
    assert ends.of_numbers([]) == []
    # strikes that contradict the exchange's word are kept
    wide = [Claim("P", "greater", D(1)), Claim("Q", "greater", D(2))]
    assert "PQ" in sets(ends.of_number(wide, exclusive=True))
    assert ends.of_number(wide, exclusive=False) == [frozenset(), frozenset("P"), frozenset("PQ")]
    # two events about one number end together
    first, second = ([over], True), ([Claim("C", "greater", D(12))], True)
    assert sets(ends.of_numbers([first, second])) == {"", "A", "AC"}


def test_the_edge_of_a_range_beside_another_event() -> None:
    """The other event's two claims tell the strike itself apart: G is YES above it, E at it too."""
    one = Claim("L", "between", D(10), D(20))
    top = [Claim("G", "greater", D(20)), Claim("E", "greater_or_equal", D(20))]
    assert sets(ends.of_numbers([([one], True), (top, False)])) == {"", "L", "E", "EL", "EG"}
    bottom = [Claim("G", "less", None, D(10)), Claim("E", "less_or_equal", None, D(10))]
    assert sets(ends.of_numbers([([one], True), (bottom, False)])) == {"EG", "E", "EL", "L", ""}
    line = [Claim("B", "less_or_equal", None, D(0)), Claim("M", "between", D(0), D(20)), Claim("T", "greater", D(20))]
    assert sets(ends.of_numbers([(line, True), (top, False)])) == {"B", "M", "EM", "ET", "EGT"}


def test_the_ends_of_combos_by_hand() -> None:
    found = ends.of_combos([("X", [("A", True), ("C", False)])], [(["A", "B"], True), (["C"], False)])
    assert sets(found) == {"AX", "B", "", "AC", "BC", "C"}
    assert sets(ends.of_combos([], [(["A", "B"], False)])) == {"", "A", "B", "AB"}


def test_where_ranges_leave_a_gap() -> None:
    assert leaves_no_gap([(D(5), None), (None, D(5))])
    assert leaves_no_gap([(D(5), None), (D(-3), D(5)), (None, D(-3))])
    for bounds in (
        [], [(None, None)], [(None, D(5)), (D(6), None)], [(D(0), D(5)), (D(5), None)], [(None, D(5)), (D(5), D(9))],
        [(None, None), (None, None)], [(None, D(5)), (D(5), None), (D(5), None)],
    ):  # fmt: skip
        assert not leaves_no_gap(bounds)


# -- tapes, moves, chances ---------------------------------------------------------------------------------------


def test_a_tape_by_hand() -> None:
    tape = [
        Print(NOON - timedelta(hours=1), D("0.40"), D(10), "yes"),
        Print(NOON - timedelta(hours=1, seconds=1), D("0.50"), D(30), "no"),
        Print(NOON, D("0.60"), D(20), "no"),
    ]
    seen = flow(tape, NOON, D(4), shown=2)
    assert (seen.trades, seen.yes, seen.no, seen.last_hour, seen.per_hour) == (3, 10, 50, 30, 15)
    assert seen.vwap == (4 + 15 + 12) / D(60)
    assert seen.imbalance == D(-40) / 60
    assert [p.count for p in seen.large] == [30, 20]
    assert len(flow(tape * 3, NOON, D(4)).large) == 5
    empty = flow([], NOON, D(0))
    assert (empty.yes, empty.no, empty.vwap, empty.imbalance, empty.per_hour, empty.last_hour) == (
        0,
        0,
        None,
        None,
        0,
        0,
    )
    assert flow(tape, NOON, D(0)).per_hour == 0


def test_moves_by_hand() -> None:
    assert (log_odds(0.5), log_odds(0.0), log_odds(1.0)) == (0.0, log_odds(0.001), log_odds(0.999))
    assert log_odds(0.001) == pytest.approx(math.log(0.001 / 0.999))
    assert log_odds(0.999) == pytest.approx(math.log(999))
    seen = volatility([0.40, 0.43, 0.39])
    assert seen.daily == pytest.approx(math.sqrt((0.03**2 + 0.04**2) / 2 * 24))
    assert seen.daily_log_odds == pytest.approx(
        math.sqrt(((log_odds(0.43) - log_odds(0.4)) ** 2 + (log_odds(0.39) - log_odds(0.43)) ** 2) / 2 * 24)
    )
    assert (seen.low, seen.high, seen.net) == (0.39, 0.43, pytest.approx(-0.01))
    assert volatility([0.4, 0.43, 0.39], 6.0).daily == pytest.approx((seen.daily or 0) / 2)
    with pytest.raises(ValueError, match=r"^there is no price$"):
        volatility([])


def test_correlation_by_hand() -> None:
    """Deviations (−2, 0, 2) and (−2, 1, 1): 6 / √(8 × 6)."""
    assert correlation([1, 3, 5], [1, 4, 4]) == pytest.approx(6 / math.sqrt(48))
    assert correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert correlation([1, 2], [1, 2]) is None
    assert correlation([1, 1, 1], [1, 2, 3]) is correlation([1, 2, 3], [2, 2, 2]) is None
    with pytest.raises(ValueError, match=r"^the series differ in length$"):
        correlation([1, 2, 3], [1, 2])


def test_chances_at_their_edges() -> None:
    assert normalised([D("0.2"), D("0.6")]) == [D("0.25"), D("0.75")]
    assert normalised([D("0.01")]) == [1]
    for prices in ([], [D(0), D(0)]):
        with pytest.raises(ValueError, match=r"^prices that sum to nothing can't be normalised$"):
            normalised(prices)
    assert overround([D("0.55"), D("0.52")]) == D("0.07")
    with pytest.raises(ValueError, match=r"^a ladder has strikes$"):
        ladder([])


def test_a_ladder_by_hand() -> None:
    """P(> 10) = 0.8, P(> 20) = 0.4, P(> 30) = 0.1: the median 10 + 10 × 0.3 / 0.4."""
    rungs = [Rung(D(30), D("0.1")), Rung(D(10), D("0.8")), Rung(D(20), D("0.4"))]
    seen = ladder(rungs)
    assert seen.between == [
        (None, 10, D("0.2")), (10, 20, D("0.4")), (20, 30, D("0.3")), (30, None, D("0.1")),
    ]  # fmt: skip
    assert (seen.median, seen.broken) == (D("17.5"), [])
    broken = ladder([Rung(D(1), D("0.5")), Rung(D(2), D("0.6")), Rung(D(3), D("0.2"))])
    assert broken.broken == [(1, 2)]
    assert broken.between == [(None, 1, D("0.5")), (1, 2, 0), (2, 3, D("0.3")), (3, None, D("0.2"))]
    assert broken.median == 2
    assert ladder([Rung(D(1), D("0.5")), Rung(D(2), D("0.4"))]).median == 1
    assert ladder([Rung(D(1), D("0.6")), Rung(D(2), D("0.5")), Rung(D(3), D("0.1"))]).median == 2
    assert ladder([Rung(D(1), D("0.9")), Rung(D(2), D("0.51"))]).median is None
    assert ladder([Rung(D(1), D("0.49"))]).median is None
    assert ladder([Rung(D(1), D("0.4")), Rung(D(2), D("0.4"))]).broken == []
    assert ladder([Rung(D(1), D("1.2"))]).between[0] == (None, 1, 0)  # a chance is never above one


# -- positions and profit ----------------------------------------------------------------------------------------


def test_a_mark_by_hand() -> None:
    assert mark(D(10), D(4), D("0.45"), D("0.48")) == Mark(D("0.45"), D("4.50"), D("0.50"))
    assert mark(D(-10), D(4), D("0.45"), D("0.48")) == Mark(D("0.52"), D("5.20"), D("1.20"))
    assert mark(D("0.5"), D(0), D("0.40"), D("0.48")) == Mark(D("0.40"), D("0.20"), D("0.20"))
    assert mark(D("-0.5"), D(0), D("0.40"), D("0.48")) == Mark(D("0.52"), D("0.26"), D("0.26"))
    nothing = Mark(None, None, None)
    assert mark(D(10), D(4), None, D("0.48")) == mark(D(-10), D(4), D("0.45"), None) == nothing
    assert mark(D(0), D(0), D("0.45"), D("0.48")) == nothing


def execution(side: Any, price: str, count: int, fee: str, time: datetime = NOON) -> Execution:
    return Execution("A", side, D(price), D(count), D(fee), time)


def test_lots_add_up() -> None:
    """Five YES at 0.30 and five at 0.40; eight sold at 0.50 close 5 × 0.20 + 3 × 0.10 = 1.30; the rest ends at $1."""
    lots, tomorrow = Lots(), NOON + timedelta(days=1)
    for one in (execution("bid", "0.30", 5, "0.02"), execution("bid", "0.40", 5, "0.03")):
        lots.trade(one)
    assert (lots.side, lots.count, lots.cost, lots.fills, lots.fees) == ("yes", 10, D("3.50"), 2, D("0.05"))
    lots.trade(execution("ask", "0.50", 8, "0.04", tomorrow))
    assert (lots.side, lots.count, lots.cost, lots.realized) == ("yes", 2, D("0.80"), D("1.30"))
    lots.trade(execution("ask", "0.60", 1, "0.01", tomorrow))
    assert (lots.realized, lots.fills, lots.fees) == (D("1.50"), 4, D("0.10"))
    assert dict(lots.fees_by_day) == {NOON.date(): D("0.05"), tomorrow.date(): D("0.05")}
    assert dict(lots.by_day) == {NOON.date(): D("-0.05"), tomorrow.date(): D("1.45")}
    lots.settle(Ending("A", D(1), tomorrow))
    assert (lots.realized, lots.count, lots.by_day[tomorrow.date()]) == (D("2.10"), 0, D("2.05"))
    lots.settle(Ending("A", D(0), tomorrow))
    assert lots.realized == D("2.10")


def test_lots_turn_to_the_other_side() -> None:
    """Three NO for 0.40 each; five YES at 0.70 close them for 0.30 (−0.30) and open two YES at 0.70."""
    lots = Lots()
    lots.trade(execution("ask", "0.60", 3, "0"))
    assert (lots.side, lots.cost) == ("no", D("1.20"))
    lots.trade(execution("bid", "0.70", 5, "0"))
    assert (lots.side, lots.count, lots.cost, lots.realized) == ("yes", 2, D("1.40"), D("-0.30"))
    lots.trade(execution("ask", "0.60", 4, "0"))
    assert (lots.side, lots.count, lots.cost, lots.realized) == ("no", 2, D("0.80"), D("-0.50"))
    lots.settle(Ending("A", D("0.25"), NOON))
    assert lots.realized == D("0.20")  # 2 × (0.75 − 0.40) more


def test_records_are_told_in_their_sequence() -> None:
    end = Ending("A", D(1), NOON)
    late = fifo([execution("bid", "0.30", 5, "0")], [end, Ending("B", D(1), NOON)])
    assert list(late) == ["A"]
    assert (late["A"].count, late["A"].realized) == (0, D("3.50"))
    before = fifo([execution("bid", "0.30", 5, "0", NOON + timedelta(seconds=1))], [end])
    assert (before["A"].count, before["A"].realized) == (5, 0)
    done = changes([execution("bid", "0.30", 5, "0.02")], [end])
    assert [(c.cash, c.position) for c in done] == [(D("-1.52"), 5), (5, 0)]
    against = changes([execution("ask", "0.30", 5, "0.02")], [Ending("A", D("0.2"), NOON)])
    assert [(c.cash, c.position) for c in against] == [(D("-3.52"), -5), (D("4.00"), 0)]
    alone = changes([], [end])
    assert [(c.cash, c.position) for c in alone] == [(0, 0)]


# -- arbitrage ---------------------------------------------------------------------------------------------------


def legs(*offers: tuple[str, list[tuple[str, str]]]) -> list[arb.Side]:
    return [arb.Side(t, "no", [(D(p), D(n)) for p, n in levels], CENT) for t, levels in offers]


def test_an_edge_exactly_met_is_found() -> None:
    """Two NO at 0.40 with a cent of fee each: a dollar for 0.82, so 18¢ of edge and $1.80 for ten."""
    both, ways = legs(("A", [("0.40", "10")]), ("B", [("0.40", "10")])), ends.of_exclusive(["A", "B"])
    found = arb.find(both, ways, D("0.18"))
    assert found is not None
    assert (found.profit, found.fees, found.edge, found.count) == (D("1.80"), D("0.20"), D("0.18"), 10)
    assert arb.find(both, ways, D("0.1801")) is None
    assert arb.find([], ways) is arb.find(both, []) is None
    assert arb.find(legs(("A", [("0.49", "10")]), ("B", [("0.49", "10")])), ways) is None  # nothing left, nothing told


def test_dearer_levels_join_while_they_pay() -> None:
    """0.40 + 0.40, then 0.42 + 0.42 twice at the same price: $1.80 and 10 × 14¢; the next, 0.70 each, lose."""
    ladder_of = [("0.40", "10"), ("0.42", "4"), ("0.42", "6"), ("0.70", "10")]
    ways = ends.of_exclusive(["A", "B"])
    found = arb.find(legs(("A", ladder_of), ("B", ladder_of)), ways)
    assert found is not None
    assert [(leg.count, leg.cost, leg.fee, leg.limit) for leg in found.legs] == [
        (20, D("8.20"), D("0.20"), D("0.42"))
    ] * 2
    assert found.profit == D("3.20")
    # an edge that the first level has and both together haven't: the first alone is told
    first = arb.find(legs(("A", ladder_of), ("B", ladder_of)), ways, D("0.17"))
    assert first is not None
    assert (first.count, first.profit) == (10, D("1.80"))
    # contracts come in hundredths
    odd = arb.find(legs(("A", [("0.40", "0.25")]), ("B", [("0.40", "3")])), ways)
    assert odd is not None
    assert odd.count == D("0.25")


def test_rounded_fees_decide_not_those_of_many() -> None:
    """Of many contracts NO at 0.48 costs 1.7472¢ in fees, so both cost 0.995; a hundredth of one pays 0.02¢: nothing
    is left, and nothing is told."""
    fees = FeeSchedule.of("quadratic")

    def both(count: str) -> list[arb.Side]:
        return [arb.Side(t, "no", [(D("0.48"), D(count))], fees) for t in "AB"]

    ways = ends.of_exclusive(["A", "B"])
    many = arb.find(both("100"), ways)
    assert many is not None
    assert many.profit == 4 - 2 * D("1.7472")
    assert arb.find(both("0.01"), ways) is None


@pytest.mark.parametrize(
    ("kind", "value", "yes"),
    [
        ("between", 9, False), ("between", 10, None), ("between", 11, True), ("between", 19, True),
        ("between", 20, None), ("between", 21, False), ("greater", 9, False), ("greater", 10, False),
        ("greater", 11, True), ("greater_or_equal", 10, True), ("less", 19, True), ("less", 20, False),
        ("less", 21, False), ("less_or_equal", 20, True), ("less_or_equal", 21, False),
    ],
)  # fmt: skip
def test_a_claim_about_a_number_from_10_to_20(kind: Any, value: int, yes: bool | None) -> None:
    assert Claim("T", kind, D(10), D(20)).at(D(value)) is yes
    assert Claim("T", kind).at(D(value)) is None


def test_whole_numbers_are_whole_and_others_exact() -> None:
    assert [(type(n), n) for n in map(arb._whole, (D("2"), D("2.00"), D("0.5")))] == [
        (int, 2), (int, 2), (Fraction, Fraction(1, 2)),
    ]  # fmt: skip
