"""What Polymarket takes of a trade.

``shares × rate × (price × (1 − price)) ^ exponent`` of the taker, in dollars with five decimals, nothing below 0.00001;
makers pay nothing. Source: documentation and the official SDK, checked by others against trades on chain (2026-08).
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from .models import FeeSchedule

STEP = Decimal("0.00001")


def taker_fee(schedule: FeeSchedule | None, price: Decimal, shares: Decimal) -> Decimal:
    """Dollars that a taker pays for so many shares at a price; the market's own schedule says the rate.

    How the sixth decimal is rounded isn't documented: half up is assumed (docs/decisions.md).
    """
    if schedule is None:
        return Decimal(0)
    exact = shares * schedule.rate * (price * (1 - price)) ** schedule.exponent
    return Decimal(0) if exact < STEP else exact.quantize(STEP, ROUND_HALF_UP)
