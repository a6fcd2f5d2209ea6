"""Looking at an order before it is sent: everything that can be known, and what it would do to book and purse."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from prediction_mcp.analytics.costs import order_cost
from prediction_mcp.analytics.orders import meet, outcome
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.errors import InvalidOrderError, KalshiError
from prediction_mcp.kalshi.models.orders import Order
from prediction_mcp.kalshi.orders import Side, cents
from prediction_mcp.settings import Settings

from .. import lookup
from .entry import Entry, Ticket, prepare
from .preview_results import SimulatedFill, Simulation, Validity, side_levels

FAR = Decimal("0.10")
"""Dollars past the best price at which an order looks like a slip of the finger."""
LAST_MINUTES_S = 300
ZERO = Decimal(0)


async def validity(
    kalshi: KalshiClient, ticket: Ticket, settings: Settings, against: Callable[[Entry], Awaitable[str | None]]
) -> Validity:
    """Check a ticket without sending it: errors would have it refused, warnings are for whoever decides.

    ``against`` says what this server's own limits have against an order.
    """
    said = spoken_ticket(ticket)
    errors, warnings = list[str](), list[str]()
    if not settings.writes_allowed:
        errors.append(settings.why_read_only)
    if not kalshi.has_key:
        errors.append("There is no API key, so nothing can be ordered.")
    try:
        entry = await prepare(kalshi, ticket)
    except KalshiError as error:
        return Validity(source=settings.env, order=said, ok=False, errors=[*errors, str(error)], warnings=[])
    status = await kalshi.exchange.status()
    if not status.trading_active:
        errors.append("Trading is paused on the exchange now.")
    book = await kalshi.markets.orderbook(entry.market.ticker)
    levels = side_levels(book, ticket.side, ticket.action)
    if settings.writes_allowed and kalshi.has_key and (limit := await against(entry)) is not None:
        errors.append(limit)
    warnings += _about_price(entry, ticket, levels[0][0] if levels else None, errors)
    _, schedule = await lookup.fees(kalshi, entry.market)
    worst = available = None
    if schedule is None:
        warnings.append("The fee of this series can't be computed here.")
    if kalshi.has_key:
        available = (await kalshi.portfolio.balance()).balance_dollars
        held = await held_of_side(kalshi, entry.market.ticker, ticket.side)
        resting = [o async for o in kalshi.orders.all(ticker=entry.market.ticker, status="resting")]
        buying = ticket.action == "buy"
        closable = max(-held if buying else held, ZERO)
        opening = max(ticket.count - closable, ZERO)
        if ticket.reduce_only and not closable:
            errors.append("reduce_only: there is no position that this order would reduce.")
        if schedule is not None and opening:
            worst = order_cost(schedule, entry.price, opening, buying=buying).max_loss
            if worst > available:
                errors.append(f"The worst case is ${worst:f}, more than the ${available:f} that is available.")
        warnings += _about_own_orders(resting, entry, ticket)
        if closable and opening:
            warnings.append(f"{closable.normalize():f} contracts close your position, the rest opens the other side.")
    return Validity(
        source=settings.env,
        order=said,
        ok=not errors,
        errors=errors,
        warnings=warnings,
        worst_case=worst,
        available=available,
    )


def spoken_ticket(ticket: Ticket) -> str:
    price = None if ticket.order_type == "market" else ticket.price
    at = "at market" if price is None else f"at {price.normalize():f}¢"
    return f"{ticket.action} {ticket.count.normalize():f} {ticket.side} {at}"


def far_past(entry: Entry, ticket: Ticket, best: Decimal | None) -> str | None:
    """A word about a limit far beyond the best price, which whoever trades against it would be glad of."""
    if best is None or ticket.order_type == "market":
        return None
    past = entry.price - best if ticket.action == "buy" else best - entry.price
    if past < FAR:
        return None
    there = "above the best ask" if ticket.action == "buy" else "below the best bid"
    return f"The limit of {cents(entry.price)} is {cents(past)} {there} ({cents(best)}): is it meant?"


def _about_price(entry: Entry, ticket: Ticket, best: Decimal | None, errors: list[str]) -> list[str]:
    warnings, buying = list[str](), ticket.action == "buy"
    if best is None:
        warnings.append(f"Nobody {'sells' if buying else 'buys'} {ticket.side} now: the order would only rest.")
    else:
        crosses = entry.price >= best if buying else entry.price <= best
        if crosses and ticket.post_only:
            errors.append(f"post_only: it would trade at once, the best price is {cents(best)}.")
        if far := far_past(entry, ticket, best):
            warnings.append(far)
    close = entry.market.close_time
    if close is not None and (close - datetime.now(UTC)).total_seconds() < LAST_MINUTES_S:
        warnings.append("The market closes in less than five minutes.")
    if entry.market.can_close_early:
        warnings.append("The market can close early, once its outcome is known.")
    return warnings


def _about_own_orders(resting: Sequence[Order], entry: Entry, ticket: Ticket) -> list[str]:
    price, book = Decimal(entry.order.price), entry.order.side
    crossed = [
        o
        for o in resting
        if o.book_side != book and (o.yes_price_dollars <= price if book == "bid" else o.yes_price_dollars >= price)
    ]
    if not crossed:
        return []
    return [f"It would meet your own resting order {crossed[0].order_id}, and be stopped there."]


async def held_of_side(kalshi: KalshiClient, ticker: str, side: Side) -> Decimal:
    """Contracts held of a side; negative for the other side."""
    page = await kalshi.portfolio.positions(ticker=ticker)
    position = sum((p.position_fp for p in page.market_positions), ZERO)
    return position if side == "yes" else -position


async def simulation(kalshi: KalshiClient, ticket: Ticket, settings: Settings) -> Simulation:
    """Walk the live book with an order and work out fees, position and cash; sends nothing."""
    if not kalshi.has_key:
        raise InvalidOrderError("There is no API key, so there is no position or balance to simulate with.")
    return await simulate(kalshi, await prepare(kalshi, ticket), ticket, settings)


async def simulate(kalshi: KalshiClient, entry: Entry, ticket: Ticket, settings: Settings) -> Simulation:
    """What an order that passed the checks would do now."""
    market, buying = entry.market, ticket.action == "buy"
    book = await kalshi.markets.orderbook(market.ticker)
    _, schedule = await lookup.fees(kalshi, market)
    held = await held_of_side(kalshi, market.ticker, ticket.side)
    balance = (await kalshi.portfolio.balance()).balance_dollars
    count, tif = ticket.count, entry.order.time_in_force
    if ticket.reduce_only:
        count = min(count, max(-held if buying else held, ZERO))
    fills = meet(side_levels(book, ticket.side, ticket.action), count, entry.price, buying=buying)
    note = None
    if ticket.post_only and fills:
        fills, note = [], "post_only: the exchange would refuse it, since it would trade at once."
    if tif == "fill_or_kill" and sum((n for _, n in fills), ZERO) < count:
        fills, note = [], "fill_or_kill: the book doesn't hold enough, so nothing would be filled."
    rests = tif == "good_till_canceled" and note is None
    done = outcome(fills, count, held, schedule, buying=buying, rests=rests)
    sign = 1 if ticket.side == "yes" else -1
    change = done.cash_change
    return Simulation(
        source=settings.env,
        order=spoken_ticket(ticket),
        fills=[SimulatedFill(price=p, count=n) for p, n in fills],
        filled=done.filled,
        average_price=round(sum((p * n for p, n in fills), ZERO) / done.filled, 6) if done.filled else None,
        resting=done.resting or None,
        cancelled=(count - done.filled - done.resting) or None,
        pays=done.paid or None,
        receives=done.received or None,
        fee=done.fee if done.filled else None,
        position_before=held * sign,
        position_after=done.position * sign,
        available_before=balance,
        available_after=None if change is None else balance + change,
        note=note,
    )
