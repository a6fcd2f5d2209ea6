"""Changing and ending several orders, and reading those that are over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.errors import InvalidOrderError, InvalidRequestError
from prediction_mcp.kalshi.models.orders import Amendment, Order
from prediction_mcp.kalshi.orders import check_count, check_price, yes_price
from prediction_mcp.kalshi.units import format_count, format_price, parse_price

from . import lookup
from .order_entry import check_open, dollars
from .order_results import spoken
from .preview_results import Amended, CancelledLine, CancelledMany
from .results import more

BATCH = 20
"""Orders of one batch cancel."""
ARCHIVED = "archive:"
"""Before a cursor of the archive, where a history goes on past the cutoff."""
PAGES = 20


async def cancel_many(
    kalshi: KalshiClient, order_ids: Sequence[str] | None, ticker: str | None, *, everything: bool, source: str
) -> CancelledMany:
    """Cancel the orders named, those of a market, or all; exactly one of the three."""
    if sum((order_ids is not None, ticker is not None, everything)) != 1:
        raise InvalidRequestError("Give exactly one of order_ids, ticker and all=true.")
    if everything:
        resting = [o async for o in kalshi.orders.all(status="resting")]
        await kalshi.orders.cancel_all()
        return CancelledMany(
            source=source,
            cancelled=len(resting),
            contracts=sum((o.remaining_count_fp for o in resting), Decimal(0)),
            orders=[],
            note="Orders placed within the next minute may be cancelled too.",
        )
    targets: list[tuple[str, str | None]]
    if ticker is not None:
        name = (await lookup.market(kalshi, ticker)).ticker
        targets = [(o.order_id, o.ticker) async for o in kalshi.orders.all(ticker=name, status="resting")]
    else:
        targets = [(order_id, None) for order_id in dict.fromkeys(order_ids or ())]
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


async def amend(
    kalshi: KalshiClient, order_id: str, count: Decimal | None, price: Decimal | None, source: str
) -> Amended:
    """Change what remains open, the price, or both. Raises InvalidOrderError when nothing would change."""
    if count is None and price is None:
        raise InvalidOrderError("Give a count, a price, or both.")
    order = await kalshi.orders.get(order_id)
    if order.status != "resting":
        raise InvalidOrderError(f"The order is {order.status}: only one that rests can be changed.")
    market = await lookup.market(kalshi, order.ticker)
    check_open(market)
    remaining = order.remaining_count_fp if count is None else count
    check_count(remaining)
    at = order.yes_price_dollars if price is None else yes_price(order.outcome_side, dollars(price))
    check_price(at, "yes", market.grid)
    if at == order.yes_price_dollars and remaining == order.remaining_count_fp:
        raise InvalidOrderError("The order has this count and price already.")
    total = check_count(order.fill_count_fp + remaining)
    change = Amendment(
        ticker=order.ticker, side=order.book_side, price=format_price(parse_price(at)), count=format_count(total)
    )
    done = await kalshi.orders.amend(order_id, change)
    return Amended(
        source=source,
        order_id=order_id,
        order=spoken(order.book_side, at),
        filled_now=done.fill_count or None,
        remaining=done.remaining_count,
        keeps_queue_position=at == order.yes_price_dollars and remaining < order.remaining_count_fp,
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
