"""A write that is ready but not sent: what exactly, what it puts at stake, and how it is said to a person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel

from prediction_mcp.kalshi.models.base import BookSide

R = TypeVar("R", bound=BaseModel)
Terms = Mapping[str, Any]
"""What is sent, as JSON has it."""
Kind = Literal["order", "change", "cancel"]
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Stake:
    """What limits look at. Dollars and contracts.

    Attributes:
        book_side, yes_price: the order as the book has it; the limit in YES dollars.
        opening: contracts that don't close what is held.
        cost: what the order can take from the cash at worst, fees included; zero for what only closes.
        cost_if_open: the same if nothing of it closes, because others under way close it first.
        amount: what is at stake for the rule "ask over": the cost, and the worth of what is given up.
        yes_mid: the middle of the market, in YES dollars.
        closable: contracts held that no resting order closes already, at ``as_of`` (Unix seconds).
        replaces: the order that this one takes the place of; before: what that one can take from the cash at worst.
        displaced: contracts of other resting orders that open once this one has closed what they were to close; their
            cost is in ``cost``.
    """

    ticker: str
    event: str
    series: str
    book_side: BookSide
    contracts: Decimal
    opening: Decimal
    cost: Decimal
    cost_if_open: Decimal
    amount: Decimal
    yes_price: Decimal
    yes_mid: Decimal | None = None
    closable: Decimal = ZERO
    as_of: float = 0.0
    replaces: str = ""
    before: Decimal = ZERO
    displaced: Decimal = ZERO

    @property
    def closing(self) -> Decimal:
        return self.contracts - self.opening

    @property
    def adds(self) -> Decimal:
        """What it adds to what may be spent: an amended order was counted before."""
        return max(self.cost - self.before, ZERO)


@dataclass(frozen=True, slots=True)
class Amendment:
    """An order that rests on: contracts before and after, and the share of its earlier cost that it keeps."""

    order_id: str
    was: Decimal
    now: Decimal
    kept: Decimal


@dataclass(frozen=True, slots=True)
class Done:
    """What a write came to, for the records. ``spent`` and ``resting_cost`` in dollars, ``said`` in words."""

    said: str
    order_id: str = ""
    spent: Decimal = ZERO
    resting_cost: Decimal = ZERO
    resting: Decimal = ZERO
    released: tuple[tuple[str, Decimal], ...] = ()
    """(order id, contracts) that don't rest any more."""
    amended: Amendment | None = None


@dataclass(frozen=True, slots=True)
class Plan(Generic[R]):
    """One write. A plan that is made again after a question is the same plan where ``binding`` is the same.

    Attributes:
        terms: exactly what is sent.
        send: sends terms, which may be those of an earlier plan that was confirmed.
        words: the preview for a person; reads what it needs.
        stake: None for cancels, which no limit stops.
        done: what the result came to.
        best: the best price now of the side traded, in dollars.
        loose: terms that may differ between question and answer: those confirmed are sent.
    """

    kind: Kind
    terms: Terms
    send: Callable[[Terms], Awaitable[R]]
    words: Callable[[], Awaitable[str]]
    done: Callable[[R], Done]
    stake: Callable[[], Awaitable[Stake]] | None = None
    best: Decimal | None = None
    loose: frozenset[str] = field(default=frozenset({"client_order_id"}))

    @property
    def binding(self) -> dict[str, Any]:
        return {name: value for name, value in self.terms.items() if name not in self.loose}
