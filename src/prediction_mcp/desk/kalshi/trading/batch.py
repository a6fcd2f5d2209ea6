"""Several new orders as one plan: one question, all or none within the limits, and each entry's own end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from prediction_mcp.desk.results import MONEY
from prediction_mcp.kalshi.answers import error_of_item
from prediction_mcp.kalshi.errors import InsufficientBalanceError, InvalidOrderError, KalshiError
from prediction_mcp.kalshi.models.orders import BatchCreateItem, NewOrder, OrderExecution
from prediction_mcp.safety.plan import Done, Fate, Part, Plan, Terms, Unknown

from .entry import Ticket, check_flags, wanted_by
from .funding import funding_of
from .groups import check_group
from .place import PlaceOrder, plan_on
from .question import pays
from .results import BatchLine, BatchPlaced
from .view import View, Wants, gather

if TYPE_CHECKING:
    from ..account import Account

MOST = 20
"""Orders of one batch, as the exchange takes them."""
ZERO = Decimal(0)


async def plan_batch(account: Account, tickets: Sequence[Ticket], group: str | None = None) -> Plan[BatchPlaced]:
    """Several new orders, each checked as one alone would be, after the transfers that their shards need.

    ``group`` is the order group that all of them join.

    Raises:
        InvalidOrderError: the first entry that is wrong, by its number; nothing was sent.
    """
    if not 0 < len(tickets) <= MOST:
        raise InvalidOrderError(f"A batch takes 1 to {MOST} orders.")
    names = [t.client_order_id for t in tickets if t.client_order_id is not None]
    if len(set(names)) < len(names):
        raise InvalidOrderError("Two orders of the batch have the same client_order_id: nothing was sent.")
    for number, ticket in enumerate(tickets, 1):
        with _entry(number):
            check_flags(ticket)
    views = await _views(account, tickets)
    if group is not None:
        await check_group(account, group, [view.market for view in views.values()])
    plans = list[PlaceOrder]()
    for number, ticket in enumerate(tickets, 1):
        with _entry(number):
            plans.append(plan_on(account, ticket, views[ticket.ticker], group=group))
    cash = next((view.cash for view in views.values() if view.cash is not None), None)
    return (await funding_of(account, cash, plans)).before(PlaceBatch(account, plans))


class _entry:  # noqa: N801 - reads as a statement
    """Says of an error which entry of the batch it is about."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, KalshiError):
            error.message = f"Order {self._number} of the batch: {error.message} Nothing was sent."
            error.args = (error.message,)


async def _views(account: Account, tickets: Sequence[Ticket]) -> dict[str, View]:
    """A look at each market, with what the orders in it need; those of one event share what was read of the account."""
    wants = dict[str, Wants]()
    needs = account.guard.needs(selling=any(t.action == "sell" for t in tickets))
    for ticket in tickets:
        wants[ticket.ticker] = wants.get(ticket.ticker, Wants.of(needs)) | wanted_by(ticket)
    views = dict[str, View]()
    for ticker, wanted in wants.items():  # one after another: an error names the first that is wrong
        once = replace(wanted, balance=wanted.balance and not views, cash=not views)  # of the account, not the market
        views[ticker] = await gather(account, ticker, once)
        if len(views) > 1:
            shared = next(iter(views.values()))
            views[ticker] = replace(views[ticker], balance=shared.balance, cash=shared.cash)
    return views


class PlaceBatch(Plan[BatchPlaced]):
    kind = "order"

    def __init__(self, account: Account, plans: Sequence[PlaceOrder]) -> None:
        self._account, self._plans = account, plans
        self.terms = {"orders": [dict(plan.terms) for plan in plans]}

    @property
    def binding(self) -> dict[str, object]:
        return {"orders": [plan.binding for plan in self._plans]}

    @property
    def bests(self) -> tuple[Decimal | None, ...]:
        return tuple(plan.best for plan in self._plans)

    @property
    def parts(self) -> Sequence[Part]:
        return [Part(plan.stake, plan.look) for plan in self._plans]

    def split(self, terms: Terms) -> Sequence[Terms]:
        orders: list[Terms] = terms["orders"]
        return orders

    async def send(self, terms: Terms) -> BatchPlaced:
        items = await self._account.kalshi.orders.batch_create([NewOrder(**order) for order in terms["orders"]])
        if len(items) != len(self._plans):
            return self._answer([_silent(order) for order in terms["orders"]])
        lines = await asyncio.gather(
            *(_line(plan, item, order) for plan, item, order in zip(self._plans, items, terms["orders"], strict=True))
        )
        return self._answer(lines)

    def _answer(self, lines: Sequence[BatchLine]) -> BatchPlaced:
        failed = [line for line in lines if line.error is not None]
        return BatchPlaced(
            source=self._account.environment,
            placed=len(lines) - len(failed),
            failed=len(failed) or None,
            filled=sum((line.placed.filled for line in lines if line.placed), ZERO),
            orders=list(lines),
        )

    async def words(self) -> str:
        """Each order in a line, and what all of them may cost together."""
        lines, worst = [f"Place {len(self._plans)} orders at once; each succeeds or fails by itself."], ZERO
        seen = set[tuple[str, str]]()
        for number, plan in enumerate(self._plans, 1):
            text, cost = await plan.in_short(first=plan.where not in seen)
            seen.add(plan.where)
            lines.append(f"{number}. {text}")
            worst += cost
        lines.append(f"At worst all of it loses {pays(worst)}, fees included. {MONEY[self._account.environment]}")
        return "\n".join(lines)

    def done(self, result: BatchPlaced) -> Done:
        return Done(f"{result.placed} orders placed")

    def fates(self, result: BatchPlaced) -> Sequence[Fate]:
        fates = list[Fate]()
        for plan, line in zip(self._plans, result.orders, strict=True):
            if line.placed is not None:
                fates.append(plan.done(line.placed))
            else:
                fates.append(Unknown(line.error or "") if line.unknown else line.error or "refused")
        return fates


async def _line(plan: PlaceOrder, item: BatchCreateItem, order: Terms) -> BatchLine:
    """What became of one entry."""
    if item.error is not None:
        lost = item.error.code == "outcome_unknown"
        said = (item.error.code or "", item.error.message or "", item.error.details or "")
        error = error_of_item(*said)
        if isinstance(error, InsufficientBalanceError):
            error = await plan.short_of_cash(error)
        text = said[1] if lost else error.message
        return BatchLine(
            order=plan.named, client_order_id=str(order["client_order_id"]), error=text, unknown=lost or None
        )
    if item.order_id is None or item.fill_count is None or item.remaining_count is None:
        return _silent(order, plan.named)
    execution = OrderExecution(
        order_id=item.order_id,
        client_order_id=item.client_order_id,
        fill_count=item.fill_count,
        remaining_count=item.remaining_count,
        average_fill_price=item.average_fill_price,
        average_fee_paid=item.average_fee_paid,
    )
    return BatchLine.of(plan.named, await plan.placed(execution, NewOrder(**order)))


def _silent(order: Terms, name: str = "") -> BatchLine:
    return BatchLine(
        order=name or str(order["ticker"]),
        client_order_id=str(order["client_order_id"]),
        error="The exchange's answer doesn't say what became of it: look for its client_order_id among the orders.",
        unknown=True,
    )
