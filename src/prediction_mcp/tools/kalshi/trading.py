"""Trading: place, cancel and read orders; what an order costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastmcp.dependencies import Depends
from pydantic import Field

from prediction_mcp.analytics.costs import order_cost
from prediction_mcp.desk.kalshi import lookup
from prediction_mcp.desk.kalshi.account import Account
from prediction_mcp.desk.kalshi.fees import waiver
from prediction_mcp.desk.kalshi.trading.entry import OrderType, Ticket, dollars
from prediction_mcp.desk.kalshi.trading.results import (
    Cancelled,
    CostAnswer,
    FillList,
    OrderDetail,
    OrderLine,
    OrderList,
    Placed,
)
from prediction_mcp.kalshi.errors import InvalidOrderError
from prediction_mcp.kalshi.orders import check_count, check_price
from prediction_mcp.protocol.annotations import ENDS, PLACES, READS
from prediction_mcp.protocol.confirmed import confirmed
from prediction_mcp.protocol.parameters import (
    Action,
    Cents,
    Dollars,
    Limit,
    Quantity,
    Side,
    Ticker,
    TimeInForce,
    Until,
    When,
    Word,
)
from prediction_mcp.protocol.session import get_account
from prediction_mcp.protocol.toolset import Toolset
from prediction_mcp.tools.apps import uri

if TYPE_CHECKING:
    from prediction_mcp.desk.kalshi.trading.preview_results import (
        Amended,
        BestPrice,
        CancelledMany,
        Simulation,
        Slippage,
        Validity,
    )
    from prediction_mcp.safety.plan import Plan

mcp = Toolset()


@mcp.tool(title="Place an order", annotations=PLACES, tags={"trading", "write"})
@confirmed
async def kalshi_create_order(
    ticker: Ticker,
    side: Side,
    action: Action,
    count: Quantity,
    price: Cents | None = None,
    order_type: Annotated[OrderType, Word] = "limit",
    time_in_force: TimeInForce | None = None,
    post_only: bool = False,
    reduce_only: bool = False,
    expiration_ts: Until | None = None,
    client_order_id: str | None = None,
    max_cost: Dollars | None = None,
    account: Account = Depends(get_account),
) -> Plan[Placed]:
    """Buy or sell yes or no contracts: place a limit order, or at market, what the book offers, no worse than price."""
    from prediction_mcp.desk.kalshi.trading.place import plan_order

    return await plan_order(
        account,
        Ticket(
            ticker=ticker, side=side, action=action, count=count, price=price, order_type=order_type,
            time_in_force=time_in_force, post_only=post_only, reduce_only=reduce_only, expiration_ts=expiration_ts,
            client_order_id=client_order_id, max_cost=max_cost,
        ),
    )  # fmt: skip


@mcp.tool(title="Cancel an order", annotations=ENDS, tags={"trading", "write"})
@confirmed
async def kalshi_cancel_order(order_id: str, account: Account = Depends(get_account)) -> Plan[Cancelled]:
    """Cancel one resting order; says what it still had open."""
    from prediction_mcp.desk.kalshi.trading.cancel import plan_cancel

    return await plan_cancel(account, order_id)


@mcp.tool(title="Cancel several orders", annotations=ENDS, tags={"trading", "write"})
@confirmed
async def kalshi_batch_cancel_orders(
    order_ids: Annotated[list[str] | None, Field(min_length=1, max_length=100)] = None,
    ticker: Ticker | None = None,
    all: bool = False,
    account: Account = Depends(get_account),
) -> Plan[CancelledMany]:
    """Cancel several resting orders: those named, everything in one market, or all."""
    from prediction_mcp.desk.kalshi.trading.cancel import plan_cancel_many

    return await plan_cancel_many(account, order_ids, ticker, everything=all)


@mcp.tool(title="Change an order", annotations=PLACES, tags={"trading", "write"})
@confirmed
async def kalshi_amend_order(
    order_id: str,
    count: Quantity | None = None,
    price: Cents | None = None,
    account: Account = Depends(get_account),
) -> Plan[Amended]:
    """Change the price or count of a resting order: count remains open, price is of the side it buys."""
    from prediction_mcp.desk.kalshi.trading.amend import plan_amend

    return await plan_amend(account, order_id, count, price)


@mcp.tool(title="One order", annotations=READS, tags={"trading"})
async def kalshi_get_order(order_id: str, account: Account = Depends(get_account)) -> OrderDetail:
    """Did an order fill: its status, and its queue position while it rests."""
    order = await account.kalshi.orders.get(order_id)
    ahead = await account.kalshi.orders.queue_position(order_id) if order.status == "resting" else None
    return OrderDetail.of(order, ahead, account.environment)


@mcp.tool(title="Orders", annotations=READS, tags={"trading"})
async def kalshi_get_orders(
    ticker: Ticker | None = None,
    status: Annotated[Literal["resting", "canceled", "executed"], Word] | None = None,
    limit: Limit = 20,
    cursor: str | None = None,
    account: Account = Depends(get_account),
) -> OrderList:
    """Show your open orders and those that are over, newest first."""
    from prediction_mcp.desk.kalshi.trading.history import orders

    return await orders(account, ticker, status, limit, cursor)


@mcp.tool(title="Fills", annotations=READS, tags={"trading"})
async def kalshi_get_fills(
    ticker: Ticker | None = None,
    order_id: str | None = None,
    since: When | None = None,
    limit: Limit = 20,
    cursor: str | None = None,
    account: Account = Depends(get_account),
) -> FillList:
    """Your trades, newest first, with fees."""
    from prediction_mcp.desk.kalshi.trading.history import fills

    return await fills(account, ticker, order_id, since, limit, cursor)


@mcp.tool(title="Order history", annotations=READS, tags={"trading"})
async def kalshi_get_order_history(
    ticker: Ticker | None = None,
    since: When | None = None,
    limit: Limit = 20,
    cursor: str | None = None,
    account: Account = Depends(get_account),
) -> OrderList:
    """Your past orders, executed and cancelled, newest first, archived ones too."""
    from prediction_mcp.desk.kalshi.trading.history import order_history

    name = None if ticker is None else (await lookup.market(account, ticker)).ticker
    orders, rest = await order_history(account, name, since, limit, cursor)
    lines = [OrderLine.of(o) for o in orders]
    return OrderList(source=account.environment, count=len(lines), cursor=rest, orders=lines).within(since)


@mcp.tool(title="Best price", annotations=READS, tags={"trading"})
async def kalshi_get_best_price(
    ticker: Ticker,
    account: Account = Depends(get_account),
) -> BestPrice:
    """Best bid and ask of both sides with sizes."""
    from prediction_mcp.desk.kalshi.trading.preview_results import BestPrice

    if (book := account.feeds.book(ticker)) is not None:
        return BestPrice.of(ticker, book, f"{account.environment} feed")
    market = await lookup.market(account, ticker)
    return BestPrice.of(market.ticker, await account.kalshi.markets.orderbook(market.ticker), account.environment)


@mcp.tool(title="Slippage", annotations=READS, tags={"trading"})
async def kalshi_estimate_slippage(
    ticker: Ticker,
    side: Side,
    action: Action,
    count: Quantity,
    account: Account = Depends(get_account),
) -> Slippage:
    """Slippage of an order at market now: average, worst price, contracts that the book can't fill."""
    from prediction_mcp.desk.kalshi.trading.preview_results import Slippage

    check_count(count)
    market = await lookup.market(account, ticker)
    return Slippage.of(
        market.ticker, await account.kalshi.markets.orderbook(market.ticker), side, action, count, account.environment
    )


