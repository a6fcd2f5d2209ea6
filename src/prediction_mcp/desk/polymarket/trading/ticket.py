"""An order as it was asked for, held against the market's own rules, and what it would cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import TYPE_CHECKING, Literal

from prediction_mcp.net.sides import Action, BookSide
from prediction_mcp.net.words import cents, printed
from prediction_mcp.polymarket.errors import InvalidOrderError, TradingPausedError
from prediction_mcp.polymarket.fees import taker_fee
from prediction_mcp.polymarket.models import FeeSchedule, Level, Orderbook
from prediction_mcp.polymarket.orders import EARLY_S, SIZE_STEP, SOONEST_S, Terms

from .. import lookup
from ..lookup import Side
from ..results import held_ms

if TYPE_CHECKING:
    from ..account import Account

OrderType = Literal["GTC", "GTD", "FAK", "FOK"]
AT_ONCE = ("FAK", "FOK")
ZERO = Decimal(0)
LEAST_DOLLARS = Decimal(1)
"""Of a buy that trades at once."""
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Ticket:
    """``size`` in shares or ``dollars``, ``price`` in cents of the outcome, ``expiration`` in Unix seconds."""

    market: str
    outcome: str
    action: Action
    size: Decimal | None = None
    dollars: Decimal | None = None
    price: Decimal | None = None
    order_type: OrderType = "GTC"
    expiration: int | None = None
    post_only: bool = False
    max_cost: Decimal | None = None

    @property
    def buys(self) -> bool:
        return self.action == "buy"

    @property
    def at_once(self) -> bool:
        return self.order_type in AT_ONCE


@dataclass(frozen=True, slots=True)
class View:
    """The market as an order meets it."""

    side: Side
    book: Orderbook
    terms: Terms
    min_size: Decimal
    schedule: FeeSchedule | None
    delay_ms: int = 0

    def opposite(self, action: Action) -> tuple[Level, ...]:
        """What an order meets, best first."""
        return self.book.asks if action == "buy" else self.book.bids

    def best(self, action: Action) -> Decimal | None:
        levels = self.opposite(action)
        return levels[0].price if levels else None

    @property
    def middle(self) -> Decimal | None:
        bid, ask = self.book.best_bid, self.book.best_ask
        return None if bid is None or ask is None else (bid.price + ask.price) / 2

    def fee(self, price: Decimal, shares: Decimal) -> Decimal:
        return taker_fee(self.schedule, price, shares)


@dataclass(frozen=True, slots=True)
class Walk:
    """What the book would do with an order now."""

    filled: Decimal
    dollars: Decimal
    fee: Decimal
    worst: Decimal | None

    @property
    def average(self) -> Decimal | None:
        return round(self.dollars / self.filled, 6) if self.filled else None


@dataclass(frozen=True, slots=True)
class Entry:
    """An order that breaks no rule. ``price`` in dollars; ``shares`` or, of a buy at once, ``dollars`` is its size.

    ``shares`` of a buy at once are those that its dollars get at its price at least.
    """

    ticket: Ticket
    view: View
    price: Decimal
    shares: Decimal
    dollars: Decimal | None = None

    @property
    def first(self) -> bool:
        """Whether it is about the market's first outcome."""
        return self.view.side.index == 0

    @property
    def book_side(self) -> BookSide:
        return "bid" if self.ticket.buys == self.first else "ask"

    @property
    def first_price(self) -> Decimal:
        """Its price in the first outcome's book."""
        return self.price if self.first else 1 - self.price

    @property
    def lowest(self) -> Decimal:
        """The lowest price at which it could trade now."""
        return min(self.view.best("buy") or self.price, self.price) if self.ticket.buys else self.price

    @property
    def most_shares(self) -> Decimal:
        """The most it can trade now: dollars get more shares where the book is below its price."""
        return self.shares if self.dollars is None else (self.dollars / self.lowest).quantize(SIZE_STEP, ROUND_UP)

    @property
    def worst_cost(self) -> Decimal:
        """Dollars that it can take at worst, fees included; nothing for a sale, whose fee comes out of what it brings.

        The fee of a buy by dollars at a price p is dollars · rate · p^(e-1) · (1-p)^e: with an exponent e up to 1 it is
        largest at the lowest price, beyond that at (e-1)/(2e-1), or as near to that as it can trade.
        """
        if not self.ticket.buys:
            return ZERO
        if self.dollars is None:
            return self.price * self.shares + self.view.fee(self.price, self.shares)
        exponent = self.view.schedule.exponent if self.view.schedule is not None else Decimal(1)
        peak = (exponent - 1) / (2 * exponent - 1) if exponent > 1 else ZERO
        dearest = min(max(peak, self.lowest), self.price)
        return self.dollars + self.view.fee(dearest, self.dollars / dearest)

    def walk(self) -> Walk:
        """What would fill now. A buy by dollars stops when they are spent."""
        filled = paid = fee = ZERO
        worst = None
        for level in self.view.opposite(self.ticket.action):
            if (level.price > self.price) if self.ticket.buys else (level.price < self.price):
                break
            left = self.shares - filled
            if self.dollars is not None:
                left = ((self.dollars - paid) / level.price).quantize(SIZE_STEP, ROUND_DOWN)
            taken = min(level.size, left)
            if taken <= 0:
                break
            filled, paid, worst = filled + taken, paid + taken * level.price, level.price
            fee += self.view.fee(level.price, taken)
        return Walk(filled, paid, fee, worst)


