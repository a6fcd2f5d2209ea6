"""What prices say: normalised distributions, overround, and ladders of strikes as a distribution of a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

ZERO, HALF, ONE = Decimal(0), Decimal("0.5"), Decimal(1)


def normalised(prices: Sequence[Decimal]) -> list[Decimal]:
    """Each price over their sum, so that exclusive outcomes add up to 1. Raises ValueError for a sum of nothing."""
    total = sum(prices, ZERO)
    if total <= 0:
        raise ValueError("prices that sum to nothing can't be normalised")
    return [price / total for price in prices]


def overround(asks: Sequence[Decimal]) -> Decimal:
    """What buying every outcome costs beyond the dollar it pays: the sum of the asks less 1."""
    return sum(asks, ZERO) - ONE


@dataclass(frozen=True, slots=True)
class Rung:
    """P(number > strike), as the middle of a market says it."""

    strike: Decimal
    above: Decimal


@dataclass(frozen=True, slots=True)
class Ladder:
    """A distribution from strikes. ``between`` are (low, high, probability), None for an open end; they sum to 1."""

    between: list[tuple[Decimal | None, Decimal | None, Decimal]]
    median: Decimal | None
    broken: list[tuple[Decimal, Decimal]]


def ladder(rungs: Sequence[Rung]) -> Ladder:
    """The distribution of a number from "above k" markets, lowest strike first.

    P(k < x ≤ k') = P(x > k) − P(x > k'). A higher strike can't be likelier: where it is priced so, the pair is named in
    ``broken`` and the lower price holds for both. The median lies where P(x > m) = 1/2, straight between two strikes;
    None where it lies beyond them.
    """
    ordered = sorted(rungs, key=lambda rung: rung.strike)
    if not ordered:
        raise ValueError("a ladder has strikes")
    broken = [(a.strike, b.strike) for a, b in pairwise(ordered) if b.above > a.above]
    falling, floor = list[Rung](), ONE
    for rung in ordered:
        floor = min(floor, rung.above)
        falling.append(Rung(rung.strike, floor))
    between: list[tuple[Decimal | None, Decimal | None, Decimal]] = [(None, falling[0].strike, ONE - falling[0].above)]
    between += [(a.strike, b.strike, a.above - b.above) for a, b in pairwise(falling)]
    between.append((falling[-1].strike, None, falling[-1].above))
    median = None
    for a, b in pairwise(falling):
        if a.above >= HALF >= b.above and a.above != b.above:
            median = a.strike + (b.strike - a.strike) * (a.above - HALF) / (a.above - b.above)
            break
    return Ladder(between, median, broken)
