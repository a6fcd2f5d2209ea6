"""Both platforms' prices of one question in one picture."""

from __future__ import annotations

import asyncio

from prediction_mcp.desk import drawing
from prediction_mcp.desk.colours import BARS, LINE
from prediction_mcp.net.errors import MissingError

from .compare import History


async def picture(title: str, first: History, second: History, names: tuple[str, str]) -> bytes:
    """The picture as PNG. Raises MissingError when there is nothing to draw."""
    if not first and not second:
        raise MissingError("Neither platform has prices in that time: ask for a longer one.")
    return await asyncio.to_thread(lambda: draw(title, first, second, names).png)


def draw(title: str, first: History, second: History, names: tuple[str, str]) -> drawing.Picture:
    """The two lines differ in more than their colour."""
    lines = [(names[0], first, LINE, ""), (names[1], second, BARS, "7 4")]
    return drawing.history(title, "yes, cents", "UTC", lines)
