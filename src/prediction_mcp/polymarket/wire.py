"""How Polymarket writes numbers, times, lists and nothing: the decoders that its models share, each trap in one place.

Prices and sizes of the order book are strings and exact. The catalogue writes some figures as JSON numbers; they are
read by their shortest decimal form.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

MILLIS_FROM = 10**11
"""Unix times from here on are milliseconds: as seconds they would lie in the year 5138."""
LAST_SECOND = 253_402_300_799
"""The end of the year 9999."""
MOST_LETTERS = 40
"""Of a number written as text."""


class Wire(BaseModel):
    """What comes in: names in camelCase or as they are, unknown fields passed over."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True, defer_build=True
    )


class SnakeWire(BaseModel):
    """What comes in from CLOB and Data API: names with underscores."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


def _nothing(value: Any) -> Any:
    return None if value == "" else value


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("takes a number")  # noqa: TRY004 - pydantic tells only of these
    if isinstance(value, float):
        value = repr(value)
    if isinstance(value, str) and len(value) > MOST_LETTERS:
        raise ValueError("takes a number of few digits")
    return _nothing(value)


def _text_of_number(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _list(value: Any) -> Any:
    """A list, or a string that holds one in JSON."""
    if isinstance(value, str):
        try:
            return orjson.loads(value) if value else []
        except orjson.JSONDecodeError:
            raise ValueError("takes a list, or a list in JSON") from None
    return [] if value is None else value


def _moment(value: Any) -> Any:
    """Seconds, milliseconds, digits, or ISO in any of its spellings; "", 0 and "0" are nothing."""
    if isinstance(value, bool):
        raise ValueError("takes a time")  # noqa: TRY004
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= MOST_LETTERS:
        value = int(value)
    if value in (None, "", 0):
        return None
    if isinstance(value, int | float):
        seconds = value / 1000 if value >= MILLIS_FROM else value
        if not 0 < seconds <= LAST_SECOND:
            raise ValueError("takes a time between 1970 and 9999")
        return datetime.fromtimestamp(seconds, UTC)
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return value


Number = Annotated[Decimal, BeforeValidator(_number), Field(allow_inf_nan=False)]
OptionalNumber = Annotated[Annotated[Decimal, Field(allow_inf_nan=False)] | None, BeforeValidator(_number)]
Price = Annotated[Decimal, BeforeValidator(_number), Field(ge=0, le=1, allow_inf_nan=False)]
Size = Annotated[Decimal, BeforeValidator(_number), Field(ge=0, le=Decimal(10) ** 18, allow_inf_nan=False)]
OptionalText = Annotated[str | None, BeforeValidator(_nothing)]
Id = Annotated[str, BeforeValidator(_text_of_number), Field(min_length=1, max_length=100)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_list), Field(max_length=64)]
Numbers = Annotated[tuple[OptionalNumber, ...], BeforeValidator(_list), Field(max_length=64)]
