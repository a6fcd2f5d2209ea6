"""Pictures as SVG of our own, and as PNG by resvg. Prices here are pixels: computing has ended.

A picture brings its own light ground, so it reads the same in a light and in a dark conversation. Titles are texts of
others: they are escaped, and what no picture can carry is left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from xml.sax.saxutils import escape

from .colours import GRID, GROUND, HEIGHT, INK, LONGEST_TITLE, QUIET, RULE, WIDTH

Points = Sequence[tuple[datetime, Decimal]]
Spot = tuple[float, float]
LEFT, RIGHT, TOP, BOTTOM = 62.0, 54.0, 60.0, 52.0
"""Room around what is drawn: for the figures at its side, the last price, the title and the times."""
_UNFIT = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FOREIGN = re.compile(r"[^\u0000-\u04ff\u2000-\u22ff]")
"""Letters that our font hasn't: then those of the system are looked through."""
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 10_080)
"""Minutes between two times that are named; months beyond."""


def text_of(text: str) -> str:
    """A text as it may stand in SVG."""
    return escape(_UNFIT.sub("", text), {'"': "&quot;"})


def shortened(text: str, longest: int = LONGEST_TITLE) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


@dataclass(frozen=True, slots=True)
class Scale:
    """From figures to pixels."""

    low: float
    high: float
    begin: float
    end: float

    def __call__(self, value: float) -> float:
        span = (self.high - self.low) or 1.0
        return self.begin + (value - self.low) / span * (self.end - self.begin)


def figures(low: float, high: float, most: int = 6) -> list[float]:
    """Round figures between two, as few as tell them: a step of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((power * of for of in (1, 2, 5, 10) if power * of >= rough * 0.999), power * 10)
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 10) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def moments(begin: datetime, end: datetime, most: int = 8) -> list[tuple[datetime, str]]:
    """Times to be named between two, each with its words; the first of a day says which."""
    begin, end = begin.astimezone(UTC), end.astimezone(UTC)
    minutes = (end - begin).total_seconds() / 60
    step = next((one for one in _STEPS if minutes / one <= most), None)
    found = list[datetime]()
    if step is None:
        months = math.ceil(minutes / 43_800 / most)
        first = begin.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        number = begin.year * 12 + begin.month - 1 + (first < begin)
        number += -number % months
        while (at := datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)) <= end:
            found.append(at)
            number += months
        return [(at, f"{at:%b %Y}") for at in found]
    day = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    count = math.ceil((begin - day).total_seconds() / 60 / step)
    while (at := day + timedelta(minutes=step * count)) <= end:
        found.append(at)
        count += 1
    if step >= 1_440:
        return [(at, f"{at.day} {at:%b}") for at in found]
    named, told = list[tuple[datetime, str]](), None
    for at in found:
        clock = f"{at:%H:%M}"
        named.append((at, clock if told == at.date() else f"{clock}\n{at.day} {at:%b}"))
        told = at.date()
    return named


class Picture:
    """What is drawn, part by part, onto one ground."""

    def __init__(self, title: str, width: float = WIDTH, height: float = HEIGHT) -> None:
        self.title, self.width, self.height = shortened(title), width, height
        self.parts = list[str]()
        self._keys = LEFT
        self.write(LEFT - 46, 26, self.title, size=15, colour=INK, bold=True)

    def write(
        self, x: float, y: float, text: str, *, size: float = 11, colour: str = QUIET, anchor: str = "start",
        bold: bool = False, turned: bool = False,
    ) -> None:  # fmt: skip
        weight = ' font-weight="bold"' if bold else ""
        turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{colour}" text-anchor="{anchor}"{weight}{turn}>'
            f"{text_of(text)}</text>"
        )

    def rect(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        self.parts.append(
            f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{max(height, 0.0):.2f}" fill="{colour}"/>'
        )

    def path(
        self, spots: Iterable[Spot], colour: str, width: float = 1.8, dashes: str = "", *, steps: bool = False,
        filled: float | None = None,
    ) -> None:  # fmt: skip
        """A line; ``steps`` hold each figure until the next; ``filled`` down to that pixel."""
        made, last = list[str](), None
        for x, y in spots:
            if math.isnan(y):
                last = None
                continue
            if last is None:
                made.append(f"M{x:.1f} {y:.1f}")
            else:
                made.append(f"H{x:.1f}V{y:.1f}" if steps else f"L{x:.1f} {y:.1f}")
            last = x
        if not made:
            return
        line = "".join(made)
        if filled is not None and last is not None:
            first = line[1:].partition(" ")[0]
            self.parts.append(
                f'<path d="{line}V{filled:.1f}H{first}Z" fill="{colour}" fill-opacity="0.16" stroke="none"/>'
            )
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        self.parts.append(
            f'<path d="{line}" fill="none" stroke="{colour}" stroke-width="{width:g}" stroke-linejoin="round"{dashed}/>'
        )

    def dot(self, x: float, y: float, radius: float, colour: str) -> None:
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}"/>')

    def key(self, label: str, colour: str, *, dashes: str = "", block: bool = False) -> None:
        """What a colour means, under the title, one beside the other."""
        if block:
            self.rect(self._keys, 38, 16, 9, colour)
        else:
            self.path([(self._keys, 42.5), (self._keys + 18, 42.5)], colour, 2, dashes)
        self.write(self._keys + 24, 46.5, label)
        self._keys += 46 + 6.2 * len(label)

    @property
    def svg(self) -> str:
        """The whole, with its title for who can't see it."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {self.height:g}" '
            f'width="{self.width:g}" height="{self.height:g}" role="img" aria-label="{text_of(self.title)}" '
            f'font-family="Open Sans, system-ui, sans-serif"><title>{text_of(self.title)}</title>'
            f'<rect width="100%" height="100%" fill="{GROUND}"/>{"".join(self.parts)}</svg>'
        )

    @property
    def png(self) -> bytes:
        import resvg_py

        own = _FOREIGN.search(self.svg) is None
        made: bytes = resvg_py.svg_to_bytes(
            svg_string=self.svg, font_files=list(_fonts()), skip_system_fonts=own, sans_serif_family="Open Sans",
            font_family="Open Sans",
        )  # fmt: skip
        return made


