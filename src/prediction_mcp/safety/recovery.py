"""Writes whose fate nobody knows (their process died, or no answer came) are settled by asking the exchange.

What can't be settled holds up only what could double it: new orders in the same market. Cancels always go.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from loguru import logger

from prediction_mcp.net.errors import PlatformError

from .intents import Intent
from .plan import TRADES, Done
from .policy import RefusedError
from .records import Records

QUIET_S = 5.0
"""A request that left this long ago has arrived or never will, and reads show it."""


class UnsettledError(RefusedError):
    """An earlier write's fate can't be found out now."""


class Tells(Protocol):
    """What recovery asks of an account."""

    async def fate(self, intent: Intent) -> Done | str:
        """What became of a write, or in words why nothing did. Raises PlatformError where that can't be found out."""


async def settle(records: Records, account: Tells) -> list[tuple[Intent, PlatformError]]:
    """Settle what is open and nobody is at work on; returns what couldn't be, with the reason."""
    left, found = list[tuple[Intent, PlatformError]](), records.unsettled()
    await asyncio.sleep(max((QUIET_S - _age_s(intent, records) for intent in found), default=0))
    for intent in found:
        try:
            fate = await account.fate(intent)
        except PlatformError as error:
            logger.warning("the fate of {} {} can't be found out now: {}", intent.tool, intent.which, error)
            left.append((intent, error))
            continue
        if isinstance(fate, Done):
            records.done(intent.id, fate)
        else:
            records.refused(intent.id, fate)
    return left


def require_settled(left: list[tuple[Intent, PlatformError]], ticker: str) -> None:
    """Raises UnsettledError where a new order in a market could be one of unknown fate a second time."""
    for intent, error in left:
        if intent.kind in TRADES and intent.ticker in (ticker, ""):
            raise UnsettledError(
                f"An earlier write in this market ({intent.tool}, {intent.which}) has no known outcome and the "
                f"exchange can't be asked now ({error}): nothing new is sent here before that. Cancels and other "
                f"markets go on; a person who looked lets go of it with “prediction-mcp journal --settle "
                f"{intent.id[:8]}”."
            )


def _age_s(intent: Intent, records: Records) -> float:
    """Seconds since it left, by a clock that nobody sets; a machine that was restarted since took long enough."""
    since = time.monotonic() - (records.since if intent.mono is None else intent.mono)
    return since if since >= 0 else QUIET_S
