"""What goes into a catalogue, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class ListedSeries(NamedTuple):
    """What a market's words are looked for in, beside its own: tags with blanks between."""

    ticker: str
    title: str
    category: str
    tags: str


class Listed(NamedTuple):
    """A market as any platform lists it.

    Times are Unix seconds, prices of YES in $0.0001, contracts in hundredths; 0 and 10,000 where nobody quotes.
    """

    ticker: str
    event: str
    series: str
    title: str
    outcome: str
    status: str
    closes: int | None
    opened: int | None
    combo: bool
    volume_24h: int
    open_interest: int
    bid: int
    ask: int
    last: int
    day_ago: int


@dataclass(frozen=True, slots=True)
class Found:
    """A market as the catalogue last saw it; prices are as old as the catalogue."""

    ticker: str
    event: str
    title: str
    outcome: str
    status: str
    category: str
    closes: datetime | None
    volume_24h: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the catalogue holds: ``complete`` once a listing was read to its end, ``as_of`` its last look."""

    markets: int
    complete: bool
    as_of: datetime | None
