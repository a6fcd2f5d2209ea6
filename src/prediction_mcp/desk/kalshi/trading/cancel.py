"""The end of orders: one, those named, those of a market, or all; as plans."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from loguru import logger

from prediction_mcp.desk.results import MONEY
from prediction_mcp.kalshi.errors import AuthenticationError, CredentialsError, InvalidRequestError, NotFoundError
from prediction_mcp.kalshi.models.orders import CancelItem, Order
from prediction_mcp.kalshi.resources.order_fates import nothing_to_cancel
from prediction_mcp.net import deadline
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.net.words import printed
from prediction_mcp.safety.halt import READ_S, UNREAD, WARNING
from prediction_mcp.safety.plan import Done, Plan, Terms

from .. import lookup
from ..held import resting_now, resting_of
from .preview_results import CancelledLine, CancelledMany
from .question import listed
from .results import Cancelled

if TYPE_CHECKING:
    from ..account import Account

ORDER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
ASKED_AT_ONCE = 8
BATCH = 20
"""Orders of one batch cancel."""


async def plan_cancel(account: Account, order_id: str) -> CancelOrder:
    """Plan the cancel of one resting order; an order that can't be read soon is cancelled by its id alone.

    Raises:
        InvalidOrderError: there is nothing to cancel.
    """
    try:
        async with deadline.within(READ_S, UNREAD):
            order = await account.kalshi.orders.get(order_id)
    except (NotFoundError, CredentialsError, AuthenticationError):
        raise
    except PlatformError as error:
        logger.error("the order to cancel can't be read: {!r}", error)
        return CancelOrder(account, order_id, None)
    if order.status != "resting":
        raise nothing_to_cancel(order)
    return CancelOrder(account, order_id, order)


class CancelOrder(Plan[Cancelled]):
    kind = "cancel"

    def __init__(self, account: Account, order_id: str, order: Order | None) -> None:
        self._account, self._order = account, order
        self.terms = {
            "order_id": order_id, "ticker": order and order.ticker,
            "subaccount": (order and order.subaccount_number) or None,
            "exchange_index": order and order.exchange_index,
        }  # fmt: skip

    async def send(self, terms: Terms) -> Cancelled:
        execution = await self._account.kalshi.orders.cancel(
            terms["order_id"],
            market_ticker=terms["ticker"],
            subaccount=terms["subaccount"],
            exchange_index=terms["exchange_index"],
        )
        return Cancelled(source=self._account.environment, order_id=execution.order_id, cancelled=execution.reduced_by)

    async def words(self) -> str:
        order_id = self.terms["order_id"]
        which = f"order {order_id}" if self._order is None else await listed(self._account, [self._order])
        return f"Cancel {which} {MONEY[self._account.environment]}"

    def done(self, result: Cancelled) -> Done:
        return Done(f"cancelled {printed(result.cancelled)} contracts", released=((result.order_id, result.cancelled),))


async def plan_cancel_many(
    account: Account, order_ids: Sequence[str] | None, ticker: str | None, *, everything: bool
) -> CancelOrders | CancelAll:
    """The end of the orders named, those of a market, or all; exactly one of the three."""
    if sum((order_ids is not None, ticker is not None, everything)) != 1:
        raise InvalidRequestError("Give exactly one of order_ids, ticker and all=true.")
    if everything:
        return CancelAll(account, await resting_now(account))
    if order_ids is not None:
        chosen = await orders_named(account, list(dict.fromkeys(order_ids)))
        return CancelOrders(account, chosen, f"{len(chosen)} orders")
    market = (await lookup.market(account, ticker or "")).ticker
    return CancelOrders(account, await resting_of(account, market), f"every resting order in {market}")


class CancelOrders(Plan[CancelledMany]):
    """Each by itself: some may fail."""

    kind = "cancel"

    def __init__(self, account: Account, orders: Sequence[Order], extent: str) -> None:
        self._account, self._orders, self._extent = account, orders, extent
        self.terms = {"orders": [[o.order_id, o.ticker, o.subaccount_number or None] for o in orders]}

    async def send(self, terms: Terms) -> CancelledMany:
        items = [CancelItem(order_id=i, market_ticker=t, subaccount=s) for i, t, s in terms["orders"]]
        return await cancel_named(self._account, items)

    async def words(self) -> str:
        orders = await listed(self._account, self._orders)
        return f"Cancel {self._extent}: {orders} {MONEY[self._account.environment]}"

    def done(self, result: CancelledMany) -> Done:
        gone = tuple((line.order_id, line.cancelled) for line in result.orders if line.cancelled is not None)
        return Done(f"cancelled {result.cancelled} orders", released=gone)


class CancelAll(Plan[CancelledMany]):
    """Everything that rests, with one request, whether it can be read or not."""

    kind = "cancel"

    def __init__(self, account: Account, orders: Sequence[Order] | None) -> None:
        self._account, self._orders = account, orders
        self.terms = {"all": True}

    async def send(self, terms: Terms) -> CancelledMany:
        return await cancel_all(self._account)

    async def words(self) -> str:
        extent, money = "Cancel every resting order of the account", MONEY[self._account.environment]
        if self._orders is None:
            return f"{extent}; which those are can't be read now. {money}"
        return f"{extent}: {await listed(self._account, self._orders)} {money}"

    def done(self, result: CancelledMany) -> Done:
        gone = tuple((o.order_id, o.remaining_count_fp) for o in self._orders or ())
        return Done(f"cancelled {result.cancelled} orders", released=gone)


async def orders_named(account: Account, order_ids: Sequence[str]) -> list[Order]:
    """The account's orders with these ids, in their order; what the exchange doesn't know as one of them is refused.

    Raises:
        InvalidRequestError: an id isn't that of an order of the account; none of its text is repeated.
    """
    odd = next((n for n, order_id in enumerate(order_ids, 1) if not ORDER_ID.fullmatch(order_id)), None)
    if odd is not None:
        raise InvalidRequestError(f"The {odd}. of the order_ids is no order id: nothing was sent.")
    resting = {order.order_id: order for order in await resting_of(account)}
    limit = asyncio.Semaphore(ASKED_AT_ONCE)

    async def one(number: int, order_id: str) -> Order:
        if order_id in resting:
            return resting[order_id]
        async with limit:
            try:
                return await account.kalshi.orders.get(order_id)
            except NotFoundError:
                raise InvalidRequestError(
                    f"The {number}. of the order_ids isn't an order of this account: nothing was sent."
                ) from None

    return await asyncio.gather(*(one(number, order_id) for number, order_id in enumerate(order_ids, 1)))


async def cancel_all(account: Account) -> CancelledMany:
    """Cancel everything that rests, in one request."""
    resting = await resting_now(account)
    await account.kalshi.orders.cancel_all()
    return CancelledMany(
        source=account.environment,
        cancelled=len(resting or ()),
        contracts=sum((o.remaining_count_fp for o in resting or ()), Decimal(0)),
        orders=[],
        note=WARNING if resting is not None else f"{UNREAD} {WARNING}",
    )


async def cancel_named(account: Account, targets: Sequence[CancelItem]) -> CancelledMany:
    """Cancel orders, a batch a request; each succeeds or fails by itself."""
    lines = list[CancelledLine]()
    for start in range(0, len(targets), BATCH):
        for item in await account.kalshi.orders.batch_cancel(targets[start : start + BATCH]):
            failed = item.error.message or item.error.code if item.error else None
            reduced = None if failed else item.reduced_by
            lines.append(CancelledLine(order_id=item.order_id or "", cancelled=reduced, error=failed))
    done = [line for line in lines if line.error is None]
    return CancelledMany(
        source=account.environment,
        cancelled=len(done),
        contracts=sum((line.cancelled or Decimal(0) for line in done), Decimal(0)),
        failed=len(lines) - len(done) or None,
        orders=lines,
    )
