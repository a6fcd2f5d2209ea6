"""Writes as plans: what exactly would be sent, what it puts at stake, and how it is said to the person who decides."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from prediction_mcp.analytics.book import mid
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.errors import InvalidOrderError, InvalidRequestError
from prediction_mcp.kalshi.models.markets import Market
from prediction_mcp.kalshi.models.orders import Amendment, NewOrder, Order
from prediction_mcp.kalshi.orders import Action, cents, check_count, check_price, from_book, yes_price
from prediction_mcp.kalshi.resources.orders import CancelItem, nothing_to_cancel
from prediction_mcp.kalshi.units import format_count, format_price, parse_price
from prediction_mcp.protocol.session import get_session
from prediction_mcp.safety.halt import resting_now
from prediction_mcp.safety.limits import Resting
from prediction_mcp.safety.plan import Amendment as Rested
from prediction_mcp.safety.plan import Done, Plan, Stake, Terms
from prediction_mcp.safety.text import clean, cut
from prediction_mcp.settings import Settings

from .. import lookup
from ..discovery.market_results import yes_quotes
from .cancel import cancel_all, cancel_named, orders_named, resting_of
from .entry import Entry, Ticket, check_open, dollars, exact_fills, prepare
from .preview import far_past, simulate
from .preview_results import Amended, CancelledMany, Simulation
from .results import Cancelled, Placed, spoken
from .stake import Costs, Holding, holding_of, stake_of, unit_cost, worth

ZERO = Decimal(0)
MODES = {"paper": "Paper money.", "demo": "Demo money.", "live": "REAL MONEY."}
_TIF = {
    "good_till_canceled": "rests until cancelled",
    "immediate_or_cancel": "what isn't filled at once is cancelled",
    "fill_or_kill": "all at once or nothing",
}
SHARE = Decimal("0.000001")
LISTED = 5
"""Orders that a preview names."""
NAMED = 160
"""Characters of a market's own words in a question."""


# -- place -------------------------------------------------------------------------------------------------------


async def plan_order(kalshi: KalshiClient, ticket: Ticket, settings: Settings) -> Plan[Placed]:
    """A new order. Raises what :func:`prepare` raises."""
    reading: asyncio.Task[Holding] | None = None
    if get_session().guard.weighs_closing(selling=ticket.action == "sell"):
        # what is held is read while the checks read the market
        reading = asyncio.create_task(holding_of(kalshi, ticket.ticker.strip().upper(), ticket.side, ticket.action))
    try:
        entry = await prepare(kalshi, ticket)
    except BaseException:
        if reading is not None:
            reading.cancel()
        raise
    immediate = entry.order.time_in_force == "immediate_or_cancel"
    if immediate and reading is not None and ticket.count <= (await reading).closable:
        # it only closes, and is sent so that it can't do else whatever happens meanwhile
        entry = replace(entry, order=entry.order.model_copy(update={"reduce_only": True}))
    market, buying = entry.market, ticket.action == "buy"

    async def send(terms: Terms) -> Placed:
        order = NewOrder(**terms)
        done = await kalshi.orders.create(order)
        return Placed.of(
            done,
            await exact_fills(kalshi, done),
            ticker=market.ticker,
            market=f"{market.title}: {market.yes_sub_title}",
            side=ticket.side,
            action=ticket.action,
            count=ticket.count,
            price=yes_price(ticket.side, Decimal(order.price)),
            client_order_id=order.client_order_id,
            source=settings.env,
        )

    async def stake() -> Stake:
        return await stake_of(kalshi, entry, ticket, Holding.none() if reading is None else await reading)

    async def words() -> str:
        seen = await simulate(kalshi, entry, ticket, settings)
        return _order_words(entry, ticket, seen, await stake(), settings)

    def done(placed: Placed) -> Done:
        total, price = placed.total or ZERO, entry.price
        paid, unit = (total, price) if buying else (placed.filled - total, 1 - price)
        rest = placed.resting * unit
        said = f"{placed.status}: {placed.filled.normalize():f} of {ticket.count.normalize():f} contracts filled"
        return Done(said, placed.order_id, paid + (placed.fee or ZERO) + rest, rest, placed.resting)

    loose = {"client_order_id", "price"} if ticket.order_type == "market" else {"client_order_id"}
    terms = entry.order.model_dump(exclude_none=True)
    return Plan("order", terms, send, words, done, stake, _best(market, ticket), frozenset(loose))


