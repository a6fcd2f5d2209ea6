"""The exchange's WebSocket as it is, frame by frame, for those who build on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastmcp.dependencies import Depends
from pydantic import Field

from prediction_mcp.desk.kalshi.account import Account
from prediction_mcp.kalshi.errors import CredentialsError, InvalidRequestError
from prediction_mcp.protocol.annotations import WATCHES
from prediction_mcp.protocol.parameters import Ticker
from prediction_mcp.protocol.session import get_account
from prediction_mcp.protocol.toolset import Toolset

if TYPE_CHECKING:
    from prediction_mcp.desk.kalshi.realtime.results import RawFrames
    from prediction_mcp.kalshi.raw_feed import RawFeed

mcp = Toolset()

Seconds = Annotated[float, Field(ge=0, le=30)]
Most = Annotated[int, Field(ge=1, le=100)]


@mcp.tool(title="Raw feed: connect", annotations=WATCHES, tags={"advanced"})
async def kalshi_websocket_connect(account: Account = Depends(get_account)) -> RawFrames:
    """Open a WebSocket of your own, apart from the watched feed."""
    raw = _raw(account)
    await raw.open()
    return await _frames(raw, account, 1, 0)


@mcp.tool(title="Raw feed: subscribe and read", annotations=WATCHES, tags={"advanced"})
async def kalshi_websocket_subscribe(
    channels: list[str] | None = None,
    tickers: list[Ticker] | None = None,
    most: Most = 20,
    wait_seconds: Seconds = 1,
    account: Account = Depends(get_account),
) -> RawFrames:
    """Subscribe to channels and read the frames that came; without channels only read on."""
    raw = _connected(account)
    if channels:
        named = {"market_tickers": [t.strip().upper() for t in tickers]} if tickers else {}
        await raw.command("subscribe", {"channels": channels, **named})
    return await _frames(raw, account, most, wait_seconds)


@mcp.tool(title="Raw feed: unsubscribe", annotations=WATCHES, tags={"advanced"})
async def kalshi_websocket_unsubscribe(
    sids: Annotated[list[int], Field(min_length=1)],
    account: Account = Depends(get_account),
) -> RawFrames:
    """End subscriptions by their sid."""
    raw = _connected(account)
    answer = await raw.command("unsubscribe", {"sids": sids})
    if answer["type"] != "error":
        for sid in sids:
            raw.sids.pop(sid, None)
    return await _frames(raw, account, 100, 0.1)


@mcp.tool(title="Raw feed: disconnect", annotations=WATCHES, tags={"advanced"})
async def kalshi_websocket_disconnect(account: Account = Depends(get_account)) -> RawFrames:
    """Close it; frames that weren't read are in the answer."""
    raw = _raw(account)
    await raw.close()
    return await _frames(raw, account, 100, 0)


def _raw(account: Account) -> RawFeed:
    raw = account.feeds.raw
    if raw is None:
        raise CredentialsError("The live feed takes an API key: set KALSHI_API_KEY_ID and a private key.")
    return raw


def _connected(account: Account) -> RawFeed:
    raw = _raw(account)
    if not raw.is_open:
        raise InvalidRequestError("The raw feed isn't connected: kalshi_websocket_connect first.")
    return raw


async def _frames(raw: RawFeed, account: Account, most: int, seconds: float) -> RawFrames:
    from prediction_mcp.desk.kalshi.realtime.results import RawFrames

    frames = await raw.take(most, seconds)
    return RawFrames(
        source=account.environment,
        connected=raw.is_open,
        subscriptions=[f"{channel} (sid {sid})" for sid, channel in raw.sids.items()],
        count=len(frames),
        frames=frames,
        unread=len(raw.frames) or None,
        dropped=raw.dropped or None,
    )
