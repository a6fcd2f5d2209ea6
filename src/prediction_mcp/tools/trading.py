"""Trading: place, cancel and read orders; what an order costs."""

from __future__ import annotations

from typing import Literal

from fastmcp.dependencies import Depends
from fastmcp.server.providers import LocalProvider

from prediction_mcp.analytics.costs import order_cost
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.errors import InvalidOrderError
from prediction_mcp.kalshi.models.orders import TimeInForce
from prediction_mcp.kalshi.orders import Action, Side, check_count, check_price
from prediction_mcp.safety.policy import write_tool
from prediction_mcp.settings import Settings

from . import lookup
from .annotations import ENDS, PLACES, READS
from .context import get_kalshi, get_policy, get_settings
from .order_entry import OrderType, Ticket, dollars, exact_fills, prepare
from .order_results import Cancelled, CostAnswer, FillLine, FillList, OrderDetail, OrderLine, OrderList, Placed
from .parameters import Cents, Dollars, Limit, Quantity, When
from .results import more

mcp = LocalProvider()


@mcp.tool(title="Place an order", annotations=PLACES, tags={"trading", "write"}, output_schema=None)
@write_tool(get_policy)
async def kalshi_create_order(
    ticker: str,
    side: Side,
    action: Action,
    count: Quantity,
    price: Cents | None = None,
    order_type: OrderType = "limit",
    time_in_force: TimeInForce | None = None,
    post_only: bool = False,
    reduce_only: bool = False,
    expiration_ts: int | None = None,
    client_order_id: str | None = None,
    max_cost: Dollars | None = None,
    kalshi: KalshiClient = Depends(get_kalshi),
    settings: Settings = Depends(get_settings),
) -> Placed:
    """Place an order. A market order takes what the book offers now, no worse than price if given, and never rests."""
    ticket = Ticket(
        ticker, side, action, count, price, order_type, time_in_force,
        post_only, reduce_only, expiration_ts, client_order_id, max_cost,
    )  # fmt: skip
    entry = await prepare(kalshi, ticket)
    done = await kalshi.orders.create(entry.order)
    return Placed.of(
        done,
        await exact_fills(kalshi, done),
        ticker=entry.market.ticker,
        market=f"{entry.market.title}: {entry.market.yes_sub_title}",
        side=side,
        action=action,
        count=count,
        price=entry.price,
        client_order_id=entry.order.client_order_id,
        source=settings.env,
    )


@mcp.tool(title="Cancel an order", annotations=ENDS, tags={"trading", "write"}, output_schema=None)
@write_tool(get_policy)
async def kalshi_cancel_order(
    order_id: str, kalshi: KalshiClient = Depends(get_kalshi), settings: Settings = Depends(get_settings)
) -> Cancelled:
    """Cancel one resting order; says how many contracts it still had open."""
    order = await kalshi.orders.get(order_id)
    done = await kalshi.orders.cancel(order_id, market_ticker=order.ticker)
    return Cancelled(source=settings.env, order_id=done.order_id, cancelled=done.reduced_by)


@mcp.tool(title="One order", annotations=READS, tags={"trading"}, output_schema=None)
async def kalshi_get_order(
    order_id: str, kalshi: KalshiClient = Depends(get_kalshi), settings: Settings = Depends(get_settings)
) -> OrderDetail:
    """One order, with its place in the queue while it rests."""
    order = await kalshi.orders.get(order_id)
    ahead = await kalshi.orders.queue_position(order_id) if order.status == "resting" else None
    return OrderDetail.of(order, ahead, settings.env)


@mcp.tool(title="Orders", annotations=READS, tags={"trading"}, output_schema=None)
async def kalshi_get_orders(
    ticker: str | None = None,
    status: Literal["resting", "canceled", "executed"] | None = None,
    limit: Limit = 20,
    cursor: str | None = None,
    kalshi: KalshiClient = Depends(get_kalshi),
    settings: Settings = Depends(get_settings),
) -> OrderList:
    """Your orders, newest first."""
    name = None if ticker is None else (await lookup.market(kalshi, ticker)).ticker
    page = await kalshi.orders.list(ticker=name, status=status, limit=limit, cursor=cursor)
    lines = [OrderLine.of(o) for o in page.orders]
    return OrderList(source=settings.env, count=len(lines), cursor=more(page), orders=lines)


@mcp.tool(title="Fills", annotations=READS, tags={"trading"}, output_schema=None)
async def kalshi_get_fills(
    ticker: str | None = None,
    order_id: str | None = None,
    since: When | None = None,
    limit: Limit = 20,
    cursor: str | None = None,
    kalshi: KalshiClient = Depends(get_kalshi),
    settings: Settings = Depends(get_settings),
) -> FillList:
    """Your trades, newest first, with fees."""
    name = None if ticker is None else (await lookup.market(kalshi, ticker)).ticker
    min_ts = None if since is None else int(since.timestamp())
    page = await kalshi.portfolio.fills(ticker=name, order_id=order_id, min_ts=min_ts, limit=limit, cursor=cursor)
    lines = [FillLine.of(f) for f in page.fills]
    return FillList(source=settings.env, count=len(lines), cursor=more(page), fills=lines)


@mcp.tool(title="Cost of an order", annotations=READS, tags={"trading"}, output_schema=None)
async def kalshi_calculate_order_cost(
    ticker: str,
    side: Side,
    action: Action,
    count: Quantity,
    price: Cents,
    kalshi: KalshiClient = Depends(get_kalshi),
    settings: Settings = Depends(get_settings),
) -> CostAnswer:
    """Exact cost and fees of an order before you place it: worst case, best case, break-even. Sends nothing."""
    market = await lookup.market(kalshi, ticker)
    at = dollars(price)
    check_price(at, side, market.grid)
    check_count(count)
    series, schedule = await lookup.fees(kalshi, market)
    if schedule is None:
        raise InvalidOrderError(
            f"The fee of {series.ticker} can't be computed: its type {series.fee_type} has no formula here."
        )
    cost = order_cost(schedule, at, count, buying=action == "buy")
    return CostAnswer.of(
        cost, ticker=market.ticker, side=side, action=action, count=count, price=at, source=settings.env
    )
