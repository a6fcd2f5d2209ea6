"""The kill switch: no new orders from any server of this user, and everything that rests is cancelled.

It works on any folder, any journal, any disk: what can't be written down is told, and the cancels go all the same.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from loguru import logger

from prediction_mcp.net import deadline
from prediction_mcp.net.errors import PlatformError

from . import journal
from .index import QUICK_S
from .journal import JournalError
from .records import Records

PATIENCE_S = 12.0
"""How long orders that left before the switch are waited for: the transport gives up on its last try about then."""
READ_S = 3.0
"""Seconds that a cancel waits for a look at what rests."""
LOOKS = 3
PAUSES_S = (0.0, 0.3, 0.7, 1.5)
"""Before each look at what still rests: reads lag, so an order that was just cancelled may read as resting."""
UNREAD = "What rests now can't be read: halt again to be sure."
WARNING = "Orders placed within the next minute may be cancelled too."


@dataclass(frozen=True, slots=True)
class Halted:
    """``cancelled`` orders with so many ``contracts`` open; ``left`` still rest, None where that can't be read."""

    cancelled: int
    contracts: Decimal
    left: int | None


def pull(folder: Path, by: str) -> tuple[Records | None, str | None]:
    """Pull the switch in a folder, whatever is the matter with it: its records if they can be used, and a problem.

    Raises:
        JournalError: it couldn't be pulled: what runs on this folder goes on.
    """
    try:
        records = Records(folder, patience_s=QUICK_S)
    except JournalError as error:
        try:
            journal.set_switch(folder, by, journal.now())
        except OSError as worse:
            raise JournalError(f"{error} {journal.SWITCH} can't be written either ({worse.strerror}).") from worse
        return None, str(error)
    try:
        return records, records.halt(by)
    except JournalError:
        records.close()
        raise


class Cancels(Protocol):
    """What the switch asks of an account. Raises PlatformError where a cancel can't be made."""

    async def resting(self) -> Mapping[str, Decimal] | None:
        """{order id: contracts open}; None where that can't be read soon, which stops no cancel."""

    async def cancel_all(self) -> None:
        """Cancel everything that rests, with one request."""


async def cancel_everything(account: Cancels, records: Records | None) -> Halted:
    """Cancel all with one request, again for what was on its way when the switch was pulled.

    Raises:
        PlatformError: the cancel couldn't be made.
    """
    until = time.monotonic() + PATIENCE_S
    cancelled, left = dict[str, Decimal](), None
    for _ in range(LOOKS):
        cancelled |= await _resting(account) or {}
        await account.cancel_all()
        while _under_way(records) and time.monotonic() < until:  # noqa: ASYNC110 - of other processes, without events
            await asyncio.sleep(0.05)
        left = await _still_resting(account)
        if not left:
            break
    return Halted(len(cancelled), sum(cancelled.values(), Decimal(0)), None if left is None else len(left))


async def _still_resting(account: Cancels) -> Mapping[str, Decimal] | None:
    """What still rests once reads have caught up."""
    left: Mapping[str, Decimal] | None = None
    for pause in PAUSES_S:
        await asyncio.sleep(pause)
        left = await _resting(account)
        if not left:
            break
    return left


async def _resting(account: Cancels) -> Mapping[str, Decimal] | None:
    """Orders that rest; None where that can't be read soon, which stops no cancel."""
    try:
        async with deadline.within(READ_S, UNREAD):
            return await account.resting()
    except PlatformError as error:
        logger.error("what rests can't be read: {!r}", error)
        return None


def _under_way(records: Records | None) -> int:
    try:
        return 0 if records is None else records.under_way()
    except sqlite3.Error as error:
        logger.error("what is under way can't be read: {}", error)
        return 0
