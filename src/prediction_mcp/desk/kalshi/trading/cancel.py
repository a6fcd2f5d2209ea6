"""Ending several orders, and reading those that are over."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from prediction_mcp.desk.results import more
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.errors import InvalidRequestError, NotFoundError
from prediction_mcp.kalshi.models.orders import Order
from prediction_mcp.kalshi.resources.orders import CancelItem
from prediction_mcp.safety.halt import UNREAD, WARNING, resting_now

from .preview_results import CancelledLine, CancelledMany

ORDER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
ASKED_AT_ONCE = 8
BATCH = 20
"""Orders of one batch cancel."""
ARCHIVED = "archive:"
"""Before a cursor of the archive, where a history goes on past the cutoff."""
PAGES = 20


async def resting_of(kalshi: KalshiClient, ticker: str | None) -> list[Order]:
    """The resting orders of a market, or all."""
    return [o async for o in kalshi.orders.all(ticker=ticker, status="resting")]


async def orders_named(kalshi: KalshiClient, order_ids: Sequence[str]) -> list[Order]:
    """The account's orders with these ids, in their order; what the exchange doesn't know as one of them is refused.

    Raises:
        InvalidRequestError: an id isn't that of an order of the account; none of its text is repeated.
    """
    odd = next((n for n, order_id in enumerate(order_ids, 1) if not ORDER_ID.fullmatch(order_id)), None)
    if odd is not None:
        raise InvalidRequestError(f"The {odd}. of the order_ids is no order id: nothing was sent.")
    resting = {order.order_id: order for order in await resting_of(kalshi, None)}
    limit = asyncio.Semaphore(ASKED_AT_ONCE)

    async def one(number: int, order_id: str) -> Order:
        if order_id in resting:
            return resting[order_id]
        async with limit:
            try:
                return await kalshi.orders.get(order_id)
            except NotFoundError:
                raise InvalidRequestError(
                    f"The {number}. of the order_ids isn't an order of this account: nothing was sent."
                ) from None

    return await asyncio.gather(*(one(number, order_id) for number, order_id in enumerate(order_ids, 1)))


async def cancel_all(kalshi: KalshiClient, source: str) -> CancelledMany:
    """Cancel everything that rests, in one request."""
    resting = await resting_now(kalshi)
    await kalshi.orders.cancel_all()
    return CancelledMany(
        source=source,
        cancelled=len(resting or ()),
        contracts=sum((o.remaining_count_fp for o in resting or ()), Decimal(0)),
        orders=[],
        note=WARNING if resting is not None else f"{UNREAD} {WARNING}",
    )


async def cancel_named(kalshi: KalshiClient, targets: Sequence[CancelItem], source: str) -> CancelledMany:
    """Cancel orders, a batch a request; each succeeds or fails by itself."""
    lines = list[CancelledLine]()
    for start in range(0, len(targets), BATCH):
        for item in await kalshi.orders.batch_cancel(targets[start : start + BATCH]):
            failed = item.error.message or item.error.code if item.error else None
            reduced = None if failed else item.reduced_by
            lines.append(CancelledLine(order_id=item.order_id or "", cancelled=reduced, error=failed))
    done = [line for line in lines if line.error is None]
    return CancelledMany(
        source=source,
        cancelled=len(done),
        contracts=sum((line.cancelled or Decimal(0) for line in done), Decimal(0)),
        failed=len(lines) - len(done) or None,
        orders=lines,
    )


async def order_history(
    kalshi: KalshiClient, ticker: str | None, since: datetime | None, limit: int, cursor: str | None
) -> tuple[list[Order], str | None]:
    """Orders that are over, newest first: those the exchange still lists, then those in its archive."""
    min_ts = None if since is None else int(since.timestamp())
    found = list[Order]()
    archived = cursor is not None and cursor.startswith(ARCHIVED)
    position = cursor.removeprefix(ARCHIVED) or None if cursor else None
    for _ in range(PAGES):
        page = await kalshi.orders.list(
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
