"""Real time: watch books, trades, prices, your own fills and orders; the newest update, or the next one."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from fastmcp.dependencies import Depends
from fastmcp.server.dependencies import get_context
from pydantic import Field

from prediction_mcp.desk.kalshi import lookup
from prediction_mcp.desk.kalshi.account import Account
from prediction_mcp.kalshi.errors import InvalidRequestError, NotFoundError
from prediction_mcp.protocol.annotations import WATCHES
from prediction_mcp.protocol.parameters import Price, Quantity, Ticker, Word
from prediction_mcp.protocol.push import FEEDS_URI, Push
from prediction_mcp.protocol.session import get_account, get_push
from prediction_mcp.protocol.toolset import Toolset
from prediction_mcp.realtime.events import Channel

if TYPE_CHECKING:
    from prediction_mcp.desk.kalshi.realtime.results import Subscribed, SubscriptionList, UpdateAnswer
    from prediction_mcp.realtime.conditions import Condition

mcp = Toolset()

Tickers = Annotated[list[Ticker], Field(min_length=1, max_length=500)]
Notify = Annotated[Literal["off", "changes", "all"], Word]
ChannelName = Annotated[Channel, Word]


@mcp.tool(title="Watch order books", annotations=WATCHES, tags={"realtime"})
async def kalshi_subscribe_orderbook(
    ticker: Ticker | None = None,
    tickers: Tickers | None = None,
    notify: Notify = "off",
    account: Account = Depends(get_account),
    push: Push = Depends(get_push),
) -> Subscribed:
    """Stream the order book live; read it with kalshi_get_latest_update."""
    if (ticker is None) == (tickers is None):
        raise InvalidRequestError("Give either ticker or tickers.")
    return await _subscribe("orderbook", [ticker] if ticker else tickers, notify, None, account, push)


@mcp.tool(title="Watch trades", annotations=WATCHES, tags={"realtime"})
async def kalshi_subscribe_trades(
    tickers: Tickers | None = None,
    notify: Notify = "off",
    account: Account = Depends(get_account),
    push: Push = Depends(get_push),
) -> Subscribed:
    """Watch trades of markets, or of the whole exchange."""
    return await _subscribe("trades", tickers, notify, None, account, push)


@mcp.tool(title="Watch prices", annotations=WATCHES, tags={"realtime"})
async def kalshi_subscribe_ticker(
    tickers: Tickers | None = None,
    above: Price | None = None,
    below: Price | None = None,
    moved_cents: Quantity | None = None,
    spread_below: Price | None = None,
    notify: Notify = "off",
    account: Account = Depends(get_account),
    push: Push = Depends(get_push),
) -> Subscribed:
    """Watch prices, told when they change; with a condition (cents of YES, middle of quotes) only once it is true."""
    from prediction_mcp.realtime.conditions import Condition

    def dollars(cents: Decimal | None) -> Decimal | None:
        if cents is not None and not 0 < cents < 100:
            raise InvalidRequestError("A condition is in cents, between 0 and 100.")
        return None if cents is None else cents / 100

    condition = Condition(dollars(above), dollars(below), dollars(moved_cents), dollars(spread_below))
    return await _subscribe("ticker", tickers, notify, condition, account, push)


@mcp.tool(title="Watch your fills", annotations=WATCHES, tags={"realtime"})
async def kalshi_subscribe_fills(
    tickers: Tickers | None = None,
    notify: Notify = "changes",
    account: Account = Depends(get_account),
    push: Push = Depends(get_push),
) -> Subscribed:
    """Notify when your orders are filled: watch your own trades; none is missed."""
    return await _subscribe("fills", tickers, notify, None, account, push)


@mcp.tool(title="Watch your orders", annotations=WATCHES, tags={"realtime"})
async def kalshi_subscribe_orders(
    tickers: Tickers | None = None,
    notify: Notify = "changes",
    account: Account = Depends(get_account),
    push: Push = Depends(get_push),
) -> Subscribed:
    """Watch your own orders change: placed, filled, cancelled."""
    return await _subscribe("orders", tickers, notify, None, account, push)


async def _subscribe(
    channel: ChannelName,
    tickers: list[str] | None,
    notify: Notify,
    condition: Condition | None,
    account: Account,
    push: Push,
) -> Subscribed:
    from prediction_mcp.desk.kalshi.realtime.results import Subscribed

    names = [t.strip().upper() for t in tickers or ()]
    try:
        watch = await account.feeds.watcher.subscribe(channel, names, notify, condition)
    except NotFoundError:
        for name in names:
            await lookup.market(account, name)  # names what was meant
        raise
    push.belongs_to(watch.id, get_context().session)
    push.turned()
    delivery = push.delivery(
        watch.id, unasked=notify != "off" or watch.condition.is_given, alert=watch.condition.is_given, uri=FEEDS_URI,
        tool="kalshi_get_latest_update",
    )  # fmt: skip
    return Subscribed.of(account.feeds, watch, account.environment, delivery)


@mcp.tool(title="Stop watching", annotations=WATCHES, tags={"realtime"})
async def kalshi_unsubscribe(
    subscription_id: str | None = None,
    channel: ChannelName | None = None,
    ticker: Ticker | None = None,
    account: Account = Depends(get_account),
    push: Push = Depends(get_push),
) -> SubscriptionList:
    """Stop watching: end a subscription, or those of a channel or market."""
    from prediction_mcp.desk.kalshi.realtime.results import SubscriptionList

    if subscription_id is None and channel is None and ticker is None:
        raise InvalidRequestError("Give subscription_id, channel or ticker.")
    watcher = account.feeds.watcher
    for watch in watcher.find(subscription_id, channel, ticker.strip().upper() if ticker else None):
        await watcher.unsubscribe(watch)
        push.forget(watch.id)
    push.turned()
    return SubscriptionList.of(account.feeds, list(push.alerts), push.suppressed, account.environment)


@mcp.tool(title="Subscriptions", annotations=WATCHES, tags={"realtime"})
async def kalshi_get_subscriptions(
    account: Account = Depends(get_account),
    push: Push = Depends(get_push),
) -> SubscriptionList:
    """Subscriptions, state of the connection, counters, alerts."""
    from prediction_mcp.desk.kalshi.realtime.results import SubscriptionList

    return SubscriptionList.of(account.feeds, list(push.alerts), push.suppressed, account.environment)


@mcp.tool(title="Latest update", annotations=WATCHES, tags={"realtime"})
async def kalshi_get_latest_update(
    channel: ChannelName,
    ticker: Ticker | None = None,
    wait_seconds: Annotated[float, Field(ge=0, le=60)] = 0,
    history: Annotated[int, Field(ge=0, le=1000)] = 0,
    account: Account = Depends(get_account),
) -> UpdateAnswer:
    """The newest update of what you watch; with wait_seconds the next one, with history the last ones too."""
    from prediction_mcp.desk.kalshi.realtime.results import update_answer

    name = ticker.strip().upper() if ticker else ""
    return await update_answer(account.feeds, channel, name, wait_seconds, account.environment, history)
