"""A token's book kept by the feed: right, or known not to be.

The feed has no sequence numbers and gives no sign of a gap. So a book counts as right only after a snapshot, and stops
counting when something speaks against it: the feed's own best prices differ from the book's, a change comes before a
snapshot, the connection is lost. Then it is read again by REST, and changes that came meanwhile are put on top.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

from .frames import PRICE_UNITS, Change, MarketFrame, Row, is_empty, price_units

State = Literal["waiting", "live", "stale"]
MOST_LEVELS = 10_000
MOST_KEPT = 10_000
"""Changes that are kept while a book is read again; with more of them it is read once more."""


class TokenBook:
    """Bids and asks by price unit ($0.0001), sizes as the feed writes them.

    Attributes:
        state: "waiting" for its first snapshot, "live", or "stale": something spoke against it.
        reason: what did.
        at_ms: Unix milliseconds of the last news, by the exchange's clock.
        proved_at: seconds (monotonic) of the last snapshot or comparison with REST.
    """

    __slots__ = (
        "asks", "at_ms", "best_ask", "best_bid", "bids", "kept", "proved_at", "reason", "state", "tick_size",
        "token_id",
    )  # fmt: skip

    def __init__(self, token_id: str) -> None:
        self.token_id = token_id
        self.bids: dict[int, str] = {}
        self.asks: dict[int, str] = {}
        self.best_bid = 0
        self.best_ask = PRICE_UNITS
        self.state: State = "waiting"
        self.reason = ""
        self.at_ms = 0
        self.proved_at = 0.0
        self.tick_size = ""
        self.kept: list[tuple[int, Change]] = []

    def doubt(self, reason: str) -> None:
        """Something speaks against it: it isn't right until it was read again."""
        if self.state == "live":
            self.state, self.reason = "stale", reason

    def lose(self) -> None:
        """The connection is gone."""
        self.doubt("the connection was lost")
        self.kept.clear()

    def snapshot(self, bids: Iterable[Row], asks: Iterable[Row], at_ms: int, now: float) -> None:
        """A whole book. Raises ValueError for what can't be one; the old one stays then."""
        new_bids, new_asks = _levels(bids), _levels(asks)
        self.bids, self.asks = new_bids, new_asks
        self.best_bid = max(new_bids, default=0)
        self.best_ask = min(new_asks, default=PRICE_UNITS)
        self.at_ms, self.proved_at = max(self.at_ms, at_ms), now
        self.state, self.reason = "live", ""
        kept, self.kept = self.kept, []
        for changed_ms, change in kept:
            if changed_ms >= at_ms:
                self.change(change, changed_ms)

    def take(self, frame: MarketFrame, now: float) -> None:
        """A ``book`` frame."""
        self.snapshot(frame.bids, frame.asks, frame.at_ms, now)
        if frame.tick_size:
            self.tick_size = frame.tick_size

    def change(self, change: Change, at_ms: int) -> None:
        """Put one change in. Raises ValueError for what can't be one."""
        if self.state != "live":
            self._keep(change, at_ms)
            return
        price = price_units(change.price)
        if change.side == "BUY":
            if is_empty(change.size):
                if self.bids.pop(price, None) is not None and price == self.best_bid:
                    self.best_bid = max(self.bids, default=0)
            else:
                self.bids[price] = change.size
                if price > self.best_bid:
                    self.best_bid = price
        elif is_empty(change.size):
            if self.asks.pop(price, None) is not None and price == self.best_ask:
                self.best_ask = min(self.asks, default=PRICE_UNITS)
        else:
            self.asks[price] = change.size
            if price < self.best_ask:
                self.best_ask = price
        self.at_ms = at_ms or self.at_ms

    def _keep(self, change: Change, at_ms: int) -> None:
        if len(self.kept) >= MOST_KEPT:
            self.kept.clear()  # what is read again was asked for too early then: top and audit will say so
        self.kept.append((at_ms, change))

    def check_top(self, best_bid: str, best_ask: str) -> bool:
        """Whether the feed's own best prices are the book's; where it says none, nothing speaks against it."""
        if self.state != "live":
            return True
        bid = price_units(best_bid) if best_bid else self.best_bid
        ask = price_units(best_ask) if best_ask else self.best_ask
        # "no bid" is written as 0, "no ask" as 1, or as 0 too
        if bid == self.best_bid and (ask == self.best_ask or (ask == 0 and not self.asks)):
            return True
        self.doubt("its best prices aren't the feed's")
        return False

    def equals(self, bids: Iterable[Row], asks: Iterable[Row]) -> bool:
        """Whether these are the same levels. Sizes are compared as numbers."""
        return _same(self.bids, _levels(bids)) and _same(self.asks, _levels(asks))

    def depth(self, levels: int) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
        """(bids, asks) as (dollars, shares), best first."""
        bids = sorted(self.bids, reverse=True)[:levels]
        asks = sorted(self.asks)[:levels]
        return (
            [(Decimal(p).scaleb(-4), Decimal(self.bids[p])) for p in bids],
            [(Decimal(p).scaleb(-4), Decimal(self.asks[p])) for p in asks],
        )


def _levels(rows: Iterable[Row]) -> dict[int, str]:
    found = {price_units(row.price): row.size for row in rows if not is_empty(row.size)}
    if len(found) > MOST_LEVELS:
        raise ValueError("a book of so many levels isn't kept")
    return found


def _same(mine: dict[int, str], others: dict[int, str]) -> bool:
    return mine == others or (
        mine.keys() == others.keys() and all(Decimal(mine[p]) == Decimal(size) for p, size in others.items())
    )
