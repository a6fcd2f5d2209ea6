"""How many contracts an amount of dollars buys, and how an order is cut into slices: pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from .book import Level

ZERO = Decimal(0)
Cost = Callable[[Decimal, Decimal], Decimal]
"""(price, contracts) to the dollars that they can cost at worst, fees included; grows with both."""


@dataclass(frozen=True, slots=True)
class Bought:
    """Whole contracts, none of them dearer than ``price``; ``worst`` is what they can cost with fees."""

    count: Decimal
    price: Decimal
    worst: Decimal


def affordable(levels: Sequence[Level], dollars: Decimal, cost: Cost, limit: Decimal | None = None) -> Bought | None:
    """The most whole contracts of ``levels`` (best first) that cost no more than ``dollars``, even if all of them cost
    as much as the last; None where that is not one."""
    there, best = ZERO, None
    for price, available in levels:
        if limit is not None and price > limit:
            break
        there += available
        count = most(min(there, (dollars / price).to_integral_value(ROUND_FLOOR)), price, dollars, cost)
        if count > (ZERO if best is None else best.count):
            best = Bought(count, price, cost(price, count))
    return best


def most(upper: Decimal, price: Decimal, dollars: Decimal, cost: Cost) -> Decimal:
    """The most whole contracts, ``upper`` at most, that cost no more than ``dollars`` at a price."""
    low, high = 0, int(upper)
    while low < high:
        middle = (low + high + 1) // 2
        if cost(price, Decimal(middle)) <= dollars:
            low = middle
        else:
            high = middle - 1
    return Decimal(low)


def slice_of(left: Decimal, slices: int, traded: Decimal | None, share: Decimal | None) -> Decimal:
    """Whole contracts of the next of ``slices`` that are still to come.

    ``left`` is spread evenly over them, the last one takes the rest; of the contracts ``traded`` in the market since
    the slice before it takes no more than ``share``.
    """
    even = left if slices <= 1 else (left / slices).to_integral_value(ROUND_FLOOR)
    if slices > 1 and even == 0 and left > 0:
        even = Decimal(1)
    if share is not None and traded is not None:
        even = min(even, (max(traded, ZERO) * share).to_integral_value(ROUND_FLOOR))
    return max(min(even, left), ZERO)
