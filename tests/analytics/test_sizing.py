"""How much an amount buys and how an order is sliced, against slow models and laws."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from prediction_mcp.analytics.sizing import affordable, slice_of

PRICES = st.integers(1, 99).map(lambda n: Decimal(n) / 100)
BOOKS = st.lists(st.tuples(PRICES, st.integers(1, 40).map(Decimal)), max_size=5).map(
    lambda rows: sorted(dict(rows).items())
)
ROUND = Decimal("0.0001")


def cost(price: Decimal, count: Decimal) -> Decimal:
    """Kalshi's taker formula, rounded up."""
    fee = (Decimal("0.07") * count * price * (1 - price) / ROUND).to_integral_value("ROUND_CEILING") * ROUND
    return price * count + fee


@given(BOOKS, st.integers(0, 4_000).map(lambda n: Decimal(n) / 100), st.one_of(st.none(), PRICES))
def test_no_more_can_be_had_for_the_money(
    book: list[tuple[Decimal, Decimal]], dollars: Decimal, limit: Decimal | None
) -> None:
    found = affordable(book, dollars, cost, limit)
    best = 0
    for price, _ in book:
        if limit is not None and price > limit:
            break
        there = int(sum(n for p, n in book if p <= price))
        best = max([best, *(n for n in range(1, there + 1) if cost(price, Decimal(n)) <= dollars)])
    assert (0 if found is None else found.count) == best
    if found is not None:
        assert found.worst == cost(found.price, found.count) <= dollars


@given(st.integers(0, 500), st.integers(2, 40), st.lists(st.integers(0, 200), min_size=40, max_size=40))
def test_slices_add_up_and_stay_under_their_share(total: int, slices: int, volumes: list[int]) -> None:
    left = Decimal(total)
    for number, volume in zip(range(slices), volumes, strict=False):
        one = slice_of(left, slices - number, Decimal(volume), Decimal("0.25"))
        assert 0 <= one <= left
        assert one == int(one)
        assert one <= Decimal(volume) / 4
        left -= one
    free = Decimal(total)
    for number in range(slices):
        free -= slice_of(free, slices - number, None, None)
    assert free == 0
