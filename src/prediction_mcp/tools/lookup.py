"""Finding what was meant: a ticker that isn't there gets an answer that helps, not just a 404."""

from __future__ import annotations

import asyncio
import difflib
import time
from collections.abc import Iterable

from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.errors import KalshiError, NotFoundError
from prediction_mcp.kalshi.fees import FeeSchedule, UnknownFeeTypeError
from prediction_mcp.kalshi.models.events import Event
from prediction_mcp.kalshi.models.markets import Market
from prediction_mcp.kalshi.models.series import Series

NEAR = 4
NAMED = 12


async def market(kalshi: KalshiClient, ticker: str) -> Market:
    """A market, live or archived. Raises NotFoundError that names what was probably meant."""
    ticker = ticker.strip().upper()
    try:
        return await kalshi.markets.get(ticker)
    except NotFoundError:
        pass
    try:
        return await kalshi.markets.historical.get(ticker)
    except NotFoundError:
        raise NotFoundError(await _no_market(kalshi, ticker), status=404) from None


async def event(kalshi: KalshiClient, ticker: str) -> Event:
    """An event with its markets. Raises NotFoundError that names what was probably meant."""
    ticker = ticker.strip().upper()
    try:
        return await kalshi.events.get(ticker)
    except NotFoundError:
        pass
    try:
        found = await kalshi.markets.get(ticker)
    except NotFoundError:
        raise NotFoundError(await _no_event(kalshi, ticker), status=404) from None
    raise NotFoundError(f"{ticker} is a market: its event is {found.event_ticker}.", status=404)


async def fees(kalshi: KalshiClient, of: Market) -> tuple[Series, FeeSchedule | None]:
    """The series of a market with the fees that hold for it, the event's override first.

    The schedule is None for a fee type whose formula isn't known here.
    """
    parent: Event | None = None
    if of.mve_collection_ticker:  # the event of a combo is made for one user and overrides nothing
        series = await kalshi.series.get(of.series_ticker)
    else:
        series, parent = await asyncio.gather(kalshi.series.get(of.series_ticker), kalshi.events.get(of.event_ticker))
    return series, schedule(series, parent)


class FeeCache:
    """Fees of an event's markets, a minute old at most: for limits and worst cases, which look before each order."""

    LIFE_S = 60.0

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, FeeSchedule | None]] = {}

    async def of(self, kalshi: KalshiClient, market: Market) -> FeeSchedule | None:
        """The fees that hold for a market; None where their formula isn't known here."""
        known = self._known.get(market.event_ticker)
        if known is None or known[0] < time.monotonic():
            _, found = await fees(kalshi, market)
            known = self._known[market.event_ticker] = (time.monotonic() + self.LIFE_S, found)
        return known[1]


def schedule(series: Series, parent: Event | None) -> FeeSchedule | None:
    """The fees of an event's markets: what it overrides of its series'. None for a type whose formula isn't known."""
    fee_type, multiplier = series.fee_type, series.fee_multiplier
    if parent is not None and parent.fee_type_override:
        fee_type = parent.fee_type_override
        multiplier = multiplier if parent.fee_multiplier_override is None else parent.fee_multiplier_override
    try:
        return FeeSchedule.of(fee_type, multiplier)
    except UnknownFeeTypeError:
        return None


async def _no_market(kalshi: KalshiClient, ticker: str) -> str:
    try:
        found = await kalshi.events.get(ticker)
    except NotFoundError:
        pass
    else:
        names = [m.ticker for m in found.markets or []]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        return f"{ticker} is an event, not a market: its markets are {', '.join(names[:NAMED])}{more}."
    series = ticker.partition("-")[0]
    listed = (await kalshi.markets.list(series_ticker=series, limit=1000)).markets
    near = _near(ticker, (m.ticker for m in listed))
    if near:
        return f"There is no market {ticker}: perhaps {' or '.join(near)} was meant."
    if listed:
        return f"There is no market {ticker}; series {series} has others: list them with kalshi_get_markets."
    return f"There is no market {ticker}, {await _near_series(kalshi, series)}"


async def _no_event(kalshi: KalshiClient, ticker: str) -> str:
    series = ticker.partition("-")[0]
    listed = (await kalshi.events.list(series_ticker=series, limit=200)).events
    near = _near(ticker, (e.event_ticker for e in listed))
    if near:
        return f"There is no event {ticker}: perhaps {' or '.join(near)} was meant."
    if listed:
        return f"There is no event {ticker}; series {series} has others: list them with kalshi_get_events."
    return f"There is no event {ticker}, {await _near_series(kalshi, series)}"


async def _near_series(kalshi: KalshiClient, series: str) -> str:
    try:
        known = [s.ticker for s in await kalshi.series.list()]
    except KalshiError:
        return f"and no series {series}."
    near = _near(series, known)
    return f"and no series {series}{': perhaps ' + ' or '.join(near) + ' was meant' if near else ''}."


def _near(meant: str, known: Iterable[str]) -> list[str]:
    """The few nearest names; among equals those that begin alike, since tickers are built from left to right."""
    close = difflib.get_close_matches(meant, known, 3 * NEAR, cutoff=0.6)
    return sorted(close, key=lambda name: _common(meant, name), reverse=True)[:NEAR]


def _common(a: str, b: str) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
