"""Pictures of records: how the account's worth went, and whether beliefs came true as often as they said."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from prediction_mcp.analytics.scores import Bin
from prediction_mcp.desk.colours import INK, LINE, QUIET
from prediction_mcp.desk.drawing import Panel, Picture, spread
from prediction_mcp.records.worth import Worth

FEWEST = 2
"""Snapshots that make a line."""
MANY = 100
"""Dollars above which cents are left out."""


def _dollars(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= MANY else f"{value:,.2f}"


async def worth_picture(worths: Sequence[Worth], title: str) -> bytes:
    """PNG, of at least two snapshots."""
    return await asyncio.to_thread(lambda: draw_worth(worths, title).png)


def draw_worth(worths: Sequence[Worth], title: str) -> Picture:
    """Dollars are pixels here: computing has ended. Where a position had no bid the line has a gap."""
    picture = Picture(title)
    points = [(worth.time, float("nan") if worth.total is None else float(worth.total)) for worth in worths]
    begin, end = points[0][0], points[-1][0]
    span, y = (begin.timestamp(), end.timestamp()), spread(value for _, value in points)
    panel = Panel(picture, span, y, "dollars", shown=_dollars)
    panel.dated(begin, end)
    panel.below("UTC; cash and positions at the bid")
    picture.path(panel.spots(points), LINE)
    return picture


async def reliability_picture(bins: Sequence[Bin], title: str) -> bytes:
    """PNG, of at least one bin: how often it happened by what was believed."""
    return await asyncio.to_thread(lambda: draw_reliability(bins, title).png)


def draw_reliability(bins: Sequence[Bin], title: str) -> Picture:
    picture = Picture(title)
    panel = Panel(picture, (-0.03, 1.03), (-0.06, 1.06), "happened", shown="{:.0%}".format)
    panel.numbered("{:.0%}".format)
    panel.below("believed; the number is how many forecasts, on the line is perfect")
    picture.path([(panel.x(0), panel.y(0)), (panel.x(1), panel.y(1))], QUIET, 1, "5 4")
    spots, most = [(panel.x(one.believed), panel.y(one.happened)) for one in bins], max(one.count for one in bins)
    picture.path(spots, LINE, 1.3)
    for (x, y), one in zip(spots, bins, strict=True):
        radius = 3 + 4 * (one.count / most) ** 0.5
        picture.dot(x, y, radius, LINE)
        picture.write(x + radius + 3, y + radius + 8, str(one.count), colour=INK)
    return picture
