"""What a book says at a glance, and what an order would meet in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

Level = tuple[Decimal, Decimal]
"""(price in dollars, contracts)"""


def mid(bid: Decimal | None, ask: Decimal | None) -> Decimal | None:
    """(bid + ask) / 2, or None when a side is missing: half a book has no middle."""
    return None if bid is None or ask is None else (bid + ask) / 2


def spread(bid: Decimal | None, ask: Decimal | None) -> Decimal | None:
    """ask − bid, or None when a side is missing."""
    return None if bid is None or ask is None else ask - bid


def bid_value(levels: Sequence[Level]) -> Decimal:
    """Dollars that stand on these levels: the sum of price × contracts."""
    return sum((price * count for price, count in levels), Decimal(0))


@dataclass(frozen=True, slots=True)
class Walk:
    """What a taker gets: contracts, what they cost in all, and the last price needed (None when nothing is there)."""

    filled: Decimal
    cost: Decimal
    last_price: Decimal | None

    @property
    def average(self) -> Decimal | None:
        return self.cost / self.filled if self.filled else None


def walk(levels: Sequence[Level], count: Decimal, limit: Decimal | None = None, *, buying: bool = True) -> Walk:
    """Take ``count`` contracts from ``levels`` (best first), no worse than ``limit``."""
    left, cost, last = count, Decimal(0), None
    for price, available in levels:
        beyond = limit is not None and (price > limit if buying else price < limit)
        if left <= 0 or beyond:
            break
        taken = min(left, available)
        left -= taken
        cost += taken * price
        last = price
    return Walk(count - left, cost, last)
