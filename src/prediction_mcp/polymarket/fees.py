"""What Polymarket takes of a trade.

``shares × rate × (price × (1 − price)) ^ exponent`` of the taker, in dollars with five decimals, nothing below 0.00001;
makers pay nothing. Source: documentation and the official SDK, checked by others against trades on chain (2026-08).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .models import FeeSchedule

STEP = Decimal("0.00001")
STEP_MICROS = 10
PRICE_UNITS, COUNT_UNITS, _RATE_UNITS = 10_000, 100, 10**10
_STEPS = 10**5
"""In a dollar."""


def taker_fee(schedule: FeeSchedule | None, price: Decimal, shares: Decimal) -> Decimal:
    """Dollars that a taker pays for so many shares at a price; the market's own schedule says the rate.

    How the sixth decimal is rounded isn't documented: half up is assumed (docs/decisions.md).
    """
    if schedule is None:
        return Decimal(0)
    exact = shares * schedule.rate * (price * (1 - price)) ** schedule.exponent
    return Decimal(0) if exact < STEP else exact.quantize(STEP, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class TakerFees:
    """The same in integers, as an engine charges it: micros, price units ($0.0001), count units (0.01 shares).

    Args:
        rate: in units of 1e-10, as Kalshi's rates here.
        exponent: a whole number; no other has been seen.
    """

    rate: int
    exponent: int = 1

    def worst(self, price: int, count: int) -> int:
        numerator, denominator = count * self.rate * _STEPS, COUNT_UNITS * _RATE_UNITS
        for _ in range(self.exponent):
            numerator *= price * (PRICE_UNITS - price)
            denominator *= PRICE_UNITS * PRICE_UNITS
        if numerator < denominator:
            return 0
        return (2 * numerator + denominator) // (2 * denominator) * STEP_MICROS

    def taker(self, revenue: int, price: int, count: int, grid: int, accumulator: int) -> tuple[int, int]:
        """(fee, accumulator): more than the fee only where an account's balance lies on a coarser grid."""
        fee = self.worst(price, count)
        return fee + (revenue - fee) % grid, accumulator

    def maker(self, revenue: int, price: int, count: int, grid: int, accumulator: int) -> tuple[int, int]:
        return revenue % grid, accumulator


FEES: dict[str, TakerFees] = {
    name: TakerFees(int(Decimal(rate) * _RATE_UNITS), exponent)
    for name, rate, exponent in (
        ("sports_fees_v3", "0.05", 1), ("sports_fees_v2", "0.03", 1), ("zero_fees", "0", 1),
        ("politics_fees", "0.04", 1),
        ("crypto_fees_v2", "0.07", 1), ("crypto_15_min", "0.25", 2), ("weather_fees", "0.05", 1),
        ("finance_prices_fees", "0.04", 1), ("culture_fees", "0.05", 1), ("tech_fees", "0.04", 1),
        ("economics_fees", "0.05", 1), ("mentions_fees", "0.04", 1), ("general_fees", "0.05", 1), ("none", "0", 1),
    )
}  # fmt: skip
"""Schedules by their name, as counted over all open markets on 2026-09-26; a market always says its own."""
