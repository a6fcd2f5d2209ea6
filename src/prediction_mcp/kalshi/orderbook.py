"""A book kept from snapshots and deltas, in integers: prices in 1e-4 dollars of YES, counts in 0.01 contracts.

NO is the other side of the same book: a NO bid at q is a YES ask at 1 − q. With ``use_yes_price`` the feed says it that
way itself; without it the price is turned around here.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

from .models.feed import DeltaMsg, SnapshotMsg

DOLLAR = 10_000
State = Literal["waiting", "live", "stale", "failed"]
"""``waiting`` for its first snapshot; ``stale`` after a gap, until the next one; ``failed`` when none helped."""
LONGEST_NUMBER, MOST_CENTICOUNTS = 32, 10**18
"""Bounds of a number on the wire: letters, and hundredths of a contract."""


class BookError(ValueError):
    """What came doesn't fit the book: it is wrong from here on, until a snapshot."""


def price_units(text: str) -> int:
    """ "0.5600" as 5600. Raises BookError for anything that isn't such a price."""
    known = _PRICES.get(text)
    if known is None:
        known = _units(text, DOLLAR, DOLLAR)
        if known < 0:
            raise BookError(f"{text!r} is not a price")
        if len(_PRICES) <= DOLLAR:
            _PRICES[text] = known
    return known


def count_units(text: str) -> int:
    """ "-12.50" as -1250. Raises BookError."""
    known = _COUNTS.get(text)
    if known is None:
        known = _units(text, 100, MOST_CENTICOUNTS)
        if len(_COUNTS) <= DOLLAR:
            _COUNTS[text] = known
    return known


_PRICES: dict[str, int] = {}
_COUNTS: dict[str, int] = {}
"""What was read before, ten thousand of each at most: reading a number costs as much as changing a level."""


def _units(text: str, scale: int, most: int) -> int:
    """Return the number in units of 1/scale. Raises BookError: not a number, too large, or too fine."""
    try:
        value = Decimal(text) * scale if len(text) <= LONGEST_NUMBER else Decimal("NaN")
        if not abs(value) <= most:  # before it becomes an integer: 1e999999 would be a million digits
            raise BookError(f"{text[:LONGEST_NUMBER]!r} is not a number of that kind")
        whole = int(value)
    except ArithmeticError:
        raise BookError(f"{text!r} is not a number") from None
    if whole != value:
        raise BookError(f"{text!r} has more decimals than the exchange uses")
    return whole


class LiveBook:
    """One market's book. ``best_bid`` is 0 and ``best_ask`` a dollar where a side is empty.

    ``reason`` is why a book isn't live; empty while it is, and before its first snapshot.

    ``clock`` is the exchange's clock of the newest change in it, which is the same on every connection and grows from
    one to the next; 0 where the feed has none. It goes back only over the exchange's maintenance.
    """

    __slots__ = (
        "asks", "best_ask", "best_bid", "bids", "clock", "included", "reason", "rewound", "seq", "state", "ticker",
        "ts_ms", "yes_price",
    )  # fmt: skip

    def __init__(self, ticker: str, *, yes_price: bool = True) -> None:
        self.ticker = ticker
        self.yes_price = yes_price
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.best_bid = 0
        self.best_ask = DOLLAR
        self.seq = 0
        self.ts_ms = 0
        self.clock = 0
        self.included = 0  # changes up to this clock came with the snapshot
        self.rewound = False  # the clock went back: the next snapshot is believed
        self.state: State = "waiting"
        self.reason = ""

    def doubt(self, reason: str, state: State = "stale") -> None:
        """Mark the book as wrong until its next snapshot."""
        self.state, self.reason = state, reason

    def load(self, snapshot: SnapshotMsg, seq: int) -> None:
        """Take a whole book. Raises BookError; then the book is stale.

        A snapshot older than what was seen before, on this connection or the last, is believed the second time only.
        """
        self.state = "stale"
        if snapshot.clock < self.clock and snapshot.clock and not self.rewound:
            self.rewound = True
            raise BookError("older than what was seen of it")
        self.rewound = False
        self.clock = self.included = snapshot.clock
        self.bids = _levels(snapshot.yes_dollars_fp)
        asks = _levels(snapshot.no_dollars_fp)
        self.asks = asks if self.yes_price else {DOLLAR - price: count for price, count in asks.items()}
        self.best_bid, self.best_ask = max(self.bids, default=0), min(self.asks, default=DOLLAR)
        self.seq, self.ts_ms = seq, snapshot.ts_ms or self.ts_ms
        if self.best_bid >= self.best_ask:
            raise BookError("crossed")
        self.state, self.reason = "live", ""

    def apply(self, delta: DeltaMsg, seq: int) -> None:
        """Change one level. Raises BookError for a level below zero, a crossed book or a clock that goes back.

        The book is stale then. A change that its snapshot included already changes nothing.
        """
        clock = delta.clock
        if clock:
            if clock <= self.included:
                self.seq = seq
                return
            if clock < self.clock:
                self.state, self.rewound = "stale", True
                raise BookError("back in time")
            self.clock = clock
        text = delta.price_dollars
        price = _PRICES.get(text)
        if price is None:
            price = price_units(text)
        text = delta.delta_fp
        change = _COUNTS.get(text)
        if change is None:
            change = count_units(text)
        if delta.side == "yes":
            levels = self.bids
            levels[price] = count = levels.get(price, 0) + change
            if count > 0:
                if price > self.best_bid:
                    self.best_bid = price
            else:
                del levels[price]
                if price == self.best_bid:
                    self.best_bid = max(levels, default=0)
        else:
            if not self.yes_price:
                price = DOLLAR - price
            levels = self.asks
            levels[price] = count = levels.get(price, 0) + change
            if count > 0:
                if price < self.best_ask:
                    self.best_ask = price
            else:
                del levels[price]
                if price == self.best_ask:
                    self.best_ask = min(levels, default=DOLLAR)
        self.seq = seq
        self.ts_ms = delta.ts_ms
        if count < 0 or self.best_bid >= self.best_ask:
            self.state = "stale"
            raise BookError("below zero" if count < 0 else "crossed")

    @property
    def yes_bids(self) -> list[tuple[Decimal, Decimal]]:
        """[(dollars, contracts)], best first."""
        return _shown(sorted(self.bids.items(), reverse=True))

    @property
    def yes_asks(self) -> list[tuple[Decimal, Decimal]]:
        """[(dollars, contracts)], best first."""
        return _shown(sorted(self.asks.items()))


def _levels(pairs: Iterable[tuple[str, str]] | None) -> dict[int, int]:
    """Return the levels of a side; null is an empty side, and a level of 0.00 contracts isn't a level."""
    levels = {price_units(price): count_units(count) for price, count in pairs or ()}
    if any(count < 0 for count in levels.values()):
        raise BookError("below zero")
    return {price: count for price, count in levels.items() if count}


def _shown(levels: Iterable[tuple[int, int]]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(price) / DOLLAR, Decimal(count) / 100) for price, count in levels]
