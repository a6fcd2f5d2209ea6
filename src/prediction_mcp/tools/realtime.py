"""Real time: watch books, trades, prices, your own fills and orders; the newest update, or the next one."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from fastmcp import Context
from fastmcp.dependencies import CurrentContext, Depends
from pydantic import Field

from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.errors import InvalidRequestError, NotFoundError
from prediction_mcp.settings import Settings

from . import lookup
from .annotations import WATCHES
from .context import get_kalshi, get_live, get_settings
from .live import Live
from .parameters import Quantity
from .toolset import Toolset

if TYPE_CHECKING:
    from prediction_mcp.kalshi.models.feed import Channel
    from prediction_mcp.realtime.conditions import Condition

    from .realtime_results import Subscribed, SubscriptionList, UpdateAnswer

mcp = Toolset()

Tickers = Annotated[list[str], Field(min_length=1, max_length=500)]
Notify = Literal["off", "changes", "all"]
ChannelName = Literal["orderbook", "trades", "ticker", "fills", "orders"]
CHANNELS: dict[str, Channel] = {
    "orderbook": "orderbook_delta", "trades": "trade", "ticker": "ticker", "fills": "fill", "orders": "user_orders",
}  # fmt: skip


@mcp.tool(title="Watch order books", annotations=WATCHES, tags={"realtime"})
async def kalshi_subscribe_orderbook(
    ticker: str | None = None,
    tickers: Tickers | None = None,
    notify: Notify = "off",
    kalshi: KalshiClient = Depends(get_kalshi),
    settings: Settings = Depends(get_settings),
    live: Live = Depends(get_live),
    context: Context = CurrentContext(),
) -> Subscribed:
    """Keep live books. Read them with kalshi_get_latest_update or kalshi://markets/{ticker}/orderbook."""
    if (ticker is None) == (tickers is None):
        raise InvalidRequestError("Give either ticker or tickers.")
    return await _subscribe("orderbook", [ticker] if ticker else tickers, notify, None, kalshi, settings, live, context)


@mcp.tool(title="Watch trades", annotations=WATCHES, tags={"realtime"})
async def kalshi_subscribe_trades(
    tickers: Tickers | None = None,
    notify: Notify = "off",
    kalshi: KalshiClient = Depends(get_kalshi),
    settings: Settings = Depends(get_settings),
    live: Live = Depends(get_live),
    context: Context = CurrentContext(),
) -> Subscribed:
    """Watch trades of markets, or of the whole exchange."""
    return await _subscribe("trades", tickers, notify, None, kalshi, settings, live, context)


@mcp.tool(title="Watch prices", annotations=WATCHES, tags={"realtime"})
async def kalshi_subscribe_ticker(
    tickers: Tickers | None = None,
    above: Quantity | None = None,
    below: Quantity | None = None,
    moved_cents: Quantity | None = None,
    spread_below: Quantity | None = None,
    notify: Notify = "off",
    kalshi: KalshiClient = Depends(get_kalshi),
    settings: Settings = Depends(get_settings),
    live: Live = Depends(get_live),
    context: Context = CurrentContext(),
) -> Subscribed:
    """Watch prices; with a condition (cents of YES, middle of the quotes) you are told only when it becomes true."""
    from prediction_mcp.realtime.conditions import Condition

    def dollars(cents: Decimal | None) -> Decimal | None:
        if cents is not None and not 0 < cents < 100:
            raise InvalidRequestError("A condition is in cents, between 0 and 100.")
        return None if cents is None else cents / 100

    condition = Condition(dollars(above), dollars(below), dollars(moved_cents), dollars(spread_below))
    return await _subscribe("ticker", tickers, notify, condition, kalshi, settings, live, context)


@mcp.tool(title="Watch your fills", annotations=WATCHES, tags={"realtime"})
async def kalshi_subscribe_fills(
    tickers: Tickers | None = None,
    notify: Notify = "changes",
    kalshi: KalshiClient = Depends(get_kalshi),
    settings: Settings = Depends(get_settings),
    live: Live = Depends(get_live),
    context: Context = CurrentContext(),
) -> Subscribed:
    """Watch your own trades; none is missed over a lost connection."""
    return await _subscribe("fills", tickers, notify, None, kalshi, settings, live, context)


@mcp.tool(title="Watch your orders", annotations=WATCHES, tags={"realtime"})
async def kalshi_subscribe_orders(
    tickers: Tickers | None = None,
    notify: Notify = "changes",
    kalshi: KalshiClient = Depends(get_kalshi),
    settings: Settings = Depends(get_settings),
    live: Live = Depends(get_live),
    context: Context = CurrentContext(),
) -> Subscribed:
    """Watch your own orders change."""
    return await _subscribe("orders", tickers, notify, None, kalshi, settings, live, context)


async def _subscribe(
    channel: ChannelName,
    tickers: list[str] | None,
    notify: Notify,
    condition: Condition | None,
    kalshi: KalshiClient,
    settings: Settings,
    live: Live,
    context: Context,
) -> Subscribed:
    from .realtime_results import Subscribed

    watcher = live.watcher(kalshi)
    names = [t.strip().upper() for t in tickers or ()]
    try:
        watch = await watcher.subscribe(CHANNELS[channel], names, notify, condition)
    except NotFoundError:
        for name in names:
            await lookup.market(kalshi, name)  # names what was meant
        raise
    live.push.belongs_to(watch, context.session)
    return Subscribed.of(watcher, watch, channel, settings.env)


@mcp.tool(title="Stop watching", annotations=WATCHES, tags={"realtime"})
async def kalshi_unsubscribe(
    subscription_id: str | None = None,
    channel: ChannelName | None = None,
    ticker: str | None = None,
    kalshi: KalshiClient = Depends(get_kalshi),
    settings: Settings = Depends(get_settings),
    live: Live = Depends(get_live),
) -> SubscriptionList:
    """End a subscription, or those of a channel or market."""
    from .realtime_results import SubscriptionList

    if subscription_id is None and channel is None and ticker is None:
        raise InvalidRequestError("Give subscription_id, channel or ticker.")
    watcher = live.watcher(kalshi)
    named = CHANNELS[channel] if channel else None
    for watch in watcher.find(subscription_id, named, ticker.strip().upper() if ticker else None):
        await watcher.unsubscribe(watch)
        live.push.forget(watch)
    return SubscriptionList.of(watcher, live.push, settings.env)


@mcp.tool(title="Subscriptions", annotations=WATCHES, tags={"realtime"})
async def kalshi_get_subscriptions(
    kalshi: KalshiClient = Depends(get_kalshi),
    settings: Settings = Depends(get_settings),
    live: Live = Depends(get_live),
) -> SubscriptionList:
    """What is watched, the state of the connection, counters, recent alerts."""
    from .realtime_results import SubscriptionList

    return SubscriptionList.of(live.watcher(kalshi), live.push, settings.env)


@mcp.tool(title="Latest update", annotations=WATCHES, tags={"realtime"})
async def kalshi_get_latest_update(
    channel: ChannelName,
    ticker: str | None = None,
    wait_seconds: Annotated[float, Field(ge=0, le=60)] = 0,
    kalshi: KalshiClient = Depends(get_kalshi),
    settings: Settings = Depends(get_settings),
    live: Live = Depends(get_live),
) -> UpdateAnswer:
    """The newest update of what you watch; with wait_seconds the next one that comes. Without ticker: of any market."""
    from .realtime_results import update_answer

    watcher, name = live.watcher(kalshi), ticker.strip().upper() if ticker else ""
    return await update_answer(watcher, CHANNELS[channel], channel, name, wait_seconds, settings.env)
