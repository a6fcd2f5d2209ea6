"""Markets, order books, trades and candlesticks."""

from datetime import datetime
from decimal import Decimal
from functools import cached_property

from pydantic import model_validator

from prediction_mcp.net.sides import Action, BookSide, Side

from ..units import CENT_GRID, PriceGrid
from .base import Count, Dollars, KalshiModel, OptionalTime, Page, Price, quoted


class PriceRangeModel(KalshiModel):
    start: Dollars
    end: Dollars
    step: Dollars


class ComboLeg(KalshiModel):
    event_ticker: str | None = None
    market_ticker: str | None = None
    side: str | None = None


class Market(KalshiModel):
    """One contract.

    ``status`` is initialized, inactive, active, closed, determined, disputed, amended or finalized. Read prices
    through ``yes_quotes``: a price of 0 or 1 is the exchange's way to write that a side isn't quoted.
    ``exchange_index`` is the shard of the exchange that trades it.
    """

    ticker: str
    event_ticker: str
    title: str = ""
    yes_sub_title: str = ""
    no_sub_title: str = ""
    market_type: str = "binary"
    status: str
    created_time: OptionalTime = None
    open_time: OptionalTime = None
    close_time: OptionalTime = None
    expected_expiration_time: OptionalTime = None
    latest_expiration_time: OptionalTime = None
    updated_time: OptionalTime = None
    settlement_timer_seconds: int = 0
    yes_bid_dollars: Dollars | None = None
    yes_bid_size_fp: Count | None = None
    yes_ask_dollars: Dollars | None = None
    yes_ask_size_fp: Count | None = None
    no_bid_dollars: Dollars | None = None
    no_ask_dollars: Dollars | None = None
    last_price_dollars: Dollars = Decimal(0)
    notional_value_dollars: Dollars = Decimal(1)
    previous_yes_bid_dollars: Dollars | None = None
    previous_yes_ask_dollars: Dollars | None = None
    previous_price_dollars: Dollars = Decimal(0)
    volume_fp: Count = Decimal(0)
    volume_24h_fp: Count = Decimal(0)
    open_interest_fp: Count = Decimal(0)
    can_close_early: bool = False
    early_close_condition: str | None = None
    result: str = ""
    settlement_value_dollars: Dollars | None = None
    settlement_ts: OptionalTime = None
    settlement_bounds_type: str | None = None
    expiration_value: str = ""
    strike_type: str | None = None
    floor_strike: Decimal | None = None
    cap_strike: Decimal | None = None
    rules_primary: str = ""
    rules_secondary: str = ""
    price_level_structure: str = ""
    price_ranges: list[PriceRangeModel] = []
    fee_waiver_expiration_time: OptionalTime = None
    mve_collection_ticker: str | None = None
    mve_selected_legs: list[ComboLeg] | None = None
    exchange_index: int | None = None

    @property
    def legs(self) -> tuple[str, ...]:
        """Return the events and markets that a combo bets on; none of any other market."""
        named = (name for leg in self.mve_selected_legs or () for name in (leg.event_ticker, leg.market_ticker))
        return tuple(name for name in named if name)

    @cached_property
    def grid(self) -> PriceGrid:
        """The prices this market takes; whole cents where the exchange names none."""
        if not self.price_ranges:
            return CENT_GRID
        return PriceGrid.parse((r.start, r.end, r.step) for r in self.price_ranges)

    @property
    def name(self) -> str:
        """What it asks and which answer is YES, in the exchange's words."""
        return f"{self.title}: {self.yes_sub_title}"

    @property
    def yes_quotes(self) -> tuple[Decimal | None, Decimal | None]:
        """(bid, ask) of YES; None for a side that isn't quoted, and for both while the market isn't open."""
        if not self.is_open:
            return None, None
        return quoted(self.yes_bid_dollars, self.yes_bid_size_fp), quoted(self.yes_ask_dollars, self.yes_ask_size_fp)

    @property
    def is_open(self) -> bool:
        return self.status == "active"


class MarketAnswer(KalshiModel):
    market: Market


class MarketPage(Page):
    markets: list[Market] = []


class Orderbook(KalshiModel):
    """Bids of both outcomes as (price, count), best first whatever the exchange's own order was."""

    yes_dollars: list[tuple[Dollars, Count]] = []
    no_dollars: list[tuple[Dollars, Count]] = []

    @model_validator(mode="before")
    @classmethod
    def _missing_side_is_empty(cls, data: object) -> object:
        return {key: value or [] for key, value in data.items()} if isinstance(data, dict) else data

    @cached_property
    def yes_bids(self) -> list[tuple[Dollars, Count]]:
        return sorted((level for level in self.yes_dollars if quoted(*level)), reverse=True)

    @cached_property
    def yes_asks(self) -> list[tuple[Dollars, Count]]:
        """A NO bid at q is a YES ask at 1 − q."""
        return sorted((1 - price, count) for price, count in self.no_dollars if quoted(price, count))

    def levels(self, side: Side, action: Action) -> list[tuple[Decimal, Decimal]]:
        """What an order of this side and action would hit: (dollars of the side, contracts), best first."""
        met = self.yes_asks if (side == "yes") == (action == "buy") else self.yes_bids
        return met if side == "yes" else [(1 - price, count) for price, count in met]


class OrderbookAnswer(KalshiModel):
    orderbook_fp: Orderbook


class MarketOrderbook(KalshiModel):
    ticker: str
    orderbook_fp: Orderbook


class OrderbooksAnswer(KalshiModel):
    orderbooks: list[MarketOrderbook] = []


class Trade(KalshiModel):
    trade_id: str
    ticker: str
    count_fp: Count
    yes_price_dollars: Dollars
    no_price_dollars: Dollars | None = None
    taker_outcome_side: Side
    taker_book_side: BookSide
    created_time: datetime
    is_block_trade: bool = False


class TradePage(Page):
    trades: list[Trade] = []


class Quotes(KalshiModel):
    """Open, high, low and close of a price over a period; None without a trade or a quote. Reads both spellings."""

    open_dollars: Price = None
    high_dollars: Price = None
    low_dollars: Price = None
    close_dollars: Price = None
    mean_dollars: Price = None
    previous_dollars: Price = None

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        return {key if key.endswith("_dollars") else f"{key}_dollars": value for key, value in data.items()}


class Candlestick(KalshiModel):
    """One period; ``end_period_ts`` is its inclusive end in Unix seconds.

    A period without a trade is listed too: ``price`` then has only ``previous_dollars``.
    """

    end_period_ts: int
    price: Quotes
    yes_bid: Quotes
    yes_ask: Quotes
    volume_fp: Count = Decimal(0)
    open_interest_fp: Count = Decimal(0)

    @property
    def is_traded(self) -> bool:
        """Whether a trade happened in the period."""
        return self.price.close_dollars is not None

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, data: object) -> object:
        if isinstance(data, dict) and "volume" in data:
            return {**data, "volume_fp": data["volume"], "open_interest_fp": data.get("open_interest", 0)}
        return data


class CandlesticksAnswer(KalshiModel):
    ticker: str = ""
    candlesticks: list[Candlestick] = []


class MarketCandlesticks(KalshiModel):
    market_ticker: str
    candlesticks: list[Candlestick] = []


class BatchCandlesticksAnswer(KalshiModel):
    markets: list[MarketCandlesticks] = []
