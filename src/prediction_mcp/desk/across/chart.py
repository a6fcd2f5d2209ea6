"""Both platforms' prices of one question in one picture."""

from __future__ import annotations

import asyncio

from prediction_mcp.desk import drawing
from prediction_mcp.desk.colours import BARS, LINE, QUIET
from prediction_mcp.net.errors import MissingError

from .compare import History


async def picture(title: str, first: History, second: History, names: tuple[str, str]) -> bytes:
    """The picture as PNG. Raises MissingError when there is nothing to draw."""
    if not first and not second:
        raise MissingError("Neither platform has prices in that time: ask for a longer one.")
    return await asyncio.to_thread(draw, title, first, second, names)


def draw(title: str, first: History, second: History, names: tuple[str, str]) -> bytes:
    """The picture as PNG; the two lines differ in more than their colour."""
    axes = drawing.opened(title, "yes, cents", "UTC")
    for history, name, colour, style in ((first, names[0], LINE, "-"), (second, names[1], BARS, "--")):
        if history:
            drawing.line(axes, history, colour, name, linestyle=style)
    axes.legend(loc="best", frameon=False, labelcolor=QUIET, fontsize=8)
    return drawing.finished(axes)
