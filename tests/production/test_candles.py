"""Candlesticks as recorded on production: periods without a trade are listed, and long times asked for in stretches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from prediction_mcp.desk.choices import Interval
from prediction_mcp.desk.kalshi.analysis.reading import AT_ONCE, MINUTES, STRETCHES, candles, closes
from prediction_mcp.desk.kalshi.analysis.results import Candles
from prediction_mcp.kalshi.models.markets import Candlestick, Market

from .test_answers import found, production, recorded_markets

NOW = datetime(2026, 8, 9, 17, 40, tzinfo=UTC)


def recorded() -> list[Candlestick]:
    return [Candlestick.model_validate(body) for body in found(production("candlesticks_pregame_mlb"), "end_period_ts")]


def test_a_recorded_minute_without_a_trade_is_no_trade_and_keeps_the_price() -> None:
    sticks = recorded()
    quiet = [stick for stick in sticks if not stick.is_traded]
    assert (len(sticks), len(quiet)) == (50, 4)
    assert all(stick.volume_fp == 0 and stick.price.previous_dollars and stick.yes_ask.low_dollars for stick in quiet)
    shown = Candles.of("M", "1m", sticks, 200, "live")
    assert shown.count == 46
    assert shown.volume == sum(stick.volume_fp for stick in sticks)
    start = datetime.fromtimestamp(sticks[0].end_period_ts, UTC)
    end = datetime.fromtimestamp(sticks[-1].end_period_ts, UTC)
    prices = closes(sticks, start, end, "1m")
    assert len(prices) == 2 + (sticks[-1].end_period_ts - sticks[0].end_period_ts) // 60  # and the price before
    for stick in quiet:
        at = 1 + (stick.end_period_ts - sticks[0].end_period_ts) // 60
        assert Decimal(str(prices[at])) == stick.price.previous_dollars
    assert closes(quiet, start, end, "1m") == []


class Asked:
    """An account whose exchange keeps the windows that it was asked for."""

    def __init__(self) -> None:
        self.windows = list[tuple[int, int]]()
        self.kalshi = SimpleNamespace(markets=self)
        self.series = self

    async def of(self, market: Market) -> str:
        return "KXMLBGAME"

    async def candlesticks(self, ticker: str, *, start_ts: int, end_ts: int, **_: Any) -> list[Candlestick]:
        self.windows.append((start_ts, end_ts))
        return []


@pytest.mark.parametrize("interval", ["1m", "1h", "1d"])
@pytest.mark.parametrize("periods", [0, 1, AT_ONCE, AT_ONCE + 1, 7 * 1440, STRETCHES * AT_ONCE])
async def test_a_long_time_is_asked_for_in_stretches_that_meet(interval: Interval, periods: int) -> None:
    """Each second of the time lies in exactly one window, and no window has more periods than an answer may have."""
    asked, length = Asked(), timedelta(minutes=MINUTES[interval])
    market = Market.model_validate(recorded_markets()[0])
    start = NOW - periods * length
    await candles(cast("Any", asked), market, start, NOW, interval)
    assert (asked.windows[0][0], asked.windows[-1][1]) == (int(start.timestamp()), int(NOW.timestamp()))
    assert all(after[0] == before[1] + 1 for before, after in zip(asked.windows, asked.windows[1:], strict=False))
    assert all(end - begin <= AT_ONCE * length.total_seconds() for begin, end in asked.windows)
    assert len(asked.windows) <= STRETCHES + 1


async def test_of_more_periods_than_are_read_at_once_the_newest_are_read() -> None:
    asked, market = Asked(), Market.model_validate(recorded_markets()[0])
    await candles(cast("Any", asked), market, NOW - timedelta(days=3650), NOW, "1m")
    assert int(NOW.timestamp()) - asked.windows[0][0] == STRETCHES * AT_ONCE * 60
    assert len(asked.windows) <= STRETCHES + 1
