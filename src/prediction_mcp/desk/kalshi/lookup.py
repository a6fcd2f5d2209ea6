"""Finding what was meant: a ticker that isn't there gets an answer that helps, not just a 404."""

from __future__ import annotations

import asyncio
import difflib
import time
from collections.abc import Iterable

from prediction_mcp.catalogue.index import Found
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.errors import KalshiError, NotFoundError
from prediction_mcp.kalshi.fees import FeeSchedule, UnknownFeeTypeError
from prediction_mcp.kalshi.models.events import Event
from prediction_mcp.kalshi.models.markets import Market
from prediction_mcp.kalshi.models.series import Series
from prediction_mcp.safety.text import clean, cut

from .. import spoken

NEAR = 4
BEST = 3
"""Markets named to somebody who gave words instead of a ticker."""
QUOTED = 80
"""Characters of somebody's words that an error repeats."""
NAMED = 12


async def market(kalshi: KalshiClient, ticker: str) -> Market:
    """A market, live or archived. Raises NotFoundError that names what was probably meant."""
    ticker = await _ticker(kalshi, ticker, "market")
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
    ticker = await _ticker(kalshi, ticker, "event")
    try:
        return await kalshi.events.get(ticker)
    except NotFoundError:
        pass
    try:
        found = await kalshi.markets.get(ticker)
    except NotFoundError:
        raise NotFoundError(await _no_event(kalshi, ticker), status=404) from None
    raise NotFoundError(f"{ticker} is a market: its event is {found.event_ticker}.", status=404)


async def _ticker(kalshi: KalshiClient, text: str, what: str) -> str:
    """A ticker in capitals. Raises NotFoundError for words, with the best three of the catalogue that fit them."""
    name = spoken.ticker(text)
    if spoken.TICKER.fullmatch(name):
        return name
    if "/" in text:
        raise NotFoundError(f"That is no link to a {what} of Kalshi: give its ticker or words.", status=404)
    said = cut(clean(text), QUOTED)
    best = await _best(kalshi, said, what) or f"no {what} listed fits it"
    raise NotFoundError(f"“{said}” is no ticker: {best}.", status=404)


async def _best(kalshi: KalshiClient, words: str, what: str) -> str:
    """The catalogue's best three for somebody's words, with their titles; empty where there are none."""
    from prediction_mcp.protocol.session import get_session, report_progress

    try:
        catalogue = get_session().catalogue
    except RuntimeError:  # asked outside of a call, which has no catalogue
        return ""
    await catalogue.ready(kalshi, report_progress)
    found = catalogue.index.search(words, limit=BEST)
    names = {(f.ticker if what == "market" else f.event): cut(_named(f), QUOTED) for f in found}
    listed = "; ".join(f"{name} ({title})" for name, title in names.items())
    return f"what fits best is {listed}" if listed else ""


def _named(found: Found) -> str:
    return clean(f"{found.title}: {found.outcome}" if found.outcome else found.title)


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
    if "-" not in ticker and (best := await _best(kalshi, ticker, "market")):
        return f"There is no market {ticker}: {best}."
    return f"There is no market {ticker}, {await _near_series(kalshi, series)}"


async def _no_event(kalshi: KalshiClient, ticker: str) -> str:
    series = ticker.partition("-")[0]
    listed = (await kalshi.events.list(series_ticker=series, limit=200)).events
    near = _near(ticker, (e.event_ticker for e in listed))
    if near:
        return f"There is no event {ticker}: perhaps {' or '.join(near)} was meant."
    if listed:
        return f"There is no event {ticker}; series {series} has others: list them with kalshi_get_events."
    if "-" not in ticker and (best := await _best(kalshi, ticker, "event")):
        return f"There is no event {ticker}: {best}."
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
