"""/portfolio/events/orders and /portfolio/orders: the life of an order.

Nothing is sent twice and nothing is lost: a create carries a client_order_id made before its first try, so a repeated
send can only be refused as a duplicate; a write whose answer was lost is settled by asking the exchange what it knows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from decimal import Decimal

from loguru import logger

from ..errors import (
    DuplicateOrderError,
    InvalidOrderError,
    KalshiError,
    MalformedResponseError,
    NotFoundError,
    OutcomeUnknownError,
    SendError,
)
from ..models.orders import (
    AmendedOrder,
    Amendment,
    BatchCancelAnswer,
    BatchCancelBody,
    BatchCancelItem,
    BatchCreateAnswer,
    BatchCreateBody,
    BatchCreateItem,
    CancelItem,
    Cancellation,
    Decrease,
    DecreaseBody,
    ItemError,
    NewOrder,
    Order,
    OrderExecution,
    Traded,
)
from ..models.portfolio import Fill
from ..parsing import parsed
from .fates import ASK_AGAIN_AFTER
from .order_fates import amended, is_open, nothing_to_cancel, over, reads_as, unclear, unknown, used_up
from .order_reads import OrderReads

ORDERS = "/portfolio/events/orders"
LOOK_BACK_S = 120


class OrdersResource(OrderReads):
    """Orders of an account: reads (:class:`.order_reads.OrderReads`), and all that changes them."""

    # -- create ------------------------------------------------------------------------------------------------

    async def create(self, order: NewOrder) -> OrderExecution:
        """Place an order, exactly once.

        Raises:
            DuplicateOrderError: its client_order_id was used before this call.
            InvalidOrderError, InsufficientBalanceError, MarketClosedError: the exchange refused it; nothing was placed.
            OutcomeUnknownError: no answer came and the exchange doesn't show the order; the message says what to do.
        """
        started = int(time.time())
        try:
            content = await self._transport.send("POST", ORDERS, body=order)
            return parsed(OrderExecution, content, f"POST {ORDERS}")
        except KalshiError as error:
            if not is_open(error):
                raise
            found = await self._find_after_loss(order, started)
            if found is not None:
                return await self._execution(found)
            if isinstance(error, SendError | MalformedResponseError):
                raise unknown(order.client_order_id) from error
            if error.maybe_done and isinstance(error, DuplicateOrderError):
                raise used_up(order) from error
            raise

    async def _find_after_loss(self, order: NewOrder, started: int) -> Order | None:
        for wait in ASK_AGAIN_AFTER:
            await asyncio.sleep(wait)
            try:
                found = await self.find(order.client_order_id, order.ticker, since_ts=started - LOOK_BACK_S)
            except KalshiError as error:
                raise unknown(order.client_order_id) from error
            if found is not None:
                return found
        return None

    async def _execution(self, order: Order) -> OrderExecution:
        """Return the lost answer, rebuilt from the order and its fills; no averages where those can't be read.

        The order is placed whatever happens here, so nothing here may look like its failure.
        """
        price = fee = None
        if order.fill_count_fp:
            try:
                price, fee = (await self.traded(order.order_id)).averages
            except KalshiError as error:
                logger.warning("the fills of order {} can't be read now: {}", order.order_id, error)
        return OrderExecution(
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            fill_count=order.fill_count_fp,
            remaining_count=order.remaining_count_fp,
            average_fill_price=price,
            average_fee_paid=fee,
            ts_ms=int(order.last_update_time.timestamp() * 1000) if order.last_update_time else 0,
        )

    async def batch_create(self, orders: Sequence[NewOrder]) -> Sequence[BatchCreateItem]:
        """Place several orders; each succeeds or fails by itself, in the order given."""
        started = int(time.time())
        template = f"{ORDERS}/batched"
        body = BatchCreateBody(orders=list(orders))
        try:
            content = await self._transport.send("POST", template, body=body, idempotent=False, items=len(orders))
            return parsed(BatchCreateAnswer, content, f"POST {template}").orders
        except KalshiError as error:
            if not is_open(error):
                raise
            return [await self._item_after_loss(order, started) for order in orders]

    async def _item_after_loss(self, order: NewOrder, started: int) -> BatchCreateItem:
        found = await self._find_after_loss(order, started)
        if found is None:
            error = ItemError(code="outcome_unknown", message=unknown(order.client_order_id).message)
            return BatchCreateItem(client_order_id=order.client_order_id, error=error)
        return BatchCreateItem.model_validate((await self._execution(found)).model_dump())

    # -- cancel ------------------------------------------------------------------------------------------------

    async def cancel(
        self,
        order_id: str,
        *,
        market_ticker: str | None = None,
        subaccount: int | None = None,
        exchange_index: int | None = None,
    ) -> Cancellation:
        """Cancel a resting order. Goes ahead of other writes. Without ``subaccount`` it is one of the primary account.

        A 404 doesn't say why there is nothing to cancel, and reads lag: what became of the order is asked for until
        the answers agree.

        Raises:
            NotFoundError: no such order.
            InvalidOrderError: it doesn't rest any more; the message says whether it traded.
            OutcomeUnknownError: the order still reads as resting, though its cancel was lost or answered with 404.
        """
        template = ORDERS + "/{order_id}"
        query = {"market_ticker": market_ticker, "subaccount": subaccount, "exchange_index": exchange_index}
        try:
            content = await self._transport.send(
                "DELETE", template, query=query, urgent=True, ids={"order_id": order_id}
            )
            return parsed(Cancellation, content, "a cancel")
        except KalshiError as error:
            if not (is_open(error) or isinstance(error, NotFoundError)):
                raise
            order, _ = await self._fate(order_id, error, lambda order: order.status != "resting")
            if order.status == "resting":
                raise unclear(order) from error
            if order.status == "canceled" and is_open(error):  # our own try did it, only its answer was lost
                reduced = order.initial_count_fp - order.fill_count_fp
                return Cancellation(order_id=order_id, client_order_id=order.client_order_id, reduced_by=reduced)
            raise nothing_to_cancel(order) from None

    async def _fate(
        self, order_id: str, cause: KalshiError, is_settled: Callable[[Order], bool]
    ) -> tuple[Order, Sequence[Fill]]:
        """Read an order and its fills after a write that may have changed it, until both agree that it is settled.

        Asked again with growing pauses while it isn't, and while its fills say more than the order does. The last
        reading is returned, whether it is settled or not.

        Raises:
            NotFoundError: there is no such order.
            OutcomeUnknownError: the exchange can't be asked.
        """
        for wait in ASK_AGAIN_AFTER:
            await asyncio.sleep(wait)
            try:
                order = await self.get(order_id)
                fills = await self.fills(order_id)
            except NotFoundError:
                raise
            except KalshiError:
                raise OutcomeUnknownError(
                    f"The change of order {order_id} was sent but its answer was lost, and the exchange can't be asked "
                    "now: read the order before you try again."
                ) from cause
            if is_settled(order) and Traded.of(fills).count == order.fill_count_fp:
                break
        return order, fills

    async def batch_cancel(self, orders: Sequence[CancelItem]) -> Sequence[BatchCancelItem]:
        """Cancel several orders; each succeeds or fails by itself.

        One that there was nothing to cancel of comes with what became of it, asked for as in :meth:`cancel`.

        Raises:
            OutcomeUnknownError: the answer was lost, so nothing is known of any.
        """
        body = BatchCancelBody(orders=list(orders))
        template = f"{ORDERS}/batched"
        content = await self._transport.send("DELETE", template, body=body, urgent=True, items=len(orders))
        items = parsed(BatchCancelAnswer, content, "a batch cancel").orders
        return [await self._explained(item) for item in items]

    async def _explained(self, item: BatchCancelItem) -> BatchCancelItem:
        if item.error is None or item.error.code not in ("not_found", "NOT_FOUND"):
            return item
        try:
            await self._nothing_left(item.order_id)
        except KalshiError as error:
            return item.model_copy(update={"error": ItemError(code=item.error.code, message=error.message)})
        return item

    async def _nothing_left(self, order_id: str) -> None:
        """Say why there is nothing to cancel of an order. Always raises."""
        error = NotFoundError(f"There is no order {order_id}.", status=404)
        order, _ = await self._fate(order_id, error, lambda order: order.status != "resting")
        raise unclear(order) if order.status == "resting" else nothing_to_cancel(order)

    async def cancel_all(self, *, subaccount: int | None = None) -> None:
        """Cancel every resting order of every subaccount (or one). Orders of the next minute may be hit too."""
        await self._transport.send("DELETE", ORDERS, query={"subaccount": subaccount}, urgent=True)

    # -- change ------------------------------------------------------------------------------------------------

    async def amend(self, order_id: str, amendment: Amendment, *, subaccount: int | None = None) -> AmendedOrder:
        """Change price, total count or expiry of a resting order. Only a smaller count keeps the queue position.

        Its fills are read before it is sent: where the answer is lost, only those that came since are the amend's.

        Raises:
            OutcomeUnknownError: the answer was lost and the order doesn't read as wanted.
        """
        before = {fill.fill_id for fill in await self.fills(order_id)}
        try:
            template = ORDERS + "/{order_id}/amend"
            content = await self._transport.send(
                "POST",
                template,
                {"order_id": order_id},
                query={"subaccount": subaccount},
                body=amendment,
                idempotent=False,
            )
            return parsed(AmendedOrder, content, "an amend")
        except KalshiError as error:
            if isinstance(error, NotFoundError):
                raise await self._nothing_to_change(order_id, error) from None
            if not is_open(error):
                raise
            order, fills = await self._fate(order_id, error, lambda order: reads_as(order, amendment))
            if not reads_as(order, amendment):
                raise unclear(order) from error
            return amended(order, [fill for fill in fills if fill.fill_id not in before])

    async def decrease(
        self,
        order_id: str,
        *,
        reduce_by: str | None = None,
        reduce_to: str | None = None,
        market_ticker: str | None = None,
        subaccount: int | None = None,
        exchange_index: int | None = None,
    ) -> Decrease:
        """Make a resting order smaller; exactly one of the two. The queue position is kept.

        Raises:
            OutcomeUnknownError: the answer was lost and the order doesn't read as wanted.
        """
        if (reduce_by is None) == (reduce_to is None):
            raise InvalidOrderError("Give exactly one of reduce_by and reduce_to.")
        body = DecreaseBody(
            reduce_by=reduce_by, reduce_to=reduce_to, market_ticker=market_ticker, exchange_index=exchange_index
        )
        try:
            template = ORDERS + "/{order_id}/decrease"
            content = await self._transport.send(
                "POST",
                template,
                {"order_id": order_id},
                query={"subaccount": subaccount},
                body=body,
                idempotent=False,
            )
            return parsed(Decrease, content, "a decrease")
        except KalshiError as error:
            if isinstance(error, NotFoundError):
                raise await self._nothing_to_change(order_id, error) from None
            if not is_open(error):
                raise

            def as_wanted(order: Order) -> bool:  # of reduce_by nothing tells how many there were before
                return reduce_to is not None and order.remaining_count_fp == Decimal(reduce_to)

            order, _ = await self._fate(order_id, error, as_wanted)
            if as_wanted(order):
                return Decrease(order_id=order_id, remaining_count=order.remaining_count_fp)
            raise unclear(order) from error

    async def _nothing_to_change(self, order_id: str, error: KalshiError) -> KalshiError:
        """For a change that was answered with 404: why there is nothing to change."""
        order, _ = await self._fate(order_id, error, lambda order: order.status != "resting")
        return unclear(order) if order.status == "resting" else over(order, "change")
