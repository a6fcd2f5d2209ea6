"""An order book as a picture: what could be sold to the bids and bought from the asks, up to each price."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from prediction_mcp.desk.colours import BUY, SELL
from prediction_mcp.desk.drawing import Panel, Picture
from prediction_mcp.kalshi.errors import NotFoundError

if TYPE_CHECKING:
    from prediction_mcp.kalshi.models.markets import Orderbook

    from .book_results import PriceLevel

ROOM = 3.0
"""Cents beside what is quoted."""


async def picture(book: Orderbook, title: str, source: str) -> bytes:
    """The picture as PNG. Raises NotFoundError for an empty book."""
    if not book.yes_bids and not book.yes_asks:
        raise NotFoundError("The book is empty: there is nothing to draw.")
    return await asyncio.to_thread(lambda: draw(book, title, source).png)


def draw(book: Orderbook, title: str, source: str) -> Picture:
    """Prices here are pixels: computing has ended."""
    sides = [_summed(book.yes_bids), _summed(book.yes_asks)]
    prices = [price for side in sides for price, _ in side]
    most = max(count for side in sides for _, count in side)
    made = Picture(title)
    x = (max(min(prices) - ROOM, 0.0), min(max(prices) + ROOM, 100.0))
    panel = Panel(made, x, (0.0, most * 1.05), "contracts up to that price", shown="{:,.0f}".format)
    panel.numbered("{:g}¢".format)
    for side, colour, name, end in (
        (sides[0], BUY, "bids", x[0]), (sides[1], SELL, "asks", x[1]),
    ):  # fmt: skip
        if not side:
            continue
        spots = [(panel.x(side[0][0]), panel.bottom)]
        spots += [(panel.x(price), panel.y(count)) for price, count in side]
        spots.append((panel.x(end), panel.y(side[-1][1])))
        made.path(_stepped(spots), colour, filled=panel.bottom)
        made.key(f"{name}: best {side[0][0]:g}¢", colour)
    panel.below(f"YES, all levels, {source}")
    return made


def _summed(levels: Sequence[PriceLevel]) -> list[tuple[float, float]]:
    """Cents, and contracts from the best price to there."""
    total, found = 0.0, list[tuple[float, float]]()
    for price, count in levels:
        total += float(count)
        found.append((float(price) * 100, total))
    return found


def _stepped(spots: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Depth grows at each price, not on the way to it."""
    made = [spots[0]]
    for (_, before), (x, y) in pairwise(spots):
        made += [(x, before), (x, y)]
    return made
