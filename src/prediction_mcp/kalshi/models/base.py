"""What all models share: unknown fields are ignored, money is Decimal, and a side is never guessed."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

Dollars = Decimal
"""Dollars, exact; up to six decimals."""
Count = Decimal
"""Contracts, exact; two decimals."""
"""A direction must never be guessed, so unlike every other enum an unknown value is an error."""


def _empty_to_none(value: Any) -> Any:
    return None if value == "" else value


def quoted(price: Decimal | None, size: Decimal | None = None) -> Decimal | None:
    """Return the price of a quote; None where there is no quote.

    The exchange writes an absent quote as 0 or 1 dollars with a size of 0, on either side (162 of 200 open markets were
    recorded with an ask of "0.0000"). No order rests at 0 or at 1, so neither is ever a price.
    """
    return None if price is None or size == 0 or not 0 < price < 1 else price


Price = Annotated[Decimal | None, AfterValidator(quoted)]
"""Dollars of a quote or a trade; None where there was none."""
OptionalTime = Annotated[datetime | None, BeforeValidator(_empty_to_none)]


class KalshiModel(BaseModel):
    """Base of all answers: frozen, tolerant of what Kalshi may add."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)  # built when first read, not at start


class Page(KalshiModel):
    """A page of a list; ``cursor`` is empty on the last one."""

    cursor: str | None = ""


class Request(BaseModel):
    """Base of request bodies: strict, so that a misspelt field is our error and not the exchange's surprise."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
