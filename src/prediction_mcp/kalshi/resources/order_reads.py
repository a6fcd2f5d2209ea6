"""Reading orders: one, lists, queue positions, and what they traded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..models.orders import (
    Order,
    OrderAnswer,
    OrderPage,
    OrderQueuePosition,
    QueuePositionAnswer,
    QueuePositions,
    Traded,
)
from ..models.portfolio import Fill, FillPage
from ..pagination import everything

if TYPE_CHECKING:
    from ..transport import Transport


class OrderReads:
    """What can be read of orders."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def get(self, order_id: str) -> Order:
        """One order. Raises NotFoundError."""
        answer = await self._transport.get(
            OrderAnswer, "/portfolio/orders/{order_id}", signed=True, ids={"order_id": order_id}
        )
        return answer.order

    async def list(
        self,
        *,
        ticker: str | None = None,
        event_ticker: str | None = None,
        status: str | None = None,
        min_ts: int | None = None,
        max_ts: int | None = None,
        subaccount: int | None = None,
        exchange_index: int | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        historical: bool = False,
    ) -> OrderPage:
        """A page of orders (1,000 at most), newest first; ``status`` is resting, canceled or executed."""
        query = {
            "ticker": ticker,
            "event_ticker": None if historical else event_ticker,
            "status": None if historical else status,
            "min_ts": min_ts,
            "max_ts": max_ts,
            "subaccount": subaccount,
            "exchange_index": None if historical else exchange_index,
            "limit": limit,
            "cursor": cursor,
        }
        template = "/historical/orders" if historical else "/portfolio/orders"
        return await self._transport.get(OrderPage, template, signed=True, query=query)

    def all(self, **filters: Any) -> AsyncIterator[Order]:
        """Every order that fits, over all pages; filters as for :meth:`list`."""
        return everything(lambda cursor: self.list(**{"limit": 1000, **filters, "cursor": cursor}), lambda p: p.orders)

    async def queue_position(self, order_id: str) -> Decimal:
        """Contracts that trade before this order does."""
        template = "/portfolio/orders/{order_id}/queue_position"
        answer = await self._transport.get(QueuePositionAnswer, template, signed=True, ids={"order_id": order_id})
        return answer.queue_position_fp

    async def queue_positions(
        self,
        *,
        market_tickers: Sequence[str] | None = None,
        event_ticker: str | None = None,
        subaccount: int | None = None,
    ) -> Sequence[OrderQueuePosition]:
        """Queue positions of all resting orders that fit."""
        query = {
            "market_tickers": ",".join(market_tickers) if market_tickers else None,
            "event_ticker": event_ticker,
            "subaccount": subaccount,
        }
        template = "/portfolio/orders/queue_positions"
        return (await self._transport.get(QueuePositions, template, signed=True, query=query)).queue_positions

    async def find(self, client_order_id: str, ticker: str, *, since_ts: int) -> Order | None:
        """The order that carries this client_order_id, or None when the exchange doesn't show one (yet)."""
        async for order in self.all(ticker=ticker, min_ts=since_ts):
            if order.client_order_id == client_order_id:
                return order
        return None

    async def fills(self, order_id: str) -> Sequence[Fill]:
        """All fills of an order so far."""

        def page(cursor: str | None) -> Awaitable[FillPage]:
            query = {"order_id": order_id, "limit": 1000, "cursor": cursor}
            return self._transport.get(FillPage, "/portfolio/fills", signed=True, query=query)

        return [fill async for fill in everything(page, lambda p: p.fills)]

    async def traded(self, order_id: str) -> Traded:
        """The sum of an order's fills so far: exact, unlike the averages of answers."""
        return Traded.of(await self.fills(order_id))
