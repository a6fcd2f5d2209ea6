"""What is listed and offered: search, markets, events, books, trades, prices in time, holders."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from prediction_mcp.polymarket.errors import NotFoundError

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
BIG = 10_000


async def search(account: Account, words: str, limit: int, page: int, *, closed: bool) -> Found:
    """Markets of the events that fit some words, best event first."""
    found = await account.polymarket.search(words, page=page, limit=limit, closed=closed)
    markets = [m for e in found.events for m in e.markets if m.active is not False and (closed or not m.closed)]
    lines = [MarketLine.of(m) for m in markets[:limit]]
    cursor = str(page + 1) if found.pagination.has_more or len(markets) > limit else None
    return Found(source=account.source, count=len(lines), cursor=cursor, markets=lines)


async def events(account: Account, words: str | None, tag: str | None, limit: int, *, closed: bool) -> EventList:
    """Events, largest first, or those whose title holds some words."""
    filters: dict[str, object] = {"closed": "true" if closed else "false", "order": "volume", "ascending": "false"}
    if words:
        filters["title_search"] = words
    if tag:
        filters["tag_slug"] = tag.strip().lower()
    lines: list[EventLine] = []
    async for event in account.polymarket.events(**filters):
        lines.append(EventLine.of(event))
        if len(lines) == limit:
            break
    return EventList(source=account.source, count=len(lines), events=lines)


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


async def trades(account: Account, text: str, limit: int) -> TradeList:
    found = await lookup.market(account, text)
    rows = await account.polymarket.trades(limit, condition_id=found.condition_id or "")
    lines = [TradeLine.of(row) for row in rows]
    return TradeList(source=account.source, count=len(lines), slug=found.slug or found.id, trades=lines)


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
