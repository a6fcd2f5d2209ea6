"""Riskless trades: legs that pay more than they cost with their fees, however the event ends.

Which legs and how many of each is a linear programme: the most that is left at worst over all ends, of what is offered
at each price, fees in. What it finds is then held, with exact fees, against every end; nothing that could lose is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from .book import Level
from .costs import Fees
from .ends import End
from .linear import maximize

ZERO, ONE = Decimal(0), Decimal(1)
Kind = Literal["sell_all", "buy_all", "ladder", "set"]
SCALE = 10**8
"""Of prices and fees in the programme, which counts in whole numbers where it can."""
CENTI = Decimal("0.01")
"""The smallest part of a contract."""
ROUNDS = 12
"""How often further price levels may join, each time as many again: 4,096 of a side in the end."""


@dataclass(frozen=True, slots=True)
class Side:
    """One thing that can be bought: a market's YES or NO, with what is offered, cheapest first."""

    ticker: str
    side: Literal["yes", "no"]
    offers: Sequence[Level]
    schedule: Fees

    def pays(self, end: End) -> bool:
        return (self.ticker in end) == (self.side == "yes")


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
    """Dollars. ``profit`` is what is left at worst, after fees; ``count`` contracts of the largest leg."""

    pays_at_least: Decimal
    legs: tuple[Leg, ...]

    @property
    def count(self) -> Decimal:
        return max(leg.count for leg in self.legs)

    @property
    def cost(self) -> Decimal:
        return sum((leg.cost for leg in self.legs), ZERO)

    @property
    def fees(self) -> Decimal:
        return sum((leg.fee for leg in self.legs), ZERO)

    @property
    def profit(self) -> Decimal:
        return self.pays_at_least - self.cost - self.fees

    @property
    def edge(self) -> Decimal:
        """Dollars of profit for each contract of the largest leg."""
        return self.profit / self.count

    @property
    def kind(self) -> Kind:
        sides = {leg.side for leg in self.legs}
        if len(self.legs) == 2 and len(sides) == 2:
            return "ladder"
        if len(sides) == 2:
            return "set"
        return "sell_all" if sides == {"no"} else "buy_all"


def find(sides: Sequence[Side], ends: Sequence[End], min_edge: Decimal = ZERO) -> Arbitrage | None:
    """The most that is certain over these ends, or None; ``min_edge`` is dollars of profit a contract.

    Price levels join as those before them are bought up: dearer ones of a side can't be wanted earlier.
    """
    offered = [side for side in sides if side.offers and side.offers[0][0] < ONE]
    if not ends or not offered:
        return None
    depth, best = [1] * len(offered), None
    for _ in range(ROUNDS):
        taken, spent_up = _solve(offered, depth, ends)
        found = _checked(offered, taken, ends)
        if found is not None and found.edge < min_edge:
            break
        if found is not None and (best is None or found.profit > best.profit):
            best = found
        if not spent_up:
            break
        for index in spent_up:
            depth[index] *= 2
    return best


def _solve(sides: Sequence[Side], depth: Sequence[int], ends: Sequence[End]) -> tuple[list[list[Level]], list[int]]:
    """(what to buy of each side, sides whose last level is bought up and that have another)."""
    columns = [(i, *side.offers[k]) for i, side in enumerate(sides) for k in range(min(depth[i], len(side.offers)))]
    gains = [SCALE, *(-_whole((price + _unit_fee(sides[i], price)) * SCALE) for i, price, _ in columns)]
    rows = [[1, *(-int(sides[i].pays(end)) for i, _, _ in columns)] for end in ends]
    bounds = [None, *(_whole(number / CENTI) for _, _, number in columns)]
    _, *amounts = maximize(gains, rows, bounds)
    taken: list[list[Level]] = [[] for _ in sides]
    spent_up = list[int]()
    for (i, price, number), amount in zip(columns, amounts, strict=True):
        count = int(amount) * CENTI  # a part that can't be bought isn't
        if count > 0:
            taken[i].append((price, count))
        offers = sides[i].offers
        if amount == number / CENTI and depth[i] < len(offers) and price == offers[depth[i] - 1][0]:  # its last one
            spent_up.append(i)
    return taken, spent_up


def _whole(number: Decimal) -> int | Fraction:
    return int(number) if number == number.to_integral_value() else Fraction(number)


def _checked(sides: Sequence[Side], taken: Sequence[Sequence[Level]], ends: Sequence[End]) -> Arbitrage | None:
    """The trade with exact fees, held against every end; None where it could lose."""
    bought = [(side, _leg(side, levels)) for side, levels in zip(sides, taken, strict=True) if levels]
    if not bought:
        return None
    pays = min(sum((leg.count for side, leg in bought if side.pays(end)), ZERO) for end in ends)
    made = Arbitrage(pays, tuple(leg for _, leg in bought))
    return made if made.profit > 0 else None


def _unit_fee(side: Side, price: Decimal) -> Decimal:
    return side.schedule.fee(price, Decimal(10_000), is_taker=True) / 10_000


def _leg(side: Side, levels: Sequence[Level]) -> Leg:
    count = sum((n for _, n in levels), ZERO)
    cost = sum((p * n for p, n in levels), ZERO)
    fee = sum((side.schedule.fee(p, n, is_taker=True) for p, n in _merged(levels)), ZERO)
    return Leg(side.ticker, side.side, max(p for p, _ in levels), count, cost, fee)


def _merged(levels: Sequence[Level]) -> list[Level]:
    """Takes at the same price are one fill of the book."""
    merged: dict[Decimal, Decimal] = {}
    for price, count in levels:
        merged[price] = merged.get(price, ZERO) + count
    return list(merged.items())
