"""What can be said of an order's fate: that it is over, refused, or not known."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from prediction_mcp.net.words import printed

from ..errors import (
    ConflictError,
    DuplicateOrderError,
    InvalidOrderError,
    KalshiError,
    MalformedResponseError,
    OutcomeUnknownError,
)
from ..models.orders import AmendedOrder, Amendment, NewOrder, Order, Traded
from ..models.portfolio import Fill


def nothing_to_cancel(order: Order) -> InvalidOrderError:
    """For an order that doesn't rest any more."""
    return over(order, "cancel")


def over(order: Order, what: str) -> InvalidOrderError:
    return InvalidOrderError(
        f"There is nothing to {what}: the order is {order.status} "
        f"({printed(order.fill_count_fp)} of {printed(order.initial_count_fp)} contracts filled).",
        status=404,
    )


def is_open(error: KalshiError) -> bool:
    """Whether a write that ended with this error may have been carried out all the same.

    A 409 whose meaning isn't known is one; that the client_order_id was used before this call is none.
    """
    if error.maybe_done or isinstance(error, MalformedResponseError):
        return True
    return isinstance(error, ConflictError) and not isinstance(error, DuplicateOrderError)


def used_up(order: NewOrder) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        f"The order was sent, its answer was lost, and now client_order_id {order.client_order_id} is used, though "
        "neither an order nor a fill of it shows: a killed fill_or_kill looks like this. Look among the orders again "
        "before a new try, which needs a new client_order_id."
    )


def unknown(client_order_id: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        "The order was sent but its answer was lost, and the exchange doesn't show it: it may still appear. Look for "
        f"client_order_id {client_order_id} among the orders; to try again safely, send the same client_order_id."
    )


def unclear(order: Order) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        "The change was sent but what came of it isn't clear; the order now reads "
        f"{printed(order.remaining_count_fp)} remaining at {order.yes_price_dollars} (YES dollars), "
        f"{order.status}: read it again before you try again."
    )


def reads_as(order: Order, wanted: Amendment) -> bool:
    """Whether an order reads as an amend wanted it: its price, its total count and, where given, its expiry."""
    if wanted.expiration_time is not None:
        expires = order.expiration_time
        if expires is None or int(expires.timestamp()) != wanted.expiration_time:
            return False
    totals = (order.initial_count_fp, order.fill_count_fp + order.remaining_count_fp)
    return order.yes_price_dollars == Decimal(wanted.price) and Decimal(wanted.count) in totals


def amended(order: Order, since: Iterable[Fill]) -> AmendedOrder:
    """The answer to an amend that was lost, from the order and its fills ``since`` before the amend.

    An amend that crosses the book takes; the order's other fills of that time were made while it rested.
    """
    taken = Traded.of(fill for fill in since if fill.is_taker)
    price, fee = taken.averages
    return AmendedOrder(
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        fill_count=taken.count,
        remaining_count=order.remaining_count_fp,
        average_fill_price=price,
        average_fee_paid=fee,
        ts_ms=int(order.last_update_time.timestamp() * 1000) if order.last_update_time else 0,
    )
