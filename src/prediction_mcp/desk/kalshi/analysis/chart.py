"""Candlesticks as a picture: the band of traded prices with its close, and the volume under it."""

from __future__ import annotations

import asyncio

from prediction_mcp.desk.colours import BAND, BARS, LINE
from prediction_mcp.desk.drawing import Panel, Picture, spread
from prediction_mcp.kalshi.errors import NotFoundError

from .reading import MINUTES
from .results import Candles

FEW = 30
"""Closes below which each gets a dot."""
SPLIT, GAP = 330.0, 18.0
"""Where the prices end, in pixels, and how far below the volume begins."""


async def picture(candles: Candles, title: str) -> bytes:
    """The picture as PNG. Raises NotFoundError when there is nothing to draw."""
    if not candles.rows:
        raise NotFoundError(f"{candles.ticker} has no trades in that time: ask for a longer one.")
    return await asyncio.to_thread(lambda: draw(candles, title).png)


def draw(candles: Candles, title: str) -> Picture:
    """Prices here are pixels: computing has ended."""
    period = MINUTES[candles.interval] * 60
    times = [row[0] for row in candles.rows]
    high, low, close = (
        [float(price) * 100 for price in prices] for prices in zip(*(row[2:5] for row in candles.rows), strict=True)
    )
    volumes = [float(row[5]) for row in candles.rows]
    x = (times[0].timestamp() - period, times[-1].timestamp())  # a row is named after its end
    made = Picture(title)
    prices = Panel(made, x, spread((*high, *low)), "YES, cents", bottom=SPLIT)
    width = max((prices.right - prices.left) * period / (x[1] - x[0]) * 0.85, 1.5)
    for at, top, bottom in zip(times, high, low, strict=True):
        y = prices.y(top)
        made.rect(prices.x(at.timestamp()) - width, y, width, max(prices.y(bottom) - y, 1.0), BAND)
    closes = prices.spots(zip(times, close, strict=True))
    made.path(closes, LINE, steps=True)
    if len(closes) < FEW:
        for spot in closes:
            made.dot(*spot, 2.5, LINE)
    prices.beside(close[-1], f"{close[-1]:g}¢", LINE)
    made.key("low to high", BAND, block=True)
    made.key("close", LINE)
    volume = Panel(made, x, (0.0, max(volumes) * 1.05 or 1.0), "contracts", top=SPLIT + GAP, shown="{:,.0f}".format)
    for at, number in zip(times, volumes, strict=True):
        y = volume.y(number)
        made.rect(volume.x(at.timestamp()) - width, y, width, volume.bottom - y, BARS)
    volume.dated(times[0], times[-1])
    volume.below(f"{candles.ticker}, {candles.interval} periods, UTC, {candles.source}")
    return made
