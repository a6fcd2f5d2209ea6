"""Writes whose fate nobody knows (their process died, or no answer came) are settled by asking the exchange.

What can't be settled holds up only what could double it: new orders in the same market. Cancels always go.
"""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

from loguru import logger

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


async def settle(records: Records, kalshi: KalshiClient) -> list[tuple[Intent, KalshiError]]:
    """Settle what is open and nobody is at work on; returns what couldn't be, with the reason."""
    left, found = list[tuple[Intent, KalshiError]](), records.unsettled()
    await asyncio.sleep(max((QUIET_S - _age_s(intent, records) for intent in found), default=0))
    for intent in found:
        try:
            await _settle(records, kalshi, intent)
        except KalshiError as error:
            logger.warning("the fate of {} {} can't be found out now: {}", intent.tool, intent.which, error)
            left.append((intent, error))
    return left


def require_settled(left: list[tuple[Intent, KalshiError]], ticker: str) -> None:
    """Raises UnsettledError where a new order in a market could be one of unknown fate a second time."""
    for intent, error in left:
        if intent.kind != "cancel" and intent.ticker in (ticker, ""):
            raise UnsettledError(
                f"An earlier write in this market ({intent.tool}, {intent.which}) has no known outcome and the "
                f"exchange can't be asked now ({error}): nothing new is sent here before that. Cancels and other "
                f"markets go on; a person who looked lets go of it with “prediction-mcp journal --settle "
                f"{intent.id[:8]}”."
            )


def _age_s(intent: Intent, records: Records) -> float:
    """Seconds since it left, by a clock that nobody sets; a machine that was restarted since took long enough."""
    since = time.monotonic() - (records.since if intent.mono is None else intent.mono)
    return since if since >= 0 else QUIET_S


async def _settle(records: Records, kalshi: KalshiClient, intent: Intent) -> None:
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
        cancel = intent.kind == "cancel"
        records.done(intent.id, Done(_state(order), order.order_id) if cancel else await _placed(kalshi, order))
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
    return Done(_state(order), order.order_id, spent + traded.fees + rest, rest, resting)


def _state(order: Order) -> str:
    return (
        f"settled: order {order.order_id} is {order.status}, {order.fill_count_fp.normalize():f} of "
        f"{order.initial_count_fp.normalize():f} contracts filled"
    )
