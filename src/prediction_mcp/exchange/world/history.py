"""The past of a market that was open before the exchange started, and candlesticks out of any tape of trades."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest

from prediction_mcp.kalshi.units import COUNT_UNITS, PRICE_UNITS

from ..engine.market_state import Trade
from ..engine.matching import ASK, BID
from .fair import clamp
from .listed import Market

MAX_TRADES = 160
"""Trades made up for the past of one market; enough for a chart, cheap enough for the start."""


def past_trades(market: Market, fair: float, now_ms: int, rng: random.Random, sequence: int) -> list[Trade]:
    """A random walk in log-odds that ends at ``fair``, as trades; oldest first, numbered from ``sequence``.

    Times crowd towards the end and sizes grow with the market's interest, as they do in life.
    """
    end = min(now_ms, market.close_ms)
    span = end - market.open_ms
    if span <= 0:
        return []
    number = min(MAX_TRADES, 12 + int(40 * market.interest))
    times = sorted(market.open_ms + int(span * rng.random() ** 0.6) for _ in range(number))
    p = clamp(fair)
    odds = math.log(p / (1 - p))
    step = 0.9 / math.sqrt(number)
    walk = [odds]
    for _ in range(number - 1):
        walk.append(walk[-1] + rng.gauss(0.0, step))
    grid = market.grid
    trades = []
    for i, (ts, x) in enumerate(zip(times, reversed(walk), strict=True)):
        price = grid.at_or_below(round(PRICE_UNITS / (1 + math.exp(-x)))) or grid.prices()[0]
        count = max(1, round(rng.lognormvariate(3.2, 1.1) * market.interest)) * COUNT_UNITS
        trades.append(Trade(sequence + i, ts, price, count, BID if rng.random() < 0.5 else ASK))
    return trades


@dataclass(slots=True)
class Candle:
    """One period. Prices in price units, counts in count units; ``close_price`` of None means no trade in it."""

    end_ts: int
    volume: int = 0
    notional: int = 0
    open_price: int | None = None
    high: int = 0
    low: int = PRICE_UNITS
    close_price: int | None = None
    previous: int | None = None


def with_quiet(found: list[Candle], end_ts: int, minutes: int) -> list[Candle]:
    """Candlesticks with one more after each whose next period saw no trade, up to ``end_ts`` (Unix seconds).

    Production lists periods in which only quotes changed. Past quotes aren't kept here; they change after a trade.
    """
    shown = list[Candle]()
    for candle, after in zip_longest(found, found[1:]):
        shown.append(candle)
        quiet = candle.end_ts + minutes * 60
        if quiet <= end_ts and (after is None or quiet < after.end_ts):
            shown.append(Candle(quiet, previous=candle.close_price))
    return shown


def candles(trades: Iterable[Trade], start_ts: int, end_ts: int, minutes: int) -> list[Candle]:
    """Candlesticks of the periods that end within [start_ts, end_ts] (Unix seconds) and saw a trade.

    A period ends on a multiple of its length and includes its end. ``previous`` is the close before the period.
    """
    period = minutes * 60
    made: dict[int, Candle] = {}
    last: int | None = None
    for trade in trades:
        end = -(-trade.ts_ms // (period * 1000)) * period
        if end > end_ts:
            break
        if end >= start_ts:
            candle = made.get(end)
            if candle is None:
                candle = made[end] = Candle(end, open_price=trade.price, previous=last)
            candle.high = max(candle.high, trade.price)
            candle.low = min(candle.low, trade.price)
            candle.close_price = trade.price
            candle.volume += trade.count
            candle.notional += trade.price * trade.count
        last = trade.price
    return list(made.values())
