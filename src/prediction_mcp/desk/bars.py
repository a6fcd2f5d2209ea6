"""Pictures of lists: one bar a row, with a span around its end, as a ladder of probabilities or of positions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .colours import BAND, INK, LINE
from .drawing import Panel, Picture, Scale, shortened

MOST = 20
"""Rows of a picture; what is left out is said."""
LABEL_PX, ROW_PX, HEAD_PX, FOOT_PX = 250.0, 24.0, 62.0, 48.0
LONGEST = 34


@dataclass(frozen=True, slots=True)
class Bar:
    """A row: its name, how long its bar is, and from where to where it may be; what isn't known is None."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None


def bars(
    title: str, rows: Sequence[Bar], under: str, shown: Callable[[float], str], highest: float | None = None,
    keys: tuple[str, str] = ("", ""),
) -> Picture:  # fmt: skip
    """The rows from top to bottom.

    Args:
        highest: the scale's end; the largest figure without it.
        keys: what the bar and what the span around its end is.
    """
    drawn = rows[:MOST]
    picture = Picture(title, height=HEAD_PX + ROW_PX * max(len(drawn), 1) + FOOT_PX)
    figures = [value for row in drawn for value in (row.value, row.low, row.high) if value is not None]
    top = highest if highest is not None else max(figures, default=1.0) * 1.05 or 1.0
    low = min(0.0, *figures) if figures else 0.0
    panel = Panel(picture, (low, top), (0, 1), "", top=HEAD_PX, bottom=picture.height - FOOT_PX, plain=True)
    panel.left = LABEL_PX
    panel.x = Scale(low, top, LABEL_PX, panel.right)
    panel.numbered(shown, grid=True)
    for number, row in enumerate(drawn):
        y = HEAD_PX + ROW_PX * (number + 0.5)
        picture.write(LABEL_PX - 10, y + 4, shortened(row.label, LONGEST), colour=INK, anchor="end")
        if row.value is None:
            picture.write(LABEL_PX + 6, y + 4, "no price")
            continue
        begin, end = sorted((panel.x(0.0), panel.x(row.value)))
        picture.rect(begin, y - 7, max(end - begin, 1.0), 14, BAND)
        if row.low is not None and row.high is not None:
            left, right = panel.x(row.low), panel.x(row.high)
            picture.path([(left, y), (right, y)], LINE, 2)
            for x in (left, right):
                picture.path([(x, y - 5), (x, y + 5)], LINE, 2)
        far = max(end, *(panel.x(value) for value in (row.low, row.high) if value is not None), end)
        picture.write(far + 6, y + 4, shown(row.value), colour=INK, bold=True)
    if keys[0]:
        picture.key(keys[0], BAND, block=True)
    if keys[1]:
        picture.key(keys[1], LINE)
    left_out = len(rows) - len(drawn)
    panel.below(f"{under}; {left_out} more are left out" if left_out else under)
    return picture