@cache
def _fonts() -> tuple[str, ...]:
    folder = files("ttf_opensans") / "ttf"
    return tuple(str(folder / name) for name in ("OpenSans-Regular.ttf", "OpenSans-Bold.ttf"))


class Panel:
    """One pair of axes in a picture.

    Args:
        x, y: lowest and highest figure of each.
        top, bottom: where it lies, in pixels from the top.
        what: what its figures are.
        shown: how they are written.
        plain: without lines and figures at its side.
    """

    def __init__(
        self, picture: Picture, x: tuple[float, float], y: tuple[float, float], what: str,
        top: float = TOP, bottom: float | None = None, shown: Callable[[float], str] = "{:g}".format,
        plain: bool = False,
    ) -> None:  # fmt: skip
        self.picture, self.top = picture, top
        self.bottom = picture.height - BOTTOM if bottom is None else bottom
        self.left, self.right = LEFT, picture.width - RIGHT
        self.x, self.y = Scale(*x, self.left, self.right), Scale(*y, self.bottom, self.top)
        if plain:
            return
        for value in figures(*y, most=max(3, int((self.bottom - self.top) / 34))):
            at = self.y(value)
            picture.path([(self.left, at), (self.right, at)], GRID, 0.8)
            picture.write(self.left - 8, at + 3.5, shown(value), anchor="end")
        picture.path([(self.left, self.top), (self.left, self.bottom), (self.right, self.bottom)], RULE, 1)
        picture.write(16, (self.top + self.bottom) / 2, what, anchor="middle", turned=True)

    def dated(self, begin: datetime, end: datetime) -> None:
        """Days and hours under it."""
        for at, words in moments(begin, end):
            x = self.x(at.timestamp())
            self.picture.path([(x, self.bottom), (x, self.bottom + 4)], RULE, 1)
            for number, line in enumerate(words.split("\n")):
                self.picture.write(x, self.bottom + 16 + 12 * number, line, anchor="middle")

    def numbered(self, shown: Callable[[float], str], *, grid: bool = False) -> None:
        """Figures under it."""
        for value in figures(self.x.low, self.x.high, 10):
            x = self.x(value)
            if grid:
                self.picture.path([(x, self.top), (x, self.bottom)], GRID, 0.8)
            self.picture.path([(x, self.bottom), (x, self.bottom + 4)], RULE, 1)
            self.picture.write(x, self.bottom + 16, shown(value), anchor="middle")

    def below(self, text: str) -> None:
        """A word under the times: what they are in, where it is from."""
        self.picture.write((self.left + self.right) / 2, self.picture.height - 8, text, size=10.5, anchor="middle")

    def beside(self, y: float, text: str, colour: str) -> None:
        """A figure at its right side."""
        self.picture.write(self.right + 6, self.y(y) + 4, text, size=12, colour=colour, bold=True)

    def spots(self, points: Iterable[tuple[datetime, float]]) -> list[Spot]:
        return [(self.x(at.timestamp()), self.y(value)) for at, value in points]


def spread(values: Iterable[float], room: float = 0.08) -> tuple[float, float]:
    """Lowest and highest with some room, so that nothing lies on the edge."""
    low, high = math.inf, -math.inf
    for value in values:
        if not math.isnan(value):
            low, high = min(low, value), max(high, value)
    if low > high:
        return 0.0, 1.0
    more = (high - low) * room or max(abs(high) * room, 1.0)
    return low - more, high + more


def cents(points: Points) -> list[tuple[datetime, float]]:
    return [(at, float(price) * 100) for at, price in points]


def history(title: str, what: str, under: str, lines: Sequence[tuple[str, Points, str, str]]) -> Picture:
    """Prices in time as steps.

    Args:
        lines: (label, prices, colour, dashes) each; a single one has its last price at its side, several beside their
            labels, since two may end as one.
    """
    drawn = [(label, cents(points), colour, dashes) for label, points, colour, dashes in lines if points]
    picture = Picture(title)
    times = [at for _, points, _, _ in drawn for at, _ in points]
    begin, end = min(times), max(times)
    y = spread(value for _, points, _, _ in drawn for _, value in points)
    panel = Panel(picture, (begin.timestamp(), end.timestamp()), y, what)
    panel.dated(begin, end)
    panel.below(under)
    for label, points, colour, dashes in drawn:
        picture.path(panel.spots(points), colour, dashes=dashes, steps=True)
        last = f"{points[-1][1]:g}¢"
        if len(lines) > 1:
            picture.key(f"{label}: {last}", colour, dashes=dashes)
        else:
            panel.beside(points[-1][1], last, colour)
    return picture
