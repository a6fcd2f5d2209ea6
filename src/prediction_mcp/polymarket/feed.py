"""The market feed: books, trades, ticks and resolutions of the tokens that are watched.

At most 250 tokens share a connection. Each is kept by :class:`~prediction_mcp.net.kept.Kept`: opened again when it is
lost, and everything subscribed again. Since the feed can fall silent while PONG still comes (trap 4), a watchdog
compares every book with REST when it hasn't been proved for a while. A book that was wrong is read again, by
:class:`~prediction_mcp.net.retrying.Retrier` alone, and counted; a connection whose books were wrong without a message
is replaced. A resolution is reported once, whether the feed or REST has it first.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

from loguru import logger
from websockets.exceptions import WebSocketException

from prediction_mcp.net.deadline import background
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.net.kept import GRACE_S
from prediction_mcp.net.retrying import ANSWER_S, Retrier

from .errors import PolymarketError, UnavailableError
from .feed_connection import Connection
from .frames import MarketFrame, Row
from .models import Orderbook
from .orderbook import TokenBook
from .record import Resolution

MARKET_URL = "wss://ws-subscriptions-clob.polymarket.com/ws/market"
MOST_TOKENS = 250
PROOF_S = 20.0
"""How long a book is believed without a snapshot or a comparison."""
RESOLUTIONS_S = 30.0
BATCH = 100
SETTLING_S = 1.0
"""News may be under way: a book that differs is looked at again after this before it counts as wrong."""


class Source(Protocol):
    """What is read by REST beside the feed."""

    async def orderbooks(self, token_ids: Sequence[str]) -> dict[str, Orderbook]: ...

    async def resolutions(self, condition_id: str) -> list[Resolution]: ...


class Feed:
    """Everything that is watched of the market feed.

    Args:
        source: REST, to prove books and to hear of resolutions.
        url: of the market feed.
        listener: told every message about a token that is watched, and every resolution, once.
        proof_s: how long a book is believed without proof, in seconds.
    """

    def __init__(
        self,
        source: Source,
        url: str = MARKET_URL,
        listener: Callable[[MarketFrame], None] | None = None,
        on_reconnect: Callable[[], None] | None = None,
        on_state: Callable[[], None] | None = None,
        *,
        proof_s: float = PROOF_S,
        resolutions_s: float = RESOLUTIONS_S,
        grace_s: float = GRACE_S,
        most_tokens: int = MOST_TOKENS,
    ) -> None:
        self.url = url
        self.books: dict[str, TokenBook] = {}
        self.counters: Counter[str] = Counter()
        self.grace_s = grace_s
        self.connections: list[Connection] = []
        self._source = source
        self._listener = listener
        self._on_reconnect = on_reconnect
        self._on_state = on_state
        self._proof_s = proof_s
        self._resolutions_s = resolutions_s
        self._most = most_tokens
        self._wanted: Counter[str] = Counter()
        self._conditions: Counter[str] = Counter()
        self._resolved: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._reads = Retrier(self._reread, self._not_read)

    # -- what is wanted ------------------------------------------------------------------------------------------

    async def watch(self, token_ids: Iterable[str]) -> None:
        """Want tokens; wants add up. Returns when they are asked for. Raises PolymarketError where that can't be."""
        names = list(dict.fromkeys(token_ids))
        self._wanted.update(names)
        touched: dict[Connection, None] = {}
        for token in names:
            if token not in self.books:
                self.books[token] = TokenBook(token)
                touched[self._place(token)] = None
        self._watch_over()
        try:
            for connection in touched:
                connection.start()
                await connection.bring_in_line()
        except BaseException:
            await self.unwatch(names)
            raise

    async def unwatch(self, token_ids: Iterable[str]) -> None:
        """Take back one want of each."""
        for token in dict.fromkeys(token_ids):
            self._wanted[token] -= 1
            if self._wanted[token] > 0:
                continue
            del self._wanted[token]
            self.books.pop(token, None)
            self._reads.forget(token)
            for connection in [c for c in self.connections if token in c.tokens]:
                del connection.tokens[token]
                if connection.state == "live":
                    with contextlib.suppress(PolymarketError, WebSocketException):
                        await connection.bring_in_line()
                connection.release()
        if not self._wanted and not self._conditions:
            self._stop_watching()

    async def watch_resolutions(self, condition_ids: Iterable[str]) -> None:
        """Be told once when these markets are resolved, by whichever tells first."""
        self._conditions.update(dict.fromkeys(condition_ids, 1))
        self._watch_over()

    def unwatch_resolutions(self, condition_ids: Iterable[str]) -> None:
        for condition in dict.fromkeys(condition_ids):
            self._conditions[condition] -= 1
            if self._conditions[condition] <= 0:
                del self._conditions[condition]
                self._resolved.discard(condition)

    def _place(self, token: str) -> Connection:
        connection = next((c for c in self.connections if len(c.tokens) < self._most), None)
        if connection is None:
            connection = Connection(self.url, self)
            self.connections.append(connection)
        connection.tokens[token] = None
        return connection

    async def book(self, token_id: str, patience_s: float = 3.0) -> TokenBook:
        """A watched token's book once it is right. Raises UnavailableError when it isn't in time."""
        deadline = time.monotonic() + patience_s
        while True:
            book = self.books.get(token_id)
            if book is not None and book.state == "live":
                return book
            connection = self._connection_of(token_id)
            given_up = connection is None or connection.state == "failed" or token_id in self._reads.failures()
            if connection is None or given_up or not await connection.change_before(deadline):
                trouble = connection.problem if connection is not None else None
                state = "not watched" if book is None else trouble or book.reason or book.state
                raise UnavailableError(f"The live book isn't right now ({state}): read it by REST.", sent=False)

    async def close(self) -> None:
        """Close everything, within a second or two."""
        self._wanted.clear()
        self._conditions.clear()
        self._stop_watching()
        await self._reads.close()
        for connection in self.connections:
            connection.tokens.clear()
            await connection.close()
        self.connections.clear()
        self.books.clear()

    @property
    def problem(self) -> str | None:
        """Why a connection is missing or a book can't be read; None while all is well."""
        troubles = [c.problem for c in self.connections] + [f"a book: {why}" for why in self._reads.failures().values()]
        return "; ".join(dict.fromkeys(trouble for trouble in troubles if trouble)) or None

    # -- what comes ----------------------------------------------------------------------------------------------

    def lost(self, token: str) -> None:
        """The connection of a token is gone: its book is wrong until the next one's."""
        self.books[token].lose()
        self._reads.drop(token)

    def subscribed(self, tokens: list[str]) -> None:
        """Tokens are asked for on a connection: their books come by themselves, or are read by REST after a while."""
        for token in tokens:
            if token in self.books and self.books[token].state != "live":
                self._reads.need(token, "its first book didn't come", after_s=min(self._proof_s, ANSWER_S))

    def reconnected(self) -> None:
        self.counters["reconnects"] += 1
        if self._on_reconnect is not None:
            self._on_reconnect()

    def turned(self) -> None:
        if self._on_state is not None:
            self._on_state()

    def receive(self, message: MarketFrame) -> None:
        """One message. Raises ValueError for numbers that can't be."""
        self.counters["messages"] += 1
        name = message.name
        if name == "price_change":
            self._change(message)
        elif name == "book":
            book = self.books.get(message.asset_id)
            if book is not None:
                book.take(message, time.monotonic())
                self._repaired(message.asset_id)
        elif name == "best_bid_ask":
            book = self.books.get(message.asset_id)
            if book is not None and not book.check_top(message.best_bid, message.best_ask):
                self._doubt(message.asset_id, book.reason)
        elif name == "tick_size_change":
            book = self.books.get(message.asset_id)
            if book is not None:
                book.tick_size = message.new_tick_size
        elif name == "market_resolved":
            self._resolution(message)
            return
        if self._listener is not None and name in ("price_change", "book", "last_trade_price", "tick_size_change"):
            self._listener(message)

    def _change(self, message: MarketFrame) -> None:
        at_ms = message.at_ms
        last: dict[str, tuple[str, str]] = {}
        books = self.books
        for change in message.price_changes:
            book = books.get(change.asset_id)
            if book is not None:
                book.change(change, at_ms)
                last[change.asset_id] = change.best_bid, change.best_ask
        self.counters["changes"] += len(message.price_changes)
        for token, (bid, ask) in last.items():
            book = books[token]
            if book.state != "live" or not book.check_top(bid, ask):
                self._doubt(token, book.reason or "its first book didn't come")

    def _connection_of(self, token: str) -> Connection | None:
        return next((connection for connection in self.connections if token in connection.tokens), None)

    def _repaired(self, token: str) -> None:
        self._reads.right(token)
        if (connection := self._connection_of(token)) is not None:
            connection.changed()

    def _resolution(self, message: MarketFrame) -> None:
        if message.market in self._conditions and message.market not in self._resolved:
            self._resolved.add(message.market)
            if self._listener is not None:
                self._listener(message)

    # -- the watchdog --------------------------------------------------------------------------------------------

    def _watch_over(self) -> None:
        if not self._tasks:
            self._tasks = [
                background(self._every(min(self._proof_s / 2, 5.0), self._prove)),
                background(self._every(self._resolutions_s, self._ask_resolutions)),
            ]

    def _stop_watching(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except PlatformError as error:
                self.counters["unproved"] += 1
                logger.info("Polymarket's feed can't be held against REST now: {}", error)

    def _doubt(self, token: str, reason: str) -> None:
        """A book isn't certain: have it read by REST."""
        self.counters["doubts"] += 1
        self._reads.need(token, reason)

    async def _reread(self, tokens: list[str]) -> None:
        """Read books by REST, and take them where their feed is there to keep them. Raises PlatformError."""
        fed = [t for t in tokens if (c := self._connection_of(t)) is not None and c.state == "live"]
        for start in range(0, len(fed), BATCH):
            self.counters["rereads"] += 1
            found = await self._source.orderbooks(fed[start : start + BATCH])
            for token, other in found.items():
                self._adopt(token, other)

    def _not_read(self, token: str, reason: str) -> None:
        if (book := self.books.get(token)) is not None:
            book.reason = f"{reason}; it can't be read by REST"

    def _adopt(self, token: str, other: Orderbook) -> None:
        book = self.books.get(token)
        if book is None:
            return
        at_ms = int(other.timestamp.timestamp() * 1000) if other.timestamp is not None else 0
        try:
            book.snapshot(*_rows(other), at_ms, time.monotonic())
        except ValueError as error:
            logger.warning("a book read by REST can't be kept: {}", error)
            self._reads.need(token, str(error))
            return
        self._repaired(token)

    async def _prove(self) -> None:
        """Compare books that weren't proved lately with REST; what differs twice running is read again.

        Where no message came between the two, the feed has fallen silent: its connection is replaced.
        """
        now = time.monotonic()
        old = [t for t, b in self.books.items() if b.state == "live" and now - b.proved_at > self._proof_s]
        for start in range(0, len(old), BATCH):
            differing = await self._differing(old[start : start + BATCH])
            if not differing:
                continue
            before = {token: self.books[token].at_ms for token in differing}
            await asyncio.sleep(min(SETTLING_S, self._proof_s / 4))
            wrong = await self._differing(sorted(differing))
            silent = {token for token in wrong if self.books[token].at_ms == before[token]}
            self.counters["repaired"] += len(silent)
            for token in wrong:
                self.books[token].doubt("REST has another one")
                self._doubt(token, "REST has another one")
            await self._renew(silent)

    async def _differing(self, tokens: list[str]) -> set[str]:
        """Those whose books differ from REST; the others are proved."""
        found = await self._source.orderbooks(tokens)
        differing: set[str] = set()
        for token, other in found.items():
            book = self.books.get(token)
            if book is None or book.state != "live":
                continue
            if book.equals(*_rows(other)):
                book.proved_at = time.monotonic()
            else:
                differing.add(token)
        return differing

    async def _renew(self, wrong: set[str]) -> None:
        """Replace a connection whose books were wrong without a message: it has fallen silent."""
        for connection in self.connections:
            if wrong & connection.tokens.keys():
                self.counters["renewed"] += 1
                await connection.again()

    async def _ask_resolutions(self) -> None:
        for condition in [c for c in self._conditions if c not in self._resolved]:
            for row in await self._source.resolutions(condition):
                if row.status == "resolved":
                    self._resolution(MarketFrame(event_type="market_resolved", market=condition))


def _rows(book: Orderbook) -> tuple[list[Row], list[Row]]:
    bids = [Row(str(level.price), str(level.size)) for level in book.bids]
    return bids, [Row(str(level.price), str(level.size)) for level in book.asks]
