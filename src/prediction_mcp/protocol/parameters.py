"""Parameter types that several tools share, with schemas kept short: every conversation pays for them.

What they understand is in :mod:`.spoken`; here it becomes pydantic's.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from prediction_mcp.desk import choices, spoken
from prediction_mcp.kalshi.models.orders import TimeInForce as KalshiTimeInForce
from prediction_mcp.net import sides

from .session import local_now


def _word(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _ticker(value: Any) -> Any:
    return spoken.ticker(value) if isinstance(value, str) else value


Word = BeforeValidator(_word)
"""Before a Literal: capitals and blanks around it don't matter."""
Side = Annotated[sides.Side, Word]
Action = Annotated[sides.Action, Word]
TimeInForce = Annotated[KalshiTimeInForce, Word]
Ticker = Annotated[str, BeforeValidator(_ticker)]
"""In any case, or a pasted link to Kalshi."""

Quantity = Annotated[Decimal, BeforeValidator(spoken.number), WithJsonSchema({"type": "number"})]
"""An exact number. JSON's numbers and strings are both read digit by digit, never through binary fractions."""
Whole = Annotated[int, BeforeValidator(spoken.whole), WithJsonSchema({"type": "integer"})]
Cents = Annotated[
    Decimal,
    BeforeValidator(spoken.price),
    WithJsonSchema({"type": "number", "description": "cents of the side traded"}),
]
Price = Annotated[Decimal, BeforeValidator(spoken.price), WithJsonSchema({"type": "number"})]
"""Cents."""
Dollars = Annotated[
    Decimal,
    BeforeValidator(spoken.dollars),
    WithJsonSchema({"type": "number", "description": "dollars, fees included"}),
]
Probability = Annotated[
    Decimal, BeforeValidator(spoken.probability), WithJsonSchema({"type": "number", "description": "0 to 1"})
]
Interval = Annotated[choices.Interval, Word]
Period = Annotated[choices.Period, Word]
GroupBy = Annotated[choices.GroupBy, Word]
Limit = Annotated[int, Field(ge=1, le=200)]

Until = Annotated[
    int,
    BeforeValidator(lambda value: int(spoken.moment(value, local_now(), ahead=True).timestamp())),
    WithJsonSchema({"type": ["string", "integer"], "description": "ISO, Unix seconds, or from now: 2h"}),
]
"""A moment to come, in Unix seconds."""
When = Annotated[
    datetime,
    BeforeValidator(lambda value: spoken.moment(value, local_now())),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment that has been; without a time zone it is of the user's, and a date alone is its midnight."""
Deadline = Annotated[
    datetime,
    BeforeValidator(lambda value: spoken.moment(value, local_now(), ahead=True)),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment to come."""
