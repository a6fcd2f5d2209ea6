"""Read the WebSocket: frames to messages, sequence numbers, books, and the listener.

Nothing is sent from here: a book that needs a snapshot and a subscription that ended are reported to the :class:`Line`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from loguru import logger

from .models.feed import (
    AnyFrame,
    AnyMsg,
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

Listener = Callable[[Channel, str, Any], None]
"""Told (channel, market, message) for each message; called from the reading loop, so it must be quick."""
Answer = Subscribed | Ok | Unsubscribed | Error | Snapshot
_UNDECODABLE = (msgspec.DecodeError, RecursionError)
_decode = msgspec.json.Decoder(Frame).decode
_decode_any = msgspec.json.Decoder(AnyFrame).decode
_decode_name = msgspec.json.Decoder(AnyMsg).decode


@dataclass(slots=True)
class Subscription:
    """A channel of this connection.

    ``seq`` is the last number taken. Production counts messages and the answers ``ok``, ``unsubscribed`` and scoped
    errors together; ``answered`` is the last number that an answer took, since a message may bear it once more.
    """

    channel: Channel
    sid: int = 0
    seq: int = 0
    answered: int = -1
    markets: set[str] = field(default_factory=set)
    whole: bool = False


class Line(Protocol):
    """The connection under a reader."""

    def doubted(self, tickers: list[str], reason: str) -> None:
        """Books are wrong: they need snapshots."""

    def repaired(self, ticker: str) -> None:
        """A book got its snapshot."""

    def answered(self, message: Answer) -> None:
        """An answer to a command came, or an error of a subscription."""

    def missed(self) -> None:
        """Messages of a channel that has no snapshots were lost."""


class Reader:
    """Keeps the books of a connection, and passes messages to the listener."""

    def __init__(
        self, books: dict[str, LiveBook], counters: Counter[str], line: Line, listener: Listener | None
    ) -> None:
        self.books = books
        self.counters = counters
        self.by_sid: dict[int, Subscription] = {}
        self._line = line
        self._listener = listener

    def lost(self, reason: str = "the connection was lost") -> None:
        """Mark all books as wrong until the next connection's, or subscription's, snapshots."""
        self.by_sid.clear()
        self.stale(reason)

    def stale(self, reason: str) -> None:
        """Mark all books as wrong."""
        for book in self.books.values():
            if book.state != "waiting":
                book.doubt(reason)

    def receive(self, frame: bytes) -> None:
        """One frame. The hot path is a delta of a book that is right; it is written out here, calls cost as much."""
        try:
            message = _decode(frame)
        except _UNDECODABLE as error:  # also a validation error: an unknown shape or side
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
        if book is None or book.state != "live":  # its snapshot will include what comes before it
            return
        try:
            book.apply(msg, seq)
        except BookError as error:
            self._doubt([msg.market_ticker], str(error))
            return
        if self._listener is not None:
            self._listener("orderbook_delta", msg.market_ticker, msg)

    def _in_sequence(self, held: Subscription, seq: int) -> bool:
        """Take a number; return False where it is the last one's once more. All but the next one is a gap.

        A lower number is a gap, too: the exchange counts from the start, and updates dropped as old would be lost.
        """
        if seq == held.seq + 1:
            held.seq = seq
        elif seq == held.answered == held.seq:
            held.answered = -1
        elif seq == held.seq:
            self.counters["duplicates"] += 1
            return False
        else:
            self.counters["gaps"] += 1
            held.seq = seq
            if held.channel == "orderbook_delta":
                self._doubt(list(held.markets), "messages were lost")
            else:
                self._line.missed()
        return True

    def _answered(self, message: Answer) -> None:
        """Count an answer that bears a number; one with the last number is none of its own."""
        held = self.by_sid.get(message.sid)
        if held is not None and message.seq > held.seq:
            self._in_sequence(held, message.seq)
            held.answered = message.seq
        self._line.answered(message)

    def _doubt(self, tickers: list[str], reason: str) -> None:
        """Mark books as wrong and report those of them that are kept."""
        kept = [ticker for ticker in tickers if ticker in self.books]
        for ticker in kept:
            book = self.books[ticker]
            book.doubt(reason, "failed" if book.state == "failed" else "stale")
        if kept:
            self._line.doubted(kept, reason)

    def _other(self, message: Any) -> None:
        match message:
            case Snapshot():
                self._snapshot(message)
            case Ticker() | Trade() | Fill() | UserOrder():
                self._event(message)
            case _:
                self._answered(message)

    def _snapshot(self, message: Snapshot) -> None:
        held, ticker = self.by_sid.get(message.sid), message.msg.market_ticker
        if message.id:  # with the number of the command that asked for it
            self._line.answered(message)
        if held is None or not self._in_sequence(held, message.seq):
            return
        book = self.books.get(ticker)
        if book is None:
            return
        if book.clock and book.state == "stale":
            self.counters["moved_meanwhile" if message.msg.clock > book.clock else "unmoved"] += 1
        failed = book.state == "failed"
        try:
            book.load(message.msg, message.seq)
        except BookError as error:
            if failed:
                book.state = "failed"
            self._doubt([ticker], str(error))
            return
        self._line.repaired(ticker)
        self.counters["snapshots"] += 1
        if self._listener is not None:
            self._listener("orderbook_delta", ticker, message.msg)

    def _event(self, message: Ticker | Trade | Fill | UserOrder) -> None:
        held = self.by_sid.get(message.sid)
        if held is None or (message.seq and not self._in_sequence(held, message.seq)):
            return
        ticker = message.msg.ticker if isinstance(message, UserOrder) else message.msg.market_ticker
        if self._listener is None:
            return
        try:
            self._listener(held.channel, ticker, message.msg)
        except ArithmeticError as error:  # a number that isn't one
            self.counters["unreadable"] += 1
            logger.warning("a message of {} can't be read: {}", held.channel, type(error).__name__)

    def _unreadable(self, frame: bytes, error: Exception) -> None:
        """Count a message that can't be read; where it is of books, they are wrong: the one it names, or all."""
        try:
            seen = _decode_any(frame)
        except _UNDECODABLE:  # what it was is seen in the next number
            self.counters["unreadable"] += 1
            return
        held = self.by_sid.get(seen.sid)
        if held is not None and seen.seq and not self._in_sequence(held, seen.seq):
            return
        if seen.type not in ("orderbook_delta", "orderbook_snapshot"):
            self.counters["unknown"] += 1
            return
        self.counters["unreadable"] += 1
        logger.warning("a message of the live feed can't be read: {}", error)
        if held is not None:
            try:
                tickers = [_decode_name(seen.msg).market_ticker]
            except _UNDECODABLE:
                tickers = list(held.markets)
            self._doubt(tickers, "a message of it can't be read")
