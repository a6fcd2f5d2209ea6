"""From what a person asks to the order that is sent: every check that can be made before anything leaves."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from loguru import logger

from prediction_mcp.analytics.book import walk
from prediction_mcp.analytics.costs import order_cost
from prediction_mcp.kalshi.errors import InvalidOrderError, KalshiError, MarketClosedError
from prediction_mcp.kalshi.models.markets import Market
from prediction_mcp.kalshi.models.orders import NewOrder, OrderExecution, TimeInForce, Traded
from prediction_mcp.kalshi.orders import check_count, check_price, to_book
from prediction_mcp.kalshi.units import format_count, format_price, parse_price
from prediction_mcp.net.sides import Action, Side
from prediction_mcp.net.words import printed

from .view import View, Wants

if TYPE_CHECKING:
    from prediction_mcp.kalshi.fees import FeeSchedule

    from ..account import Account


OrderType = Literal["limit", "market"]
MAX_CLIENT_ID = 64


@dataclass(frozen=True, slots=True)
class Ticket:
    """An order as it was asked for; ``price`` is cents of the side traded."""

    ticker: str
    side: Side
    action: Action
    count: Decimal
    price: Decimal | None = None
    order_type: OrderType = "limit"
    time_in_force: TimeInForce | None = None
    post_only: bool = False
    reduce_only: bool = False
    expiration_ts: int | None = None
    client_order_id: str | None = None
    max_cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An order that passed the checks, with its market and its price in dollars of the side traded."""

    market: Market
    order: NewOrder
    price: Decimal


def wanted_by(ticket: Ticket) -> Wants:
    """What the checks of a ticket look at beside the market."""
    market = ticket.order_type == "market"
    return Wants(book=market, fees=ticket.max_cost is not None, cash=not ticket.reduce_only)


def prepare(ticket: Ticket, view: View) -> Entry:
    """Check a ticket, whose flags were checked, and make the order of it; sends and reads nothing.

    Raises:
        InvalidOrderError, MarketClosedError: one sentence about the first thing that is wrong.
    """
    market = view.market
    check_open(market)
    units = check_count(ticket.count)
    price = _market_price(view, ticket) if ticket.order_type == "market" else dollars(ticket.price)
    check_price(price, ticket.side, market.grid)
    book, yes_price = to_book(ticket.side, ticket.action, price)
    immediate: TimeInForce = (
        "immediate_or_cancel" if ticket.order_type == "market" or ticket.reduce_only else "good_till_canceled"
    )
    if ticket.max_cost is not None:
        fees = view.lasting(ticket.time_in_force or immediate, ticket.expiration_ts)
        _check_cost(fees, price, ticket.count, ticket.max_cost)
    order = NewOrder(
        ticker=market.ticker,
        side=book,
        count=format_count(units),
        price=format_price(parse_price(yes_price)),
        client_order_id=ticket.client_order_id or str(uuid.uuid4()),
        time_in_force=ticket.time_in_force or immediate,
        expiration_time=ticket.expiration_ts,
        post_only=ticket.post_only or None,
        reduce_only=ticket.reduce_only or None,
        exchange_index=market.exchange_index,
    )
    return Entry(market, order, price)


async def exact_fills(account: Account, done: OrderExecution) -> Traded | None:
    """What a placed order traded, to the last unit; None while reads lag behind or can't be made.

    The order is placed whatever happens here, so nothing here may look like its failure.
    """
    if not done.fill_count:
        return None
    try:
        traded = await account.kalshi.orders.traded(done.order_id)
    except KalshiError as error:
        logger.warning("the fills of order {} can't be read now: {}", done.order_id, error)
        return None
    return traded if traded.count == done.fill_count else None


def check_open(market: Market) -> None:
    """Raises MarketClosedError that says when it opens or closed."""
    if market.is_open:
        return
    at, word = market.close_time, "closed"
    if market.status == "initialized":
        at, word = market.open_time, "opens"
    elif market.status == "inactive":
        at, word = None, "is paused"
    when = f" {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else ""
    ended = f" with {market.result}" if market.result else ""
    raise MarketClosedError(f"{market.ticker} takes no orders: it {word}{when} and is {market.status}{ended}.")


def dollars(cents: Decimal | None) -> Decimal:
    """A price parameter (cents) in dollars. Raises InvalidOrderError when it is missing or not between 0 and 100."""
    if cents is None:
        raise InvalidOrderError("A limit order needs a price in cents (or order_type=market).")
    if not 0 < cents < 100:
        raise InvalidOrderError(f"The price is in cents, between 0 and 100, not {cents}.")
    return cents / 100


def check_flags(ticket: Ticket) -> None:
    """What can be told without a look at the market. Raises InvalidOrderError."""
    immediate = ticket.order_type == "market" or ticket.time_in_force in ("immediate_or_cancel", "fill_or_kill")
    if ticket.post_only and immediate:
        raise InvalidOrderError("post_only rests in the book, so it can't be combined with an immediate order.")
    if ticket.order_type == "market" and ticket.time_in_force == "good_till_canceled":
        raise InvalidOrderError("A market order can't rest: leave time_in_force out, or give a limit price.")
    if ticket.reduce_only and ticket.time_in_force not in (None, "immediate_or_cancel"):
        raise InvalidOrderError("Kalshi takes reduce_only only with time_in_force=immediate_or_cancel.")
    if ticket.expiration_ts is not None and (immediate or ticket.reduce_only):
        raise InvalidOrderError("expiration_ts is for orders that rest (good_till_canceled).")
    if ticket.expiration_ts is not None and ticket.expiration_ts <= time.time():
        at = datetime.fromtimestamp(ticket.expiration_ts, UTC)
        raise InvalidOrderError(f"expiration_ts lies in the past: {at:%Y-%m-%d %H:%M} UTC.")
    if ticket.max_cost is not None and ticket.action == "sell":
        raise InvalidOrderError("max_cost limits what a buy may cost; a sale has none.")
    if ticket.client_order_id is not None and not 0 < len(ticket.client_order_id) <= MAX_CLIENT_ID:
        raise InvalidOrderError(f"client_order_id takes 1 to {MAX_CLIENT_ID} characters.")


def _market_price(view: View, ticket: Ticket) -> Decimal:
    """The limit of an order "at market": the worst price that filling it needs now, and never beyond ``price``.

    Kalshi has no market order; this is an immediate order at a limit, so the book can't run away with it.
    """
    levels = [] if view.book is None else view.book.levels(ticket.side, ticket.action)
    limit = None if ticket.price is None else dollars(ticket.price)
    met = walk(levels, ticket.count, limit, buying=ticket.action == "buy")
    if met.last_price is None:
        wanted = "sells" if ticket.action == "buy" else "buys"
        worse = f" at {printed(ticket.price)}¢ or better" if ticket.price is not None else ""
        raise InvalidOrderError(f"Nobody {wanted} {ticket.side} of {view.market.ticker}{worse} now: nothing was sent.")
    return met.last_price


def _check_cost(fees: FeeSchedule | None, price: Decimal, count: Decimal, most: Decimal) -> None:
    if fees is None:
        raise InvalidOrderError("max_cost can't be checked: the fee formula of this series isn't known here.")
    worst = order_cost(fees, price, count, buying=True).max_loss
    if worst > most:
        raise InvalidOrderError(
            f"The order may cost ${printed(worst)} with fees, more than max_cost ${most}: nothing was sent."
        )
