"""A write that is ready but not sent: what exactly, what it puts at stake, and how it is said to a person."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel

from prediction_mcp.net.sides import BookSide

R = TypeVar("R", bound=BaseModel)
Terms = Mapping[str, Any]
"""What is sent, as JSON has it."""
Kind = Literal["order", "change", "deal", "arrangement", "cancel"]
"""A new order, other terms for one, a quote taken or stood by, what puts nothing at stake, what takes risk away.

An arrangement is confirmed and journaled like the others; no limit on orders stands against it.
"""
TRADES: frozenset[Kind] = frozenset({"order", "change", "deal"})
"""Kinds that put money at stake."""
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
        apart: shares of both outcomes are kept apart, so that no order closes another: a sale gives up what is there.
        legs: events and markets that a combo bets on.
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
    apart: bool = False
    legs: tuple[str, ...] = ()

    @property
    def closing(self) -> Decimal:
        """Contracts that close what is held on the other side, as long as nothing else closes it first."""
        return ZERO if self.apart else self.contracts - self.opening

    @property
    def may_fill(self) -> Decimal:
        """Contracts that count among the orders of their market: what closes counts there, what is given up not."""
        return self.opening if self.apart else self.contracts

    @property
    def adds(self) -> Decimal:
        """What it adds to what may be spent: an amended order was counted before."""
        return max(self.cost - self.before, ZERO)


@dataclass(frozen=True, slots=True)
class Resting:
    """An order that may fill: contracts at a YES price."""

    book_side: BookSide
    price: Decimal
    count: Decimal
    order_id: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """One market: contracts held (YES above zero), what they cost, and the orders that may fill.

    Where shares of both outcomes are kept apart nothing nets: ``held`` is zero, ``cost`` the first outcome's and
    ``opposite`` the second's.
    """

    held: Decimal = ZERO
    cost: Decimal = ZERO
    orders: tuple[Resting, ...] = ()
    opposite: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """The account as a plan saw it, right up to ``as_of`` (Unix seconds).

    ``markets`` are those of the order's event, or its own only; ``cash`` and ``worth`` (of all positions) are dollars,
    None where the balance wasn't read.
    """

    as_of: float
    markets: Mapping[str, Standing]
    whole_event: bool = False
    cash: Decimal | None = None
    worth: Decimal | None = None
    platform: Literal["kalshi", "polymarket"] = "kalshi"


@dataclass(frozen=True, slots=True)
class Carried:
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
    amended: Carried | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """What became of a part of a write isn't known, in words."""

    said: str


Fate = Done | Unknown | str
"""What a part of a write came to; a text is why it was refused."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a write, as limits look at it. ``kind`` is None where it is the kind of the whole."""

    stake: Stake | None
    look: Look | None
    kind: Kind | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """With what a write has to be planned.

    Attributes:
        stake: what it puts at stake is asked for, by a limit or a question.
        held: what is held and rests in its market, so that closing is told apart from opening.
        event: what is held and rests in all markets of its event.
        cash: the balance.
        moment: up to when reads are right has to be asked, since orders of ours are younger than reads may be old.
    """

    stake: bool = False
    held: bool = False
    event: bool = False
    cash: bool = False
    moment: bool = False


class Steps(Protocol):
    """What a plan that sends its parts one after the other tells while it does."""

    def restate(self, part: int, terms: Terms) -> None:
        """A part will be sent otherwise, and no larger. Raises JournalError: then it must not be sent."""

    def leaves(self, part: int) -> None:
        """A part leaves now, later than it was written down. Raises JournalError: then it must not be sent."""

    def ended(self, part: int, fate: Fate, answer: object = None) -> None:
        """What became of a part; it stands in the journal before the next one leaves."""


class Plan(ABC, Generic[R]):
    """One write. A plan that is made again after a question is the same plan where ``binding`` is the same.

    Attributes:
        terms: exactly what is sent.
        best: the best price now of the side traded, in dollars.
        loose: terms that may differ between question and answer: those confirmed are sent.
        look: the account as it was planned with; None where nothing of it was read.
        lasts: it lets orders go later that nobody is asked about: the person is asked now, whatever is at stake now.
        lessens: it only takes away from what a person said yes to: nobody is asked.
    """

    kind: Kind
    lasts: bool = False
    lessens: bool = False
    terms: Terms
    best: Decimal | None = None
    loose: frozenset[str] = frozenset({"client_order_id"})
    look: Look | None = None

    @property
    def binding(self) -> dict[str, Any]:
        return {name: value for name, value in self.terms.items() if name not in self.loose}

    @property
    def stake(self) -> Stake | None:
        """What it puts at stake; None for cancels, which no limit stops, and where it wasn't planned with that."""
        return None

    @property
    def parts(self) -> Sequence[Part]:
        """What it consists of, each weighed and journaled by itself, all or none of them sent. One, as a rule."""
        return (Part(self.stake, self.look),)

    def split(self, terms: Terms) -> Sequence[Terms]:
        """The terms of each part."""
        return (terms,)

    def fates(self, result: R) -> Sequence[Fate]:
        """What each part came to."""
        return (self.done(result),)

    @property
    def bests(self) -> tuple[Decimal | None, ...]:
        """The best price of each part."""
        return (self.best,)

    @property
    def tickers(self) -> frozenset[str]:
        """The markets it trades in."""
        return frozenset(str(terms["ticker"]) for terms in self.split(self.terms) if "ticker" in terms)

    @abstractmethod
    async def send(self, terms: Terms) -> R:
        """Send terms, which may be those of an earlier plan that was confirmed."""

    async def send_in_steps(self, terms: Terms, steps: Steps) -> R:
        """The same; parts that leave one after the other tell their end as they go, all others at the end."""
        del steps
        return await self.send(terms)

    @abstractmethod
    async def words(self) -> str:
        """The preview for a person; reads what it still needs."""

    @abstractmethod
    def done(self, result: R) -> Done:
        """What the result came to."""
