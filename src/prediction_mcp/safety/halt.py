"""The kill switch: no new orders from any server of this user, and everything that rests is cancelled."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from decimal import Decimal

from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.models.orders import Order

from .records import Records

PATIENCE_S = 12.0
"""How long orders that left before the switch are waited for: the transport gives up on its last try about then."""
LOOKS = 3
PAUSES_S = (0.0, 0.3, 0.7, 1.5)
"""Before each look at what still rests: reads lag, so an order that was just cancelled may read as resting."""
WARNING = "Orders placed within the next minute may be cancelled too."


@dataclass(frozen=True, slots=True)
class Halted:
    """``cancelled`` orders with so many ``contracts`` open; ``left`` still rest."""

    cancelled: int
    contracts: Decimal
    left: int


async def halt(records: Records, kalshi: KalshiClient | None, by: str) -> Halted:
    """Pull the switch, then cancel all with one request.

    The switch comes first and holds even if the exchange can't be reached. An order that passed it a moment before is
    waited for, so that the cancel meets it; what still rests afterwards is cancelled once more.

    Raises:
        KalshiError: the cancel couldn't be made; nothing new is sent all the same.
    """
    records.halt(by)
    if kalshi is None:
        return Halted(0, Decimal(0), 0)
    until = time.monotonic() + PATIENCE_S
    cancelled: dict[str, Decimal] = {}
    for _ in range(LOOKS):
        resting = [order async for order in kalshi.orders.all(status="resting")]
        cancelled |= {order.order_id: order.remaining_count_fp for order in resting}
        await kalshi.orders.cancel_all()
        while records.under_way() and time.monotonic() < until:  # noqa: ASYNC110 - of other processes, without events
            await asyncio.sleep(0.05)
        left = await _still_resting(kalshi)
        if not left:
            break
    return Halted(len(cancelled), sum(cancelled.values(), Decimal(0)), len(left))


async def _still_resting(kalshi: KalshiClient) -> list[Order]:
    """What still rests once reads have caught up."""
    left: list[Order] = []
    for pause in PAUSES_S:
        await asyncio.sleep(pause)
        left = [order async for order in kalshi.orders.all(status="resting")]
        if not left:
            break
    return left
