"""What watching answers. Prices are YES dollars."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from prediction_mcp.desk.results import Answer, Number, Result, Second
from prediction_mcp.kalshi.errors import InvalidRequestError
from prediction_mcp.kalshi.orderbook import DOLLAR, LiveBook
from prediction_mcp.kalshi.orders import in_words
from prediction_mcp.net import deadline
from prediction_mcp.realtime.events import BookEvent, Channel, Event, FillEvent, OrderEvent, Quote, TradeEvent
from prediction_mcp.realtime.watcher import Watch

from .polling import POLL_S

if TYPE_CHECKING:
    from .feeds import Feeds

BOOK_S = 1.0
"""Seconds of a call that a wait leaves for reading the book."""
LEVELS = 5
SHOWN_TICKERS = 10


class LiveBookView(Result):
    """A book kept from the feed: [dollars, contracts], best first; ``seq`` is the feed's number of its last change.

    ``reason`` is why it isn't live.
    """

    ticker: str
    state: str
    reason: str | None = None
    as_of: Second | None = None
    seq: int | None = None
    bids: list[tuple[Number, Number]]
    asks: list[tuple[Number, Number]]
    spread: Number | None = None
    mid: Number | None = None

    @classmethod
    def of(cls, book: LiveBook, depth: int = LEVELS) -> Self:
        """Return the book; one that isn't right shows no prices, but the reason."""
        if book.state != "live":
            return cls(ticker=book.ticker, state=book.state, reason=book.reason or None, bids=[], asks=[])
        quoted = bool(book.bids and book.asks)
        return cls(
            ticker=book.ticker,
            state=book.state,
            as_of=datetime.fromtimestamp((book.ts_ms or time.time() * 1000) / 1000, UTC),
            seq=book.seq or None,
            bids=book.yes_bids[:depth],
            asks=book.yes_asks[:depth],
            spread=Decimal(book.best_ask - book.best_bid) / DOLLAR if quoted else None,
            mid=Decimal(book.best_ask + book.best_bid) / (2 * DOLLAR) if quoted else None,
        )


class Subscribed(Answer):
    """``tickers`` that are watched, none for all. ``how`` is where updates come from, ``delivery`` what this client
    gets of them."""

    subscription_id: str
    channel: str
    tickers: list[str]
    more_tickers: int | None = None
    how: str
    condition: str | None = None
    delivery: str
    next: str

    @classmethod
    def of(cls, feeds: "Feeds", watch: Watch, source: str, delivery: str) -> Self:
        rest = len(watch.tickers) - SHOWN_TICKERS
        one = f"ticker={watch.tickers[0]}, " if watch.tickers else ""
        return cls(
            source=source,
            subscription_id=watch.id,
            channel=watch.channel,
            tickers=list(watch.tickers[:SHOWN_TICKERS]),
            more_tickers=rest if rest > 0 else None,
            how=_how(feeds),
            condition="told when it becomes true" if watch.condition.is_given else None,
            delivery=delivery,
            next=f"kalshi_get_latest_update(channel={watch.channel}, {one}wait_seconds=20)",
        )


class WatchLine(Result):
    subscription_id: str
    channel: str
    tickers: list[str]
    more_tickers: int | None = None
    notify: str | None = None
    updates: int
    dropped: int | None = None


class SubscriptionList(Answer):
    """``connection`` is idle, connecting, live, reconnecting, failed, or polling where there is no key.

    ``problem`` is why it isn't live and when it is tried again; only a refused key ends it. Failed books are asked for
    again after minutes.
    """

    connection: str
    problem: str | None = None
    how: str
    count: int
    subscriptions: list[WatchLine]
    books_waiting: list[str] | None = None
    books_failed: dict[str, str] | None = None
    counters: dict[str, int]
    alerts: list[dict[str, Any]] | None = None
    notifications_held_back: int | None = None

    @classmethod
    def of(cls, feeds: "Feeds", alerts: list[dict[str, Any]], held_back: int, source: str) -> Self:
        lines = [
            WatchLine(
                subscription_id=w.id,
                channel=w.channel,
                tickers=list(w.tickers[:SHOWN_TICKERS]),
                more_tickers=max(len(w.tickers) - SHOWN_TICKERS, 0) or None,
                notify=w.notify if w.notify != "off" else None,
                updates=w.log.seen,
                dropped=w.log.dropped or None,
            )
            for w in feeds.watcher.watches.values()
        ]
        waiting = [t for t, book in feeds.source.books.items() if book.state in ("waiting", "stale")]
        failed = {t: book.reason for t, book in feeds.source.books.items() if book.state == "failed"}
        return cls(
            source=source,
            connection=feeds.source.state,
            problem=feeds.source.problem,
            how=_how(feeds),
            count=len(lines),
            subscriptions=lines,
            books_waiting=waiting[:SHOWN_TICKERS] or None,
            books_failed=dict(list(failed.items())[:SHOWN_TICKERS]) or None,
            counters=dict(feeds.source.counters),
            alerts=alerts or None,
            notifications_held_back=held_back or None,
        )


