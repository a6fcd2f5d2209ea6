"""A write whose answer was lost is settled by asking: the same for all that isn't an order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ..errors import KalshiError, MalformedResponseError, OutcomeUnknownError

T = TypeVar("T")
ASK_AGAIN_AFTER = (0.0, 0.5, 1.0, 2.0)
"""Seconds before each look at what became of a write: reads lag the exchange, by 0.4 s and more as recorded."""


async def done_or_found(send: Awaitable[T], look: Callable[[], Awaitable[T | None]], unknown: str) -> T:
    """What a write answered; where that was lost, what is found of it.

    Args:
        send: the write, sent once.
        look: what it came to, or None while nothing of it shows.
        unknown: what to say, and what to do, where nothing is found.

    Raises:
        OutcomeUnknownError: nothing shows, or the exchange can't be asked: it may still have been done.
        KalshiError: the exchange refused it; nothing was done.
    """
    try:
        return await send
    except KalshiError as error:
        if not (error.maybe_done or isinstance(error, MalformedResponseError)):
            raise
        for wait in ASK_AGAIN_AFTER:
            await asyncio.sleep(wait)
            try:
                found = await look()
            except KalshiError:
                break
            if found is not None:
                return found
        raise OutcomeUnknownError(unknown) from error


async def gone(send: Awaitable[T], nothing: T) -> T:
    """The end of something, which may be asked for twice: that it is gone already is success after a lost try."""
    try:
        return await send
    except KalshiError as error:
        if error.maybe_done and error.status == 404:
            return nothing
        raise


async def nothing_shows() -> None:
    """Of what can't be looked for."""
