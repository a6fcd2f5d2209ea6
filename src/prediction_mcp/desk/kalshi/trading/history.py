"""Orders that are over, past the exchange's archive cutoff."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from prediction_mcp.desk.results import more
from prediction_mcp.kalshi.models.orders import Order

if TYPE_CHECKING:
    from ..account import Account

ARCHIVED = "archive:"
"""Before a cursor of the archive, where a history goes on past the cutoff."""
PAGES = 20


async def order_history(
    account: Account, ticker: str | None, since: datetime | None, limit: int, cursor: str | None
) -> tuple[list[Order], str | None]:
    """Orders that are over, newest first: those the exchange still lists, then those in its archive."""
    min_ts = None if since is None else int(since.timestamp())
    found = list[Order]()
    archived = cursor is not None and cursor.startswith(ARCHIVED)
    position = cursor.removeprefix(ARCHIVED) or None if cursor else None
    for _ in range(PAGES):
        page = await account.kalshi.orders.list(
            ticker=ticker, min_ts=min_ts, limit=limit - len(found), cursor=position, historical=archived
        )
        found += [o for o in page.orders if o.status != "resting"]
        position = more(page)
        if position is None:
            if archived:
                return found, None
            archived = True
        if len(found) >= limit:
            break
    return found, f"{ARCHIVED if archived else ''}{position or ''}"
