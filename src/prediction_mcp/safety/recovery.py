"""Writes whose fate nobody knows (their process died, or no answer came) are settled by asking the exchange.

Until that is done, no new write leaves: it could be the same order a second time.
"""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.errors import KalshiError, NotFoundError
from prediction_mcp.kalshi.models.orders import Order

from .plan import Done
from .policy import RefusedError
from .records import Intent, Records

QUIET_S = 5.0
"""A request that left this long ago has arrived or never will, and reads show it."""
LOOK_BACK_S = 120


class UnsettledError(RefusedError):
    """An earlier write's fate can't be found out now."""


async def settle(records: Records, kalshi: KalshiClient) -> int:
    """Settle what is open and nobody is at work on; returns how many there were.

    Raises:
        UnsettledError: the exchange can't be asked.
    """
    found = records.unsettled()
    for intent in found:
        try:
            await _settle(records, kalshi, intent)
        except KalshiError as error:
            which = intent.client_order_id or intent.request.get("order_id", "several orders")
            raise UnsettledError(
                f"An earlier write ({intent.tool}, {which}) has no known outcome and the exchange can't be asked now "
                f"({error}): nothing new is sent before that."
            ) from None
    return len(found)


async def _settle(records: Records, kalshi: KalshiClient, intent: Intent) -> None:
    await asyncio.sleep(max(intent.at + QUIET_S - time.time(), 0))
    if intent.kind == "order":
        order = await kalshi.orders.find(intent.client_order_id, intent.ticker, since_ts=int(intent.at) - LOOK_BACK_S)
        if order is None:
            records.refused(intent.id, "settled: it never reached the exchange")
        else:
            records.done(intent.id, await _placed(kalshi, order))
    elif "order_id" in intent.request:
        try:
            order = await kalshi.orders.get(str(intent.request["order_id"]))
        except NotFoundError:
            records.refused(intent.id, "settled: there is no such order")
            return
        records.done(intent.id, Done(f"settled: {_state(order)}", order.order_id))
    else:
        resting = [o async for o in kalshi.orders.all(status="resting")]
        records.done(intent.id, Done(f"settled: {len(resting)} orders rest now"))


async def _placed(kalshi: KalshiClient, order: Order) -> Done:
    """What an order that was found has cost and may still cost, closing or not: at most."""
    traded = await kalshi.orders.traded(order.order_id)
    price = order.yes_price_dollars if order.book_side == "bid" else 1 - order.yes_price_dollars
    spent = traded.yes_cost if order.book_side == "bid" else traded.count - traded.yes_cost
    resting = order.remaining_count_fp if order.status == "resting" else Decimal(0)
    rest = price * resting
    return Done(f"settled: {_state(order)}", order.order_id, spent + traded.fees + rest, rest, resting)


def _state(order: Order) -> str:
    return (
        f"order {order.order_id} is {order.status}, {order.fill_count_fp.normalize():f} of "
        f"{order.initial_count_fp.normalize():f} contracts filled"
    )
