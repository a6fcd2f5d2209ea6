"""Finding what was meant: a ticker that isn't there gets an answer that helps, not just a 404."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from prediction_mcp.catalogue.rows import Found
from prediction_mcp.kalshi.errors import KalshiError, NotFoundError
from prediction_mcp.kalshi.models.events import Event
from prediction_mcp.kalshi.models.markets import Market
from prediction_mcp.kalshi.tickers import prefixes
from prediction_mcp.safety.text import clean, cut

from .. import spoken

if TYPE_CHECKING:
    from .account import Account


NEAR = 4
BEST = 3
"""Markets named to somebody who gave words instead of a ticker."""
QUOTED = 80
"""Characters of somebody's words that an error repeats."""
NAMED = 12
SERIES_TRIED = 2
"""Series that a ticker could be of, asked for suggestions: what stands before its first hyphens."""
BATCH = 100
"""Markets of one request."""


async def market(account: Account, ticker: str) -> Market:
    """A market, live or archived. Raises NotFoundError that names what was probably meant."""
    ticker = await ticker_of(account, ticker, "market")
    try:
        return await account.kalshi.markets.get(ticker)
    except NotFoundError:
        pass
    try:
        return await account.kalshi.markets.historical.get(ticker)
    except NotFoundError:
        raise NotFoundError(await _no_market(account, ticker), status=404) from None


async def event(account: Account, ticker: str) -> Event:
    """An event with its markets. Raises NotFoundError that names what was probably meant."""
    ticker = await ticker_of(account, ticker, "event")
    try:
        return await account.kalshi.events.get(ticker)
    except NotFoundError:
        pass
    try:
        found = await account.kalshi.markets.get(ticker)
    except NotFoundError:
        raise NotFoundError(await _no_event(account, ticker), status=404) from None
    raise NotFoundError(f"{ticker} is a market: its event is {found.event_ticker}.", status=404)


async def ticker_of(account: Account, text: str, what: str) -> str:
    """A ticker in capitals. Raises NotFoundError for words, with the best three of the catalogue that fit them."""
    name = spoken.ticker(text)
    if spoken.TICKER.fullmatch(name):
        return name
    if "/" in text:
        raise NotFoundError(f"That is no link to a {what} of Kalshi: give its ticker or words.", status=404)
    sentence = cut(clean(text), QUOTED)
    best = await _best(account, sentence, what) or f"no {what} listed fits it"
    raise NotFoundError(f"“{sentence}” is no ticker: {best}.", status=404)


async def _best(account: Account, words: str, what: str) -> str:
    """The catalogue's best three for somebody's words, with their titles; empty where there are none."""
    await account.catalogue.ready(account.kalshi, account.progress)
    found = account.catalogue.index.search(words, limit=BEST)
    names = {(f.ticker if what == "market" else f.event): cut(_named(f), QUOTED) for f in found}
    listed = "; ".join(f"{name} ({title})" for name, title in names.items())
    return f"what fits best is {listed}" if listed else ""


def _named(found: Found) -> str:
    return clean(f"{found.title}: {found.outcome}" if found.outcome else found.title)


async def markets_of(account: Account, tickers: Iterable[str]) -> dict[str, Market]:
    """Markets by ticker, a hundred a request; those the exchange doesn't list any more are missing."""
    wanted, found = list(dict.fromkeys(tickers)), dict[str, Market]()
    for start in range(0, len(wanted), BATCH):
        page = await account.kalshi.markets.list(tickers=wanted[start : start + BATCH], limit=1000)
        found.update((m.ticker, m) for m in page.markets)
    return found


async def events_of(account: Account, tickers: Iterable[str]) -> dict[str, Event]:
    """Events by ticker, with their markets; unknown ones are missing."""

    async def one(ticker: str) -> Event | None:
        try:
            return await account.kalshi.events.get(ticker)
        except NotFoundError:
            return None

    answers = await asyncio.gather(*(one(ticker) for ticker in dict.fromkeys(tickers)))
    events = [event for event in answers if event is not None]
    account.series.note(events)
    return {event.event_ticker: event for event in events}


async def _no_market(account: Account, ticker: str) -> str:
    try:
        found = await account.kalshi.events.get(ticker)
    except NotFoundError:
        pass
    else:
        names = [m.ticker for m in found.markets or []]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        return f"{ticker} is an event, not a market: its markets are {', '.join(names[:NAMED])}{more}."
    names = prefixes(ticker)
    for series in names[-SERIES_TRIED:]:
        listed = (await account.kalshi.markets.list(series_ticker=series, limit=1000)).markets
        if near := _near(ticker, (m.ticker for m in listed)):
            return f"There is no market {ticker}: perhaps {' or '.join(near)} was meant."
        if listed:
            return f"There is no market {ticker}; series {series} has others: list them with kalshi_get_markets."
    if len(names) == 1 and (best := await _best(account, ticker, "market")):
        return f"There is no market {ticker}: {best}."
    return f"There is no market {ticker}, {await _near_series(account, names[-1])}"


async def _no_event(account: Account, ticker: str) -> str:
    names = prefixes(ticker)
    for series in names[-SERIES_TRIED:]:
        listed = (await account.kalshi.events.list(series_ticker=series, limit=200)).events
        if near := _near(ticker, (e.event_ticker for e in listed)):
            return f"There is no event {ticker}: perhaps {' or '.join(near)} was meant."
        if listed:
            return f"There is no event {ticker}; series {series} has others: list them with kalshi_get_events."
    if len(names) == 1 and (best := await _best(account, ticker, "event")):
        return f"There is no event {ticker}: {best}."
    return f"There is no event {ticker}, {await _near_series(account, names[-1])}"


async def _near_series(account: Account, series: str) -> str:
    try:
        known = [s.ticker for s in await account.kalshi.series.list()]
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
