"""Listing what the exchange can't filter in one request; bounded, so that no question becomes a crawl."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from prediction_mcp.desk.results import more
from prediction_mcp.kalshi.errors import InvalidRequestError
from prediction_mcp.kalshi.models.events import Event
from prediction_mcp.kalshi.models.markets import Market, MarketPage
from prediction_mcp.safety.text import cut

if TYPE_CHECKING:
    from ..account import Account
    from .results import SeriesAnswer

PAGES = 10
"""Requests one question may cost."""
NAMED = 60
"""Characters of a word that isn't known."""
STATUSES: dict[str, frozenset[str]] = {
    "open": frozenset({"active"}),
    "unopened": frozenset({"initialized"}),
    "closed": frozenset({"closed", "determined", "disputed", "amended", "inactive"}),
    "settled": frozenset({"finalized"}),
}
"""The statuses that answers carry, by the word of the filter."""


async def find_markets(
    account: Account,
    *,
    event_ticker: str | None,
    series_ticker: str | None,
    tickers: Sequence[str] | None,
    status: str | None,
    closes_after: datetime | None,
    closes_before: datetime | None,
    include_combos: bool,
    limit: int,
    cursor: str | None,
) -> MarketPage:
    """A page of markets. Kalshi takes no status together with closing times, so then it is checked here."""
    by_time = closes_after is not None or closes_before is not None
    earliest = None if closes_after is None else int(closes_after.timestamp())
    if by_time and status == "open":
        earliest = max(earliest or 0, int(time.time()))
    found: list[Market] = []
    for _ in range(PAGES):
        page = await account.kalshi.markets.list(
            event_ticker=event_ticker,
            series_ticker=series_ticker,
            tickers=tickers,
            status=None if by_time else status,
            min_close_ts=earliest,
            max_close_ts=None if closes_before is None else int(closes_before.timestamp()),
            mve_filter=None if include_combos or event_ticker or tickers else "exclude",
            limit=limit - len(found),
            cursor=cursor,
        )
        found += [m for m in page.markets if status is None or m.status in STATUSES[status]]
        cursor = more(page)
        if cursor is None or len(found) >= limit:
            break
    return MarketPage(markets=found, cursor=cursor)


async def events_of_category(
    account: Account,
    category: str,
    series_ticker: str | None,
    status: str | None,
    limit: int,
    cursor: str | None,
) -> tuple[list[Event], str | None, int]:
    """(events, cursor, how many were looked through); the exchange doesn't filter events by category.

    The cursor is the exchange's page with the number of its events that were seen already: ``12@page``.
    """
    wanted, found, scanned = category.casefold(), list[Event](), 0
    skip, page_cursor = _split(cursor)
    for _ in range(PAGES):
        page = await account.kalshi.events.list(
            series_ticker=series_ticker, status=status, limit=200, cursor=page_cursor
        )
        for index, event in enumerate(page.events[skip:], skip):
            scanned += 1
            if (event.category or "").casefold() == wanted:
                found.append(event)
                if len(found) == limit:
                    return found, f"{index + 1}@{page_cursor or ''}", scanned
        skip, page_cursor = 0, more(page)
        if page_cursor is None:
            return found, None, scanned
    return found, f"0@{page_cursor}", scanned


def _split(cursor: str | None) -> tuple[int, str | None]:
    if not cursor:
        return 0, None
    skip, separator, page = cursor.partition("@")
    if not separator or not skip.isdecimal():
        raise InvalidRequestError("That cursor isn't one that this list gave: start again without it.")
    return int(skip), page or None


async def series_answer(
    account: Account,
    series_ticker: str | None,
    category: str | None,
    tags: Sequence[str] | None,
    limit: int,
    cursor: str | None,
) -> SeriesAnswer:
    """One series in full, a page of those that fit, or the categories. The exchange gives all series in one answer."""
    from .results import SeriesAnswer, SeriesLine, categories_of

    if series_ticker is not None:
        one = await account.kalshi.series.get(series_ticker.strip().upper(), include_volume=True)
        return SeriesAnswer(
            source=account.environment,
            series=[SeriesLine.of(one)],
            fee_type=one.fee_type,
            fee_multiplier=one.fee_multiplier,
            settled_by=[s.name for s in one.settlement_sources or [] if s.name] or None,
            terms=one.contract_terms_url or None,
        )
    found = await account.kalshi.series.list(tags=tags)
    if category is None and tags is None:
        return SeriesAnswer(source=account.environment, categories=categories_of(found))
    if category is not None:
        found = [s for s in found if s.category.casefold() == category.casefold()]
        if not found:
            known = ", ".join(sorted({s.category for s in await account.kalshi.series.list()}))
            raise InvalidRequestError(f"There is no category {cut(category, NAMED)!r}: they are {known}.")
    start, _ = _split(cursor)
    page = [SeriesLine.of(s) for s in found[start : start + limit]]
    rest = f"{start + limit}@" if start + limit < len(found) else None
    return SeriesAnswer(source=account.environment, series=page, count=len(found), cursor=rest)
