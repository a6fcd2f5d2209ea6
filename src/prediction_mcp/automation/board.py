"""Which of many conditions become true or false with a price: pure, and quick where nothing does.

A market's lane knows for each figure between which bounds no condition of it turns. A price within them is compared
twice and forgotten, whatever the number of conditions; only one that leaves them has the lane looked through.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from prediction_mcp.realtime.events import Quote

Key = tuple[str, int]
"""Whose condition it is: (alert or rule, its number)."""
Figure = Literal["bid", "ask", "last", "middle", "spread", "volume"]
"""What of a market is looked at: dollars of YES, dollars between bid and ask, contracts traded in all."""
PRICES: tuple[Figure, ...] = ("bid", "ask", "last", "middle")


def figure_of(quote: Quote, figure: Figure) -> Decimal | None:
    """One figure of a quote; None where it isn't known."""
    if figure == "bid":
        return quote.bid
    if figure == "ask":
        return quote.ask
    if figure == "last":
        return quote.last
    if figure == "volume":
        return quote.volume
    if quote.bid is None or quote.ask is None:
        return None
    return (quote.bid + quote.ask) / 2 if figure == "middle" else quote.ask - quote.bid


@dataclass(slots=True, eq=False)
class Watcher:
    """One condition: true at or below ``low``, and at or above ``high``. ``was`` is None before the first look."""

    key: Key
    ticker: str
    figure: Figure
    low: Decimal | None = None
    high: Decimal | None = None
    was: bool | None = None

    def holds(self, value: Decimal) -> bool:
        return (self.low is not None and value <= self.low) or (self.high is not None and value >= self.high)


@dataclass(frozen=True, slots=True)
class Turn:
    """A condition that became true or false, at a value."""

    watcher: Watcher
    value: Decimal
    true: bool


@dataclass(slots=True)
class _Group:
    """The conditions of a market on one figure; none turns strictly between ``above`` and ``below``."""

    figure: Figure
    watchers: list[Watcher] = field(default_factory=list)
    above: Decimal | None = None
    below: Decimal | None = None

    def look(self, value: Decimal) -> list[Turn]:
        turns, above, below = list[Turn](), None, None
        for watcher in self.watchers:
            true = watcher.holds(value)
            if true != watcher.was:
                if true or watcher.was is not None:
                    turns.append(Turn(watcher, value, true))
                watcher.was = true
            for level in (watcher.low, watcher.high):
                if level is not None:
                    if level <= value and (above is None or level > above):
                        above = level
                    if level >= value and (below is None or level < below):
                        below = level
        self.above = value if above is None and below is None else above  # without a bound it is looked at each time
        self.below = below
        return turns


class Board:
    """All conditions on prices, by market."""

    def __init__(self) -> None:
        self._lanes: dict[str, list[_Group]] = {}
        self._watchers: dict[Key, Watcher] = {}

    def __len__(self) -> int:
        return len(self._watchers)

    @property
    def tickers(self) -> frozenset[str]:
        """The markets that are watched."""
        return frozenset(self._lanes)

    def get(self, key: Key) -> Watcher | None:
        return self._watchers.get(key)

    def put(self, watcher: Watcher) -> None:
        """Watch; one with the same key is replaced."""
        self.drop(watcher.key)
        self._watchers[watcher.key] = watcher
        lane = self._lanes.setdefault(watcher.ticker, [])
        group = next((g for g in lane if g.figure == watcher.figure), None)
        if group is None:
            group = _Group(watcher.figure)
            lane.append(group)
        group.watchers.append(watcher)
        group.above = group.below = None

    def drop(self, key: Key) -> None:
        """Watch no more; nothing where it wasn't."""
        watcher = self._watchers.pop(key, None)
        if watcher is None:
            return
        lane = self._lanes[watcher.ticker]
        for group in lane:
            if watcher in group.watchers:
                group.watchers.remove(watcher)
                group.above = group.below = None
        lane[:] = [group for group in lane if group.watchers]
        if not lane:
            del self._lanes[watcher.ticker]

    def feed(self, ticker: str, quote: Quote) -> list[Turn]:
        """What turns with a quote; the conditions remember it."""
        lane = self._lanes.get(ticker)
        if lane is None:
            return []
        turns: list[Turn] = []
        for group in lane:
            value = figure_of(quote, group.figure)
            if value is None:
                continue
            above, below = group.above, group.below
            if (above is None and below is None) or not (
                (above is None or value > above) and (below is None or value < below)
            ):
                turns += group.look(value)
        return turns
