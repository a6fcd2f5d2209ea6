"""Pictures of records: how the account's worth went, and whether beliefs came true as often as they said."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from prediction_mcp.analytics.scores import Bin
from prediction_mcp.desk import drawing
from prediction_mcp.desk.colours import INK, LINE, QUIET
from prediction_mcp.records.worth import Worth

FEWEST = 2
"""Snapshots that make a line."""
MANY = 100
"""Dollars above which cents are left out."""


async def worth_picture(worths: Sequence[Worth], title: str) -> bytes:
    """PNG, of at least two snapshots."""
    return await asyncio.to_thread(_worth, worths, title)


def _worth(worths: Sequence[Worth], title: str) -> bytes:
    """Dollars are pixels here: computing has ended. Where a position had no bid the line has a gap."""
    axes = drawing.opened(title, "dollars", "UTC; cash and positions at the bid")
    times: Any = [worth.time for worth in worths]
    total = [float("nan") if worth.total is None else float(worth.total) for worth in worths]
    axes.plot(times, total, color=LINE, linewidth=1.6)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if abs(value) >= MANY else f"{value:,.2f}")
    return drawing.finished(axes)


async def reliability_picture(bins: Sequence[Bin], title: str) -> bytes:
    """PNG, of at least one bin: how often it happened by what was believed."""
    return await asyncio.to_thread(_reliability, bins, title)


def _reliability(bins: Sequence[Bin], title: str) -> bytes:
    axes = drawing.opened(title, "happened", "believed; the number is how many forecasts, on the line is perfect")
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle="--")
    most = max(one.count for one in bins)
    axes.plot([one.believed for one in bins], [one.happened for one in bins], color=LINE, linewidth=1.2)
    for one in bins:
        axes.scatter([one.believed], [one.happened], s=30 + 150 * one.count / most, color=LINE, zorder=3)
        axes.annotate(str(one.count), (one.believed, one.happened), xytext=(9, -11), textcoords="offset points",
                      color=INK, fontsize=8)  # fmt: skip
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.06, 1.06)
    drawing.dressed(axes)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:.0%}")
    return drawing.png(axes)
