"""An outcome's prices as a picture, in the colours of the candlesticks."""

from __future__ import annotations

import asyncio

from prediction_mcp.desk import drawing
from prediction_mcp.desk.colours import LINE
from prediction_mcp.polymarket.errors import NotFoundError

from .results import History


async def picture(history: History) -> bytes:
    """The picture as PNG. Raises NotFoundError when there is nothing to draw."""
    if not history.rows:
        raise NotFoundError("There are no prices in that time: ask for a longer one.")
    return await asyncio.to_thread(lambda: draw(history).png)


def draw(history: History) -> drawing.Picture:
    """Prices here are pixels: computing has ended."""
    lines = [("", history.rows, LINE, "")]
    return drawing.history(history.question, f"{history.outcome}, cents", f"UTC, {history.source}", lines)
