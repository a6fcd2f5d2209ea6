"""What Polymarket's services answer, typed: the catalogue (Gamma), the order book (CLOB), the public record (Data API).

Prices are dollars a share, sizes shares. Token ids are texts of up to 78 digits and stay that. Names, descriptions and
labels are written by strangers: they are data.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from .wire import (
    Id,
    Moment,
    Number,
    Numbers,
    OptionalNumber,
    OptionalText,
    Price,
    Size,
    SnakeWire,
    Texts,
    Wire,
)  # fmt: skip

TAKER_DELAY_MS = 150
"""Of markets with ``itode`` (documentation and recordings, September 2026)."""


class FeeSchedule(Wire):
    """What a taker pays in a market: see :func:`~.fees.taker_fee`."""

    rate: Number
    exponent: Number
    taker_only: bool = True
    rebate_rate: OptionalNumber = None


class Outcome(Wire):
    """One side of a market. ``price`` is the catalogue's and lags: prices to trade at are the book's."""

    name: str
    token_id: str | None
    price: Decimal | None


class EventReference(Wire):
    """The event that a market belongs to, where it is listed without it."""

    id: Id
    slug: OptionalText = None
    title: OptionalText = None


class Market(Wire):
    """A question with two outcomes, as the catalogue has it.

    ``closed``, ``accepting_orders``, ``active`` and resolved are four different things: a closed market that accepts
    orders has been recorded. ``end_date`` is no promise.
    """

    id: Id
    slug: OptionalText = None
    condition_id: OptionalText = None
    question: str = ""
    group_item_title: OptionalText = None
    description: OptionalText = None
    category: OptionalText = None
    version: OptionalText = None
    """Protocol of the market's tokens; see :attr:`token_ids`."""
    active: bool | None = None
    closed: bool | None = None
    archived: bool | None = None
    accepting_orders: bool | None = None
    enable_order_book: bool | None = None
    neg_risk: bool | None = None
    start_date: Moment = None
    end_date: Moment = None
    closed_time: Moment = None
    game_start_time: Moment = None
    seconds_delay: int | None = None
    clear_book_on_start: bool | None = None
    order_min_size: OptionalNumber = None
    order_price_min_tick_size: OptionalNumber = None
    fees_enabled: bool | None = None
    fee_type: OptionalText = None
    fee_schedule: FeeSchedule | None = None
    resolution_source: OptionalText = None
    uma_resolution_status: OptionalText = None
    best_bid: OptionalNumber = None
    best_ask: OptionalNumber = None
    last_trade_price: OptionalNumber = None
    spread: OptionalNumber = None
    volume_num: OptionalNumber = None
    volume_24hr: OptionalNumber = Field(None, alias="volume24hr")
    liquidity_num: OptionalNumber = None
    outcome_names: Texts = Field((), alias="outcomes")
    outcome_prices: Numbers = ()
    clob_token_ids: Texts = ()
    position_ids: Texts = ()
    events: tuple[EventReference, ...] = ()

    @model_validator(mode="after")
    def _lists_belong_together(self) -> Market:
        """Labels, prices and tokens are paired by index, never by the word "Yes"."""
        for others in (self.outcome_prices, self.clob_token_ids, self.position_ids):
            if others and len(others) != len(self.outcome_names):
                raise ValueError("outcomes, prices and tokens differ in number")
        return self

    @property
    def token_ids(self) -> tuple[str, ...]:
        """Ids that orders and books use, one per outcome; () where the market has none or its version is unknown.

        ``version`` alone chooses the field, even when both are present: "v2" takes ``positionIds``, "v1"
        ``clobTokenIds`` (Polymarket's migration guide). Recordings older than the field have no version and are v1.
        """
        ids = {"v1": self.clob_token_ids, "v2": self.position_ids}
        return ids.get(self.version or "v1", ())

    @property
    def event_slug(self) -> str | None:
        return self.events[0].slug if self.events else None

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The sides in the market's own sequence, each with its token and the catalogue's price."""
        prices = self.outcome_prices or (None,) * len(self.outcome_names)
        tokens = self.token_ids or (None,) * len(self.outcome_names)
        return tuple(
            Outcome(name=name, token_id=token, price=price)
            for name, token, price in zip(self.outcome_names, tokens, prices, strict=True)
        )


class Tag(Wire):
    """A subject that events are filed under."""

    id: Id
    label: OptionalText = None
    slug: OptionalText = None


class Event(Wire):
    """Questions that belong together."""

    id: Id
    slug: OptionalText = None
    ticker: OptionalText = None
    title: str = ""
    description: OptionalText = None
    active: bool | None = None
    closed: bool | None = None
    neg_risk: bool | None = None
    neg_risk_augmented: bool | None = None
    """More outcomes may be added, and "Other" exists: the asks of those listed may fairly add up to less than $1."""
    start_date: Moment = None
    end_date: Moment = None
    volume: OptionalNumber = None
    liquidity: OptionalNumber = None
    markets: tuple[Market, ...] = ()
    tags: tuple[Tag, ...] = ()


class MarketPage(Wire):
    """Some markets, and where the next ones begin."""

    markets: tuple[Market, ...]
    next_cursor: OptionalText = Field(None, alias="next_cursor")


class EventPage(Wire):
    """Some events, and where the next ones begin."""

    events: tuple[Event, ...]
    next_cursor: OptionalText = Field(None, alias="next_cursor")


class SearchPagination(Wire):
    """Whether a search has more."""

    has_more: bool = False
    total_results: int | None = None


class Search(Wire):
    """What a search found."""

    events: tuple[Event, ...] = ()
    tags: tuple[Tag, ...] = ()
    pagination: SearchPagination = SearchPagination()


class Level(SnakeWire):
    """What is offered at a price."""

    price: Price
    size: Size


def _falling(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    return tuple(sorted(levels, key=lambda level: level.price, reverse=True))


def _rising(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    return tuple(sorted(levels, key=lambda level: level.price))


class Orderbook(SnakeWire):
    """One token's book, **best first** on both sides. On the wire the best comes last."""

    market: str
    """The condition id."""
    asset_id: str
    timestamp: Moment = None
    bids: Annotated[tuple[Level, ...], AfterValidator(_falling)]
    asks: Annotated[tuple[Level, ...], AfterValidator(_rising)]
    min_order_size: Number
    tick_size: Number
    neg_risk: bool
    last_trade_price: OptionalNumber = None
    hash: str = ""
    """Good for spotting duplicates, not for proving a book."""

    @property
    def best_bid(self) -> Level | None:
        return self.bids[0] if self.bids else None

    @property
    def best_ask(self) -> Level | None:
        return self.asks[0] if self.asks else None


