"""Polymarket: what the wallet has and did."""

from __future__ import annotations

from typing import Annotated, Literal

from fastmcp.dependencies import Depends

from prediction_mcp.desk.polymarket import portfolio
from prediction_mcp.desk.polymarket.account import Account
from prediction_mcp.desk.polymarket.portfolio import ActivityList, BalanceAnswer, OrderList, Positions, ValueAnswer
from prediction_mcp.protocol.annotations import READS
from prediction_mcp.protocol.parameters import Word
from prediction_mcp.protocol.session import get_wallet
from prediction_mcp.protocol.toolset import Toolset

from .markets import Cursor, Limit, MarketName

mcp = Toolset()


@mcp.tool(title="Polymarket balance", annotations=READS, tags={"polymarket"})
async def polymarket_get_balance(account: Account = Depends(get_wallet)) -> BalanceAnswer:
    """Cash of the wallet, and what its open buys may take."""
    return await portfolio.balance(account)


@mcp.tool(title="Polymarket positions", annotations=READS, tags={"polymarket"})
async def polymarket_get_positions(
    market: MarketName | None = None,
    status: Annotated[Literal["open", "redeemable", "closed", "all"], Word] = "open",
    limit: Limit = 50,
    cursor: Cursor | None = None,
    account: Account = Depends(get_wallet),
) -> Positions:
    """What the wallet holds, with cost, value and profit; redeemable is resolved and not paid yet."""
    return await portfolio.positions(account, market, status, limit, cursor)


@mcp.tool(title="Polymarket value", annotations=READS, tags={"polymarket"})
async def polymarket_get_portfolio_value(account: Account = Depends(get_wallet)) -> ValueAnswer:
    """Cash and what all positions are worth."""
    return await portfolio.value(account)


@mcp.tool(title="Polymarket activity", annotations=READS, tags={"polymarket"})
async def polymarket_get_activity(
    market: MarketName | None = None,
    limit: Limit = 20,
    cursor: Cursor | None = None,
    account: Account = Depends(get_wallet),
) -> ActivityList:
    """Trades, redemptions, deposits of the wallet, newest first."""
    return await portfolio.activity(account, market, limit, cursor)


@mcp.tool(title="Polymarket orders", annotations=READS, tags={"polymarket"})
async def polymarket_get_orders(
    market: MarketName | None = None,
    limit: Limit = 50,
    cursor: Cursor | None = None,
    account: Account = Depends(get_wallet),
) -> OrderList:
    """The wallet's resting orders."""
    return await portfolio.orders(account, market, limit, cursor)