@mcp.tool(title="Check an order", annotations=READS, tags={"trading"})
async def kalshi_check_order_validity(
    ticker: Ticker,
    side: Side,
    action: Action,
    count: Quantity,
    price: Cents | None = None,
    order_type: Annotated[OrderType, Word] = "limit",
    time_in_force: TimeInForce | None = None,
    post_only: bool = False,
    reduce_only: bool = False,
    expiration_ts: Until | None = None,
    max_cost: Dollars | None = None,
    account: Account = Depends(get_account),
) -> Validity:
    """Whether an order would be accepted, and reasons to pause. Sends nothing."""
    from prediction_mcp.desk.kalshi.trading.preview import validity

    return await validity(
        account,
        Ticket(
            ticker=ticker, side=side, action=action, count=count, price=price, order_type=order_type,
            time_in_force=time_in_force, post_only=post_only, reduce_only=reduce_only, expiration_ts=expiration_ts,
            max_cost=max_cost,
        ),
    )  # fmt: skip


@mcp.tool(title="Simulate an order", annotations=READS, tags={"trading"}, app=uri("ticket"))
async def kalshi_simulate_order(
    ticker: Ticker,
    side: Side,
    action: Action,
    count: Quantity,
    price: Cents | None = None,
    order_type: Annotated[OrderType, Word] = "limit",
    time_in_force: TimeInForce | None = None,
    post_only: bool = False,
    reduce_only: bool = False,
    account: Account = Depends(get_account),
) -> Simulation:
    """Simulate an order against the live book: fills, fees, position, balance after. Sends nothing."""
    from prediction_mcp.desk.kalshi.trading.preview import simulation

    return await simulation(
        account,
        Ticket(
            ticker=ticker, side=side, action=action, count=count, price=price, order_type=order_type,
            time_in_force=time_in_force, post_only=post_only, reduce_only=reduce_only,
        ),
    )  # fmt: skip


@mcp.tool(title="Cost of an order", annotations=READS, tags={"trading"})
async def kalshi_calculate_order_cost(
    ticker: Ticker,
    side: Side,
    action: Action,
    count: Quantity,
    price: Cents,
    account: Account = Depends(get_account),
) -> CostAnswer:
    """Exact cost and fees of an order before you place it: worst case, best case, break-even. Sends nothing."""
    market = await lookup.market(account, ticker)
    at = dollars(price)
    check_price(at, side, market.grid)
    check_count(count)
    series, schedule = await account.fees.of(market)
    if schedule is None:
        raise InvalidOrderError(
            f"The fee of {series.ticker} can't be computed: its type {series.fee_type} has no formula here."
        )
    cost = order_cost(schedule, at, count, buying=action == "buy")
    return CostAnswer.of(
        cost, ticker=market.ticker, side=side, action=action, count=count, price=at, source=account.environment,
        note=waiver(schedule),
    )  # fmt: skip
