"""What the lines of the journal say, typed: a line that doesn't is damage, whoever wrote it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from .limits import JOINS, Limits, both, either
from .plan import Kind

State = Literal["done", "refused", "unknown"]
Micros = Annotated[int, msgspec.Meta(ge=-(10**15), le=10**15)]
"""Millionths of a dollar, up to a billion dollars."""
LARGEST = Decimal(10) ** 12
"""No count, price or limit is larger; a number with a huge exponent costs time wherever it is printed."""
SMALLEST_EXPONENT = -12


class UnreadableError(ValueError):
    """A line isn't one that this server writes."""


class StakeLine(msgspec.Struct):
    """An order as limits look at it: ``cost`` and ``amount`` in micros, price in YES dollars, contracts."""

    ticker: str
    event: str
    book_side: str
    price: Decimal
    count: Decimal
    closing: Decimal
    cost: Micros
    amount: Micros = 0


class IntentLine(msgspec.Struct):
    """A write about to leave."""

    id: str
    ts: float
    process: str
    client: str
    tool: str
    kind: Kind
    arguments: dict[str, Any]
    request: dict[str, Any]
    preview: str | None = None
    answer: str | None = None
    stake: StakeLine | None = None
    mono: float | None = None


class AmendedLine(msgspec.Struct):
    """An order that rests on with other terms: contracts before and after, and the share of its cost that is kept."""

    order_id: str
    was: Decimal
    now: Decimal
    kept: Decimal


class OutcomeLine(msgspec.Struct):
    """What became of a write."""

    id: str
    ts: float
    state: State
    outcome: str
    order_id: str = ""
    spent: Micros = 0
    resting_cost: Micros = 0
    resting: Decimal = Decimal(0)
    released: list[tuple[str, Decimal]] = []
    amended: AmendedLine | None = None


class LeftLine(msgspec.Struct):
    """A write that leaves later than it was taken in hand: after another part of the same plan."""

    id: str
    ts: float
    mono: float


class HaltLine(msgspec.Struct):
    """Who pulled the kill switch, and when."""

    by: str
    at: str


class DayLine(msgspec.Struct):
    """What the account had made at the first look of a day (UTC), in dollars."""

    day: str
    made: Decimal


FACTS: dict[str, tuple[str, Any]] = {
    "halted": ("halted", HaltLine),
    "resumed": ("halted", None),
    "tightened": ("tightened", dict[str, str | list[str]]),
    "loosened": ("tightened", dict[str, str]),
    "day": ("day_start", DayLine),
    "day at polymarket": ("day_start at polymarket", DayLine),
}
"""Lines that set a fact of the index: its name, and the type of its value."""


def typed(content: dict[str, Any]) -> IntentLine | OutcomeLine | LeftLine | tuple[str, Any] | None:
    """A line's meaning for the index: an intent, its outcome or leaving, (fact, value), or None where it has none.

    Raises:
        UnreadableError: it isn't what it says it is.
    """
    try:
        if content["what"] == "intent":
            line: Any = msgspec.convert(content, IntentLine)
        elif content["what"] == "outcome":
            line = msgspec.convert(content, OutcomeLine)
        elif content["what"] == "left":
            line = msgspec.convert(content, LeftLine)
        elif content["what"] in FACTS:
            name, kind = FACTS[content["what"]]
            value = content["value"]
            found = None if kind is None else msgspec.convert(value, kind)
            if isinstance(found, msgspec.Struct):
                _check_numbers(found)
            elif name == "tightened":
                limits_from(value)
            return name, value
        else:
            return None
    except (msgspec.ValidationError, KeyError, RecursionError) as error:
        raise UnreadableError(str(error)) from None
    _check_numbers(line)
    found_line: IntentLine | OutcomeLine | LeftLine = line
    return found_line


COUNTS = frozenset({"day_orders", "minute_orders"})
"""Limits that are whole numbers."""


def limits_from(kept: dict[str, Any]) -> Limits:
    """Limits as the journal keeps them; one so large that it holds nothing back is none.

    Raises:
        UnreadableError: they are no limits.
    """
    found: dict[str, Any] = {}
    for name, value in kept.items():
        if name not in JOINS:
            raise UnreadableError(f"there is no limit {name}")
        if JOINS[name] in (both, either):
            found[name] = frozenset(value)
            continue
        try:
            number = Decimal(value)
        except (ArithmeticError, ValueError, TypeError):
            raise UnreadableError(f"{name} is no number") from None
        if number.is_finite() and number.adjusted() < LARGEST.adjusted():
            found[name] = int(number) if name in COUNTS else number
    return Limits.given(**found)


def _check_numbers(part: Any) -> None:
    """Raises UnreadableError for a number that no order has: not finite, too large, or too fine."""
    for value in (getattr(part, name) for name in part.__struct_fields__):
        if isinstance(value, msgspec.Struct):
            _check_numbers(value)
        elif isinstance(value, list):
            for _, count in value:
                _check_decimal(count)
        elif isinstance(value, Decimal):
            _check_decimal(value)
        elif isinstance(value, float) and not abs(value) < LARGEST:
            raise UnreadableError("a time out of range")


def _check_decimal(value: Decimal) -> None:
    if (
        not value.is_finite()
        or value.adjusted() > LARGEST.adjusted()
        or int(value.as_tuple().exponent) < SMALLEST_EXPONENT
    ):
        raise UnreadableError("a number out of range")
