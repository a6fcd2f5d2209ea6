"""What all results share: numbers as JSON numbers, nothing that is null, where and when it was true."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)

from prediction_mcp.kalshi.models.base import Page
from prediction_mcp.net.caching import oldest
from prediction_mcp.net.errors import MissingError
from prediction_mcp.safety.text import clean

MONEY = {"paper": "Paper money.", "demo": "Demo money.", "live": "REAL MONEY."}
"""What is said of a mode in questions."""
BAD_CURSOR = "cursor must be the one of this list's page before; leave it out to start again."
CURSOR_DIGITS = 9
SIGNIFICANT_DIGITS = 15
"""As many decimal digits as a JSON number carries through any reader unharmed."""


def _number(value: Decimal) -> int | float | str:
    """Print only: computing has ended here. A number too long for JSON's readers stays a string, exact."""
    if value == value.to_integral_value():
        return int(value)
    if len(value.normalize().as_tuple().digits) > SIGNIFICANT_DIGITS:
        return f"{value:f}"
    return float(value)


Number = Annotated[Decimal, PlainSerializer(_number, when_used="json")]


def _minute(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def _second(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Minute = Annotated[datetime, PlainSerializer(_minute, when_used="json")]


Second = Annotated[datetime, PlainSerializer(_second, when_used="json")]


def _now() -> datetime:
    """When an answer was true: now, or since when the oldest of what was kept is."""
    return oldest() or datetime.now(UTC)


def _harmless(value: Any) -> Any:
    """Texts that others wrote, cleaned; what is inside of parts has been cleaned by them."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {name: _harmless(item) for name, item in value.items()}
    return [_harmless(item) for item in value] if isinstance(value, list) else value


class Result(BaseModel):
    """Base of results and their parts: fields that are None or empty lists of notes are left out of the answer."""

    verbatim: ClassVar[frozenset[str]] = frozenset()
    """Fields that hold no text of others, and mean their line ends."""
    model_config = ConfigDict(frozen=True, defer_build=True)  # a schema is made when it is first needed, not at start

    @model_serializer(mode="wrap")
    def _without_nulls(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        shown = {name: value for name, value in handler(self).items() if value is not None and value != ""}
        return {name: v if name in self.verbatim else _harmless(v) for name, v in shown.items()}


class Answer(Result):
    """Base of whole answers."""

    as_of: Second = Field(default_factory=_now)
    source: str

    @field_validator("source")
    @classmethod
    def _as_kept(cls, value: str) -> str:
        return value if oldest() is None else "cache"


class WholeList(Answer):
    """Base of lists without pages: how many rows, and the times that were understood."""

    window: str | None = None
    count: int

    def within(self, since: datetime | None = None, until: datetime | None = None, after: str = "since") -> Self:
        """The same, saying what the times that were given mean."""
        named = ((after, since), ("before", until))
        text = " ".join(f"{word} {at.isoformat(timespec='minutes')}" for word, at in named if at is not None)
        return self.model_copy(update={"window": text}) if text else self


class ListAnswer(WholeList):
    """Base of lists with pages: their tool takes the ``cursor`` and continues after the last row (test_pages.py)."""

    cursor: str | None = None


P = TypeVar("P")


def page_of(rows: Sequence[P], cursor: str | None, limit: int) -> tuple[Sequence[P], str | None]:
    """A page of rows that are all known, and the cursor of the next one: the number of rows before it.

    Raises MissingError for a cursor that this list did not give.
    """
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) <= CURSOR_DIGITS):
        raise MissingError(BAD_CURSOR)
    end = int(cursor or 0) + limit
    return rows[end - limit : end], str(end) if end < len(rows) else None


def more(page: Page) -> str | None:
    """A page's cursor as results carry it: absent on the last page."""
    return page.cursor or None


def quoted(price: Decimal, empty: int) -> Decimal | None:
    """A best price, or None where the exchange's 0 (bid) or 1 (ask) means that nobody quotes."""
    return None if price == empty else price


def time_left(until: datetime | None) -> str | None:
    """How long until a moment, in the two largest units: "3d 4h", "12m"."""
    if until is None:
        return None
    seconds = int((until - _now()).total_seconds())
    if seconds <= 0:
        return None
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    if days:
        return f"{days}d {hours}h"
    return f"{hours}h {rest // 60}m" if hours else f"{rest // 60}m {rest % 60}s"
