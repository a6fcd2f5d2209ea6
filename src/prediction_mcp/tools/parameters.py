"""Parameter types that several tools share, with schemas kept short: every conversation pays for them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError, WithJsonSchema

Quantity = Annotated[Decimal, WithJsonSchema({"type": "number"})]
"""An exact number. JSON's numbers and strings are both read digit by digit, never through binary fractions."""
Cents = Annotated[Decimal, WithJsonSchema({"type": "number", "description": "cents of the side traded"})]
Dollars = Annotated[Decimal, WithJsonSchema({"type": "number", "description": "dollars, fees included"})]
Probability = Annotated[Decimal, Field(gt=0, lt=1), WithJsonSchema({"type": "number", "description": "0 to 1"})]
Interval = Literal["1m", "1h", "1d"]
Period = Literal["day", "week", "month", "all"]
GroupBy = Literal["category", "event", "series", "expiry"]
Limit = Annotated[int, Field(ge=1, le=200)]


def _utc(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)


_AHEAD = re.compile(r"(?:in\s+)?(\d{1,5})\s*(s|m|h|d|w)(?:[a-z]*)", re.IGNORECASE | re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_moment = TypeAdapter(datetime)  # reads ISO, Unix seconds and, from the year 2603 on, milliseconds


def _until(value: Any) -> int:
    if isinstance(value, str) and (ahead := _AHEAD.fullmatch(value.strip())):
        return int((datetime.now(UTC) + timedelta(**{_UNITS[ahead[2].lower()]: int(ahead[1])})).timestamp())
    try:
        return int(_utc(_moment.validate_python(value)).timestamp())
    except (ValidationError, OverflowError):
        raise ValueError("a moment like 2026-12-01T18:00Z, a time from now like 2h, or Unix seconds") from None


Until = Annotated[
    int,
    BeforeValidator(_until),
    WithJsonSchema({"type": ["string", "integer"], "description": "ISO, Unix seconds, or from now: 2h"}),
]
"""A moment to come, in Unix seconds; milliseconds, which are far more, are understood."""
When = Annotated[datetime, AfterValidator(_utc), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A moment; without a time zone it is taken as UTC, and a date alone as its midnight."""
