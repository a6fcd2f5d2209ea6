"""Events: questions with one or more markets."""

from decimal import Decimal

from .base import KalshiModel, OptionalTime, Page
from .markets import Candlestick, Market
from .reference import Milestone
from .series import SettlementSource


class Event(KalshiModel):
    event_ticker: str
    series_ticker: str = ""
    title: str = ""
    sub_title: str = ""
    category: str | None = None
    mutually_exclusive: bool = False
    collateral_return_type: str = ""
    strike_date: OptionalTime = None
    strike_period: str | None = None
    markets: list[Market] | None = None
    settlement_sources: list[SettlementSource] | None = None
    fee_type_override: str | None = None
    fee_multiplier_override: Decimal | None = None
    last_updated_ts: OptionalTime = None
    exchange_index: int | None = None


class EventAnswer(KalshiModel):
    """``markets`` stands beside the event unless it was asked for inside."""

    event: Event
    markets: list[Market] | None = None


class EventPage(Page):
    """``milestones`` of these events come where they were asked for."""

    events: list[Event] = []
    milestones: list[Milestone] | None = None


class MarketImage(KalshiModel):
    market_ticker: str
    image_url: str = ""
    color_code: str = ""


class EventMetadata(KalshiModel):
    image_url: str = ""
    market_details: list[MarketImage] = []
    settlement_sources: list[SettlementSource] = []
    competition: str | None = None
    featured_image_url: str | None = None
    competition_scope: str | None = None


class EventCandlesticks(KalshiModel):
    """One list of candlesticks a market, in the order of ``market_tickers``; ``adjusted_end_ts`` is where they end."""

    market_tickers: list[str] = []
    market_candlesticks: list[list[Candlestick]] = []
    adjusted_end_ts: int | None = None


class ForecastPercentile(KalshiModel):
    """``percentile`` in hundredths of a percent; the number in the event's own unit."""

    percentile: int
    raw_numerical_forecast: Decimal
    numerical_forecast: Decimal
    formatted_forecast: str = ""


class ForecastPoint(KalshiModel):
    """A period's forecast; ``end_period_ts`` is its inclusive end in Unix seconds."""

    event_ticker: str
    end_period_ts: int
    period_interval: int
    percentile_points: list[ForecastPercentile] = []


class ForecastHistory(KalshiModel):
    forecast_history: list[ForecastPoint] = []
