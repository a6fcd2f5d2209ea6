"""Price-time priority: orders, price levels and one market's book. Pure: no I/O, no clock, no money.

Both sides are kept the same way: a *rank* is the price for bids and minus the price for asks, so the best of a side
is always its highest rank, at the end of a sorted list. A book has at most a few hundred prices, so a plain list with
bisect beats any tree; a level is a linked FIFO (OrderedDict), so a cancel in the middle costs the same as at the end.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prediction_mcp.kalshi.units import PriceGrid

if TYPE_CHECKING:
    from .groups import OrderGroup
    from .ledger import Account

BID = 1
"""Buy YES."""
ASK = -1
"""Sell YES, which is to buy NO at $1 − price."""


class Order:
    """One order, from its acceptance to its end. Prices in YES price units, counts in count units, money in micros."""

    __slots__ = (
        "account",
        "accumulator",
        "cancel_on_pause",
        "client_order_id",
        "created_ms",
        "expires_ms",
        "fee_hold",
        "fee_total",
        "filled",
        "group",
        "initial",
        "last_reason",
        "maker_cost",
        "maker_fees",
        "notional",
        "order_id",
        "price",
        "queued",
        "remaining",
        "sells",
        "seq",
        "side",
        "slack",
        "status",
        "stp",
        "taker_cost",
        "taker_fees",
        "ticker",
        "time_in_force",
        "updated_ms",
    )

    def __init__(
        self, order_id: str, seq: int, account: Account, ticker: str, side: int, price: int, count: int, now_ms: int
    ) -> None:
        self.order_id = order_id
        self.seq = seq
        self.account = account
        self.ticker = ticker
        self.side = side
        self.price = price
        self.initial = count
        self.remaining = count
        self.filled = 0
        self.status = "resting"
        self.sells = False  # delivers tokens that are there; see :mod:`.tokens`
        self.created_ms = now_ms
        self.updated_ms = now_ms
        self.client_order_id = ""
        self.last_reason = ""  # why it last changed, in the feed's words; not kept on disk
        self.time_in_force = "good_till_canceled"
        self.stp = "taker_at_cross"
        self.group: OrderGroup | None = None
        self.queued = 0  # grows with each coming to rest: the place among orders of one price
        self.expires_ms = 0
        self.cancel_on_pause = False
        self.accumulator = 0
        self.fee_hold = 0  # held for trade fees
        self.slack = 0  # held for rounding fees
        self.notional = 0  # sum of YES price × count over fills
        self.fee_total = 0
        self.taker_cost = 0
        self.maker_cost = 0
        self.taker_fees = 0
        self.maker_fees = 0


class Level:
    """All resting orders at one price, oldest first; ``total`` is what they have left."""

    __slots__ = ("orders", "total")

    def __init__(self) -> None:
        self.orders: OrderedDict[int, Order] = OrderedDict()
        self.total = 0


class BookSide:
    """One side of a book: levels by rank, best rank last."""

    __slots__ = ("is_used", "levels", "ranks", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.is_used = False  # whether an order ever rested here
        self.ranks: list[int] = []
        self.levels: dict[int, Level] = {}

    @property
    def best(self) -> int | None:
        """Best price in price units, or None when nobody rests here."""
        return self.sign * self.ranks[-1] if self.ranks else None

    @property
    def best_size(self) -> int:
        """Count units at the best price."""
        return self.levels[self.ranks[-1]].total if self.ranks else 0

    def add(self, order: Order) -> None:
        """Put an order at the end of its price's queue."""
        self.is_used = True
        rank = self.sign * order.price
        level = self.levels.get(rank)
        if level is None:
            level = self.levels[rank] = Level()
            insort(self.ranks, rank)
        level.orders[order.seq] = order
        level.total += order.remaining

    def remove(self, order: Order) -> None:
        """Take an order out, wherever it stands in its queue."""
        rank = self.sign * order.price
        level = self.levels[rank]
        del level.orders[order.seq]
        level.total -= order.remaining
        if not level.orders:
            self.drop(rank)

    def reduce(self, order: Order, by: int) -> None:
        """Make a resting order smaller where it stands: it keeps its place."""
        self.levels[self.sign * order.price].total -= by
        order.remaining -= by

    def drop(self, rank: int) -> None:
        """Forget an empty level."""
        del self.levels[rank]
        del self.ranks[bisect_left(self.ranks, rank)]

    def depth(self) -> list[tuple[int, int]]:
        """(price, count) per level, best first."""
        return [(self.sign * rank, self.levels[rank].total) for rank in reversed(self.ranks)]

    def ahead_of(self, order: Order) -> int:
        """Contracts (count units) that trade before this order does: better prices, then its own price's queue."""
        rank = self.sign * order.price
        total = sum(self.levels[r].total for r in self.ranks[bisect_left(self.ranks, rank) + 1 :])
        for other in self.levels[rank].orders.values():
            if other is order:
                break
            total += other.remaining
        return total

    def __iter__(self) -> Iterator[Order]:
        for rank in reversed(self.ranks):
            yield from self.levels[rank].orders.values()


class Book:
    """One market's book: YES bids and YES asks on the market's own price grid."""

    __slots__ = ("asks", "bids", "grid", "prices", "ticker")

    def __init__(self, ticker: str, grid: PriceGrid) -> None:
        self.ticker = ticker
        self.grid = grid
        self.prices = frozenset(grid.prices())
        self.bids = BookSide(BID)
        self.asks = BookSide(ASK)

    def side(self, side: int) -> BookSide:
        return self.bids if side == BID else self.asks

    def crosses(self, side: int, price: int) -> bool:
        """Whether an order at this price would trade at once."""
        opposite = self.asks if side == BID else self.bids
        return bool(opposite.ranks) and opposite.ranks[-1] >= -side * price

    def fillable(self, order: Order) -> int:
        """Count units that would trade at once, given the order's self-trade prevention; changes nothing."""
        opposite = self.asks if order.side == BID else self.bids
        limit = -order.side * order.price
        total = 0
        for rank in reversed(opposite.ranks):
            if rank < limit or total >= order.remaining:
                break
            for maker in opposite.levels[rank].orders.values():
                if maker.account.primary is order.account.primary:
                    if order.stp == "taker_at_cross":
                        return min(total, order.remaining)
                    continue
                total += maker.remaining
        return min(total, order.remaining)
