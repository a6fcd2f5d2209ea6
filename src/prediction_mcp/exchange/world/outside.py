"""Values from outside that members can watch: reference indices of coins, and prices and yields of other things.

Made up, smooth and always the same for their name and moment; the indices stay near what the markets on them think.
Names and shapes are Kalshi's (its feeds ``cfbenchmarks_value`` and ``pyth_value``). Floats are fine here: none of this
is money that anybody pays.
"""

from __future__ import annotations

from typing import Any

import orjson

from .fair import NumberFair
from .latent import wander
from .listed import Catalogue

Json = dict[str, Any]
DAY_MS = 86_400_000
MINUTE_MS = 60_000
QUARTER_MS = 15 * MINUTE_MS
INDICES: dict[str, float] = {
    "AAVEUSD_RTI": 270, "ADAUSD_RTI": 0.62, "BCHUSD_RTI": 540, "BNBUSD_RTI": 880, "BRTI": 98_000, "DOGEUSD_RTI": 0.19,
    "DOTUSD_RTI": 3.4, "ETHUSD_RTI": 3_400, "HBARUSD_RTI": 0.18, "HYPEUSD_RTI": 41, "LINKUSD_RTI": 17,
    "LTCUSD_RTI": 96, "NEARUSD_RTI": 2.7, "SHIBUSD_RTI": 0.0000098, "SOLUSD_RTI": 170, "SUIUSD_RTI": 2.4,
    "VVVUSD_RTI": 2.1, "WLDUSD_RTI": 0.84, "XLMUSD_RTI": 0.31, "XRPUSD_RTI": 2.4, "ZECUSD_RTI": 480,
}  # fmt: skip
"""Dollars a coin, about."""
QUICK = ("BRTI", "ETHUSD_RTI", "SOLUSD_RTI", "XRPUSD_RTI", "DOGEUSD_RTI")
"""Indices with several values a second."""
UNDERLYINGS: dict[str, float] = {
    "Metal.XAU/USD": 4_100, "Metal.XAG/USD": 50, "Metal.XPT/USD": 1_550, "Commodities.Index.PYTHOIL/USD": 61,
    "Commodities.Index.NATGAS/USD": 4.4, "InterestRate.US2Y": 3.6, "InterestRate.US5Y": 3.7,
    "InterestRate.US10Y": 4.1, "InterestRate.US30Y": 4.7,
}  # fmt: skip
MARKETS_OF = {"BRTI": "KXBTCD", "ETHUSD_RTI": "KXETHD"}
"""Series whose markets are about an index."""


def value_of(name: str, at_ms: int, catalogue: Catalogue) -> float:
    """What an index or underlying reads at a moment."""
    level = INDICES.get(name) or UNDERLYINGS[name]
    if (series := MARKETS_OF.get(name)) is not None:
        thought = [
            event.fair.mean
            for event in catalogue.events.values()
            if event.series.ticker == series
            and isinstance(event.fair, NumberFair)
            and event.markets[0].open_ms <= at_ms < event.markets[0].close_ms
        ]
        level = thought[0] if thought else level
    return level * (1 + 0.004 * wander(name, at_ms, DAY_MS) + 0.0004 * wander(f"{name}/tick", at_ms, 7 * MINUTE_MS))


def index_message(name: str, at_ms: int, catalogue: Catalogue) -> Json:
    """An index's value of a full second, with the averages over the minute before it."""
    frame = _frame(name, value_of(name, at_ms, catalogue), at_ms)
    before = range(at_ms - MINUTE_MS, at_ms, 1_000)
    body: Json = {"index_id": name, "received_at": at_ms, "data": frame}
    body["avg_60s_data"] = _average(name, before, at_ms - MINUTE_MS, at_ms, catalogue)
    close = -(-at_ms // QUARTER_MS) * QUARTER_MS
    if close - MINUTE_MS < at_ms <= close:
        seconds = range(close - MINUTE_MS + 1_000, at_ms + 1, 1_000)
        body["last_60s_windowed_average_15min"] = _average(name, seconds, close - MINUTE_MS, at_ms + 1, catalogue)
    return body


def quick_message(name: str, at_ms: int, catalogue: Catalogue) -> Json:
    """An index's value as it comes, several times a second."""
    value = value_of(name, at_ms, catalogue)
    frame = _frame(name, value, at_ms)
    return {"index_id": name, "value_usd": f"{value:.8f}", "source_ts_ms": at_ms, "received_at": at_ms, "data": frame}


def underlying_message(name: str, at_ms: int, catalogue: Catalogue) -> Json:
    value = value_of(name, at_ms, catalogue)
    return {"underlying_ticker": name, "value_usd": f"{value:.8f}", "source_ts_ms": at_ms, "received_at": at_ms}


def _frame(name: str, value: float, at_ms: int) -> str:
    """What the source itself would have sent."""
    return orjson.dumps({"type": "value", "id": name, "value": f"{value:.8f}", "time": at_ms}).decode()


def _average(name: str, moments: range, start_ms: int, end_ms: int, catalogue: Catalogue) -> Json:
    values = [value_of(name, at, catalogue) for at in moments]
    return {
        "value": f"{sum(values) / len(values):.8f}",
        "window_size": len(values),
        "window_start_ts_ms": start_ms,
        "window_end_ts_exclusive": end_ms,
    }
