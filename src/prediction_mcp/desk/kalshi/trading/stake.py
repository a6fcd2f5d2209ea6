"""What an order puts at stake: what it can cost at worst, what it closes, and what it gives up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from prediction_mcp.analytics.book import mid
from prediction_mcp.analytics.costs import order_cost
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.fees import FeeSchedule
from prediction_mcp.kalshi.models.markets import Market
from prediction_mcp.kalshi.orders import Action, Side, book_side
from prediction_mcp.protocol.session import get_session
from prediction_mcp.safety.limits import Resting, Standing, opening
from prediction_mcp.safety.plan import Stake

from ..discovery.market_results import yes_quotes
from .cancel import resting_of
from .entry import Entry, Ticket
from .preview import held_of_side

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Holding:
    """What an order of one direction could close: contracts held against it, and the orders that rest to close them.

    ``as_of`` is when that was read, in Unix seconds.
    """

    held: Decimal
    resting: tuple[Resting, ...]
    as_of: float

    @classmethod
    def none(cls) -> Holding:
        return cls(ZERO, (), time.time())

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


async def holding_of(
    kalshi: KalshiClient, ticker: str, side: Side, action: Action, without: str | None = None
) -> Holding:
    """What an order of this side and direction could close; ``without`` is an order that it takes the place of."""
    started = time.time()
    held = await held_of_side(kalshi, ticker, side)
    closes = -held if action == "buy" else held
    if closes <= 0:
        return Holding(ZERO, (), started)
    book = book_side(side, action)
    resting = tuple(
        Resting(book, o.yes_price_dollars, o.remaining_count_fp, o.order_id)
        for o in await resting_of(kalshi, ticker)
        if o.book_side == book and o.order_id != without
    )
    return Holding(closes, resting, started)


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


async def stake_of(kalshi: KalshiClient, entry: Entry, ticket: Ticket, known: Holding | None = None) -> Stake:
    """What an order puts at stake; reads fees, and what it could close if that isn't known."""
    market, buying = entry.market, ticket.action == "buy"
    holding = known or await holding_of(kalshi, market.ticker, ticket.side, ticket.action)
    only_closes = bool(entry.order.reduce_only)
    opens = ZERO if only_closes else max(ticket.count - holding.closable, ZERO)
    costs = Costs(await get_session().fees.of(kalshi, market))
    order = Resting(entry.order.side, Decimal(entry.order.price), ticket.count)
    displaced = holding.displaced(order)
    cost = max(costs.of(entry.price, opens, buying=buying), costs.opened(displaced))
    closing = min(ticket.count, holding.held) if only_closes else ticket.count - opens
    given_up = closing * worth(market, order)
    return Stake(
        ticker=market.ticker,
        event=market.event_ticker,
        series=market.series_ticker,
        book_side=order.book_side,
        contracts=ticket.count,
        opening=opens,
        cost=cost,
        cost_if_open=cost if only_closes else costs.of(entry.price, ticket.count, buying=buying),
        amount=cost + given_up if buying else max(cost + given_up, ticket.count * entry.price),
        yes_price=order.price,
        yes_mid=mid(*yes_quotes(market)),
        closable=max(holding.closable, ticket.count) if only_closes else holding.closable,
        as_of=holding.as_of,
        displaced=sum((n for _, n in displaced), ZERO),
    )


def worth(market: Market, order: Resting) -> Decimal:
    """Dollars that a contract given up by an order is worth: what it brings, or more if the market says more.

    An ask gives up YES, a bid that closes gives up NO. Where nothing is quoted and nothing was traded it may be
    worth all of its dollar.
    """
    bid, ask = yes_quotes(market)
    last = market.last_price_dollars or None
    known = [price for price in (bid, mid(bid, ask), last) if price is not None]
    known_no = [1 - price for price in (ask, mid(bid, ask), last) if price is not None]
    given, known = (order.price, known) if order.book_side == "ask" else (1 - order.price, known_no)
    return max([given, *known]) if known else Decimal(1)


def unit_cost(order: Resting) -> Decimal:
    """Dollars that a contract of it costs if it opens."""
    return order.price if order.book_side == "bid" else 1 - order.price
