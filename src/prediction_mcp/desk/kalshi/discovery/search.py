"""Finding markets in the catalogue, shown with the prices of now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from .. import lookup
from .listing import STATUSES
from .market_results import MarketLine

if TYPE_CHECKING:
    from prediction_mcp.catalogue.rows import Found

    from ..account import Account
    from .results import SearchAnswer


async def search(
    account: Account,
    query: str,
    *,
    category: str | None,
    status: str,
    closes_before: datetime | None,
    min_volume: float,
    include_combos: bool,
    limit: int,
) -> SearchAnswer:
    """Markets that fit words; ``min_volume`` in contracts of 24 hours."""
    await account.catalogue.ready(account.kalshi, account.progress, combos=include_combos)
    found = account.catalogue.index.search(
        query,
        category=category,
        statuses=sorted(STATUSES[status]),
        closes_before=closes_before,
        min_volume=min_volume,
        combos=include_combos,
        limit=limit,
    )
    return await _shown(account, found, combos=include_combos)


async def scan(account: Account, by: str, category: str | None, within_hours: float | None, limit: int) -> SearchAnswer:
    """Open markets of the whole exchange, sorted."""
    await account.catalogue.ready(account.kalshi, account.progress)
    found = account.catalogue.index.scan(by, category=category, closes_within_h=within_hours, limit=limit)
    return await _shown(account, found)


async def _shown(account: Account, found: Sequence[Found], *, combos: bool = False) -> SearchAnswer:
    from .results import CatalogueState, SearchAnswer

    index = account.catalogue.index
    current = await lookup.markets_of(account, (f.ticker for f in found))
    lines = [MarketLine.of(current[f.ticker]) for f in found if f.ticker in current]
    state = CatalogueState.of(index.coverage(), index.coverage("combos") if combos else None)
    note = None
    if not state.complete:
        note = "The catalogue is still filling: ask again in a moment for the whole exchange."
    elif not lines:
        note = "Nothing fits: try fewer or other words, or list with kalshi_get_events."
    return SearchAnswer(source=account.environment, count=len(lines), markets=lines, catalogue=state, note=note)
