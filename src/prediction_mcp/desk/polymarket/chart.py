"""An outcome's prices as a picture, in the colours of the candlesticks."""

from __future__ import annotations

import asyncio
import io
from typing import Any

from prediction_mcp.desk.colours import DPI, GROUND, HEIGHT, INK, LINE, LONGEST_TITLE, QUIET, WIDTH
from prediction_mcp.polymarket.errors import NotFoundError

from .results import History


async def picture(history: History) -> bytes:
    """The picture as PNG. Raises NotFoundError when there is nothing to draw."""
    if not history.rows:
        raise NotFoundError("There are no prices in that time: ask for a longer one.")
    return await asyncio.to_thread(draw, history)


def draw(history: History) -> bytes:
    """The picture as PNG. Prices here are pixels: computing has ended."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    times: Any = [row[0] for row in history.rows]
    prices = [float(row[1]) * 100 for row in history.rows]
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, facecolor=GROUND, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.step(times, prices, where="post", color=LINE, linewidth=1.6)
    axes.annotate(
        f"{prices[-1]:g}¢", (times[-1], prices[-1]), xytext=(6, 0), textcoords="offset points", color=LINE, va="center",
        weight="bold", annotation_clip=False,
    )  # fmt: skip
    title = history.question
    shown = title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…"
    axes.set_title(shown.replace("$", r"\$"), loc="left", color=INK, fontsize=11, weight="bold")
    axes.set_ylabel(f"{history.outcome}, cents".replace("$", r"\$"), color=QUIET)
    axes.set_xlabel(f"UTC, {history.source}", color=QUIET, fontsize=8)
    axes.set_facecolor(GROUND)
    axes.margins(y=0.08)
    axes.grid(axis="y", color="#d9dce0", linewidth=0.7)
    axes.tick_params(colors=QUIET, labelsize=8)
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color("#b9bec5")
    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    into = io.BytesIO()
    figure.savefig(into, format="png", facecolor=GROUND)
    return into.getvalue()
