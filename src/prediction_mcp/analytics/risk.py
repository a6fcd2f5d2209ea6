"""What can be lost and gained: exposure with exclusive outcomes netted, Kelly, break-even."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

ZERO, ONE = Decimal(0), Decimal(1)


@dataclass(frozen=True, slots=True)
class Held:
    """A position: contracts of YES (> 0) or NO (< 0), and what they cost in dollars."""

    ticker: str
    position: Decimal
    cost: Decimal

    def pays(self, *, yes: bool) -> Decimal:
        """Dollars it pays if its market ends YES, or NO."""
        return max(self.position, ZERO) if yes else max(-self.position, ZERO)


@dataclass(frozen=True, slots=True)
class Exposure:
    """Dollars. ``max_loss`` is the worst that can happen to these positions together, ``max_gain`` the best."""

    cost: Decimal
    max_loss: Decimal
    max_gain: Decimal


def exposure(positions: Sequence[Held], *, exclusive: bool, one_must_happen: bool = False) -> Exposure:
    """The worst and best end of the positions of one event, before fees.

    Where outcomes exclude each other, at most one market ends YES: the ends are "this one does, the others don't" for
    each market held, and "none of those held does", which is left out only where every outcome is held and one of
    them is sure to happen. Else every market ends by itself: the worst is that each goes against
    its position, which loses what was paid for all of them.
    """
    cost = sum((p.cost for p in positions), ZERO)
    if not positions:
        return Exposure(ZERO, ZERO, ZERO)
    if not exclusive:
        best = sum((max(p.pays(yes=True), p.pays(yes=False)) for p in positions), ZERO)
        return Exposure(cost, cost, best - cost)
    none = sum((p.pays(yes=False) for p in positions), ZERO)
    ends = [none - p.pays(yes=False) + p.pays(yes=True) for p in positions]
    if not one_must_happen:
        ends.append(none)
    return Exposure(cost, cost - min(ends), max(ends) - cost)


@dataclass(frozen=True, slots=True)
class Sized:
    """Whole contracts that are worth buying from a book, and what they cost with fees, in dollars."""

    contracts: Decimal
    cost: Decimal

    @property
    def average(self) -> Decimal | None:
        return self.cost / self.contracts if self.contracts else None


def kelly_size(
    belief: Decimal, offers: Sequence[tuple[Decimal, Decimal]], cash: Decimal, fee: Callable[[Decimal], Decimal]
) -> Sized:
    """How many contracts of a side to buy, walking its offers until the next one would lower the growth of ``cash``.

    At each level the contracts wanted are where belief × (1 − m) / (wealth if right) = (1 − belief) × m / (wealth if
    wrong), with m the price and its fee: x = (p·(1 − m)·S − (1 − p)·m·(S + n)) / (m·(1 − m)), with S the cash left
    and n bought so far. ``offers`` are (dollars, contracts), best first; ``fee`` is of one contract, in dollars.
    """
    bought = cost = ZERO
    for price, available in offers:
        each, left = price + fee(price), cash - cost
        if not ZERO < each < ONE or left <= each:
            break
        wanted = (belief * (ONE - each) * left - (ONE - belief) * each * (left + bought)) / (each * (ONE - each))
        room = min(available, left / each).to_integral_value(ROUND_FLOOR)
        taken = max(min(wanted.to_integral_value(ROUND_FLOOR), room), ZERO)
        if taken < min(room, wanted) and left > (taken + 1) * each:  # a part of one more is wanted: is the whole?
            now, then = (_growth(belief, left - n * each, left - n * each + bought + n) for n in (taken, taken + 1))
            taken += then > now
        bought += taken
        cost += taken * each
        if taken < room or not taken:
            break
    return Sized(bought, cost)


def _growth(belief: Decimal, wrong: Decimal, right: Decimal) -> Decimal:
    """Expected logarithm of wealth, which is ``right`` or ``wrong`` dollars then."""
    return belief * right.ln() + (ONE - belief) * wrong.ln()


def kelly(belief: Decimal, price: Decimal) -> Decimal:
    """Share of the bankroll that maximises log growth when a side costs ``price`` (fees in it) and pays $1.

    f* = (b·p − q) / b with b = (1 − price) / price, which is (belief − price) / (1 − price); 0 without an edge.
    Source: Kelly (1956), "A New Interpretation of Information Rate".
    """
    if not ZERO < price < ONE or not ZERO <= belief <= ONE:
        raise ValueError("a price lies strictly between 0 and 1, a belief between 0 and 1")
    return max((belief - price) / (ONE - price), ZERO)
