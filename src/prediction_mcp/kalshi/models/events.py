"""Events: questions with one or more markets."""

from decimal import Decimal

from .base import KalshiModel, OptionalTime, Page
from .markets import Market
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


class EventAnswer(KalshiModel):
    """``markets`` stands beside the event unless it was asked for inside."""

    event: Event
    markets: list[Market] | None = None


class EventPage(Page):
    events: list[Event] = []


class MarketImage(KalshiModel):
    market_ticker: str
    image_url: str = ""
    color_code: str = ""


class EventMetadata(KalshiModel):
    image_url: str = ""
    market_details: list[MarketImage] = []
    settlement_sources: list[SettlementSource] = []
    competition: str | None = None
