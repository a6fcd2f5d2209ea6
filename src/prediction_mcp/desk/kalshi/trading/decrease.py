"""Fewer contracts for an order that rests, which keeps its place in the queue; as a plan."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from prediction_mcp.desk.results import MONEY, Answer, Number, Result
from prediction_mcp.kalshi.errors import InvalidOrderError
from prediction_mcp.kalshi.orders import check_count
from prediction_mcp.kalshi.resources.order_fates import over
from prediction_mcp.kalshi.units import format_count
from prediction_mcp.net.words import printed
from prediction_mcp.safety.plan import Done, Plan, Terms

from .. import lookup
from .cancel import orders_named
from .question import listed

if TYPE_CHECKING:
    from prediction_mcp.kalshi.models.orders import Order

    from ..account import Account


class Decreased(Answer):
    """``remaining`` contracts rest on, at the same place in the queue."""

    order_id: str
    remaining: Number


async def plan_decrease(
    account: Account, order_id: str, reduce_by: Decimal | None, reduce_to: Decimal | None
) -> DecreaseOrder:
    """So many contracts less, or down to so many. Raises InvalidOrderError, InvalidRequestError."""
    if (reduce_by is None) == (reduce_to is None):
        raise InvalidOrderError("Give exactly one of reduce_by and reduce_to, in contracts.")
    (order,) = await orders_named(account, [order_id])
    if order.status != "resting":
        raise over(order, "decrease")
    if reduce_by is not None:
        check_count(reduce_by)
    elif reduce_to:
        check_count(reduce_to)
    left = order.remaining_count_fp - reduce_by if reduce_by is not None else reduce_to or Decimal(0)
    if left >= order.remaining_count_fp or left < 0:
        raise InvalidOrderError(
            f"{printed(order.remaining_count_fp)} contracts are open: a decrease leaves fewer, and not less than 0."
        )
    return DecreaseOrder(account, order, reduce_by, left)


class DecreaseOrder(Plan[Decreased]):
    """Takes risk away, so nothing holds it up."""

    kind = "cancel"

    def __init__(self, account: Account, order: Order, by: Decimal | None, left: Decimal) -> None:
        self._account, self._order, self._left = account, order, left
        amount = {"reduce_by": format_count(check_count(by))} if by is not None else {"reduce_to": f"{left:.2f}"}
        self.terms = {
            "order_id": order.order_id, "ticker": order.ticker, "subaccount": order.subaccount_number or None,
            "exchange_index": order.exchange_index, **amount,
        }  # fmt: skip

    async def send(self, terms: Terms) -> Decreased:
        done = await self._account.kalshi.orders.decrease(
            terms["order_id"],
            reduce_by=terms.get("reduce_by"),
            reduce_to=terms.get("reduce_to"),
            market_ticker=terms["ticker"],
            subaccount=terms["subaccount"],
            exchange_index=terms["exchange_index"],
        )
        return Decreased(
            source=self._account.environment, order_id=done.order_id, remaining=done.remaining_count or Decimal(0)
        )

    async def words(self) -> str:
        order = (await listed(self._account, [self._order])).rstrip(".")
        return f"Leave {printed(self._left)} contracts of: {order}. {MONEY[self._account.environment]}"

    def done(self, result: Decreased) -> Done:
        gone = max(self._order.remaining_count_fp - result.remaining, Decimal(0))
        return Done(f"{printed(result.remaining)} contracts rest on", released=((result.order_id, gone),))


class QueueLine(Result):
    """``ahead`` is how many contracts trade before this order does."""

    order_id: str
    ticker: str
    ahead: Number


class QueueList(Answer):
    count: int
    orders: list[QueueLine]


async def queue_of(account: Account, ticker: str | None, event_ticker: str | None) -> QueueList:
    """The place in the queue of each resting order, of a market, an event, or all of both."""
    market = None if ticker is None else (await lookup.market(account, ticker)).ticker
    event = None if event_ticker is None else (await lookup.event(account, event_ticker)).event_ticker
    if market is None and event is None:
        resting = {o.ticker async for o in account.kalshi.orders.all(status="resting")}
        if not resting:
            return QueueList(source=account.environment, count=0, orders=[])
        found = await account.kalshi.orders.queue_positions(market_tickers=sorted(resting))
    else:
        found = await account.kalshi.orders.queue_positions(
            market_tickers=[market] if market else None, event_ticker=event
        )
    lines = [QueueLine(order_id=q.order_id, ticker=q.market_ticker, ahead=q.queue_position_fp) for q in found]
    return QueueList(source=account.environment, count=len(lines), orders=lines)
