"""What is listed and offered: search, markets, events, books, trades, prices in time, holders."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from prediction_mcp.desk.results import BAD_CURSOR
from prediction_mcp.polymarket.errors import InvalidRequestError, NotFoundError

from . import lookup
from .results import (
    BookAnswer,
    EventLine,
    EventList,
    Found,
    History,
    HolderLine,
    Holders,
    MarketAnswer,
    MarketLine,
    TradeLine,
    TradeList,
)

if TYPE_CHECKING:
    from .account import Account

Span = Literal["1h", "6h", "1d", "1w", "1m", "max"]
ROWS = 200
EVENTS, PAGES = 10, 5
"""Events of one page of a search, and pages that one call reads."""
_CURSOR = re.compile(r"([1-9][0-9]{0,3})\.([0-9]{1,5})")


async def search(account: Account, words: str, limit: int, cursor: str | None, *, closed: bool) -> Found:
    """Markets of the events that fit some words, best event first.

    Polymarket pages by events, which have one market or a hundred. The cursor is its page with the number of that
    page's markets before: ``2.15``. Raises InvalidRequestError for another cursor.
    """
    page, skip = _place(cursor)
    lines: list[MarketLine] = []
    rest = True
    for _ in range(PAGES):
        found = await account.polymarket.search(words, page=page, limit=EVENTS, closed=closed)
        markets = [m for e in found.events for m in e.markets if m.active is not False and (closed or not m.closed)]
        shown = markets[skip : skip + limit - len(lines)]
        lines += map(MarketLine.of, shown)
        skip += len(shown)
        if skip < len(markets):
            break
        page, skip, rest = page + 1, 0, found.pagination.has_more
        if not rest or len(lines) == limit:
            break
    return Found(source=account.source, count=len(lines), cursor=f"{page}.{skip}" if rest else None, markets=lines)


def _place(cursor: str | None) -> tuple[int, int]:
    """(page, markets of it that were shown) of a search's cursor."""
    if cursor is None:
        return 1, 0
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise InvalidRequestError(BAD_CURSOR)
    return int(found[1]), int(found[2])


async def events(
    account: Account, words: str | None, tag: str | None, limit: int, cursor: str | None, *, closed: bool
) -> EventList:
    """Events, largest first, or those whose title holds some words."""
    filters: dict[str, object] = {"closed": "true" if closed else "false", "order": "volume", "ascending": "false"}
    if words:
        filters["title_search"] = words
    if tag:
        filters["tag_slug"] = tag.strip().lower()
    page = await account.polymarket.events_page(limit, cursor, **filters)
    lines = [EventLine.of(event) for event in page.events]
    return EventList(source=account.source, count=len(lines), cursor=page.next_cursor, events=lines)


async def market(account: Account, text: str) -> MarketAnswer:
    found = await lookup.market(account, text)
    terms = None
    if found.condition_id and not found.closed:
        try:
            terms = await account.polymarket.terms(found.condition_id)
        except NotFoundError:  # listed, but never at the order book
            terms = None
    return MarketAnswer.of(found, terms, account.source)


async def orderbook(account: Account, text: str, outcome: str | None, depth: int) -> BookAnswer:
    """A watched book that is right now, else REST's."""
    side = await lookup.side(account, text, outcome)
    live = account.feeds.book(side.token)
    if live is not None:
        tick = Decimal(live.tick_size) if live.tick_size else None
        return BookAnswer.rows(side, *live.depth(depth), tick, f"{account.source} feed")
    return BookAnswer.of(side, await account.polymarket.orderbook(side.token), depth, account.source)


async def trades(account: Account, text: str, limit: int, cursor: str | None) -> TradeList:
    found = await lookup.market(account, text)
    rows, more = await account.polymarket.trades_page(limit, cursor, condition_id=found.condition_id or "")
    lines = [TradeLine.of(row) for row in rows]
    return TradeList(source=account.source, count=len(lines), cursor=more, slug=found.slug or found.id, trades=lines)


async def history(account: Account, text: str, outcome: str | None, span: Span) -> History:
    """At most two hundred prices over the time asked for; a longer list is thinned out evenly."""
    side = await lookup.side(account, text, outcome)
    points = await account.polymarket.price_history(side.token, interval=span)
    step = -(-len(points) // ROWS) or 1
    kept = points[::-1][::step][::-1]
    rows = [(p.timestamp, p.price) for p in kept if p.timestamp is not None]
    prices = [p.price for p in points]
    return History(
        source=account.source,
        count=len(rows),
        slug=side.market.slug or side.market.id,
        question=side.market.question,
        outcome=side.name,
        first=prices[0] if prices else None,
        last=prices[-1] if prices else None,
        high=max(prices, default=None),
        low=min(prices, default=None),
        rows=rows,
    )


async def holders(account: Account, text: str, limit: int) -> Holders:
    found = await lookup.market(account, text)
    by_token = {t.token_id: t.holders for t in await account.polymarket.holders(found.condition_id or "", limit)}
    named = {
        o.name: [
            HolderLine(wallet=h.proxy_wallet, name=h.name or h.pseudonym, shares=h.amount)
            for h in by_token.get(o.token_id or "", ())[:limit]
        ]
        for o in found.outcomes
    }
    return Holders(source=account.source, slug=found.slug or found.id, holders=named)
