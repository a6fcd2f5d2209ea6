"""Walking two books side by side: against a slow model that buys contract by contract, and by hand."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_mcp.analytics.gap import Offer, covers, ends, every_end, gap, take
from prediction_mcp.kalshi.fees import FeeSchedule
from prediction_mcp.polymarket.fees import taker_fee
from prediction_mcp.polymarket.models import FeeSchedule as Schedule

ONE = Decimal(1)
RELATIONS = ("identity", "complement", "subset", "superset", "overlap", "disjoint", "unknown")


class There:
    """Polymarket's fee, as the exchange has it."""

    def __init__(self, rate: str) -> None:
        self._schedule = Schedule(rate=Decimal(rate), exponent=ONE)

    def fee(self, price: Decimal, count: Decimal, *, is_taker: bool, closing: bool = False) -> Decimal:
        return taker_fee(self._schedule, price, count)


class Free:
    def fee(self, price: Decimal, count: Decimal, *, is_taker: bool, closing: bool = False) -> Decimal:
        return Decimal(0)


HERE = FeeSchedule.of("quadratic", ONE)


def offer(levels: list[tuple[str, int]], fees: object, least: int = 1) -> Offer:
    rows = [(Decimal(price), Decimal(count)) for price, count in levels]
    return Offer(rows, fees, ONE, Decimal(least))  # type: ignore[arg-type]


def test_by_hand() -> None:
    one, other = offer([("0.40", 20)], HERE), offer([("0.45", 30)], There("0.05"), least=5)
    found = gap(one, other, Decimal(100))
    assert found is not None
    assert found.count == 20
    assert found.total == Decimal(8) + Decimal("0.336") + Decimal(9) + Decimal("0.2475")
    assert found.profit == 20 - found.total
    rows = {
        e.name: e.left for e in every_end(found, (0, 1), "identity", may_part=True, void=(Decimal(0), Decimal("0.5")))
    }
    assert rows == {
        "both yes": found.profit, "both no": found.profit, "apart: first yes, second no": 40 - found.total,
        "apart: first no, second yes": -found.total, "no result": 10 - found.total,
    }  # fmt: skip
    sure = every_end(found, (0, 1), "identity", may_part=False, void=(ONE, Decimal(0)))
    assert [e.left for e in sure] == [found.profit, found.profit, 40 - found.total]


def test_too_few_is_none() -> None:
    one, other = offer([("0.40", 4)], HERE), offer([("0.45", 30)], There("0.05"), least=5)
    assert gap(one, other, Decimal(100)) is None
    assert gap(offer([], HERE), other, Decimal(100)) is None
    assert gap(one, offer([("0.70", 30)], There("0.05")), Decimal(100)) is None
    assert take(one, Decimal(5)) is None


PRICES = st.integers(1, 99)
BOOK = st.lists(st.tuples(PRICES, st.integers(1, 9)), min_size=1, max_size=5, unique_by=lambda level: level[0]).map(
    sorted
)


@given(BOOK, BOOK, st.integers(1, 40), st.sampled_from((Decimal(0), Decimal("0.01"), Decimal("0.05"))))
def test_as_contract_by_contract_without_fees(
    a: list[tuple[int, int]], b: list[tuple[int, int]], most: int, edge: Decimal
) -> None:
    """The slow model: buy one of each as long as both together cost less than $1 less the edge."""
    singles = [[Decimal(price) / 100 for price, count in book for _ in range(count)] for book in (a, b)]
    count, cost = 0, Decimal(0)
    for one, other in zip(*singles, strict=False):
        if count >= most or ONE - one - other <= edge:
            break
        count, cost = count + 1, cost + one + other
    first, second = (offer([(f"0.{p:02d}", n) for p, n in book], Free()) for book in (a, b))
    found = gap(first, second, Decimal(most), edge)
    if not count:
        assert found is None
    else:
        assert found is not None
        assert (found.count, found.total) == (Decimal(count), cost)


@given(BOOK, BOOK, st.integers(1, 40))
def test_what_is_told_is_what_both_books_and_fees_say(
    a: list[tuple[int, int]], b: list[tuple[int, int]], most: int
) -> None:
    """Never more than is there, never beyond its limit, profit exact, and more than nothing."""
    one, other = offer([(f"0.{p:02d}", n) for p, n in a], HERE), offer([(f"0.{p:02d}", n) for p, n in b], There("0.05"))
    found = gap(one, other, Decimal(most))
    if found is None:
        return
    assert 0 < found.count <= most
    for leg, side in zip(found.legs, (one, other), strict=True):
        assert leg == take(side, found.count)
        assert leg.limit in [price for price, _ in side.offers]
    assert found.profit == found.count - sum(leg.cost + leg.fee for leg in found.legs)
    assert found.profit > 0


@pytest.mark.parametrize("relation", RELATIONS)
def test_covered_sides_pay_in_every_end_of_their_relation(relation: str) -> None:
    for sides in product((0, 1), repeat=2):
        pays = all(
            any(right == (side == 0) for right, side in zip(end, sides, strict=True))
            for end in ends(relation)  # type: ignore[arg-type]
        )
        assert pays == (sides in covers(relation))  # type: ignore[arg-type]