def _best(market: Market, ticket: Ticket) -> Decimal | None:
    """The best price now for this side and direction."""
    bid, ask = yes_quotes(market)
    quote = ask if (ticket.side == "yes") == (ticket.action == "buy") else bid
    return quote if quote is None or ticket.side == "yes" else 1 - quote


def _order_words(entry: Entry, ticket: Ticket, seen: Simulation, put: Stake, settings: Settings) -> str:
    """The order for a person: what, of which market, what happens now, what it costs at worst, what it leaves."""
    market, buying, count = entry.market, ticket.action == "buy", f"{ticket.count.normalize():f}"
    lines = [
        f"{ticket.action.capitalize()} {count} {ticket.side} at {_both(entry.price)} or better; "
        f"{_TIF[entry.order.time_in_force]}.",
        f"Market: “{_named(market)}” ({market.ticker}).",
        _now_words(market, ticket, seen),
    ]
    if far := far_past(entry, ticket, _best(market, ticket)):
        lines.append(f"Careful: {far}")
    if seen.note:
        lines.append(seen.note)
    if put.displaced:
        lines.append(
            f"It closes what resting orders of yours were to close: {put.displaced.normalize():f} contracts of those "
            f"open then, for {_pays(put.cost)} at worst. Cancel them first if that isn't meant."
        )
    elif put.cost:
        wins = ticket.side if buying else {"yes": "no", "no": "yes"}[ticket.side]
        lines.append(
            f"At worst (all filled at {cents(entry.price)}, and wrong) you lose {_pays(put.cost)}, fees included; "
            f"if {wins} wins you are paid {_gets(put.opening)}."
        )
    else:
        unit = 1 - entry.price if buying else entry.price
        lines.append(
            f"It only closes what you hold, for at least {_gets(unit * ticket.count)} before fees if all fills."
        )
    if seen.available_after is not None:
        held = max(put.cost - (seen.pays or ZERO) - (seen.fee or ZERO), ZERO) if seen.resting else ZERO
        after = _gets(seen.available_after - held)
        lines.append(f"Cash: {_gets(seen.available_before)} now, {after} after. {MODES[settings.env]}")
    return "\n".join(lines)


def _now_words(market: Market, ticket: Ticket, seen: Simulation) -> str:
    """What the book would do with it this moment."""
    best = _best(market, ticket)
    there = f"the best price is {cents(best)}" if best is not None else "nobody quotes this side"
    if not seen.filled or seen.average_price is None:
        return f"Now nothing would fill; {there}."
    money = f"for {_pays(seen.pays)}" if seen.pays else f"bringing {_gets(seen.receives or ZERO)}"
    fee = "a fee that isn't known here" if seen.fee is None else f"a fee of {_pays(seen.fee)}"
    return f"Now {seen.filled.normalize():f} would fill at {cents(seen.average_price)} {money} and {fee}; {there}."


# -- cancel ------------------------------------------------------------------------------------------------------


async def plan_cancel(kalshi: KalshiClient, order_id: str, settings: Settings) -> Plan[Cancelled]:
    """The end of one resting order. Raises InvalidOrderError when there is nothing to cancel."""
    order = await kalshi.orders.get(order_id)
    if order.status != "resting":
        raise nothing_to_cancel(order)

    async def send(terms: Terms) -> Cancelled:
        done = await kalshi.orders.cancel(
            terms["order_id"], market_ticker=terms["ticker"], subaccount=terms["subaccount"]
        )
        return Cancelled(source=settings.env, order_id=done.order_id, cancelled=done.reduced_by)

    async def words() -> str:
        return f"Cancel {await _listed(kalshi, [order])} {MODES[settings.env]}"

    def done(result: Cancelled) -> Done:
        said = f"cancelled {result.cancelled.normalize():f} contracts"
        return Done(said, released=((result.order_id, result.cancelled),))

    terms = {"order_id": order_id, "ticker": order.ticker, "subaccount": order.subaccount_number or None}
    return Plan("cancel", terms, send, words, done)


