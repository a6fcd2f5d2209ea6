"""What Polymarket's tools answer about markets. Prices are dollars a share, so probabilities; sizes are shares."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Self

from prediction_mcp.desk.results import Answer, ListAnswer, Minute, Number, Result, Second, WholeList, time_left
from prediction_mcp.polymarket import models, record
from prediction_mcp.polymarket.fees import taker_fee
from prediction_mcp.polymarket.models import ClobMarket, Orderbook
from prediction_mcp.safety.text import cut

from .lookup import Side

LONGEST_RULES = 1_500


class OutcomeLine(Result):
    """``price`` is the catalogue's and lags; the book's is what one trades at."""

    outcome: str
    token_id: str | None = None
    price: Number | None = None


class MarketLine(Result):
    """A market in a list."""

    slug: str
    question: str
    outcomes: dict[str, Number | None]
    best_bid: Number | None = None
    best_ask: Number | None = None
    volume: Number | None = None
    ends: Minute | None = None
    status: str

    @classmethod
    def of(cls, market: models.Market) -> Self:
        return cls(
            slug=market.slug or market.id,
            question=market.question,
            outcomes={o.name: o.price for o in market.outcomes},
            best_bid=market.best_bid,
            best_ask=market.best_ask,
            volume=market.volume_num,
            ends=market.end_date,
            status=status_of(market),
        )


def status_of(market: models.Market) -> str:
    """``closed``, taking orders and resolved are different things."""
    if market.uma_resolution_status == "resolved" or (market.closed and not market.accepting_orders):
        return "resolved" if market.uma_resolution_status == "resolved" else "closed"
    if market.accepting_orders:
        return "trading" if not market.closed else "closed, still taking orders"
    return market.uma_resolution_status or "not trading"


class Found(ListAnswer):
    """Markets that fit, one event after another."""

    markets: list[MarketLine]


def held_ms(market: models.Market, terms: ClobMarket | None) -> int:
    """Milliseconds that orders which trade at once are held back: as the book says, else as the catalogue does."""
    return (0 if terms is None else terms.taker_delay_ms) or (market.seconds_delay or 0) * 1000


class MarketAnswer(Answer):
    """A market with its terms. ``fee`` is what a taker pays for 100 shares at the best ask; makers pay nothing.

    ``taker_delay_ms``: an order that trades at once is held back so long, and can't be cancelled then.
    """

    slug: str
    question: str
    status: str
    outcomes: list[OutcomeLine]
    best_bid: Number | None = None
    best_ask: Number | None = None
    last_price: Number | None = None
    spread: Number | None = None
    volume: Number | None = None
    tick: Number | None = None
    min_size: Number | None = None
    fee_rate: Number | None = None
    fee: Number | None = None
    neg_risk: bool | None = None
    opens: Minute | None = None
    ends: Minute | None = None
    time_left: str | None = None
    game_starts: Minute | None = None
    taker_delay_ms: int | None = None
    condition_id: str
    resolution: str | None = None
    resolution_source: str | None = None
    rules: str | None = None

    @classmethod
    def of(cls, market: models.Market, terms: ClobMarket | None, source: str) -> Self:
        schedule = None if terms is None else terms.schedule
        ask = market.best_ask
        return cls(
            source=source,
            slug=market.slug or market.id,
            question=market.question,
            status=status_of(market),
            outcomes=[OutcomeLine(outcome=o.name, token_id=o.token_id, price=o.price) for o in market.outcomes],
            best_bid=market.best_bid,
            best_ask=ask,
            last_price=market.last_trade_price or None,
            spread=market.spread,
            volume=market.volume_num,
            tick=market.order_price_min_tick_size if terms is None else terms.tick_size,
            min_size=market.order_min_size if terms is None else terms.min_order_size,
            fee_rate=None if schedule is None else schedule.rate,
            fee=None if schedule is None or ask is None else taker_fee(schedule, ask, Decimal(100)),
            neg_risk=market.neg_risk or None,
            opens=market.start_date,
            ends=market.end_date,
            time_left=time_left(market.end_date),
            game_starts=market.game_start_time,
            taker_delay_ms=held_ms(market, terms) or None,
            condition_id=market.condition_id or "",
            resolution=market.uma_resolution_status,
            resolution_source=market.resolution_source,
            rules=None if market.description is None else cut(market.description, LONGEST_RULES),
        )


class EventLine(Result):
    """``neg_risk``: at most one of its outcomes wins."""

    slug: str
    title: str
    markets: int
    volume: Number | None = None
    ends: Minute | None = None
    neg_risk: bool | None = None
    more_outcomes_may_come: bool | None = None

    @classmethod
    def of(cls, event: models.Event) -> Self:
        return cls(
            slug=event.slug or event.id,
            title=event.title,
            markets=len(event.markets),
            volume=event.volume,
            ends=event.end_date,
            neg_risk=event.neg_risk or None,
            more_outcomes_may_come=event.neg_risk_augmented or None,
        )


class EventList(ListAnswer):
    events: list[EventLine]


class EventAnswer(Answer):
    """An event with its markets; those without a name yet are left out."""

    event: EventLine
    markets: list[MarketLine]
    note: str | None = None

    @classmethod
    def of(cls, event: models.Event, source: str) -> Self:
        named = [m for m in event.markets if m.active is not False]
        note = None
        if event.neg_risk_augmented:
            note = "More outcomes may be added: the asks listed may fairly add up to less than $1."
        return cls(source=source, event=EventLine.of(event), markets=[MarketLine.of(m) for m in named], note=note)


Rows = list[tuple[Number, Number]]


class BookAnswer(Answer):
    """An outcome's book, best first: [price, shares]. The other outcome's book is its mirror."""

    slug: str
    question: str
    outcome: str
    bids: Rows
    asks: Rows
    spread: Number | None = None
    tick: Number | None = None
    note: str | None = None

    @classmethod
    def of(cls, side: Side, book: Orderbook, depth: int, source: str) -> Self:
        bids = [(level.price, level.size) for level in book.bids[:depth]]
        asks = [(level.price, level.size) for level in book.asks[:depth]]
        return cls.rows(side, bids, asks, book.tick_size, source)

    @classmethod
    def rows(
        cls,
        side: Side,
        bids: Sequence[tuple[Decimal, Decimal]],
        asks: Sequence[tuple[Decimal, Decimal]],
        tick: Decimal | None,
        source: str,
        note: str | None = None,
    ) -> Self:
        return cls(
            source=source,
            slug=side.market.slug or side.market.id,
            question=side.market.question,
            outcome=side.name,
            bids=list(bids),
            asks=list(asks),
            spread=asks[0][0] - bids[0][0] if bids and asks else None,
            tick=tick,
            note=note,
        )


class TradeLine(Result):
    at: Second | None = None
    outcome: str | None = None
    side: str
    price: Number
    size: Number

    @classmethod
    def of(cls, trade: record.Trade) -> Self:
        return cls(at=trade.timestamp, outcome=trade.outcome, side=trade.side, price=trade.price, size=trade.size)


class TradeList(ListAnswer):
    """Newest first."""

    slug: str
    trades: list[TradeLine]


class PriceRow(Result):
    at: Minute | None = None
    price: Number


class History(WholeList):
    """Prices of an outcome in time, oldest first."""

    slug: str
    question: str
    outcome: str
    first: Number | None = None
    last: Number | None = None
    high: Number | None = None
    low: Number | None = None
    rows: list[tuple[Minute, Number]]


class HolderLine(Result):
    """``wallet`` is public; ``name`` is what its owner calls it."""

    wallet: str
    name: str | None = None
    shares: Number


class Holders(Answer):
    """The largest holders of each outcome."""

    slug: str
    holders: dict[str, list[HolderLine]]
