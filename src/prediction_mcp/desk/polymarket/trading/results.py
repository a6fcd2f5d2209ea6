"""What becomes of orders at Polymarket, and what they would cost. Prices are dollars a share."""

from __future__ import annotations

from decimal import Decimal

from prediction_mcp.desk.results import Answer, Number, Result, Second


class Placed(Answer):
    """``status`` is live, matched or delayed (held back before it may trade: look again). ``fee`` is the sum over its
    fills. ``ends``: when the exchange ends a GTD order, a minute before its expiration."""

    order_id: str
    market: str
    slug: str
    order: str
    status: str
    filled: Number
    resting: Number
    average_price: Number | None = None
    total: Number | None = None
    fee: Number | None = None
    ends: Second | None = None
    note: str | None = None


class Cost(Answer):
    """Dollars. ``worst`` is if it trades at once at its price, ``resting`` if it rests first: makers pay no fee.

    A pair of both outcomes pays $1, so a share at p is right with probability p at ``break_even``.
    """

    slug: str
    order: str
    shares: Number
    fee: Number
    worst: Number | None = None
    resting: Number | None = None
    brings: Number | None = None
    pays_if_right: Number | None = None
    break_even: Number | None = None


class Simulation(Answer):
    """What the book would do with the order now; nothing is sent."""

    slug: str
    question: str
    order: str
    filled: Number
    average_price: Number | None = None
    worst_price: Number | None = None
    dollars: Number | None = None
    fee: Number | None = None
    resting: Number | None = None
    unfilled: Number | None = None
    best_price: Number | None = None
    would_be_refused: str | None = None
    note: str | None = None


class CancelLine(Result):
    order_id: str
    error: str | None = None


class Cancelled(Answer):
    """``shares`` still rested."""

    cancelled: int
    shares: Number
    failed: int | None = None
    orders: list[CancelLine]
    note: str | None = None


class Redeemed(Answer):
    """``paid`` dollars for a resolved market's tokens."""

    slug: str
    question: str
    shares: Number
    paid: Number

    @property
    def dollars(self) -> Decimal:
        return self.paid
