"""What client and account share: where services are, how requests go out, and answers as models."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import TypeAdapter, ValidationError

from prediction_mcp.net.reading import first_fault

from .answers import error_for
from .errors import BudgetSpentError, InvalidRequestError, MalformedResponseError, PaginationError, UnavailableError

if TYPE_CHECKING:
    import httpx

    from prediction_mcp.net.sending import Sender

T = TypeVar("T")
URLS: dict[str, str] = {
    "gamma": "https://gamma-api.polymarket.com",
    "clob": "https://clob.polymarket.com",
    "data": "https://data-api.polymarket.com",
    "site": "https://polymarket.com",
}


def sender_to(url: str, http: httpx.AsyncClient | None) -> Sender:
    """HTTP to a service, with Polymarket's meanings of what goes wrong."""
    from prediction_mcp.net.sending import Meanings, Sender  # HTTP is loaded by who uses it

    meanings = Meanings(
        error_for, lambda sentence, sent: UnavailableError(sentence, sent=sent), BudgetSpentError, InvalidRequestError
    )
    return Sender(url, "Polymarket", meanings, http=http)


def parsed(kind: type[T], content: bytes, path: str) -> T:
    """An answer as a model. Raises MalformedResponseError with the first thing that doesn't fit."""
    try:
        return TypeAdapter(kind).validate_json(content)
    except ValidationError as error:
        raise malformed(path, first_fault(error)) from None


def malformed(path: str, why: str) -> MalformedResponseError:
    return MalformedResponseError(
        f"Polymarket's answer to {path} isn't what it promises ({why}): nothing was made up from it; try again."
    )


def same_page() -> PaginationError:
    return PaginationError("Polymarket gave the same page twice, so the list was not read to its end: try again.")
