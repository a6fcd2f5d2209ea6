"""Kalshi's fee model, exact to the last micro.

Source: docs/kalshi.md, "Fees" (the exchange's fee schedule and its rounding rules):

* trade fee of a fill = ceil to $0.000001 of ``M × 0.07 × C × P × (1 − P)`` for the taker; the maker pays nothing, a
  quarter or a half of it, by the series' ``fee_type``;
* the balance moves on a grid, so ``rounding fee = (revenue − trade fee) − floor_to_grid(revenue − trade fee)``;
* rounding fees collect in the order's accumulator, which is paid back in whole grid units as the order fills,
  never more than makes the fill's net fee zero. The accumulator belongs to the order over all its fills;
* until a market's ``fee_waiver_expiration_time`` its fills are free.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from .units import MICROS, PRICE_UNITS, ceil_div, dollars_decimal, parse_count, parse_price

GRID_DIRECT = MICROS // 10_000
"""Balances of direct members sit on $0.0001."""
GRID_CENT = MICROS // 100
"""All other balances sit on $0.01."""

SOON = timedelta(minutes=65)
"""The longest wait for a confirmation (CONFIRM_TIMEOUT: an hour at most), and what clocks may differ."""
BASE_RATE = Decimal("0.07")
MAKER_SHARE: dict[str, Decimal] = {
    "quadratic": Decimal(0),
    "quadratic_with_maker_fees": Decimal("0.25"),
    "quadratic_with_combo_maker_fees": Decimal("0.5"),
}

_RATE_UNITS = 10**10
# rate is in 1e-10, count in 1e-2, price and 1 − price in 1e-4 each; a micro is 1e-6: 10 + 2 + 4 + 4 − 6 = 14
_FEE_DIVISOR = 10**14


class UnknownFeeTypeError(ValueError):
    """The series has a fee type whose formula isn't known here (``flat`` or a new one)."""


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """Fees of a taker and a maker in one series (or event, where it overrides the series), or in one market.

    ``taker_rate`` and ``maker_rate`` are integers in units of 1e-10.
    """

    fee_type: str
    multiplier: Decimal
    taker_rate: int
    maker_rate: int
    waived_until: datetime | None = None
    after: FeeSchedule | None = None
    """The fees once the waiver has ended; None without a waiver."""

    @classmethod
    def of(cls, fee_type: str, multiplier: Decimal | int | str = 1) -> FeeSchedule:
        """Build from the series' ``fee_type`` and ``fee_multiplier``.

        Raises:
            UnknownFeeTypeError: the fee type has no published formula here, so no fee may be made up.
            ValueError: the multiplier is negative or has more than six decimals.
        """
        if fee_type not in MAKER_SHARE:
            raise UnknownFeeTypeError(f"fee type {fee_type!r} has no formula here: see the exchange's fee schedule")
        multiplier = Decimal(multiplier)
        taker = multiplier * BASE_RATE * _RATE_UNITS
        maker = taker * MAKER_SHARE[fee_type]
        if multiplier < 0 or taker != int(taker) or maker != int(maker):
            raise ValueError(f"fee multiplier {multiplier} must be positive, with six decimals at most")
        return cls(fee_type, multiplier, int(taker), int(maker))

    def waived(self, until: datetime | None, now: datetime) -> FeeSchedule:
        """Return the fees of a market with this ``fee_waiver_expiration_time``: none until then, these afterwards.

        A waiver that ends within :data:`SOON` isn't counted: it may be over before an order that is planned now fills.
        """
        if until is None or until <= now + SOON:
            return self
        return FeeSchedule(self.fee_type, Decimal(0), 0, 0, until, self)

    def through(self, moment: datetime | None) -> FeeSchedule:
        """Return the highest fees that a fill may pay up to a time; None is for as long as the market lives."""
        if self.after is None or self.waived_until is None or (moment is not None and moment <= self.waived_until):
            return self
        return self.after

    def rate(self, *, is_taker: bool) -> int:
        return self.taker_rate if is_taker else self.maker_rate

    def worst(self, price: int, count: int) -> int:
        """Micros of trade fees that a fill costs a taker; units as :func:`trade_fee` has them."""
        return trade_fee(self.taker_rate, price, count)

    def taker(self, revenue: int, price: int, count: int, grid: int, accumulator: int) -> tuple[int, int]:
        """(net fee, accumulator) of a taker's fill, as :func:`round_fee` has them."""
        return round_fee(revenue, trade_fee(self.taker_rate, price, count), grid, accumulator)

    def maker(self, revenue: int, price: int, count: int, grid: int, accumulator: int) -> tuple[int, int]:
        """(net fee, accumulator) of a maker's fill."""
        return round_fee(revenue, trade_fee(self.maker_rate, price, count), grid, accumulator)

    def fee(self, price: Decimal, count: Decimal, *, is_taker: bool, closing: bool = False) -> Decimal:
        """Net fee in dollars when all of ``count`` fills at once at ``price`` (either side's: P × (1 − P) is the same).

        On the $0.0001 balance grid of direct members.
        """
        units, contracts = parse_price(price), parse_count(count)
        revenue = units * contracts if closing else -units * contracts
        return dollars_decimal(single_fill_fee(self.rate(is_taker=is_taker), units, contracts, revenue, GRID_DIRECT))


def trade_fee(rate: int, price: int, count: int) -> int:
    """Fee of one fill in micros, before rounding to the balance grid.

    Args:
        rate: from :class:`FeeSchedule`, in 1e-10.
        price: price units ($0.0001).
        count: count units (0.01 contracts).
    """
    return ceil_div(rate * count * price * (PRICE_UNITS - price), _FEE_DIVISOR)


def round_fee(revenue: int, fee: int, grid: int, accumulator: int) -> tuple[int, int]:
    """Net fee of a fill and the order's new accumulator, all in micros.

    Args:
        revenue: what the fill itself moves: negative when contracts are paid for.
        fee: the trade fee.
        grid: the balance grid, :data:`GRID_DIRECT` or :data:`GRID_CENT`.
        accumulator: rounding fees of the order that were not paid back yet.

    Returns:
        ``(net fee, accumulator)``; ``revenue − net fee`` is on the grid.
    """
    rounding = (revenue - fee) % grid
    accumulator += rounding
    charged = fee + rounding
    rebate = min(accumulator, charged)
    rebate -= rebate % grid
    return charged - rebate, accumulator - rebate


def single_fill_fee(rate: int, price: int, count: int, revenue: int, grid: int) -> int:
    """Net fee in micros when ``count`` fills at once at ``price``: what a quote shows before the order is sent."""
    return round_fee(revenue, trade_fee(rate, price, count), grid, 0)[0]
