"""Polymarket in real time: prices, books, your orders and trades, resolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastmcp.dependencies import Depends
from fastmcp.server.dependencies import get_context
from pydantic import Field

from prediction_mcp.desk.polymarket import lookup
from prediction_mcp.desk.polymarket.account import Account
from prediction_mcp.desk.polymarket.realtime import STATUS_URI
from prediction_mcp.desk.polymarket.subscriptions import Status, Subscribed
from prediction_mcp.protocol.annotations import WATCHES
from prediction_mcp.protocol.parameters import Word
from prediction_mcp.protocol.push import Push
from prediction_mcp.protocol.session import get_push, get_wallet
from prediction_mcp.protocol.toolset import Toolset

from .markets import MarketName

if TYPE_CHECKING:
    from prediction_mcp.desk.polymarket.subscriptions import Subscription

mcp = Toolset()

Callback = Annotated[Literal["notification", "log"], Word]
Markets = Annotated[list[MarketName], Field(min_length=1, max_length=100)]


@mcp.tool(title="Watch Polymarket prices", annotations=WATCHES, tags={"polymarket", "realtime"})
async def polymarket_subscribe_market_prices(
    market_ids: Markets,
    callback_type: Callback = "log",
    account: Account = Depends(get_wallet),
    push: Push = Depends(get_push),
) -> Subscribed:
    """Watch best prices and trades of both outcomes. log: read them with polymarket_get_realtime_status."""
    found = [await lookup.market(account, name) for name in market_ids]
    sides = [side for market in found for side in lookup.sides_of(market)]
    return await _told(account, push, await account.feeds.watch_tokens("prices", sides, callback_type))


@mcp.tool(title="Watch Polymarket books", annotations=WATCHES, tags={"polymarket", "realtime"})
async def polymarket_subscribe_orderbook_updates(
    token_ids: Markets,
    depth: Annotated[int, Field(ge=1, le=100)] = 10,
    callback_type: Callback = "log",
    account: Account = Depends(get_wallet),
    push: Push = Depends(get_push),
) -> Subscribed:
    """Keep order books live and watch their best levels; polymarket_get_orderbook then answers from the feed."""
    sides = [await lookup.side(account, name, None) for name in token_ids]
    return await _told(account, push, await account.feeds.watch_tokens("orderbook", sides, callback_type, depth))


@mcp.tool(title="Watch your Polymarket orders", annotations=WATCHES, tags={"polymarket", "realtime"})
async def polymarket_subscribe_user_orders(
    market_ids: Markets | None = None,
    callback_type: Callback = "notification",
    account: Account = Depends(get_wallet),
    push: Push = Depends(get_push),
) -> Subscribed:
    """Watch your own orders change, in some markets or all."""
    return await _own("orders", market_ids, callback_type, account, push)


@mcp.tool(title="Watch your Polymarket trades", annotations=WATCHES, tags={"polymarket", "realtime"})
async def polymarket_subscribe_user_trades(
    market_ids: Markets | None = None,
    callback_type: Callback = "notification",
    account: Account = Depends(get_wallet),
    push: Push = Depends(get_push),
) -> Subscribed:
    """Watch your own trades to their confirmation on chain; none is missed."""
    return await _own("trades", market_ids, callback_type, account, push)


@mcp.tool(title="Watch Polymarket resolutions", annotations=WATCHES, tags={"polymarket", "realtime"})
async def polymarket_subscribe_market_resolution(
    market_ids: Markets,
    callback_type: Callback = "notification",
    account: Account = Depends(get_wallet),
    push: Push = Depends(get_push),
) -> Subscribed:
    """Be told once when markets are resolved."""
    sides = [lookup.side_of(await lookup.market(account, name), None) for name in market_ids]
    return await _told(account, push, await account.feeds.watch_resolutions(sides, callback_type))


async def _own(
    kind: Literal["orders", "trades"],
    market_ids: list[str] | None,
    callback_type: Literal["notification", "log"],
    account: Account,
    push: Push,
) -> Subscribed:
    sides = [lookup.side_of(await lookup.market(account, name), None) for name in market_ids or ()]
    return await _told(account, push, await account.feeds.watch_own(kind, sides, callback_type))


async def _told(account: Account, push: Push, made: Subscription) -> Subscribed:
    push.belongs_to(made.id, get_context().session)
    answer = await account.feeds.subscribed(made)
    alert = made.callback == "notification"
    delivery = push.delivery(made.id, unasked=True, alert=alert, uri=STATUS_URI, tool="polymarket_get_realtime_status")
    return answer.model_copy(update={"delivery": delivery})


@mcp.tool(title="Polymarket feed", annotations=WATCHES, tags={"polymarket", "realtime"})
async def polymarket_get_realtime_status(
    subscription_id: Annotated[str, Field(max_length=20)] | None = None,
    limit: Annotated[int, Field(ge=0, le=1000)] = 10,
    account: Account = Depends(get_wallet),
) -> Status:
    """State of the feeds, counters, and each subscription, or one, with its newest updates."""
    return account.feeds.status(subscription_id, limit)


@mcp.tool(title="Stop watching Polymarket", annotations=WATCHES, tags={"polymarket", "realtime"})
async def polymarket_unsubscribe_realtime(
    subscription_id: str, account: Account = Depends(get_wallet), push: Push = Depends(get_push)
) -> Status:
    """End a subscription."""
    push.forget((await account.feeds.unwatch(subscription_id)).id)
    return account.feeds.status()
