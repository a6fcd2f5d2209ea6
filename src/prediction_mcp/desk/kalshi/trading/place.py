"""A new order as a plan: what exactly would be sent, what it puts at stake, and how it is said to who decides."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from prediction_mcp.desk.results import MONEY
from prediction_mcp.kalshi.cash import CENT
from prediction_mcp.kalshi.errors import InsufficientBalanceError
from prediction_mcp.kalshi.models.orders import NewOrder, OrderExecution
from prediction_mcp.kalshi.orders import yes_price
from prediction_mcp.net.words import cents, printed
from prediction_mcp.safety.plan import Done, Plan, Stake, Terms

from .entry import Entry, Ticket, check_flags, exact_fills, prepare, wanted_by
from .funding import Funding, funding_of, shard_of, short_of_cash
from .preview import far_past, seen_by, simulate
from .question import both, gets, named, pays
from .results import Placed
from .stake import holding_of, stake_of
from .view import Wants, gather

if TYPE_CHECKING:
    from ..account import Account
    from .preview_results import Simulation
    from .view import View

ZERO = Decimal(0)
_TIF = {
    "good_till_canceled": "rests until cancelled",
    "immediate_or_cancel": "what isn't filled at once is cancelled",
    "fill_or_kill": "all at once or nothing",
}


async def plan_order(account: Account, ticket: Ticket) -> Plan[Placed]:
    """A new order, starting with a transfer where its market's shard lacks cash that another shard has.

    Raises:
        InvalidOrderError, MarketClosedError, NotFoundError: one sentence about the first thing that is wrong.
    """
    plan, funding = await plan_with_funding(account, ticket)
    return funding.before(plan)


async def plan_with_funding(account: Account, ticket: Ticket) -> tuple[PlaceOrder, Funding]:
    """An order, and the money that has to move before it. Raises as :func:`plan_order`."""
    check_flags(ticket)
    needs = account.guard.needs(selling=ticket.action == "sell")
    view = await gather(account, ticket.ticker, Wants.of(needs) | wanted_by(ticket))
    plan = plan_on(account, ticket, view)
    return plan, await funding_of(account, view.cash, [plan])


def plan_on(account: Account, ticket: Ticket, view: View, *, group: str | None = None) -> PlaceOrder:
    """An order from what was read already; ``group`` is an order group that it joins."""
    weighed, entry = account.guard.needs(selling=ticket.action == "sell").stake, prepare(ticket, view)
    if group is not None:
        entry = replace(entry, order=entry.order.model_copy(update={"order_group_id": group}))
    if entry.order.time_in_force == "immediate_or_cancel" and ticket.count <= holding_of(view, ticket).closable:
        # it only closes, and is sent so that it can't do else whatever happens meanwhile
        entry = replace(entry, order=entry.order.model_copy(update={"reduce_only": True}))
    return PlaceOrder(account, ticket, entry, view, weighed=weighed)


class PlaceOrder(Plan[Placed]):
    kind = "order"

    def __init__(self, account: Account, ticket: Ticket, entry: Entry, view: View, *, weighed: bool) -> None:
        self._account, self._ticket, self._entry, self._view = account, ticket, entry, view
        self.terms = entry.order.model_dump(exclude_none=True)
        self.best = view.best_of(ticket.side, ticket.action)
        self.loose = frozenset({"client_order_id", *(("price",) if ticket.order_type == "market" else ())})
        self.look = view.look
        self._stake = stake_of(view, entry, ticket) if weighed else None

    @property
    def stake(self) -> Stake | None:
        return self._stake

    async def send(self, terms: Terms) -> Placed:
        order = NewOrder(**terms)
        try:
            execution = await self._account.kalshi.orders.create(order)
        except InsufficientBalanceError as error:
            raise await self.short_of_cash(error) from error
        return await self.placed(execution, order)

    async def short_of_cash(self, error: InsufficientBalanceError) -> InsufficientBalanceError:
        """The exchange's refusal for want of cash, naming the shard."""
        return await short_of_cash(self._account, self._view.market, self, error)

    async def placed(self, execution: OrderExecution, order: NewOrder) -> Placed:
        """What came of it, with its fills."""
        ticket, market = self._ticket, self._view.market
        return Placed.of(
            execution,
            await exact_fills(self._account, execution),
            ticker=market.ticker,
            market=market.name,
            side=ticket.side,
            action=ticket.action,
            count=ticket.count,
            price=yes_price(ticket.side, Decimal(order.price)),
            client_order_id=order.client_order_id,
            source=self._account.environment,
        )

    async def words(self) -> str:
        view = await seen_by(self._account, self._ticket, self._entry, self._view)
        return _words(
            self._entry, self._ticket, view, simulate(self._entry, self._ticket, view, self._account.environment)
        )

    @property
    def named(self) -> str:
        """The order in a few words, with its market's ticker."""
        ticket, price = self._ticket, cents(self._entry.price)
        return f"{ticket.action} {printed(ticket.count)} {ticket.side} of {self._view.market.ticker} at {price}"

    @property
    def where(self) -> tuple[str, str]:
        """Its market, and the side of the book: what one order there closes, the next can't."""
        return self._view.market.ticker, self._entry.order.side

    @property
    def shard(self) -> int:
        return shard_of(self._view.market)

    @property
    def most(self) -> Decimal:
        """A dollar for each contract, and a cent for rounding."""
        return ZERO if self._entry.order.reduce_only else self._ticket.count + CENT

    async def worst(self, *, first: bool = True) -> Decimal:
        """Dollars at worst; all of one that isn't the ``first`` in its market and side counts as opening."""
        wants = Wants(fees=True, positions=True, resting=True)
        self._view = await self._view.with_more(self._account, wants)
        put = stake_of(self._view, self._entry, self._ticket)
        return put.cost if first or self._entry.order.reduce_only else put.cost_if_open

    async def in_short(self, *, first: bool) -> tuple[str, Decimal]:
        """(one line for a question, dollars at worst); one that isn't the ``first`` there counts as opening."""
        cost = await self.worst(first=first)
        worst = f"{pays(cost)} at worst" if cost else "only closes what you hold"
        rule = _TIF[self._entry.order.time_in_force]
        return f"{self.named} or better, in “{named(self._view.market)}”; {rule}; {worst}.", cost

    def done(self, result: Placed) -> Done:
        total, price = result.total or ZERO, self._entry.price
        paid, unit = (total, price) if self._ticket.action == "buy" else (result.filled - total, 1 - price)
        rest = result.resting * unit
        text = f"{result.status}: {printed(result.filled)} of {printed(self._ticket.count)} contracts filled"
        return Done(text, result.order_id, paid + (result.fee or ZERO) + rest, rest, result.resting)


