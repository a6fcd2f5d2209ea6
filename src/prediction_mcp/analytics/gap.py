"""Two markets that together pay at least $1: how far both books can be walked, and what every end leaves. Pure.

Nothing here is called certain: what is left is told for every end that the two markets' facts don't exclude.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Literal

from .book import Level, walk
from .costs import Fees

ZERO, ONE, HALF = Decimal(0), Decimal(1), Decimal("0.5")
Relation = Literal["identity", "complement", "subset", "superset", "overlap", "disjoint", "unknown"]
Sides = tuple[int, int]
"""Which side (0 or 1) is bought of the first market, and of the second."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A side of a market that can be bought: what is offered, cheapest first, with its fees and smallest order."""

    offers: Sequence[Level]
    fees: Fees
    step: Decimal
    least: Decimal


@dataclass(frozen=True, slots=True)
class Leg:
    """Buying ``count`` no dearer than ``limit``; dollars."""

    count: Decimal
    limit: Decimal
    cost: Decimal
    fee: Decimal

    @property
    def total(self) -> Decimal:
        return self.cost + self.fee


@dataclass(frozen=True, slots=True)
class Gap:
    """The same number of contracts of two sides that together pay $1 where both markets end alike."""

    count: Decimal
    legs: tuple[Leg, Leg]

    @property
    def total(self) -> Decimal:
        return self.legs[0].total + self.legs[1].total

    @property
    def profit(self) -> Decimal:
        """Dollars left where exactly one leg pays."""
        return self.count - self.total


@dataclass(frozen=True, slots=True)
class End:
    """How both markets may end, what the legs pay then, and what is left (dollars)."""

    name: str
    pays: Decimal
    left: Decimal


def covers(relation: Relation) -> list[Sides]:
    """Pairs of sides of which at least one is right in every end that a relation leaves.

    Side 0 of the first market is "it is yes"; of the second, "its first outcome is right".
    """
    return {
        "identity": [(0, 1), (1, 0)], "complement": [(0, 0), (1, 1)], "subset": [(1, 0)], "superset": [(0, 1)],
        "disjoint": [(1, 1)], "overlap": [], "unknown": [],
    }[relation]  # fmt: skip


def ends(relation: Relation) -> list[tuple[bool, bool]]:
    """(first is yes, first outcome of the second is right) in every end that a relation leaves."""
    every = [(True, True), (False, False), (True, False), (False, True)]
    excluded: dict[Relation, list[tuple[bool, bool]]] = {
        "identity": [(True, False), (False, True)], "complement": [(True, True), (False, False)],
        "subset": [(True, False)], "superset": [(False, True)], "disjoint": [(True, True)], "overlap": [],
        "unknown": [],
    }  # fmt: skip
    return [end for end in every if end not in excluded[relation]]


def take(offer: Offer, count: Decimal) -> Leg | None:
    """Buying exactly so many, with the fee of each price level; None where fewer are offered."""
    found = walk(offer.offers, count)
    if found.filled < count or found.last_price is None:
        return None
    fee, left = ZERO, count
    for price, there in offer.offers:
        if left <= 0:
            break
        taken = min(there, left)
        fee += offer.fees.fee(price, taken, is_taker=True)
        left -= taken
    return Leg(count, found.last_price, found.cost, fee)


def gap(one: Offer, other: Offer, most: Decimal, min_edge: Decimal = ZERO) -> Gap | None:
    """The most contracts of which each pair still leaves more than ``min_edge`` dollars after both fees.

    The books are walked side by side, level by level; ``most`` bounds the contracts. None where nothing is left.
    """
    step = max(one.step, other.step)
    least = max(one.least, other.least, step)
    count = ZERO
    for width, price, against in _together(one.offers, other.offers):
        unit = _unit(one.fees, price, width) + _unit(other.fees, against, width)
        if ONE - price - against - unit <= min_edge or count >= most:
            break
        count += min(width, most - count)
    count = (count / step).quantize(ONE, ROUND_DOWN) * step
    if count < least:
        return None
    legs = take(one, count), take(other, count)
    if legs[0] is None or legs[1] is None:
        return None
    found = Gap(count, (legs[0], legs[1]))
    return found if found.profit > min_edge * count else None


def _together(a: Sequence[Level], b: Sequence[Level]) -> list[tuple[Decimal, Decimal, Decimal]]:
    """(contracts, price of the first, price of the second) as both are bought side by side."""
    found, i, j = list[tuple[Decimal, Decimal, Decimal]](), 0, 0
    left = [a[0][1] if a else ZERO, b[0][1] if b else ZERO]
    while i < len(a) and j < len(b):
        width = min(left)
        if width > 0:
            found.append((width, a[i][0], b[j][0]))
        left = [left[0] - width, left[1] - width]
        if left[0] <= 0:
            i += 1
            left[0] = a[i][1] if i < len(a) else ZERO
        if left[1] <= 0:
            j += 1
            left[1] = b[j][1] if j < len(b) else ZERO
    return found


def _unit(fees: Fees, price: Decimal, count: Decimal) -> Decimal:
    return fees.fee(price, count, is_taker=True) / count


def every_end(
    found: Gap, sides: Sides, relation: Relation, *, may_part: bool, void: tuple[Decimal | None, Decimal | None]
) -> list[End]:
    """What is left in every end: those of the relation, those apart where facts allow it, and without a result.

    Args:
        may_part: whether a fact differs or is unknown, so that both markets may end otherwise than the relation says.
        void: what a contract of each market's first side pays without a result; None where that isn't known, and then
            the worst is taken: nothing.
    """
    names = {
        (True, True): "both yes", (False, False): "both no", (True, False): "first yes, second no",
        (False, True): "first no, second yes",
    }  # fmt: skip
    meant = ends(relation)
    every = [*meant, *(end for end in ends("unknown") if end not in meant)] if may_part else meant
    rows = list[End]()
    for end in every:
        pays = sum((found.count for right, side in zip(end, sides, strict=True) if right == (side == 0)), ZERO)
        rows.append(End(names[end] if end in meant else f"apart: {names[end]}", pays, pays - found.total))
    pays = sum((_void(value, side) * found.count for value, side in zip(void, sides, strict=True)), ZERO)
    rows.append(End("no result", pays, pays - found.total))
    return rows


def _void(value: Decimal | None, side: int) -> Decimal:
    return ZERO if value is None else value if side == 0 else ONE - value
