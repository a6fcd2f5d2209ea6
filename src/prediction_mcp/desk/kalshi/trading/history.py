"""Orders and fills by page, and orders that are over, past the exchange's archive cutoff."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from prediction_mcp.desk.results import more
from prediction_mcp.kalshi.models.orders import Order

from .. import lookup
from .results import FillLine, FillList, OrderLine, OrderList

if TYPE_CHECKING:
    from ..account import Account

ARCHIVED = "archive:"
"""Before a cursor of the archive, where a history goes on past the cutoff."""
PAGES = 20


async def orders(account: Account, ticker: str | None, status: str | None, limit: int, cursor: str | None) -> OrderList:
    """A page of orders, newest first."""
    name = None if ticker is None else (await lookup.market(account, ticker)).ticker
    page = await account.kalshi.orders.list(ticker=name, status=status, limit=limit, cursor=cursor)
    lines = [OrderLine.of(order) for order in page.orders]
    return OrderList(source=account.environment, count=len(lines), cursor=more(page), orders=lines)


async def fills(
    account: Account,
    ticker: str | None,
    order_id: str | None,
    since: datetime | None,
    limit: int,
    cursor: str | None,
) -> FillList:
    """A page of fills, newest first."""
    name = None if ticker is None else (await lookup.market(account, ticker)).ticker
    min_ts = None if since is None else int(since.timestamp())
    page = await account.kalshi.portfolio.fills(
        ticker=name, order_id=order_id, min_ts=min_ts, limit=limit, cursor=cursor
    )
    lines = [FillLine.of(fill) for fill in page.fills]
    return FillList(source=account.environment, count=len(lines), cursor=more(page), fills=lines).within(since)


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