class RawFrames(Answer):
    """The exchange's own frames, oldest first; ``unread`` wait for the next call, ``dropped`` found no room."""

    connected: bool
    subscriptions: list[str]
    count: int
    frames: list[dict[str, Any]]
    unread: int | None = None
    dropped: int | None = None


class QuoteUpdate(Result):
    last: Number | None = None
    yes_bid: Number | None = None
    yes_ask: Number | None = None


class TradeUpdate(Result):
    price: Number
    count: Number
    taker: str


class FillUpdate(Result):
    fill: str
    count: Number
    fee: Number
    order_id: str


class OrderUpdate(Result):
    order: str
    status: str
    filled: Number
    remaining: Number
    order_id: str


class LevelUpdate(Result):
    """A change of one level, in contracts."""

    side: str
    price: Number
    change: Number


class BookUpdate(Result):
    """A book that was read anew: from a feed whole, by reading again and again its best prices."""

    snapshot: bool | None = None
    best_bid: Number | None = None
    best_ask: Number | None = None


class PastUpdate(Result):
    at: Second
    ticker: str
    update: QuoteUpdate | TradeUpdate | FillUpdate | OrderUpdate | LevelUpdate | BookUpdate


class UpdateAnswer(Answer):
    """``update`` is the newest known, ``age_seconds`` since it came; ``note`` says where it isn't a new one.

    ``history`` are the newest updates kept, oldest first.
    """

    channel: str
    ticker: str | None = None
    update: QuoteUpdate | TradeUpdate | FillUpdate | OrderUpdate | LevelUpdate | BookUpdate | None = None
    age_seconds: float | None = None
    book: LiveBookView | None = None
    updates: int
    history: list[PastUpdate] | None = None
    note: str | None = None


def _how(feeds: "Feeds") -> str:
    return f"reading every {POLL_S:.0f} s: the live feed takes an API key" if feeds.polling else "live feed"


async def update_answer(
    feeds: "Feeds", channel: Channel, ticker: str, wait_seconds: float, source: str, history: int = 0
) -> UpdateAnswer:
    """The newest update, or the next one. Raises InvalidRequestError when it isn't watched."""
    watcher = feeds.watcher
    watching = watcher.watching(channel, ticker)
    if not watching:
        what = f"{ticker} isn't watched on {channel}" if ticker else f"Nothing is watched on {channel}"
        raise InvalidRequestError(f"{what}: subscribe first with kalshi_subscribe_{channel}.")
    if (left := deadline.left()) is not None:
        wait_seconds = min(wait_seconds, max(left - BOOK_S, 0.0))
    update = await watcher.next(channel, ticker, wait_seconds) if wait_seconds else None
    note = None
    if update is None:
        newest = (w.log.last for w in watching)
        known = [u for u in newest if u is not None]
        update = watcher.latest(channel, ticker) if ticker else max(known, key=lambda u: u.at, default=None)
        came = f"Nothing new came in {wait_seconds:.3g} s" if wait_seconds else "Nothing came yet"
        if update is None:
            note = f"{came}."
        elif wait_seconds:
            note = f"{came}: this is the newest."
    book = None
    if channel == "orderbook" and ticker:
        book = LiveBookView.of(await feeds.source.book(ticker))
    return UpdateAnswer(
        source=source,
        channel=channel,
        ticker=ticker or (update.ticker if update else None),
        update=None if update is None else shown(update.event),
        age_seconds=None if update is None else round(max(time.time() - update.at, 0.0), 3),
        book=book,
        updates=sum(w.log.seen for w in watching),
        history=_history(watching, ticker, history) or None,
        note=note,
    )


def _history(watching: Sequence[Watch], ticker: str, count: int) -> list[PastUpdate]:
    """The newest updates that the subscriptions keep, of one market or of all, each once."""
    kept = {id(u): u for watch in watching for u in watch.log if not ticker or u.ticker == ticker}
    newest = sorted(kept.values(), key=lambda u: u.at)[-count:] if count else []
    return [PastUpdate(at=datetime.fromtimestamp(u.at, UTC), ticker=u.ticker, update=shown(u.event)) for u in newest]


def shown(event: Event) -> QuoteUpdate | TradeUpdate | FillUpdate | OrderUpdate | LevelUpdate | BookUpdate:
    """An event in the words of the other tools."""
    match event:
        case Quote():
            return QuoteUpdate(last=event.last, yes_bid=event.bid, yes_ask=event.ask)
        case TradeEvent():
            return TradeUpdate(price=event.price, count=event.count, taker=event.taker)
        case FillEvent():
            fill = in_words(event.book_side, event.price)
            return FillUpdate(fill=fill, count=event.count, fee=event.fee, order_id=event.order_id)
        case OrderEvent():
            return OrderUpdate(
                order=in_words(event.book_side, event.price), status=event.status, filled=event.filled,
                remaining=event.remaining, order_id=event.order_id,
            )  # fmt: skip
        case BookEvent():
            if event.side is not None and event.price is not None and event.change is not None:
                return LevelUpdate(side=event.side, price=event.price, change=event.change)
            whole = event.best_bid is None or None
            return BookUpdate(snapshot=whole, best_bid=event.best_bid, best_ask=event.best_ask)
