"""Polymarket's subscriptions: what each one watches, the updates it keeps, and how they are answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from prediction_mcp.desk.results import Answer, Number, Result
from prediction_mcp.net.words import cents, printed
from prediction_mcp.realtime.event_log import EventLog

Kind = Literal["prices", "orderbook", "orders", "trades", "resolution"]
Callback = Literal["notification", "log"]
Levels = Sequence[tuple[Decimal, Decimal]]
ZERO = Decimal(0)
SHOWN, CHANGES = 10, 6
"""Updates that the status shows of each subscription, and levels that one update names."""


@dataclass
class Subscription:
    """One subscription. ``keys`` are token ids, or condition ids; none is all of the wallet."""

    id: str
    kind: Kind
    keys: frozenset[str]
    names: dict[str, str]
    callback: Callback
    depth: int = 0
    started: bool = True
    """Whether updates are reported: of prices and books once their first state was answered."""
    log: EventLog[str] = field(default_factory=EventLog)

    def book_update(self, token: str, bids: Levels, asks: Levels) -> str | None:
        """The update for a token's best ``depth`` levels as they are now; None where none of them changed."""
        before, now = self.log.state(token), (tuple(bids), tuple(asks))
        if not self.log.is_new(token, now):
            return None
        top = f"{_best(bids)} bid, {_best(asks)} ask"
        old_bids, old_asks = before or ((), ())
        changes = [*self._changes("bid", old_bids, bids), *self._changes("ask", old_asks, asks)]
        more = f" and {len(changes) - CHANGES} more" if len(changes) > CHANGES else ""
        return f"{top}; {', '.join(changes[:CHANGES])}{more}"

    def _changes(self, side: str, before: Levels, now: Levels) -> list[str]:
        """Levels with another size, best first. One that better levels pushed behind the last hasn't changed."""
        old, new = dict(before), dict(now)
        edge = now[-1][0] if len(now) == self.depth else None

        def is_behind(price: Decimal) -> bool:
            return edge is not None and (price < edge if side == "bid" else price > edge)

        return [
            f"{side} {cents(price)}: {printed(new.get(price, ZERO))}"
            for price in sorted(old.keys() | new.keys(), reverse=side == "bid")
            if new.get(price) != old.get(price) and not is_behind(price)
        ]


def _best(levels: Levels) -> str:
    return cents(levels[0][0]) if levels else "nothing"


class SubscriptionLine(Result):
    """``latest`` are the newest updates, newest last; ``dropped`` older ones found no room."""

    subscription_id: str
    what: str
    of: list[str]
    callback: str
    seen: int
    dropped: int | None = None
    latest: list[str] | None = None

    @classmethod
    def of_subscription(cls, made: Subscription, count: int) -> SubscriptionLine:
        return cls(
            subscription_id=made.id, what=made.kind, of=sorted(made.names.values()) or ["all"], callback=made.callback,
            seen=made.log.seen, dropped=made.log.dropped or None, latest=made.log.newest(count) or None,
        )  # fmt: skip


class Subscribed(Answer):
    """``prices`` now, of what is watched; ``delivery`` is what this client gets of the updates, and how."""

    subscription_id: str
    what: str
    of: list[str]
    callback: str
    feed: str
    prices: dict[str, list[Number | None]] | None = None
    delivery: str | None = None
    note: str | None = None


class Status(Answer):
    """The feeds' state and counters; ``doubtful`` books are being read again.

    ``problem`` is why a feed isn't live and when it is tried again.
    """

    feed: str
    user_feed: str
    problem: str | None = None
    connections: int
    books: int
    doubtful: int
    counters: dict[str, int]
    subscriptions: list[SubscriptionLine]
