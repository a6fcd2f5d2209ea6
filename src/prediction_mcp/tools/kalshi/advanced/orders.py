"""Orders for those who trade much: batches, decreases, queue positions, groups that stop together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastmcp.dependencies import Depends
from pydantic import BaseModel, ConfigDict, Field

from prediction_mcp.desk.kalshi.account import Account
from prediction_mcp.desk.kalshi.trading.entry import Ticket
from prediction_mcp.desk.kalshi.trading.results import BatchPlaced
from prediction_mcp.protocol.annotations import ARRANGES, ENDS, PLACES, READS
from prediction_mcp.protocol.confirmed import confirmed
from prediction_mcp.protocol.parameters import Action, Price, Quantity, Side, Ticker, TimeInForce, Until, Word
from prediction_mcp.protocol.session import get_account
from prediction_mcp.protocol.toolset import Toolset

if TYPE_CHECKING:
    from prediction_mcp.desk.kalshi.trading.decrease import Decreased, QueueList
    from prediction_mcp.desk.kalshi.trading.groups import GroupAnswer, GroupList
    from prediction_mcp.desk.kalshi.trading.preview_results import CancelledMany
    from prediction_mcp.safety.plan import Plan

mcp = Toolset()


class BatchOrder(BaseModel):
    """One order of a batch; price in cents of the side traded."""

    model_config = ConfigDict(extra="forbid")

    ticker: Ticker
    side: Side
    action: Action
    count: Quantity
    price: Price
    time_in_force: TimeInForce | None = None
    post_only: bool = False
    expiration_ts: Until | None = None
    client_order_id: str | None = None


@mcp.tool(title="Place several orders", annotations=PLACES, tags={"advanced", "write"})
@confirmed
async def kalshi_batch_create_orders(
    orders: Annotated[list[BatchOrder], Field(min_length=1, max_length=20)],
    order_group_id: str | None = None,
    account: Account = Depends(get_account),
) -> Plan[BatchPlaced]:
    """Place several limit orders at once (batch, up to 20), asked about once. Each succeeds or fails by itself."""
    from prediction_mcp.desk.kalshi.trading.batch import plan_batch

    tickets = [Ticket(**order.model_dump()) for order in orders]
    return await plan_batch(account, tickets, order_group_id)


@mcp.tool(title="Make an order smaller", annotations=PLACES, tags={"advanced", "write"})
@confirmed
async def kalshi_decrease_order(
    order_id: str,
    reduce_by: Quantity | None = None,
    reduce_to: Quantity | None = None,
    account: Account = Depends(get_account),
) -> Plan[Decreased]:
    """Make a resting order smaller; it keeps its queue position."""
    from prediction_mcp.desk.kalshi.trading.decrease import plan_decrease

    return await plan_decrease(account, order_id, reduce_by, reduce_to)


@mcp.tool(title="Cancel all orders", annotations=ENDS, tags={"advanced", "write"})
@confirmed
async def kalshi_cancel_all_orders(account: Account = Depends(get_account)) -> Plan[CancelledMany]:
    """Cancel every resting order of the account in one request, those of all subaccounts too."""
    from prediction_mcp.desk.kalshi.trading.cancel import plan_cancel_many

    return await plan_cancel_many(account, None, None, everything=True)


@mcp.tool(title="Queue positions", annotations=READS, tags={"advanced"})
async def kalshi_get_queue_position(
    ticker: Ticker | None = None, event_ticker: Ticker | None = None, account: Account = Depends(get_account)
) -> QueueList:
    """Place in the queue (line): contracts that trade before each of your resting orders."""
    from prediction_mcp.desk.kalshi.trading.decrease import queue_of

    return await queue_of(account, ticker, event_ticker)


@mcp.tool(title="Make an order group", annotations=ARRANGES, tags={"advanced", "write"})
@confirmed
async def kalshi_create_order_group(
    limit: Quantity, ticker: Ticker | None = None, account: Account = Depends(get_account)
) -> Plan[GroupAnswer]:
    """A group of orders that are all cancelled once they traded `limit` contracts within 15 seconds.

    ticker: a market on the shard of its orders.
    """
    from prediction_mcp.desk.kalshi.trading.groups import plan_group

    return await plan_group(account, limit, ticker)


@mcp.tool(title="Order groups", annotations=READS, tags={"advanced"})
async def kalshi_get_order_groups(
    order_group_id: str | None = None, account: Account = Depends(get_account)
) -> GroupList | GroupAnswer:
    """Your order groups, or one with its resting orders."""
    from prediction_mcp.desk.kalshi.trading.groups import groups_of

    return await groups_of(account, order_group_id)


@mcp.tool(title="Change an order group", annotations=PLACES, tags={"advanced", "write"})
@confirmed
async def kalshi_update_order_group(
    order_group_id: str,
    action: Annotated[Literal["limit", "reset", "trigger", "delete"], Word],
    limit: Quantity | None = None,
    account: Account = Depends(get_account),
) -> Plan[GroupAnswer]:
    """Set an order group's limit, reset it after it stopped, trigger it (cancels its orders), or delete it."""
    from prediction_mcp.desk.kalshi.trading.groups import plan_group_step

    return await plan_group_step(account, order_group_id, action, limit)
