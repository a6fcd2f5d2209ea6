"""Candlesticks as a picture: the band of traded prices with its close, and the volume under it.

The picture brings its own light ground, so it reads the same in a light and in a dark conversation; its colours tell
apart for colour-blind eyes too, and each contrasts with the ground by more than 3 to 1.
"""

from __future__ import annotations

import asyncio
import io
from datetime import datetime

from prediction_mcp.desk.colours import BAND, BARS, DPI, GROUND, HEIGHT, INK, LINE, LONGEST_TITLE, QUIET, WIDTH
from prediction_mcp.desk.drawing import dated, dressed
from prediction_mcp.kalshi.errors import NotFoundError

from .reading import MINUTES
from .results import Candles

FEW = 30
"""Closes below which each gets a dot."""


async def picture(candles: Candles, title: str) -> bytes:
    """The picture as PNG. Raises NotFoundError when there is nothing to draw."""
    if not candles.rows:
        raise NotFoundError(f"{candles.ticker} has no trades in that time: ask for a longer one.")
    return await asyncio.to_thread(draw, candles, title)  # loading the plotting library takes half a second


def draw(candles: Candles, title: str) -> bytes:
    """The picture as PNG. Prices here are pixels: computing has ended."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    times = [row[0] for row in candles.rows]
    high, low, close = (
        [float(price) * 100 for price in prices] for prices in zip(*(row[2:5] for row in candles.rows), strict=True)
    )
    width = -_width(times, candles)  # a row is named after its end
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, facecolor=GROUND, layout="constrained")
    FigureCanvasAgg(figure)
    price, volume = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    price.use_sticky_edges = False  # bars would have the axis end at their edge
    price.margins(y=0.08)
    heights = [top - bottom for top, bottom in zip(high, low, strict=True)]
    price.bar(times, heights, width, bottom=low, align="edge", color=BAND, linewidth=0, label="low to high")
    marker = "o" if len(times) < FEW else None
    price.step(times, close, where="post", color=LINE, linewidth=1.6, marker=marker, markersize=3, label="close")
    price.annotate(
        f"{close[-1]:g}¢", (times[-1], close[-1]), xytext=(6, 0), textcoords="offset points", color=LINE,
        va="center", weight="bold", annotation_clip=False,
    )  # fmt: skip
    shown = title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…"
    price.set_title(shown.replace("$", r"\$"), loc="left", color=INK, fontsize=11, weight="bold")
    price.set_ylabel("YES, cents", color=QUIET)
    price.legend(loc="best", frameon=False, labelcolor=QUIET, fontsize=8)
    volume.bar(times, [float(row[5]) for row in candles.rows], width, align="edge", color=BARS)
    volume.set_ylabel("contracts", color=QUIET)
    volume.set_xlabel(f"{candles.ticker}, {candles.interval} periods, UTC, {candles.source}", color=QUIET, fontsize=8)
    dressed(price, volume)
    dated(volume)
    volume.set_ylim(bottom=0)
    into = io.BytesIO()
    figure.savefig(into, format="png", facecolor=GROUND)
    return into.getvalue()


def _width(times: list[datetime], candles: Candles) -> float:
    """A bar's width in days: most of a period, but never thinner than can be seen."""
    span = (times[-1] - times[0]).total_seconds() / 86_400
    return max(MINUTES[candles.interval] / 1_440 * 0.85, span / 400)
