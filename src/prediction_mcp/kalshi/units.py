"""Exact numbers: prices, counts and dollars as integers of their smallest unit, with parsing and printing.

==========  ======================  =========================================
quantity    smallest unit           why
==========  ======================  =========================================
price       $0.0001                 requests take at most four decimals
count       0.01 contracts          counts are printed with two decimals
money       $0.000001 ("micros")    price × count is exactly a whole micro
==========  ======================  =========================================

At the edges (models, tools) the same quantities are :class:`~decimal.Decimal`. A float is never accepted.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache

PRICE_UNITS = 10_000
"""Price units in one dollar, which is also the payout of one contract."""
COUNT_UNITS = 100
"""Count units in one contract."""
MICROS = 1_000_000
"""Micros in one dollar: ``PRICE_UNITS * COUNT_UNITS``."""

Number = Decimal | int | str


def _scaled(value: Number, scale: int, what: str) -> int:
    if isinstance(value, float | bool):
        raise TypeError(f"{what} must be exact (str, int or Decimal), not {type(value).__name__}")
    try:
        scaled = Decimal(value) * scale
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a number ({what})") from None
    if not scaled.is_finite():
        raise ValueError(f"{value!r} is not a finite number ({what})")
    units = int(scaled)
    if units != scaled:
        raise ValueError(
            f"{value} has more decimals than a {what} can have (the smallest step is {Decimal(1) / scale})"
        )
    return units


@lru_cache(maxsize=4096)
def parse_price(value: Number) -> int:
    """Dollars ("0.56") to price units (5600). Raises ValueError for more than four decimals."""
    return _scaled(value, PRICE_UNITS, "price")


@lru_cache(maxsize=4096)
def parse_count(value: Number) -> int:
    """Contracts ("10.00") to count units (1000). Raises ValueError for more than two decimals."""
    return _scaled(value, COUNT_UNITS, "count")


def parse_dollars(value: Number) -> int:
    """Dollars ("12.345678") to micros. Raises ValueError for more than six decimals."""
    return _scaled(value, MICROS, "dollar amount")


@lru_cache(maxsize=16384)
def format_price(units: int) -> str:
    """Price units (5600) as Kalshi prints them ("0.5600")."""
    return f"{units // PRICE_UNITS}.{units % PRICE_UNITS:04d}"


def format_count(units: int) -> str:
    """Count units (1000) as Kalshi prints them ("10.00"); a short position is negative."""
    sign, units = ("-", -units) if units < 0 else ("", units)
    return f"{sign}{units // COUNT_UNITS}.{units % COUNT_UNITS:02d}"


def format_dollars(micros: int) -> str:
    """Micros as dollars: at least four decimals, up to six, as Kalshi prints them ("0.5600", "0.003639")."""
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    whole, part = divmod(micros, MICROS)
    digits = f"{part:06d}"
    if digits.endswith("00"):
        digits = digits[:4]
    elif digits.endswith("0"):
        digits = digits[:5]
    return f"{sign}{whole}.{digits}"


def price_decimal(units: int) -> Decimal:
    """Price units as dollars."""
    return Decimal(units).scaleb(-4)


def dollars_decimal(micros: int) -> Decimal:
    """Micros as dollars."""
    return Decimal(micros).scaleb(-6)


def ceil_div(numerator: int, denominator: int) -> int:
    """The least integer not below ``numerator / denominator``; exact for any size."""
    return -(-numerator // denominator)


@dataclass(frozen=True, slots=True)
class PriceRange:
    """Prices from ``start`` to ``end`` in steps of ``step``; price units, both ends included."""

    start: int
    end: int
    step: int


@dataclass(frozen=True, slots=True)
class PriceGrid:
    """The prices a market takes. Kalshi publishes it as ``price_ranges``; it is not always one cent.

    $0 and $1 are ends of ranges but never prices: a contract worth nothing or everything isn't traded.
    """

    ranges: tuple[PriceRange, ...]

    @classmethod
    def parse(cls, ranges: Iterable[tuple[Number, Number, Number]]) -> PriceGrid:
        """From (start, end, step) in dollars. Raises ValueError when no price fits or a step isn't positive."""
        parsed = tuple(
            PriceRange(parse_price(start), parse_price(end), parse_price(step)) for start, end, step in ranges
        )
        if not parsed or any(r.step <= 0 or r.end <= r.start for r in parsed):
            raise ValueError("a price grid needs ranges with a positive step and an end above the start")
        return cls(parsed)

    def __contains__(self, price: object) -> bool:
        return price in self.prices()

    def prices(self) -> tuple[int, ...]:
        """Every price of the grid in price units, ascending."""
        return _grid_prices(self)

    def at_or_below(self, price: int) -> int | None:
        """The highest price of the grid that isn't above ``price``."""
        prices = self.prices()
        index = bisect_right(prices, price)
        return prices[index - 1] if index else None

    def at_or_above(self, price: int) -> int | None:
        """The lowest price of the grid that isn't below ``price``."""
        prices = self.prices()
        index = bisect_left(prices, price)
        return prices[index] if index < len(prices) else None

    def neighbours(self, price: int) -> tuple[int | None, int | None]:
        """The grid's prices on either side of one that isn't on it."""
        return self.at_or_below(price), self.at_or_above(price)


@lru_cache(maxsize=256)
def _grid_prices(grid: PriceGrid) -> tuple[int, ...]:
    return tuple(sorted({p for r in grid.ranges for p in range(r.start, r.end + 1, r.step) if 0 < p < PRICE_UNITS}))


CENT_GRID = PriceGrid.parse([("0", "1", "0.01")])
"""1¢ to 99¢, the commonest grid."""
