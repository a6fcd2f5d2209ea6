"""Parameter types that several tools share, with schemas kept short: every conversation pays for them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

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


When = Annotated[datetime, AfterValidator(_utc), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A moment; without a time zone it is taken as UTC, and a date alone as its midnight."""
