"""Answers as a client reads them: what doesn't fit, said in a few words, and lists that go on over pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from pydantic import ValidationError

from .errors import PlatformError

P = TypeVar("P")


def first_fault(error: ValidationError) -> str:
    """Where an answer stops being what was promised, and why; without the answer's own words."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'the body'}: {first['msg']}"


async def pages(
    fetch: Callable[[str | None], Awaitable[P]],
    cursor_of: Callable[[P], str | None],
    twice: Callable[[], PlatformError],
) -> AsyncIterator[P]:
    """Each page of a list, fetched as it is wanted; the first has no cursor.

    Raises:
        PlatformError: the one that ``twice`` makes, where a cursor came a second time: going on would never end.
    """
    cursor: str | None = None
    seen = set[str]()
    while True:
        page = await fetch(cursor)
        yield page
        cursor = cursor_of(page)
        if not cursor:
            return
        if cursor in seen:
            raise twice()
        seen.add(cursor)
