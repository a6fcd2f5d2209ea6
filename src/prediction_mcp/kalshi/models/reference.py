"""What stands around the markets: milestones, targets, incentives, fee changes, search filters, collections."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from prediction_mcp.net.sides import Side

from .base import Count, KalshiModel, OptionalTime, Page, Request
from .markets import Market, PriceRangeModel


class Milestone(KalshiModel):
    """Something that will happen at a time: a game, a release, a vote."""

    id: str
    category: str = ""
    type: str = ""
    title: str = ""
    notification_message: str = ""
    start_date: datetime
    end_date: OptionalTime = None
    related_event_tickers: list[str] = []
    primary_event_tickers: list[str] = []
    source_id: str | None = None
    source_ids: dict[str, str] | None = None
    details: dict[str, Any] = {}
    last_updated_ts: OptionalTime = None


class MilestoneAnswer(KalshiModel):
    milestone: Milestone


class MilestonePage(Page):
    milestones: list[Milestone] = []


class StructuredTarget(KalshiModel):
    """A team, a player or a city that a market is about."""

    id: str = ""
    name: str = ""
    type: str = ""
    details: dict[str, Any] | None = None
    source_id: str | None = None
    source_ids: dict[str, str] | None = None
    last_updated_ts: OptionalTime = None


class StructuredTargetAnswer(KalshiModel):
    structured_target: StructuredTarget | None = None


class StructuredTargetPage(Page):
    structured_targets: list[StructuredTarget] = []


class IncentiveProgram(KalshiModel):
    """A reward for trading a market or for resting orders in it. ``period_reward`` is in $0.0001."""

    id: str
    market_id: str = ""
    market_ticker: str
    incentive_type: str
    incentive_description: str = ""
    start_date: datetime
    end_date: datetime
    period_reward: int = 0
    paid_out: bool = False
    discount_factor_bps: int | None = None
    target_size_fp: Count | None = None
    max_reward_per_account: int | None = None


class IncentivePage(KalshiModel):
    """A page; ``next_cursor`` is empty on the last one (the exchange calls it so here only)."""

    incentive_programs: list[IncentiveProgram] = []
    next_cursor: str | None = ""


class SeriesFeeChange(KalshiModel):
    id: str
    series_ticker: str
    fee_type: str
    fee_multiplier: Decimal
    scheduled_ts: datetime


class SeriesFeeChanges(KalshiModel):
    series_fee_change_arr: list[SeriesFeeChange] = []


class EventFeeChange(KalshiModel):
    """None ends an override: the series' fee holds again."""

    id: str
    event_ticker: str
    series_ticker: str = ""
    fee_type_override: str | None = None
    fee_multiplier_override: Decimal | None = None
    scheduled_ts: datetime


class EventFeeChangePage(Page):
    event_fee_changes: list[EventFeeChange] = []


class Scopes(KalshiModel):
    scopes: list[str] = []


class SportFilter(KalshiModel):
    """What a sport's markets can be narrowed down by; competitions with the scopes of each."""

    scopes: list[str] = []
    competitions: dict[str, Scopes] = {}


class SportFilters(KalshiModel):
    filters_by_sports: dict[str, SportFilter] = {}
    sport_ordering: list[str] = []


class CategoryTags(KalshiModel):
    tags_by_categories: dict[str, list[str] | None] = {}


class CollectionEvent(KalshiModel):
    ticker: str
    is_yes_only: bool = False
    size_max: int | None = None
    size_min: int | None = None
    active_quoters: list[str] = []


class Collection(KalshiModel):
    """Events whose markets can be combined into one; a ``size_max`` of 0 is no limit."""

    collection_ticker: str
    series_ticker: str = ""
    title: str = ""
    description: str = ""
    functional_description: str = ""
    open_date: OptionalTime = None
    close_date: OptionalTime = None
    size_min: int = 0
    size_max: int = 0
    is_ordered: bool = False
    is_single_market_per_event: bool = False
    is_all_yes: bool = False
    associated_events: list[CollectionEvent] = []
    associated_event_tickers: list[str] = []
    price_level_structure: str = ""
    price_ranges: list[PriceRangeModel] = []
    exchange_index: int | None = None

    @property
    def sizes(self) -> str:
        """How many legs a combo takes, as "2 to 6" or "2 or more"."""
        return f"{self.size_min} to {self.size_max}" if self.size_max else f"{self.size_min} or more"


class CollectionAnswer(KalshiModel):
    multivariate_contract: Collection


class CollectionPage(Page):
    multivariate_contracts: list[Collection] = []


class ComboMade(KalshiModel):
    """``market`` comes only where it was asked for."""

    event_ticker: str
    market_ticker: str
    market: Market | None = None


class SelectedLeg(Request):
    """A leg pays where its market ends on this side."""

    market_ticker: str
    event_ticker: str
    side: Side


class NewCombo(Request):
    selected_markets: list[SelectedLeg]
    with_market_payload: bool | None = None
