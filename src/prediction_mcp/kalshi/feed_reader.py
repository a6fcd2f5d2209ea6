"""What comes in over the WebSocket: frames to messages, sequence numbers, books, and whoever listens.

Nothing is sent from here. What has to be asked for (snapshots, a subscription that ended) is told to the :class:`Line`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from loguru import logger

from .models.feed import (
    AnyFrame,
    Channel,
    Delta,
    Error,
    Fill,
    Frame,
    Ok,
    Snapshot,
    Subscribed,
    Ticker,
    Trade,
    Unsubscribed,
    UserOrder,
)
from .orderbook import BookError, LiveBook

KEPT = 2_000
"""Deltas kept for a book that waits for its snapshot; more than that were lost anyway."""
RESYNC_S = 1.0
"""How often at most a book that doesn't add up asks for a snapshot."""
Listener = Callable[[Channel, str, Any], None]
"""Told (channel, market, message) for each message; called from the reading loop, so it must be quick."""
Answer = Subscribed | Ok | Unsubscribed | Error
_decode = msgspec.json.Decoder(Frame).decode
_decode_any = msgspec.json.Decoder(AnyFrame).decode


@dataclass(slots=True)
class Subscription:
    """A channel of this connection."""

    channel: Channel
    sid: int = 0
    seq: int = 0
    markets: set[str] = field(default_factory=set)
    whole: bool = False


class Line(Protocol):
    """The connection under a reader."""

    def wants_snapshots(self, held: Subscription, tickers: list[str], after_s: float) -> None: ...
    def answered(self, message: Answer) -> None: ...
    def missed(self) -> None:
        """Messages of a channel that has no snapshots were lost."""

    def changed(self) -> None:
        """The state of a book is another one."""


class Reader:
    """Keeps the books of a connection, and tells the listener."""

    def __init__(
        self, books: dict[str, LiveBook], counters: Counter[str], line: Line, listener: Listener | None
    ) -> None:
        self.books = books
        self.counters = counters
        self.by_sid: dict[int, Subscription] = {}
        self._line = line
        self._listener = listener
        self._waiting: dict[str, list[Delta]] = {}
        self._resynced: dict[str, float] = {}

    def lost(self) -> None:
        """The connection is gone: nothing is right until the next one's snapshots."""
        self.by_sid.clear()
        self.stale()

    def stale(self) -> None:
        """No book is right any more."""
        self._waiting.clear()
        for book in self.books.values():
            if book.state == "live":
                book.state = "stale"

    def drop(self, ticker: str) -> None:
        """A book that nobody wants any more."""
        self.books.pop(ticker, None)
        self._waiting.pop(ticker, None)

    def receive(self, frame: bytes) -> None:
        """One frame. The hot path is a delta of a book that is right; it is written out here, calls cost as much."""
        try:
            message = _decode(frame)
        except msgspec.DecodeError as error:  # also a validation error: a shape or a side that isn't known
            self._unreadable(frame, error)
            return
        if type(message) is not Delta:
            self._other(message)
            return
        held = self.by_sid.get(message.sid)
        if held is None:
            return
        seq, msg = message.seq, message.msg
        if seq == held.seq + 1:
            held.seq = seq
        elif not self._in_sequence(held, seq):
            return
        book = self.books.get(msg.market_ticker)
        if book is None:
            return
        if book.state != "live":
            kept = self._waiting.setdefault(msg.market_ticker, [])
            if len(kept) < KEPT:
                kept.append(message)
            return
        try:
            book.apply(msg, seq)
        except BookError as error:
            self._resync(held, book, str(error))
            return
        if self._listener is not None:
            self._listener("orderbook_delta", msg.market_ticker, msg)

    def _in_sequence(self, held: Subscription, seq: int) -> bool:
        """A sequence number that isn't the next one: False for a message that came before."""
        if seq <= held.seq:
            self.counters["duplicates"] += 1
            return False
        self.counters["gaps"] += 1
        held.seq = seq
        stale = [ticker for ticker in held.markets if ticker in self.books]
        for ticker in stale:
            self.books[ticker].state = "stale"
            self._waiting[ticker] = []
        if stale:
            self._line.changed()
            self._line.wants_snapshots(held, stale, 0.0)
        return True

    def _resync(self, held: Subscription, book: LiveBook, why: str) -> None:
        """A book that doesn't add up is no answer: ask for its snapshot, now or as soon as that is decent."""
        logger.info("the book of {} is {}: asked for a snapshot", book.ticker, why)
        book.state = "stale"
        self._waiting[book.ticker] = []
        self._line.changed()
        now = time.monotonic()
        wait = max(self._resynced.get(book.ticker, 0.0) + RESYNC_S - now, 0.0)
        self._resynced[book.ticker] = now + wait
        self._line.wants_snapshots(held, [book.ticker], wait)

    def _other(self, message: Any) -> None:
        match message:
            case Snapshot():
                self._snapshot(message)
            case Ticker() | Trade() | Fill() | UserOrder():
                self._event(message)
            case _:
                self._line.answered(message)

    def _snapshot(self, message: Snapshot) -> None:
        held, ticker = self.by_sid.get(message.sid), message.msg.market_ticker
        if held is None:
            return
        if message.seq != held.seq + 1 and not self._in_sequence(held, message.seq):
            return
        held.seq = message.seq
        book = self.books.get(ticker)
        if book is None:
            return
        if book.clock and book.state == "stale":
            self.counters["moved_meanwhile" if message.msg.clock > book.clock else "unmoved"] += 1
        try:
            book.load(message.msg, message.seq)
            for delta in self._waiting.pop(ticker, ()):
                if delta.seq > message.seq:
                    book.apply(delta.msg, delta.seq)
        except BookError as error:
            self._resync(held, book, str(error))
            return
        self.counters["snapshots"] += 1
        self._line.changed()
        if self._listener is not None:
            self._listener("orderbook_delta", ticker, message.msg)

    def _event(self, message: Ticker | Trade | Fill | UserOrder) -> None:
        held = self.by_sid.get(message.sid)
        if held is None:
            return
        if message.seq:
            if message.seq <= held.seq:
                self.counters["duplicates"] += 1
                return
            if message.seq != held.seq + 1:
                self.counters["gaps"] += 1
                self._line.missed()
            held.seq = message.seq
        ticker = message.msg.ticker if isinstance(message, UserOrder) else message.msg.market_ticker
        if self._listener is not None:
            self._listener(held.channel, ticker, message.msg)

    def _unreadable(self, frame: bytes, error: Exception) -> None:
        """What can't be read: a type that came later is let pass; a direction that isn't known makes its book stale."""
        try:
            seen = _decode_any(frame)
        except msgspec.DecodeError:
            self.counters["unreadable"] += 1
            return
        if seen.type not in ("orderbook_delta", "orderbook_snapshot"):
            self.counters["unknown"] += 1
            held = self.by_sid.get(seen.sid)
            if held is not None and seen.seq == held.seq + 1:
                held.seq = seen.seq
            return
        self.counters["unreadable"] += 1
        logger.warning("a message of the live feed can't be read ({}): its books are asked for anew", error)
        held = self.by_sid.get(seen.sid)
        if held is not None:
            held.seq = min(held.seq, seen.seq - 2)
            self._in_sequence(held, seen.seq)
