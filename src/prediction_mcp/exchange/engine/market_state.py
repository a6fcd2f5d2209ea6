"""What changes about a market while it trades, and who hears of it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from .groups import OrderGroup
from .ledger import Account, Fill, Holding
from .matching import Book, Order

TAPE_LENGTH = 5_000
"""Trades a market remembers; older ones leave its tape and its candlesticks."""


@dataclass(slots=True)
class Trade:
    """One match as the tape prints it."""

    seq: int
    ts_ms: int
    price: int
    count: int
    taker_side: int
    is_block: bool = False


class Fees(Protocol):
    """What trading in a market costs, as its platform has it. Money in micros."""

    def worst(self, price: int, count: int) -> int:
        """What a taker's order may cost in fees, to be held for it."""
        ...

    def taker(self, revenue: int, price: int, count: int, grid: int, accumulator: int) -> tuple[int, int]:
        """(fee, accumulator) of a fill that moves ``revenue``; revenue less fee lies on the account's grid."""
        ...

    def maker(self, revenue: int, price: int, count: int, grid: int, accumulator: int) -> tuple[int, int]: ...


class Observer(Protocol):
    """Hears what happens while it happens, inside the same atomic step; must not call the engine back."""

    def level(self, order: Order, price: int, delta: int, now_ms: int) -> None:
        """The count resting at a price changed by ``delta`` because of this order."""
        ...

    def trade(self, ticker: str, trade: Trade) -> None: ...

    def fill(self, fill: Fill, holding: Holding) -> None:
        """A member's half of a trade, with the position it leaves."""
        ...

    def order(self, order: Order) -> None:
        """A member's order was made, changed, filled in part or ended."""
        ...

    def group(self, group: OrderGroup, event_type: str, now_ms: int) -> None:
        """An order group was created, triggered, reset, deleted or given another limit."""
        ...

    def settled(self, account: Account, ticker: str, holding: Holding) -> None:
        """A member's position was paid out."""
        ...


@dataclass(slots=True, eq=False)
class MarketState:
    """What changes about a market while it trades."""

    book: Book
    fees: Fees
    is_open: bool = True
    fractional: bool = True
    pool: int = 0
    open_interest: int = 0
    volume: int = 0
    last_price: int = 0
    payout: int | None = None
    """Price units that one YES token pays, once the market has ended."""
    event: str = ""
    peers: tuple[str, ...] = ()
    """Its event, and all markets of it, where at most one of them ends with YES; else nothing."""
    shard: int = 0
    """The part of the exchange that trades it: orders in it work on their accounts' money there."""
    trades: deque[Trade] = field(default_factory=lambda: deque(maxlen=TAPE_LENGTH))

    @property
    def was_quoted(self) -> bool:
        """Whether an order ever rested in the book; after a restart, whether one rests there or ever traded."""
        return self.book.bids.is_used or self.book.asks.is_used or self.volume > 0
