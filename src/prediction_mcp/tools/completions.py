"""Tickers and categories while they are typed, from the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loguru import logger
from mcp_types import Completion

from prediction_mcp.net.deadline import within
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.protocol.session import get_account

if TYPE_CHECKING:
    from mcp_types import CompletionArgument, CompletionContext, PromptReference, ResourceTemplateReference

MENU_S = 10.0
"""Seconds that a menu waits for the exchange."""
SHOWN = 20
"""A menu, not a list; the protocol allows 100."""
PERIODS = ("day", "week", "month", "all")


async def complete(
    ref: PromptReference | ResourceTemplateReference, argument: CompletionArgument, _: CompletionContext | None
) -> Completion | None:
    """What an argument of a prompt or a resource can be, the most traded first; None for one that isn't known here."""
    typed = argument.value.strip()
    if argument.name == "period":
        return _menu([period for period in PERIODS if period.startswith(typed.lower())])
    if argument.name not in ("ticker", "category"):
        return None
    try:
        async with within(MENU_S, "The exchange didn't answer in time."):
            account = await get_account()
            await account.catalogue.ready(account.kalshi)
    except PlatformError as error:
        # a menu that stays empty is no failure to its reader: the call after it says what is wrong
        logger.warning("no completions: {}", error)
        return None
    index = account.catalogue.index
    if argument.name == "category":
        return _menu(index.categories(typed, SHOWN + 1))
    return _menu(index.tickers(typed, SHOWN + 1) or [found.ticker for found in index.search(typed, limit=SHOWN + 1)])


def _menu(values: list[str]) -> Completion:
    return Completion(values=values[:SHOWN], has_more=len(values) > SHOWN)