async def plan_cancel_many(
    kalshi: KalshiClient, order_ids: Sequence[str] | None, ticker: str | None, *, everything: bool, settings: Settings
) -> Plan[CancelledMany]:
    """The end of the orders named, those of a market, or all; exactly one of the three."""
    if sum((order_ids is not None, ticker is not None, everything)) != 1:
        raise InvalidRequestError("Give exactly one of order_ids, ticker and all=true.")
    named = list(dict.fromkeys(order_ids or ()))
    unread = False
    market = None if ticker is None else (await lookup.market(kalshi, ticker)).ticker
    if order_ids is not None:
        chosen = await orders_named(kalshi, named)
    elif everything:
        found = await resting_now(kalshi)
        unread, chosen = found is None, found or []
    else:
        chosen = await resting_of(kalshi, market)
    targets = [[o.order_id, o.ticker, o.subaccount_number or None] for o in chosen]
    terms: Terms = {"all": True} if everything else {"orders": targets}

    async def send(terms: Terms) -> CancelledMany:
        if terms.get("all"):
            return await cancel_all(kalshi, settings.env)
        items = [CancelItem(order_id=i, market_ticker=t, subaccount=s) for i, t, s in terms["orders"]]
        return await cancel_named(kalshi, items, settings.env)

    async def words() -> str:
        if unread:
            return (
                f"Cancel every resting order of the account; which those are can't be read now. {MODES[settings.env]}"
            )
        extent = "every resting order of the account" if everything else f"every resting order in {market}"
        if order_ids is not None:
            extent = f"{len(chosen)} orders"
        return f"Cancel {extent}: {await _listed(kalshi, chosen)} {MODES[settings.env]}"

    def done(result: CancelledMany) -> Done:
        gone = {line.order_id: line.cancelled for line in result.orders if line.cancelled is not None}
        if everything:
            gone = {o.order_id: o.remaining_count_fp for o in chosen}
        return Done(f"cancelled {result.cancelled} orders", released=tuple(gone.items()))

    return Plan("cancel", terms, send, words, done)


# -- change ------------------------------------------------------------------------------------------------------