async def look(account: Account, ticket: Ticket) -> View:
    """The market, its book and its terms. Raises InvalidOrderError for what can be told from the ticket alone."""
    _check(ticket)
    side = lookup.side_of(await lookup.market(account, ticket.market), ticket.outcome)
    if not side.market.accepting_orders:
        raise TradingPausedError("This market takes no orders now: nothing was placed.")
    clob = await account.polymarket.terms(side.condition)
    book = await account.polymarket.orderbook(side.token)
    return View(
        side, book, Terms(clob.tick_size, clob.neg_risk), clob.min_order_size or book.min_order_size, clob.schedule,
        held_ms(side.market, clob),
    )  # fmt: skip


def _check(ticket: Ticket) -> None:
    if (ticket.size is None) == (ticket.dollars is None):
        raise InvalidOrderError("Give either size (shares) or dollars.")
    if ticket.dollars is not None and not (ticket.buys and ticket.at_once):
        raise InvalidOrderError("dollars goes with buying at once (FAK or FOK); else give size in shares.")
    if ticket.size is not None and ticket.buys and ticket.at_once:
        raise InvalidOrderError("A buy at once (FAK or FOK) is sized in dollars: give dollars instead of size.")
    if not ticket.at_once and ticket.price is None:
        raise InvalidOrderError("A GTC or GTD order takes a price.")
    if ticket.post_only and ticket.at_once:
        raise InvalidOrderError("post_only goes with GTC and GTD only.")
    if (ticket.order_type == "GTD") != (ticket.expiration is not None):
        raise InvalidOrderError(
            f"expiration goes with GTD, and only with that; {SOONEST_S} seconds from now at least, "
            f"and the order ends {EARLY_S} seconds before it."
        )
    for name, value in (("size", ticket.size), ("dollars", ticket.dollars), ("max_cost", ticket.max_cost)):
        if value is not None and value <= 0:
            raise InvalidOrderError(f"{name} must be more than zero.")


def prepare(ticket: Ticket, view: View) -> Entry:
    """The order held against the market's rules.

    Raises:
        InvalidOrderError: one sentence about the first thing that is wrong.
    """
    price = _price(ticket, view)
    if ticket.dollars is not None:
        dollars = ticket.dollars.quantize(CENT, ROUND_DOWN)
        if dollars < LEAST_DOLLARS:
            raise InvalidOrderError("A buy that trades at once takes $1 at least.")
        entry = Entry(ticket, view, price, (dollars / price).quantize(SIZE_STEP, ROUND_DOWN), dollars)
    else:
        shares = (ticket.size or ZERO).quantize(SIZE_STEP, ROUND_DOWN)
        least = SIZE_STEP if ticket.at_once else view.min_size
        if shares < least:
            raise InvalidOrderError(f"The market takes {printed(least)} shares at least.")
        entry = Entry(ticket, view, price, shares)
    _check_crossing(entry)
    if ticket.max_cost is not None and entry.worst_cost > ticket.max_cost:
        raise InvalidOrderError(f"It may cost ${entry.worst_cost:.2f}, more than max_cost ${ticket.max_cost:.2f}.")
    return entry


def _price(ticket: Ticket, view: View) -> Decimal:
    """The worst price it takes: as given, or for an order at once what the book asks for the whole of it."""
    tick = view.terms.tick
    if ticket.price is not None:
        price = ticket.price / 100
        if not tick <= price <= 1 - tick or price % tick:
            raise InvalidOrderError(
                f"The price must lie between {cents(tick)} and {cents(1 - tick)} in steps of {cents(tick)}."
            )
        return price
    levels: Sequence[Level] = view.opposite(ticket.action)
    if not levels:
        raise InvalidOrderError("Nobody quotes the other side now: give a price.")
    left = ticket.dollars if ticket.dollars is not None else ticket.size or ZERO
    for level in levels:
        left -= level.size * level.price if ticket.dollars is not None else level.size
        if left <= 0:
            return level.price
    if ticket.order_type == "FOK":
        raise InvalidOrderError("The book can't fill all of it now, so an order that is all or nothing can't be.")
    return levels[-1].price


def _check_crossing(entry: Entry) -> None:
    best = entry.view.best(entry.ticket.action)
    crosses = best is not None and (best <= entry.price if entry.ticket.buys else best >= entry.price)
    if not crosses:
        return
    if entry.ticket.post_only:
        raise InvalidOrderError(f"It would trade at once: the best price is {cents(best)}, and it is post_only.")
    if entry.ticket.buys and entry.dollars is None and entry.price * entry.shares < LEAST_DOLLARS:
        raise InvalidOrderError("A buy that trades at once takes $1 at least.")
