"""Looking at an order before it is sent: everything that can be known, and what it would do to book and purse."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING, NamedTuple

from prediction_mcp.analytics.orders import meet, outcome
from prediction_mcp.kalshi.cash import CENT, moves_to_fund
from prediction_mcp.kalshi.errors import InvalidOrderError, KalshiError
from prediction_mcp.kalshi.models.orders import Order
from prediction_mcp.net.words import cents, printed

from ..fees import waiver
from ..shards import said_by_shard
from .entry import Entry, Ticket, check_flags, prepare
from .funding import KnownCost, funding_of, said_of, shard_of
from .preview_results import SimulatedFill, Simulation, Validity
from .stake import stake_of
from .view import View, Wants, gather

if TYPE_CHECKING:
    from ..account import Account


FAR = Decimal("0.10")
"""Dollars past the best price at which an order looks like a slip of the finger."""
LAST_MINUTES_S = 300
ZERO = Decimal(0)


async def validity(account: Account, ticket: Ticket) -> Validity:
    """Check a ticket without sending it: errors would have it refused, warnings are for whoever decides."""
    kalshi, policy, errors = account.kalshi, account.policy, list[str]()
    if not policy.writes_allowed:
        errors.append(policy.why_not)
    if not kalshi.has_key:
        errors.append("There is no API key, so nothing can be ordered.")
    limited = policy.writes_allowed and kalshi.has_key
    wants = Wants(fees=True, book=True)
    if kalshi.has_key:
        wants |= Wants(positions=True, resting=True, cash=True)
    if limited:
        wants |= Wants.of(account.guard.needs(selling=True))
    try:
        check_flags(ticket)
        view = await gather(account, ticket.ticker, wants)
        entry = prepare(ticket, view)
    except KalshiError as error:
        return Validity(
            source=account.environment, order=in_short(ticket), ok=False, errors=[*errors, str(error)], warnings=[]
        )
    if not (await kalshi.exchange.status()).shard(view.market.exchange_index).takes_orders:
        errors.append(f"Trading is paused on shard {view.market.exchange_index or 0}, where this market trades.")
    if limited and (limit := await account.guard.violation(stake_of(view, entry, ticket), view.look)) is not None:
        errors.append(limit)
    levels = [] if view.book is None else view.book.levels(ticket.side, ticket.action)
    wrong, warnings = _about_price(entry, ticket, levels[0][0] if levels else None)
    errors += wrong
    if view.schedule is None:
        warnings.append("The fee of this series can't be computed here.")
    elif free := waiver(view.schedule):
        warnings.append(free)
    paid = Paid(None, None, None, None)
    if kalshi.has_key:
        wrong, more = _about_account(entry, ticket, view)
        paid = await _about_cash(account, entry, ticket, view)
        errors += [*wrong, *filter(None, [paid.problem])]
        warnings += more
    return Validity(
        source=account.environment,
        order=in_short(ticket),
        ok=not errors,
        errors=errors,
        warnings=warnings,
        worst_case=paid.worst,
        available=paid.available,
        transfer=paid.transfer,
    )


def in_short(ticket: Ticket) -> str:
    """The order as it was asked for: "buy 10 yes at 60¢"."""
    price = None if ticket.order_type == "market" else ticket.price
    at = "at market" if price is None else f"at {printed(price)}¢"
    return f"{ticket.action} {printed(ticket.count)} {ticket.side} {at}"


def far_past(entry: Entry, ticket: Ticket, best: Decimal | None) -> str | None:
    """A word about a limit far beyond the best price, which whoever trades against it would be glad of."""
    if best is None or ticket.order_type == "market":
        return None
    past = entry.price - best if ticket.action == "buy" else best - entry.price
    if past < FAR:
        return None
    there = "above the best ask" if ticket.action == "buy" else "below the best bid"
    return f"The limit of {cents(entry.price)} is {cents(past)} {there} ({cents(best)}): is it meant?"


def _about_price(entry: Entry, ticket: Ticket, best: Decimal | None) -> tuple[list[str], list[str]]:
    """(errors, warnings) about price and time."""
    errors, warnings, buying = list[str](), list[str](), ticket.action == "buy"
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
    return errors, warnings


class Paid(NamedTuple):
    """How an order would be paid: its worst case, cash on its shard, the transfer before it, or the problem."""

    worst: Decimal | None
    available: Decimal | None
    transfer: str | None
    problem: str | None


async def _about_cash(account: Account, entry: Entry, ticket: Ticket, view: View) -> Paid:
    """Cash of an order is the cash of its market's shard; what lacks there is moved from others before it."""
    if view.cash is None:
        return Paid(None, None, None, None)
    split, shard = view.cash.by_shard(view.cash.trading_subaccount), shard_of(view.market)
    available, total = split.get(shard, ZERO), sum(split.values(), ZERO)
    worst = stake_of(view, entry, ticket).cost or None
    if view.schedule is None or worst is None or worst <= available:
        return Paid(None if view.schedule is None else worst, available, None, None)
    if worst > total:
        problem = f"The worst case is ${worst:f}, more than the account has: {said_by_shard(split)}."
        return Paid(worst, available, None, problem)
    try:
        funding = await funding_of(account, view.cash, [KnownCost(shard, worst, view.market.ticker)])
    except KalshiError as error:
        return Paid(worst, available, None, str(error))
    return Paid(worst, available, f"{funding.said} is moved first.", None)


