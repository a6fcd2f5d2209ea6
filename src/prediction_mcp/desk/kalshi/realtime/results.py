"""What watching answers. Prices are YES dollars."""

import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Self

import msgspec

from prediction_mcp.desk.results import Answer, Number, Result, Second
from prediction_mcp.kalshi.errors import InvalidRequestError
from prediction_mcp.kalshi.models.feed import Channel, FillMsg, OrderMsg, TickerMsg, TradeMsg
from prediction_mcp.kalshi.orderbook import DOLLAR, LiveBook
from prediction_mcp.protocol.push import Push
from prediction_mcp.realtime.polling import POLL_S
from prediction_mcp.realtime.watcher import Update, Watch, Watcher, quote_of

from ..trading.results import spoken

LEVELS = 5
SHOWN_TICKERS = 10
NAMES = {
    "orderbook_delta": "orderbook",
    "trade": "trades",
    "ticker": "ticker",
    "fill": "fills",
    "user_orders": "orders",
}


class LiveBookView(Result):
    """A book kept from the feed: [dollars, contracts], best first; ``seq`` is the feed's number of its last change."""

    ticker: str
    state: str
    as_of: Second | None = None
    seq: int | None = None
    bids: list[tuple[Number, Number]]
    asks: list[tuple[Number, Number]]
    spread: Number | None = None
    mid: Number | None = None

    @classmethod
    def of(cls, book: LiveBook, depth: int = LEVELS) -> Self:
        """A book that isn't right shows no prices: it says that it waits."""
        if book.state != "live":
            return cls(ticker=book.ticker, state=book.state, bids=[], asks=[])
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
    """``tickers`` that are watched, none for all. ``how`` says where updates come from."""

    subscription_id: str
    channel: str
    tickers: list[str]
    more_tickers: int | None = None
    how: str
    condition: str | None = None
    next: str

    @classmethod
    def of(cls, watcher: Watcher, watch: Watch, channel: str, source: str) -> Self:
        rest = len(watch.tickers) - SHOWN_TICKERS
        one = f"ticker={watch.tickers[0]}, " if watch.tickers else ""
        return cls(
            source=source,
            subscription_id=watch.id,
            channel=channel,
            tickers=list(watch.tickers[:SHOWN_TICKERS]),
            more_tickers=rest if rest > 0 else None,
            how=_how(watcher),
            condition="told when it becomes true" if watch.condition.is_given else None,
            next=f"kalshi_get_latest_update(channel={channel}, {one}wait_seconds=30)",
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
    """``connection`` is idle, connecting, live, reconnecting, failed, or polling where there is no key."""

    connection: str
    how: str
    count: int
    subscriptions: list[WatchLine]
    books_waiting: list[str] | None = None
    counters: dict[str, int]
    alerts: list[dict[str, Any]] | None = None
    notifications_held_back: int | None = None

    @classmethod
    def of(cls, watcher: Watcher, push: Push, source: str) -> Self:
        lines = [
            WatchLine(
                subscription_id=w.id,
                channel=NAMES[w.channel],
                tickers=list(w.tickers[:SHOWN_TICKERS]),
                more_tickers=max(len(w.tickers) - SHOWN_TICKERS, 0) or None,
                notify=w.notify if w.notify != "off" else None,
                updates=w.seen,
                dropped=w.dropped or None,
            )
            for w in watcher.watches.values()
        ]
        waiting = [t for t, book in watcher.source.books.items() if book.state != "live"]
        return cls(
            source=source,
            connection=watcher.source.state,
            how=_how(watcher),
            count=len(lines),
            subscriptions=lines,
            books_waiting=waiting[:SHOWN_TICKERS] or None,
            counters=dict(watcher.source.counters),
            alerts=list(push.alerts) or None,
            notifications_held_back=push.suppressed or None,
        )


class RawFrames(Answer):
    """The exchange's own frames, oldest first; ``unread`` wait for the next call, ``dropped`` found no room."""

    connected: bool
    subscriptions: list[str]
    count: int
    frames: list[dict[str, Any]]
    unread: int | None = None
    dropped: int | None = None


class UpdateAnswer(Answer):
    """``update`` is the newest known, ``age_seconds`` since it came; ``note`` says where it isn't a new one."""

    channel: str
    ticker: str | None = None
    update: dict[str, Any] | None = None
    age_seconds: float | None = None
    book: LiveBookView | None = None
    updates: int
    note: str | None = None


def _how(watcher: Watcher) -> str:
    return f"reading every {POLL_S:.0f} s: the live feed takes an API key" if watcher.polling else "live feed"


async def update_answer(
    watcher: Watcher, channel: Channel, name: str, ticker: str, wait_seconds: float, source: str
) -> UpdateAnswer:
    """The newest update, or the next one. Raises InvalidRequestError when it isn't watched."""
    watching = watcher.watching(channel, ticker)
    if not watching:
        what = f"{ticker} isn't watched on {name}" if ticker else f"Nothing is watched on {name}"
        raise InvalidRequestError(f"{what}: subscribe first with kalshi_subscribe_{name}.")
    update = await watcher.next(channel, ticker, wait_seconds) if wait_seconds else None
    note = None
    if update is None:
        newest = (w.events[-1] for w in watching if w.events)
        update = watcher.latest(channel, ticker) if ticker else max(newest, key=lambda u: u.at, default=None)
        came = f"Nothing new came in {wait_seconds:g} s" if wait_seconds else "Nothing came yet"
        if update is None:
            note = f"{came}."
        elif wait_seconds:
            note = f"{came}: this is the newest."
    book = None
    if channel == "orderbook_delta" and ticker:
        book = LiveBookView.of(await watcher.source.book(ticker))
    return UpdateAnswer(
        source=source,
        channel=name,
        ticker=ticker or (update.ticker if update else None),
        update=None if update is None else said(update),
        age_seconds=None if update is None else round(max(time.time() - update.at, 0.0), 3),
        book=book,
        updates=sum(w.seen for w in watching),
        note=note,
    )


def said(update: Update) -> dict[str, Any]:
    """An update in the words of the other tools."""
    message = update.message
    match message:
        case TickerMsg():
            quote = quote_of(message)
            shown = {"last": quote.last, "yes_bid": quote.bid, "yes_ask": quote.ask}
            return {name: float(value) for name, value in shown.items() if value is not None}
        case TradeMsg():
            price, count = float(message.yes_price_dollars), float(message.count_fp)
            return {"price": price, "count": count, "taker": message.taker_outcome_side}
        case FillMsg():
            return {
                "fill": spoken(message.book_side, Decimal(message.yes_price_dollars)), "count": float(message.count_fp),
                "fee": float(message.fee_cost), "order_id": message.order_id,
            }  # fmt: skip
        case OrderMsg():
            return {
                "order": spoken(message.book_side, Decimal(message.yes_price_dollars)), "status": message.status,
                "filled": float(message.fill_count_fp), "remaining": float(message.remaining_count_fp),
                "order_id": message.order_id,
            }  # fmt: skip
        case dict():
            return {name: value / DOLLAR for name, value in message.items()}
    shown = msgspec.to_builtins(message)
    if "delta_fp" in shown:
        return {"side": shown["side"], "price": float(shown["price_dollars"]), "change": float(shown["delta_fp"])}
    return {"snapshot": True}
