"""An event's markets as a ladder of probabilities."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from prediction_mcp.desk.bars import Bar, bars
from prediction_mcp.desk.drawing import Picture

from .market_results import EventDetail


async def picture(event: EventDetail) -> bytes:
    """The picture as PNG, of an event with at least one market."""
    return await asyncio.to_thread(lambda: draw(event).png)


def draw(event: EventDetail) -> Picture:
    """Prices here are pixels: computing has ended."""

    def percent(price: Decimal | None) -> float | None:
        return None if price is None else float(price) * 100

    rows = [
        Bar(rung.outcome, percent(rung.probability), percent(rung.yes_bid), percent(rung.yes_ask))
        for rung in event.markets
    ]
    under = f"{event.event_ticker}, {event.source}"
    return bars(event.title, rows, under, "{:.3g}%".format, 105.0, ("middle", "bid to ask"))
