"""Riskless trades: legs that pay more than they cost with their fees, however the event ends.

Three kinds, each with the reason why nothing can go wrong:

* ``sell_all``: outcomes that exclude each other. Buying NO of n of them pays at least n − 1, since at most one is YES.
* ``buy_all``: outcomes that exclude each other and leave no gap. Buying YES of all pays exactly 1.
* ``ladder``: "above 10" and "above 20". Buying YES of the lower and NO of the higher strike pays at least 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Literal

from prediction_mcp.kalshi.fees import FeeSchedule

from .book import Level
from .costs import order_fee

ZERO, ONE = Decimal(0), Decimal(1)
Kind = Literal["sell_all", "buy_all", "ladder"]


@dataclass(frozen=True, slots=True)
class Side:
    """One thing that can be bought: a market's YES or NO, with what is offered, cheapest first."""

    ticker: str
    side: Literal["yes", "no"]
    offers: Sequence[Level]
    schedule: FeeSchedule


@dataclass(frozen=True, slots=True)
class Leg:
    """Buy ``count`` of a side, no dearer than ``limit``."""

    ticker: str
    side: Literal["yes", "no"]
    limit: Decimal
    count: Decimal
    cost: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True)
class Arbitrage:
    """Dollars. ``profit`` is what is left at worst, after fees, for ``count`` contracts of every leg."""

    kind: Kind
    count: Decimal
    pays_at_least: Decimal
    cost: Decimal
    fees: Decimal
    legs: tuple[Leg, ...]

    @property
    def profit(self) -> Decimal:
        return self.pays_at_least - self.cost - self.fees

    @property
    def edge(self) -> Decimal:
        """Dollars of profit for each set of legs."""
        return self.profit / self.count


def build(kind: Kind, sides: Sequence[Side], pays: Decimal, min_edge: Decimal = ZERO) -> Arbitrage | None:
    """Buy sets of all sides, cheapest first, while a further set still leaves ``min_edge`` dollars after fees.

    ``pays`` is what one set pays at worst. Fees are those of a taker, computed for each price level that is taken.
    """
    positions = [0] * len(sides)
    left = [side.offers[0][1] if side.offers else ZERO for side in sides]
    taken: list[list[Level]] = [[] for _ in sides]
    while all(position < len(side.offers) for position, side in zip(positions, sides, strict=True)):
        prices = [side.offers[position][0] for position, side in zip(positions, sides, strict=True)]
        number = min(left)
        fees = sum((_fee(s, p, number) for s, p in zip(sides, prices, strict=True)), ZERO)
        if number <= 0 or (pays - sum(prices, ZERO)) * number - fees < max(min_edge * number, ZERO):
            break
        if (pays - sum(prices, ZERO)) * number - fees <= 0:
            break
        for i, side in enumerate(sides):
            taken[i].append((prices[i], number))
            left[i] -= number
            if not left[i]:
                positions[i] += 1
                if positions[i] < len(side.offers):
                    left[i] = side.offers[positions[i]][1]
    if not taken[0]:
        return None
    legs = tuple(_leg(side, _merged(levels)) for side, levels in zip(sides, taken, strict=True))
    count = legs[0].count
    made = Arbitrage(
        kind, count, pays * count, sum((leg.cost for leg in legs), ZERO), sum((leg.fee for leg in legs), ZERO), legs
    )
    return made if made.profit > 0 else None


def _fee(side: Side, price: Decimal, count: Decimal) -> Decimal:
    return order_fee(side.schedule, price, count, is_taker=True)


def _merged(levels: Sequence[Level]) -> list[Level]:
    """Takes at the same price are one fill of the book."""
    merged: dict[Decimal, Decimal] = {}
    for price, count in levels:
        merged[price] = merged.get(price, ZERO) + count
    return list(merged.items())


def _leg(side: Side, levels: Sequence[Level]) -> Leg:
    count = sum((n for _, n in levels), ZERO)
    cost = sum((p * n for p, n in levels), ZERO)
    fee = sum((_fee(side, p, n) for p, n in levels), ZERO)
    return Leg(side.ticker, side.side, max(p for p, _ in levels), count, cost, fee)


def sell_all(no_sides: Sequence[Side], min_edge: Decimal = ZERO) -> Arbitrage | None:
    """NO of outcomes that exclude each other; those whose NO isn't offered, or costs more than it adds, stay out.

    Leaving an outcome out costs nothing in safety: the others still exclude each other.
    """
    offered = [side for side in no_sides if side.offers and side.offers[0][0] < ONE]
    return build("sell_all", offered, Decimal(len(offered) - 1), min_edge) if len(offered) > 1 else None


def buy_all(yes_sides: Sequence[Side], min_edge: Decimal = ZERO) -> Arbitrage | None:
    """YES of outcomes of which exactly one happens; all of them are needed."""
    if len(yes_sides) < 2 or not all(side.offers for side in yes_sides):
        return None
    return build("buy_all", yes_sides, ONE, min_edge)


def broken_ladder(rungs: Sequence[tuple[Decimal, Side, Side]], min_edge: Decimal = ZERO) -> list[Arbitrage]:
    """Neighbouring strikes (strike, YES, NO) of "above" markets where the higher bids more than the lower asks."""
    ordered = sorted(rungs, key=lambda rung: rung[0])
    found = (build("ladder", (low[1], high[2]), ONE, min_edge) for low, high in pairwise(ordered) if low[0] < high[0])
    return [arbitrage for arbitrage in found if arbitrage is not None]


def leaves_no_gap(bounds: Sequence[tuple[Decimal | None, Decimal | None]]) -> bool:
    """Whether ranges (above, up to) cover every number: both ends open, each one beginning where another ends."""
    ordered = sorted(bounds, key=lambda b: Decimal("-Infinity") if b[0] is None else b[0])
    if len(ordered) < 2 or ordered[0][0] is not None or ordered[-1][1] is not None:
        return False
    return all(a[1] is not None and a[1] == b[0] for a, b in pairwise(ordered))
