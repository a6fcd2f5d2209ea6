"""Walking a list over all its pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from prediction_mcp.net.reading import pages

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
    async for page in pages(fetch, lambda page: page.cursor, _twice):
        for item in items(page):
            yield item


def _twice() -> PaginationError:
    return PaginationError("The exchange gave the same page twice, so the list was not read to its end: try again.")