def _about_account(entry: Entry, ticket: Ticket, view: View) -> tuple[list[str], list[str]]:
    """(errors, warnings) about what is held and rests."""
    errors, warnings = list[str](), list[str]()
    buying, held = ticket.action == "buy", view.held(ticket.side)
    closable = max(-held if buying else held, ZERO)
    opening = max(ticket.count - closable, ZERO)
    if ticket.reduce_only and not closable:
        errors.append("reduce_only: there is no position that this order would reduce.")
    warnings += _about_own_orders(view.own_orders, entry, ticket)
    if closable and opening:
        warnings.append(f"{printed(closable)} contracts close your position, the rest opens the other side.")
    return errors, warnings


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


async def simulation(account: Account, ticket: Ticket) -> Simulation:
    """Walk the live book with an order and work out fees, position and cash; sends nothing."""
    if not account.kalshi.has_key:
        raise InvalidOrderError("There is no API key, so there is no position or balance to simulate with.")
    check_flags(ticket)
    wants = Wants(fees=True, book=True, positions=True, resting=True, cash=True)
    view = await gather(account, ticket.ticker, wants)
    return simulate(prepare(ticket, view), ticket, view, account.environment)


async def seen_by(account: Account, ticket: Ticket, entry: Entry, view: View) -> View:
    """A view with all that :func:`simulate` and a question look at; the book only where the best price isn't enough."""
    book = view.offers(ticket.side, ticket.action, ticket.count, entry.price) is None
    return await view.with_more(account, Wants(fees=True, book=book, positions=True, resting=True, cash=True))


def simulate(entry: Entry, ticket: Ticket, view: View, source: str) -> Simulation:
    """What an order that passed the checks would do now."""
    buying, held = ticket.action == "buy", view.held(ticket.side)
    cash = {} if view.cash is None else view.cash.by_shard(view.cash.trading_subaccount)
    balance, worst = sum(cash.values(), ZERO), stake_of(view, entry, ticket).cost.quantize(CENT, ROUND_UP)
    moves = moves_to_fund(cash, {shard_of(view.market): worst})
    count, tif = ticket.count, entry.order.time_in_force
    if ticket.reduce_only:
        count = min(count, max(-held if buying else held, ZERO))
    offers = view.offers(ticket.side, ticket.action, ticket.count, entry.price) or []
    fills = meet(offers, count, entry.price, buying=buying)
    note = None
    if ticket.post_only and fills:
        fills, note = [], "post_only: the exchange would refuse it, since it would trade at once."
    if tif == "fill_or_kill" and sum((n for _, n in fills), ZERO) < count:
        fills, note = [], "fill_or_kill: the book doesn't hold enough, so nothing would be filled."
    rests = tif == "good_till_canceled" and note is None
    done = outcome(fills, count, held, view.schedule, buying=buying, rests=rests)
    sign = 1 if ticket.side == "yes" else -1
    change = done.cash_change
    return Simulation(
        source=source,
        order=in_short(ticket),
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
        transfer=f"{said_of(moves)} is moved first." if moves else None,
        note=note or waiver(view.schedule),
    )
