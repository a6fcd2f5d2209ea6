"""Polymarket: orders, cancels, redemption; what an order costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastmcp.dependencies import Depends
from pydantic import Field

from prediction_mcp.desk.polymarket.account import Account
from prediction_mcp.protocol.annotations import ENDS, PLACES, READS
from prediction_mcp.protocol.confirmed import confirmed
from prediction_mcp.protocol.parameters import Action, Cents, Dollars, Quantity, Until
from prediction_mcp.protocol.session import get_wallet
from prediction_mcp.protocol.toolset import Toolset

from .markets import MarketName, Outcome

if TYPE_CHECKING:
    from prediction_mcp.desk.polymarket.trading.results import Cancelled, Cost, Placed, Redeemed, Simulation
    from prediction_mcp.safety.plan import Plan

mcp = Toolset()

OrderType = Annotated[Literal["GTC", "GTD", "FAK", "FOK"], Field()]


@mcp.tool(title="Order at Polymarket", annotations=PLACES, tags={"polymarket", "write"})
@confirmed
async def polymarket_create_order(
    market: MarketName,
    outcome: Outcome,
    action: Action,
    size: Quantity | None = None,
    dollars: Dollars | None = None,
    price: Cents | None = None,
    order_type: OrderType = "GTC",
    expiration: Until | None = None,
    post_only: bool = False,
    max_cost: Dollars | None = None,
    account: Account = Depends(get_wallet),
) -> Plan[Placed]:
    """Buy or sell an outcome: size shares at a price (GTC, GTD), or at once (FAK, FOK), a buy then by dollars.

    GTD ends a minute before expiration.
    """
    from prediction_mcp.desk.polymarket.trading.place import plan_order
    from prediction_mcp.desk.polymarket.trading.ticket import Ticket

    return await plan_order(
        account,
        Ticket(market, outcome, action, size, dollars, price, order_type, expiration, post_only, max_cost),
    )


@mcp.tool(title="Cancel at Polymarket", annotations=ENDS, tags={"polymarket", "write"})
@confirmed
async def polymarket_cancel_order(order_id: str, account: Account = Depends(get_wallet)) -> Plan[Cancelled]:
    """Cancel one resting order."""
    from prediction_mcp.desk.polymarket.trading.end import plan_cancel

    return await plan_cancel(account, order_id)


@mcp.tool(title="Cancel several at Polymarket", annotations=ENDS, tags={"polymarket", "write"})
@confirmed
async def polymarket_cancel_orders(
    order_ids: Annotated[list[str] | None, Field(min_length=1, max_length=100)] = None,
    market: MarketName | None = None,
    all: bool = False,
    account: Account = Depends(get_wallet),
) -> Plan[Cancelled]:
    """Cancel the orders named, those in a market, or all."""
    from prediction_mcp.desk.polymarket.trading.end import plan_cancel_many

    return await plan_cancel_many(account, order_ids, market, everything=all)


@mcp.tool(title="Redeem at Polymarket", annotations=PLACES, tags={"polymarket", "write"})
@confirmed
async def polymarket_redeem_positions(market: MarketName, account: Account = Depends(get_wallet)) -> Plan[Redeemed]:
    """Be paid for what you hold of a resolved market. Paper only; live says what the wallet must do."""
    from prediction_mcp.desk.polymarket.trading.end import plan_redeem

    return await plan_redeem(account, market)


@mcp.tool(title="Cost of a Polymarket order", annotations=READS, tags={"polymarket"})
async def polymarket_calculate_order_cost(
    market: MarketName,
    outcome: Outcome,
    action: Action,
    size: Quantity,
    price: Cents,
    account: Account = Depends(get_wallet),
) -> Cost:
    """Exact cost, fee and break-even of an order. Sends nothing."""
    from prediction_mcp.desk.polymarket.trading.place import cost
    from prediction_mcp.desk.polymarket.trading.ticket import Ticket

    return await cost(account, Ticket(market, outcome, action, size, price=price))


@mcp.tool(title="Simulate a Polymarket order", annotations=READS, tags={"polymarket"})
async def polymarket_simulate_order(
    market: MarketName,
    outcome: Outcome,
    action: Action,
    size: Quantity | None = None,
    dollars: Dollars | None = None,
    price: Cents | None = None,
    order_type: OrderType = "GTC",
    account: Account = Depends(get_wallet),
) -> Simulation:
    """What the book would do with an order now: fills, fee, what rests, what would be refused. Sends nothing."""
    from prediction_mcp.desk.polymarket.trading.place import simulation
    from prediction_mcp.desk.polymarket.trading.ticket import Ticket

    expiration = 4_102_444_800 if order_type == "GTD" else None  # it says nothing of what the book does
    return await simulation(account, Ticket(market, outcome, action, size, dollars, price, order_type, expiration))
