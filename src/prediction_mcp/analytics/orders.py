"""What an order would do if it were sent now: the fills it meets, what they cost, and what they leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from .book import Level
from .costs import Fees

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Dollars, and contracts of the side traded (negative: of the other side)."""

    filled: Decimal
    paid: Decimal
    received: Decimal
    fee: Decimal | None
    position: Decimal
    resting: Decimal

    @property
    def cash_change(self) -> Decimal | None:
        """received − paid − fee; None where the fee isn't known."""
        return None if self.fee is None else self.received - self.paid - self.fee


def meet(levels: Sequence[Level], count: Decimal, limit: Decimal, *, buying: bool) -> list[Level]:
    """The fills of a taker: (price, contracts) from ``levels`` (best first), no worse than ``limit``."""
    met, left = list[Level](), count
    for price, available in levels:
        if left <= 0 or (price > limit if buying else price < limit):
            break
        taken = min(left, available)
        met.append((price, taken))
        left -= taken
    return met


def outcome(
    fills: Sequence[Level], count: Decimal, held: Decimal, schedule: Fees | None, *, buying: bool, rests: bool
) -> Outcome:
    """What the fills do to cash and position.

    ``held`` is what is held of the side traded, negative for the other side. Selling what is held, or buying back what
    the other side holds, receives the price of the side that ends; the rest opens and pays: buying at p pays p, selling
    at p opens the other side for 1 − p. Fees are those of a taker, fill by fill (docs/kalshi.md, "Fees").
    """
    paid = received = ZERO
    fee: Decimal | None = ZERO
    position = held
    for price, number in fills:
        open_now = position if not buying else -position  # what this direction can close
        closing = min(number, max(open_now, ZERO))
        opening = number - closing
        gain = price if not buying else 1 - price
        received += closing * gain
        paid += opening * (price if buying else 1 - price)
        if fee is not None:
            fee = None if schedule is None else fee + _fee(schedule, price, closing, opening)
        position += number if buying else -number
    done = sum((number for _, number in fills), ZERO)
    return Outcome(done, paid, received, fee, position, count - done if rests else ZERO)


def _fee(schedule: Fees, price: Decimal, closing: Decimal, opening: Decimal) -> Decimal:
    parts = ((closing, True), (opening, False))
    return sum((schedule.fee(price, n, is_taker=True, closing=c) for n, c in parts if n), ZERO)
