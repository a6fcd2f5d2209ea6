"""Toolset ``advanced``: the exchange's WebSocket as it is, frame by frame, for those who build on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastmcp.dependencies import Depends
from pydantic import Field

from prediction_mcp.kalshi.errors import CredentialsError, InvalidRequestError
from prediction_mcp.protocol.annotations import WATCHES
from prediction_mcp.protocol.parameters import Ticker
from prediction_mcp.protocol.session import Desk, get_desk
from prediction_mcp.protocol.toolset import Toolset

if TYPE_CHECKING:
    from prediction_mcp.desk.kalshi.realtime.results import RawFrames
    from prediction_mcp.kalshi.raw_feed import RawFeed

mcp = Toolset()

Seconds = Annotated[float, Field(ge=0, le=30)]
Most = Annotated[int, Field(ge=1, le=100)]


@mcp.tool(title="Raw feed: connect", annotations=WATCHES, tags={"advanced"})
async def kalshi_websocket_connect(desk: Desk = Depends(get_desk)) -> RawFrames:
    """Open a WebSocket of your own, apart from the watched feed."""
    raw = _raw(desk)
    await raw.open()
    return await _frames(raw, desk, 1, 0)


@mcp.tool(title="Raw feed: subscribe and read", annotations=WATCHES, tags={"advanced"})
async def kalshi_websocket_subscribe(
    channels: list[str] | None = None,
    tickers: list[Ticker] | None = None,
    most: Most = 20,
    wait_seconds: Seconds = 1,
    desk: Desk = Depends(get_desk),
) -> RawFrames:
    """Subscribe to channels and read the frames that came; without channels only read on."""
    raw = _raw(desk)
    if channels:
        named = {"market_tickers": [t.strip().upper() for t in tickers]} if tickers else {}
        await raw.command("subscribe", {"channels": channels, **named})
    elif not raw.is_open:
        raise InvalidRequestError("The raw feed isn't connected: kalshi_websocket_connect first.")
    return await _frames(raw, desk, most, wait_seconds)


@mcp.tool(title="Raw feed: unsubscribe", annotations=WATCHES, tags={"advanced"})
async def kalshi_websocket_unsubscribe(
    sids: Annotated[list[int], Field(min_length=1)],
    desk: Desk = Depends(get_desk),
) -> RawFrames:
    """End subscriptions by their sid."""
    raw = _raw(desk)
    answer = await raw.command("unsubscribe", {"sids": sids})
    if answer["type"] != "error":
        for sid in sids:
            raw.sids.pop(sid, None)
    return await _frames(raw, desk, 100, 0.1)


@mcp.tool(title="Raw feed: disconnect", annotations=WATCHES, tags={"advanced"})
async def kalshi_websocket_disconnect(desk: Desk = Depends(get_desk)) -> RawFrames:
    """Close it; frames that weren't read are in the answer."""
    raw = _raw(desk)
    await raw.close()
    return await _frames(raw, desk, 100, 0)


def _raw(desk: Desk) -> RawFeed:
    raw = desk.live.raw(desk.kalshi)
    if raw is None:
        raise CredentialsError("The live feed takes an API key: set KALSHI_API_KEY_ID and a private key.")
    return raw


async def _frames(raw: RawFeed, desk: Desk, most: int, seconds: float) -> RawFrames:
    from prediction_mcp.desk.kalshi.realtime.results import RawFrames

    frames = await raw.take(most, seconds)
    return RawFrames(
        source=desk.settings.env,
        connected=raw.is_open,
        subscriptions=[f"{channel} (sid {sid})" for sid, channel in raw.sids.items()],
        count=len(frames),
        frames=frames,
        unread=len(raw.frames) or None,
        dropped=raw.dropped or None,
    )