class ClobFee(SnakeWire):
    """``fd`` of a market's terms."""

    r: Number
    e: Number
    to: bool = True


class ClobToken(SnakeWire):
    """``t`` of a market's terms."""

    t: str
    o: str


class ClobMarket(SnakeWire):
    """A market's terms as the order book has them: they count, not the catalogue's."""

    tokens: tuple[ClobToken, ...] = Field(alias="t")
    tick_size: Number = Field(alias="mts")
    neg_risk: bool = Field(False, alias="nr")
    min_order_size: OptionalNumber = Field(None, alias="mos")
    fee: ClobFee | None = Field(None, alias="fd")
    seconds_delay: int = Field(0, alias="sd", ge=0)
    delays_takers: bool = Field(False, alias="itode")

    @property
    def taker_delay_ms(self) -> int:
        """Milliseconds that an order which trades at once is held back: ``sd`` seconds, or ``itode``'s 150 ms."""
        return self.seconds_delay * 1000 or (TAKER_DELAY_MS if self.delays_takers else 0)

    @property
    def schedule(self) -> FeeSchedule | None:
        """The fee; None is none."""
        return None if self.fee is None else FeeSchedule(rate=self.fee.r, exponent=self.fee.e, taker_only=self.fee.to)


class LastTrade(SnakeWire):
    """The last trade's price; ``side`` is "" before the first."""

    price: Number
    side: Literal["BUY", "SELL", ""] = ""


class Series(Wire):
    """Events that come again and again."""

    id: Id
    slug: OptionalText = None
    title: OptionalText = None
    recurrence: OptionalText = None


class Sport(Wire):
    """A league."""

    id: Id
    sport: str
    name: OptionalText = None
    series: OptionalText = None


class Place(SnakeWire):
    """Whether orders are taken from where one is."""

    blocked: bool
    country: OptionalText = None
    region: OptionalText = None
