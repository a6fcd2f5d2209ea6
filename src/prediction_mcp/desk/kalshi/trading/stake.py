"""What an order puts at stake: what it can cost at worst, what it closes, and what it gives up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from prediction_mcp.analytics.book import mid
from prediction_mcp.analytics.costs import order_cost
from prediction_mcp.kalshi.fees import FeeSchedule
from prediction_mcp.kalshi.models.markets import Market
from prediction_mcp.kalshi.orders import book_side
from prediction_mcp.net.sides import BookSide
from prediction_mcp.safety.limits import opening
from prediction_mcp.safety.plan import Resting, Stake, Standing

from ..held import resting_as
from .entry import Entry, Ticket
from .view import View

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Holding:
    """What an order of one direction could close: contracts held against it, and the orders that rest to close them.

    ``as_of`` is when that was read, in Unix seconds.
    """

    held: Decimal
    resting: tuple[Resting, ...]
    as_of: float

    @property
    def closable(self) -> Decimal:
        """Contracts that no resting order closes already."""
        return max(self.held - sum((order.count for order in self.resting), ZERO), ZERO)

    def displaced(self, order: Resting) -> list[tuple[Resting, Decimal]]:
        """(resting order, contracts) that would open instead of closing if this order filled first."""
        book, sign = order.book_side, (-1 if order.book_side == "bid" else 1)
        now = {o.order_id: n for o, n, _ in opening(Standing(sign * self.held, orders=self.resting), book)}
        left = max(self.held - order.count, ZERO)
        then = opening(Standing(sign * left, orders=self.resting), book)
        return [(o, n - now[o.order_id]) for o, n, _ in then if n > now[o.order_id]]


def holding_of(view: View, ticket: Ticket) -> Holding:
    """What an order could close, where that was read."""
    return _holding(view, book_side(ticket.side, ticket.action))


def _holding(view: View, book: BookSide, without: str = "") -> Holding:
    """``without`` is an order that another one takes the place of."""
    if view.positions is None or view.resting is None:
        return Holding(ZERO, (), view.started)
    yes = view.held("yes")
    closes = -yes if book == "bid" else yes
    if closes <= 0:
        return Holding(ZERO, (), view.started)
    resting = tuple(resting_as(o) for o in view.own_orders if o.book_side == book and o.order_id != without)
    return Holding(closes, resting, view.started)


class Costs:
    """What contracts of a market cost at worst, fees included; without a formula for the fee their whole dollars."""

    def __init__(self, schedule: FeeSchedule | None) -> None:
        self._schedule = schedule

    def of(self, price: Decimal, contracts: Decimal, *, buying: bool = True) -> Decimal:
        """``price`` in dollars of the side traded."""
        if not contracts or self._schedule is None:
            return contracts
        return order_cost(self._schedule, price, contracts, buying=buying).max_loss

    def opened(self, orders: Sequence[tuple[Resting, Decimal]]) -> Decimal:
        """What resting orders cost where so many contracts of each open."""
        return sum((self.of(unit_cost(o), n) for o, n in orders), ZERO)


def stake_of(view: View, entry: Entry, ticket: Ticket) -> Stake:
    """What a new order puts at stake. Where it wasn't read what is held, all of it counts as opening."""
    market, buying, holding = view.market, ticket.action == "buy", holding_of(view, ticket)
    only_closes = bool(entry.order.reduce_only)
    opens = ZERO if only_closes else max(ticket.count - holding.closable, ZERO)
    costs = Costs(view.lasting(entry.order.time_in_force, entry.order.expiration_time))
    order = Resting(entry.order.side, Decimal(entry.order.price), ticket.count)
    displaced = holding.displaced(order)
    cost = max(costs.of(entry.price, opens, buying=buying), costs.opened(displaced))
    closing = min(ticket.count, holding.held) if only_closes else ticket.count - opens
    given_up = closing * worth(market, order)
    return Stake(
        ticker=market.ticker,
        event=market.event_ticker,
        series=view.series,
        book_side=order.book_side,
        contracts=ticket.count,
        opening=opens,
        cost=cost,
        cost_if_open=cost if only_closes else costs.of(entry.price, ticket.count, buying=buying),
        amount=cost + given_up if buying else max(cost + given_up, ticket.count * entry.price),
        yes_price=order.price,
        yes_mid=mid(*view.best),
        closable=max(holding.closable, ticket.count) if only_closes else holding.closable,
        as_of=holding.as_of,
        displaced=sum((n for _, n in displaced), ZERO),
        legs=market.legs,
    )


def amended(view: View, old: Resting, new: Resting) -> Stake:
    """What an amended order puts at stake: whole, as if it were new; against a day only what it adds to before."""
    market, holding = view.market, _holding(view, new.book_side, without=old.order_id)
    costs = Costs(view.lasting("good_till_canceled"))
    opens = max(new.count - holding.closable, ZERO)
    opened = max(old.count - holding.closable, ZERO)
    displaced = holding.displaced(new)
    cost = max(costs.opened([(new, opens)]), costs.opened(displaced))
    return Stake(
        ticker=market.ticker,
        event=market.event_ticker,
        series=view.series,
        book_side=new.book_side,
        contracts=new.count,
        opening=opens,
        cost=cost,
        cost_if_open=costs.opened([(new, new.count)]),
        amount=cost + (new.count - opens) * worth(market, new),
        yes_price=new.price,
        yes_mid=mid(*view.best),
        closable=holding.closable,
        as_of=holding.as_of,
        replaces=old.order_id,
        before=opened * unit_cost(old),
        displaced=sum((n for _, n in displaced), ZERO),
        legs=market.legs,
    )


def worth(market: Market, order: Resting) -> Decimal:
    """Dollars that a contract given up by an order is worth: what it brings, or more if the market says more.

    An ask gives up YES, a bid that closes gives up NO. Where nothing is quoted and nothing was traded it may be
    worth all of its dollar.
    """
    bid, ask = market.yes_quotes
    last = market.last_price_dollars or None
    known = [price for price in (bid, mid(bid, ask), last) if price is not None]
    known_no = [1 - price for price in (ask, mid(bid, ask), last) if price is not None]
    given, known = (order.price, known) if order.book_side == "ask" else (1 - order.price, known_no)
    return max([given, *known]) if known else Decimal(1)


def unit_cost(order: Resting) -> Decimal:
    """Dollars that a contract of it costs if it opens."""
    return order.price if order.book_side == "bid" else 1 - order.price
