"""What happens, in words of its own: every platform's feed is told as these. Dollars of YES, contracts."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from prediction_mcp.net.sides import BookSide, Side

Channel = Literal["orderbook", "trades", "ticker", "fills", "orders"]


@dataclass(frozen=True, slots=True)
class Quote:
    """What is known of a market's prices, and the contracts traded in it; None where nobody quotes or traded."""

    last: Decimal | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    volume: Decimal | None = None

    @property
    def price(self) -> Decimal | None:
        """The middle where both sides are quoted, else the last price."""
        if self.bid is not None and self.ask is not None:
            return (self.bid + self.ask) / 2
        return self.last


@dataclass(frozen=True, slots=True)
class TradeEvent:
    """Somebody traded; ``taker`` is the side that took."""

    price: Decimal
    count: Decimal
    taker: Side


@dataclass(frozen=True, slots=True)
class FillEvent:
    """An order of ours traded. ``id`` is the trade's: the same one may be told twice."""

    id: str
    order_id: str
    book_side: BookSide
    price: Decimal
    count: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """An order of ours is another one."""

    order_id: str
    book_side: BookSide
    price: Decimal
    status: str
    filled: Decimal
    remaining: Decimal


@dataclass(frozen=True, slots=True)
class BookEvent:
    """A level changed (``side``, ``price``, ``change`` in contracts); or where it was read anew, the best prices."""

    side: Side | None = None
    price: Decimal | None = None
    change: Decimal | None = None
    best_bid: Decimal | None = None
    best_ask: Decimal | None = None


Event = Quote | TradeEvent | FillEvent | OrderEvent | BookEvent