async def plan_amend(
    kalshi: KalshiClient, order_id: str, count: Decimal | None, price: Decimal | None, settings: Settings
) -> Plan[Amended]:
    """Another count to remain open, another price, or both. Raises InvalidOrderError when nothing would change."""
    if count is None and price is None:
        raise InvalidOrderError("Give a count, a price, or both.")
    order = await kalshi.orders.get(order_id)
    if order.status != "resting":
        raise InvalidOrderError(f"The order is {order.status}: only one that rests can be changed.")
    market = await lookup.market(kalshi, order.ticker)
    check_open(market)
    remaining = order.remaining_count_fp if count is None else count
    check_count(remaining)
    at = order.yes_price_dollars if price is None else yes_price(order.outcome_side, dollars(price))
    check_price(at, "yes", market.grid)
    if at == order.yes_price_dollars and remaining == order.remaining_count_fp:
        raise InvalidOrderError("The order has this count and price already.")
    change = Amendment(
        ticker=order.ticker,
        side=order.book_side,
        price=format_price(parse_price(at)),
        count=format_count(check_count(order.fill_count_fp + remaining)),
    )
    keeps = at == order.yes_price_dollars and remaining < order.remaining_count_fp
    new = Resting(order.book_side, at, remaining, order_id)
    old = Resting(order.book_side, order.yes_price_dollars, order.remaining_count_fp, order_id)

    async def send(terms: Terms) -> Amended:
        change = Amendment(**{k: v for k, v in terms.items() if k != "order_id"})
        done = await kalshi.orders.amend(order_id, change, subaccount=order.subaccount_number or None)
        return Amended(
            source=settings.env,
            order_id=order_id,
            order=spoken(order.book_side, at),
            filled_now=done.fill_count or None,
            remaining=done.remaining_count,
            keeps_queue_position=keeps,
        )

    async def stake() -> Stake:
        """The order whole, as if it were new; against a day's limits only what it adds to the one that rests."""
        action: Action = "buy" if order.book_side == "bid" else "sell"
        holding = await holding_of(kalshi, market.ticker, "yes", action, without=order_id)
        costs = Costs(await get_session().fees.of(kalshi, market))
        opens = max(remaining - holding.closable, ZERO)
        opened = max(order.remaining_count_fp - holding.closable, ZERO)
        displaced = holding.displaced(new)
        cost = max(costs.opened([(new, opens)]), costs.opened(displaced))
        return Stake(
            ticker=market.ticker,
            event=market.event_ticker,
            series=market.series_ticker,
            book_side=order.book_side,
            contracts=remaining,
            opening=opens,
            cost=cost,
            cost_if_open=costs.opened([(new, remaining)]),
            amount=cost + (remaining - opens) * worth(market, new),
            yes_price=at,
            yes_mid=mid(*yes_quotes(market)),
            closable=holding.closable,
            as_of=holding.as_of,
            replaces=order_id,
            before=opened * unit_cost(old),
            displaced=sum((n for _, n in displaced), ZERO),
        )

    async def words() -> str:
        bid, ask = yes_quotes(market)
        quotes = f"{cents(bid) if bid is not None else 'nobody'} / {cents(ask) if ask is not None else 'nobody'}"
        put = await stake()
        queue = "It keeps its place in the queue." if keeps else "It goes to the end of the queue."
        return "\n".join(
            (
                f"Change the order {_spoken(order)}, {order.remaining_count_fp.normalize():f} open,",
                f"to {remaining.normalize():f} open: {spoken(order.book_side, at)}. {queue}",
                f"Market: “{_named(market)}” ({market.ticker}), YES now {quotes}.",
                f"At worst what is open then loses {_pays(put.cost)}, fees included. {MODES[settings.env]}",
            )
        )

    def done(result: Amended) -> Done:
        was, now = unit_cost(old) * old.count, unit_cost(new) * new.count
        amended = Rested(order_id, old.count, result.remaining, min(now / was, Decimal(1)).quantize(SHARE, ROUND_UP))
        said = f"changed: {result.remaining.normalize():f} open at {at.normalize():f} (YES)"
        more = max(now - was, ZERO)
        rest = more * result.remaining / new.count
        return Done(said, order_id, more, rest, result.remaining, amended=amended)

    bid, ask = yes_quotes(market)
    terms = {"order_id": order_id, **change.model_dump(exclude_none=True)}
    return Plan("change", terms, send, words, done, stake, ask if order.book_side == "bid" else bid)


# -- words -------------------------------------------------------------------------------------------------------


async def _listed(kalshi: KalshiClient, orders: Sequence[Order]) -> str:
    """Orders in words, the first few with their market's title."""
    if not orders:
        return "there is none now."
    lines = list[str]()
    for order in orders[:LISTED]:
        market = await lookup.market(kalshi, order.ticker)
        lines.append(f"{_spoken(order)}, {order.remaining_count_fp.normalize():f} open, in “{_named(market)}”")
    return f"{'; '.join(lines)}{_rest(len(orders))}."


def _spoken(order: Order) -> str:
    """The order from the side that it is about: "buy yes @0.42"."""
    side = order.outcome_side
    action, price = from_book(order.book_side, order.yes_price_dollars, side)
    return f"{action} {side} at {cents(price)}"


def _rest(number: int) -> str:
    return f" and {number - LISTED} more" if number > LISTED else ""


def _named(market: Market) -> str:
    """A market's own words, made harmless: one line that isn't long, no quotes that could end ours."""
    return cut(clean(f"{market.title}: {market.yes_sub_title}").replace("“", "'").replace("”", "'"), NAMED)


def _both(price: Decimal) -> str:
    """A price as people say it and as it is paid: 60¢ ($0.60)."""
    dollars = f"{price.normalize():f}"
    return f"{cents(price)} (${dollars if len(dollars) > 3 else f'{price:.2f}'})"


def _pays(dollars: Decimal) -> str:
    """To the cent, never less than it is."""
    return f"${dollars.quantize(Decimal('0.01'), ROUND_UP):,}"


def _gets(dollars: Decimal) -> str:
    """To the cent, never more than it is."""
    return f"${dollars.quantize(Decimal('0.01'), ROUND_DOWN):,}"
