"""Walking a list over all its pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from .errors import PaginationError
from .models.base import Page

P = TypeVar("P", bound=Page)
T = TypeVar("T")


async def everything(
    fetch: Callable[[str | None], Awaitable[P]], items: Callable[[P], Sequence[T]]
) -> AsyncIterator[T]:
    """Each item of each page, fetched as they are wanted.

    Raises:
        PaginationError: the exchange gave a cursor a second time.
    """
    cursor: str | None = None
    seen: set[str] = set()
    while True:
        page = await fetch(cursor)
        for item in items(page):
            yield item
        cursor = page.cursor
        if not cursor:
            return
        if cursor in seen:
            raise PaginationError(
                "The exchange gave the same page twice, so the list was not read to its end: try again."
            )
        seen.add(cursor)