def _words(entry: Entry, ticket: Ticket, view: View, seen: Simulation) -> str:
    """The order for a person: what, of which market, what happens now, what it costs at worst, what it leaves."""
    market, buying, put = view.market, ticket.action == "buy", stake_of(view, entry, ticket)
    lines = [
        f"{ticket.action.capitalize()} {printed(ticket.count)} {ticket.side} at {both(entry.price)} or better; "
        f"{_TIF[entry.order.time_in_force]}.",
        f"Market: “{named(market)}” ({market.ticker}).",
        _now(view, ticket, seen),
    ]
    if far := far_past(entry, ticket, view.best_of(ticket.side, ticket.action)):
        lines.append(f"Careful: {far}")
    if seen.note:  # that no fees are paid, too
        lines.append(seen.note)
    if put.displaced:
        lines.append(
            f"It closes what resting orders of yours were to close: {printed(put.displaced)} contracts of those "
            f"open then, for {pays(put.cost)} at worst. Cancel them first if that isn't meant."
        )
    elif put.cost:
        wins = ticket.side if buying else {"yes": "no", "no": "yes"}[ticket.side]
        lines.append(
            f"At worst (all filled at {cents(entry.price)}, and wrong) you lose {pays(put.cost)}, fees included; "
            f"if {wins} wins you are paid {gets(put.opening)}."
        )
    else:
        unit = 1 - entry.price if buying else entry.price
        lines.append(
            f"It only closes what you hold, for at least {gets(unit * ticket.count)} before fees if all fills."
        )
    if seen.available_after is not None:
        held = max(put.cost - (seen.pays or ZERO) - (seen.fee or ZERO), ZERO) if seen.resting else ZERO
        after = gets(seen.available_after - held)
        lines.append(f"Cash: {gets(seen.available_before)} now, {after} after. {MONEY[seen.source]}")
    return "\n".join(lines)


def _now(view: View, ticket: Ticket, seen: Simulation) -> str:
    """What the book would do with it this moment."""
    best = view.best_of(ticket.side, ticket.action)
    there = f"the best price is {cents(best)}" if best is not None else "nobody quotes this side"
    if not seen.filled or seen.average_price is None:
        return f"Now nothing would fill; {there}."
    money = f"for {pays(seen.pays)}" if seen.pays else f"bringing {gets(seen.receives or ZERO)}"
    fee = "a fee that isn't known here" if seen.fee is None else f"a fee of {pays(seen.fee)}"
    return f"Now {printed(seen.filled)} would fill at {cents(seen.average_price)} {money} and {fee}; {there}."
