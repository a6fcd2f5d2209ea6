"""The client: what the catalogue, the order books and the public record say. Reads only; nothing needs a key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import quote

import orjson

from prediction_mcp.net.reading import pages

from .errors import InvalidRequestError
from .limits import Limits, Service
from .models import (
    ClobMarket,
    Event,
    EventPage,
    LastTrade,
    Market,
    MarketPage,
    Orderbook,
    Place,
    Search,
    Series,
    Sport,
    Tag,
)
from .parsing import URLS, malformed, parsed, same_page, sender_to
from .record import (
    Activity,
    Interest,
    Pagination,
    Position,
    PricePoint,
    Profit,
    Resolution,
    Stats,
    TokenHolders,
    Trade,
    Value,
)
from .wire import Number, Price, SnakeWire

if TYPE_CHECKING:
    import httpx

    from prediction_mcp.net.sending import Query, Sender

T = TypeVar("T")
K = TypeVar("K", MarketPage, EventPage)


class _Middle(SnakeWire):
    mid: Price


class _Spread(SnakeWire):
    spread: Number


class _Price(SnakeWire):
    price: Price


class _Tick(SnakeWire):
    minimum_tick_size: Number


class _Condition(SnakeWire):
    condition_id: str


MOST_MARKETS, MOST_EVENTS, MOST_ROWS, MOST_BOOKS = 100, 500, 100, 100


class PolymarketClient:
    """Gamma, CLOB and Data API, read only.

    Args:
        urls: other addresses by service ("gamma", "clob", "data").
        limits: the rate budget; share one among the clients of an address.
        http: a client of your own, for tests; closed by :meth:`close` all the same.

    All methods raise PolymarketError: its class says what happened.
    """

    def __init__(
        self,
        urls: dict[Service, str] | None = None,
        limits: Limits | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._senders: dict[Service, Sender] = {
            service: sender_to((urls or {}).get(service, url), http) for service, url in URLS.items()
        }

    async def close(self) -> None:
        for sender in self._senders.values():
            await sender.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # -- catalogue -----------------------------------------------------------------------------------------------

    async def market(self, id_or_slug: str) -> Market:
        """A market by its number or its slug."""
        path = "/markets/" if _is_id(id_or_slug) else "/markets/slug/"
        return await self._get(Market, "gamma", path + _part(id_or_slug))

    async def event(self, id_or_slug: str) -> Event:
        """An event with its markets, by its number or its slug."""
        path = "/events/" if _is_id(id_or_slug) else "/events/slug/"
        return await self._get(Event, "gamma", path + _part(id_or_slug))

    async def markets(self, **filters: object) -> AsyncIterator[Market]:
        """All markets that fit, page by page. ``filters`` as the service names them (``closed``, ``condition_ids`` …).

        Figures are sorted by ``volume_num`` and ``liquidity_num``: ``volume`` and ``liquidity`` sort as text.
        """
        query = {"limit": MOST_MARKETS, **filters}
        async for page in self._keyset(MarketPage, "/markets/keyset", query):
            for market in page.markets:
                yield market

    async def events(self, **filters: object) -> AsyncIterator[Event]:
        """All events that fit, page by page."""
        query = {"limit": MOST_EVENTS, **filters}
        async for page in self._keyset(EventPage, "/events/keyset", query):
            for event in page.events:
                yield event

    async def events_page(self, limit: int, cursor: str | None = None, **filters: object) -> EventPage:
        """A page of the events that fit; ``next_cursor`` leads to the next one."""
        query = {"limit": min(limit, MOST_EVENTS), **filters, "after_cursor": cursor}
        return await self._get(EventPage, "gamma", "/events/keyset", query)

    async def search(self, words: str, *, page: int = 1, limit: int = 20, closed: bool = False) -> Search:
        """Events that fit some words, best first; ``page`` from 1."""
        query = {"q": words, "page": page, "limit_per_type": limit, "keep_closed_markets": 1 if closed else 0}
        return await self._get(Search, "gamma", "/public-search", query)

    async def tags(self, limit: int = 100, offset: int = 0) -> list[Tag]:
        """Subjects that events are filed under."""
        return list(await self._get(tuple[Tag, ...], "gamma", "/tags", {"limit": limit, "offset": offset}))

    async def series(self, limit: int = 100, offset: int = 0) -> list[Series]:
        """Events that come again and again."""
        return list(await self._get(tuple[Series, ...], "gamma", "/series", {"limit": limit, "offset": offset}))

    async def sports(self) -> list[Sport]:
        """Leagues whose games are listed."""
        return list(await self._get(tuple[Sport, ...], "gamma", "/sports"))

    # -- order books ---------------------------------------------------------------------------------------------

    async def orderbook(self, token_id: str) -> Orderbook:
        """A token's book, best first."""
        return await self._get(Orderbook, "clob", "/book", {"token_id": token_id})

    async def orderbooks(self, token_ids: Sequence[str]) -> dict[str, Orderbook]:
        """Books by token, a hundred at most. The service leaves out tokens that it doesn't know."""
        books = await self._get(tuple[Orderbook, ...], "clob", "/books", body=_listed(token_ids))
        return {book.asset_id: book for book in books}

    async def midpoint(self, token_id: str) -> Decimal:
        """The middle between best bid and best ask."""
        return (await self._get(_Middle, "clob", "/midpoint", {"token_id": token_id})).mid

    async def midpoints(self, token_ids: Sequence[str]) -> dict[str, Decimal]:
        """Middles by token, of those that the service knows."""
        return await self._get(dict[str, Decimal], "clob", "/midpoints", body=_listed(token_ids))

    async def spread(self, token_id: str) -> Decimal:
        """Dollars between best bid and best ask."""
        return (await self._get(_Spread, "clob", "/spread", {"token_id": token_id})).spread

    async def spreads(self, token_ids: Sequence[str]) -> dict[str, Decimal]:
        """Spreads by token, of those that the service knows."""
        return await self._get(dict[str, Decimal], "clob", "/spreads", body=_listed(token_ids))

    async def best_bid(self, token_id: str) -> Decimal:
        """The best bid: what the service answers to ``side=BUY``, which isn't what one pays (trap 2)."""
        return (await self._get(_Price, "clob", "/price", {"token_id": token_id, "side": "BUY"})).price

    async def best_ask(self, token_id: str) -> Decimal:
        """The best ask: what the service answers to ``side=SELL``."""
        return (await self._get(_Price, "clob", "/price", {"token_id": token_id, "side": "SELL"})).price

    async def tick_size(self, token_id: str) -> Decimal:
        """The step that prices have now; it may get finer while a market lives."""
        return (await self._get(_Tick, "clob", "/tick-size", {"token_id": token_id})).minimum_tick_size

    async def condition_of(self, token_id: str) -> str:
        """The condition id of a token's market."""
        return (await self._get(_Condition, "clob", "/markets-by-token/" + _part(token_id))).condition_id

    async def terms(self, condition_id: str) -> ClobMarket:
        """Tick, smallest size, fee and tokens of a market, as orders are held against."""
        return await self._get(ClobMarket, "clob", "/clob-markets/" + _part(condition_id))

    async def last_trade(self, token_id: str) -> LastTrade:
        """The last trade's price."""
        return await self._get(LastTrade, "clob", "/last-trade-price", {"token_id": token_id})

    # -- the public record ---------------------------------------------------------------------------------------

    async def trades(self, limit: int = MOST_ROWS, **filters: object) -> list[Trade]:
        """The newest trades: of a market (``condition_id``), an event (``event_id``) or a wallet (``user``)."""
        return await self._rows(Trade, "/v2/trades", filters, limit)

    async def trades_page(
        self, limit: int, cursor: str | None = None, **filters: object
    ) -> tuple[tuple[Trade, ...], str | None]:
        """A page of the newest trades, and the cursor of the next one."""
        return await self._page(Trade, "/v2/trades", filters, limit, cursor)

    async def activity(self, user: str, limit: int = MOST_ROWS, **filters: object) -> list[Activity]:
        """What a wallet did: trades, splits, merges, redemptions, deposits …, newest first."""
        return await self._rows(Activity, "/v2/activity", {"user": user, **filters}, limit)

    async def activity_page(
        self, user: str, limit: int, cursor: str | None = None, **filters: object
    ) -> tuple[tuple[Activity, ...], str | None]:
        """A page of what a wallet did, and the cursor of the next one."""
        return await self._page(Activity, "/v2/activity", {"user": user, **filters}, limit, cursor)

    async def profit(self, user: str, interval: str = "max") -> Profit:
        """A wallet's profit in time."""
        return (await self._enveloped(Profit, "/v2/user-pnl", {"user": user, "interval": interval}))[0]

    async def stats(self, user: str) -> Stats | None:
        """A wallet's record in figures; None for one without any."""
        return (await self._enveloped(Stats | None, "/v2/user-stats", {"user": user}))[0]  # type: ignore[arg-type]

    async def open_interest(self, condition_id: str) -> Decimal:
        """Pairs of tokens that exist of a market."""
        rows, _ = await self._enveloped(tuple[Interest, ...], "/v2/oi", {"condition_id": condition_id})
        return sum((row.value for row in rows), Decimal(0))

    async def may_trade(self) -> Place:
        """Whether orders are taken from where this machine is."""
        return await self._get(Place, "site", "/api/geoblock")

    async def positions(self, user: str, limit: int = MOST_ROWS, **filters: object) -> list[Position]:
        """What a wallet holds."""
        return await self._rows(Position, "/v2/positions", {"user": user, **filters}, limit)

    async def positions_page(
        self, user: str, limit: int, cursor: str | None = None, **filters: object
    ) -> tuple[tuple[Position, ...], str | None]:
        """A page of what a wallet holds, and the cursor of the next one."""
        return await self._page(Position, "/v2/positions", {"user": user, **filters}, limit, cursor)

    async def holders(self, condition_id: str, limit: int = MOST_ROWS) -> list[TokenHolders]:
        """The largest holders of a market's tokens."""
        return await self._rows(TokenHolders, "/v2/holders", {"condition_id": condition_id}, limit)

    async def value(self, user: str) -> Value:
        """What a wallet's positions are worth."""
        return (await self._enveloped(Value, "/v2/value", {"user": user}))[0]

    async def price_history(self, token_id: str, *, limit: int = 10_000, **window: object) -> list[PricePoint]:
        """Prices of a token in time. ``window``: exactly one of ``interval``, ``start`` (with ``end``), ``as_of``."""
        if sum(name in window for name in ("interval", "start", "as_of")) != 1:
            raise InvalidRequestError("Say exactly one of interval, start and as_of.")
        return await self._rows(PricePoint, "/v2/prices-history", {"token_id": token_id, **window}, limit, limit)

    async def resolutions(self, condition_id: str) -> list[Resolution]:
        """How a market was or is being decided."""
        rows, _ = await self._enveloped(tuple[Resolution, ...], "/v2/resolutions", {"condition_id": condition_id})
        return list(rows)

    # -- how -----------------------------------------------------------------------------------------------------

    async def _send(self, service: Service, path: str, query: Query | None, body: bytes | None = None) -> bytes:
        from prediction_mcp.net.sending import Request

        request = Request("GET" if body is None else "POST", path, query, body)
        return await self._senders[service].send(lambda: request, self._limits.of(service, path), 1)

    async def _get(
        self, kind: type[T], service: Service, path: str, query: Query | None = None, *, body: bytes | None = None
    ) -> T:
        return parsed(kind, await self._send(service, path, query, body), path)

    def _keyset(self, kind: type[K], path: str, query: dict[str, Any]) -> AsyncIterator[K]:
        def fetch(cursor: str | None) -> Awaitable[K]:
            return self._get(kind, "gamma", path, {**query, "after_cursor": cursor})

        return pages(fetch, lambda page: page.next_cursor, same_page)

    async def _enveloped(self, kind: type[T], path: str, query: Query) -> tuple[T, Pagination]:
        content = await self._send("data", path, query)
        try:
            envelope = orjson.loads(content)
            rows, pagination = envelope["data"], envelope.get("pagination") or {}
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            raise malformed(path, "no data in it") from None
        return parsed(kind, orjson.dumps(rows), path), parsed(Pagination, orjson.dumps(pagination), path)

    async def _page(
        self, kind: type[T], path: str, query: dict[str, object], limit: int, cursor: str | None
    ) -> tuple[tuple[T, ...], str | None]:
        asked = {**query, "limit": min(limit, MOST_ROWS), "cursor": cursor}
        rows, page = await self._enveloped(tuple[kind, ...], path, asked)  # type: ignore[valid-type]
        return rows, page.next_cursor if page.has_more else None

    async def _rows(
        self, kind: type[T], path: str, query: dict[str, object], limit: int, most: int = MOST_ROWS
    ) -> list[T]:
        if limit < 1:
            raise InvalidRequestError("The limit is 1 at least.")
        found = list[T]()

        def fetch(cursor: str | None) -> Awaitable[tuple[tuple[T, ...], Pagination]]:
            asked = {**query, "limit": min(most, limit - len(found)), "cursor": cursor}
            return self._enveloped(tuple[kind, ...], path, asked)  # type: ignore[valid-type]

        async for rows, _ in pages(fetch, lambda page: page[1].next_cursor if page[1].has_more else None, same_page):
            found += rows
            if len(found) >= limit or not rows:
                break
        return found[:limit]


def _listed(token_ids: Sequence[str]) -> bytes:
    """Tokens as the plural forms take them. Raises InvalidRequestError for too many."""
    if len(token_ids) > MOST_BOOKS:
        raise InvalidRequestError(f"A call takes {MOST_BOOKS} tokens at most, not {len(token_ids)}.")
    return orjson.dumps([{"token_id": token} for token in token_ids])


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _part(text: str) -> str:
    """A piece of a path. Raises InvalidRequestError for what can't be one."""
    if not text or text in (".", "..") or not text.isprintable():
        raise InvalidRequestError("That is no id or slug of Polymarket.")
    return quote(text, safe="")
