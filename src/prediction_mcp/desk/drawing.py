"""One set of axes for prices in time, as all pictures have them. Prices here are pixels: computing has ended."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .colours import DPI, GROUND, HEIGHT, INK, LONGEST_TITLE, QUIET, WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = Sequence[tuple[datetime, Decimal]]


def opened(title: str, what: str, under: str) -> Axes:
    """Axes with their title, in a figure of their own."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, facecolor=GROUND, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    shown = title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…"
    axes.set_title(shown.replace("$", r"\$"), loc="left", color=INK, fontsize=11, weight="bold")
    axes.set_ylabel(what.replace("$", r"\$"), color=QUIET)
    axes.set_xlabel(under, color=QUIET, fontsize=8)
    return axes


def line(axes: Axes, points: Points, colour: str, label: str = "", **how: Any) -> None:
    """Prices as steps; the last one stands beside them, or with their ``label``, since two lines may end as one."""
    times: Any = [at for at, _ in points]
    prices = [float(price) * 100 for _, price in points]
    last = f"{prices[-1]:g}¢"
    if label:
        axes.step(times, prices, where="post", color=colour, linewidth=1.6, label=f"{label}: {last}", **how)
        return
    axes.step(times, prices, where="post", color=colour, linewidth=1.6, **how)
    axes.annotate(
        last, (times[-1], prices[-1]), xytext=(6, 0), textcoords="offset points", color=colour,
        va="center", weight="bold", annotation_clip=False,
    )  # fmt: skip


def dressed(*several: Axes) -> None:
    """The ground, grid and lines that all axes have."""
    for axes in several:
        axes.set_facecolor(GROUND)
        axes.grid(axis="y", color="#d9dce0", linewidth=0.7)
        axes.set_axisbelow(True)
        axes.tick_params(colors=QUIET, labelsize=8)
        for name, spine in axes.spines.items():
            spine.set_visible(name in ("left", "bottom"))
            spine.set_color("#b9bec5")


def dated(axes: Axes) -> None:
    """Days and hours under axes, as few as tell them."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.xaxis.get_offset_text().set(size=8, color=QUIET)


def finished(axes: Axes) -> bytes:
    """A picture of something in time, as PNG."""
    dressed(axes)
    axes.margins(y=0.08)
    dated(axes)
    return png(axes)


def png(axes: Axes) -> bytes:
    """The picture as it is, as PNG."""
    from matplotlib.figure import Figure

    into, figure = io.BytesIO(), axes.figure
    assert isinstance(figure, Figure)  # noqa: S101 - ours, from `opened`
    figure.savefig(into, format="png", facecolor=GROUND)
    return into.getvalue()
