"""Milestones and multivariate collections: what stands around the markets."""

from datetime import datetime
from typing import Any

from .base import KalshiModel, OptionalTime, Page


class Milestone(KalshiModel):
    """Something that will happen at a time: a game, a release, a vote."""

    id: str
    category: str = ""
    type: str = ""
    title: str = ""
    start_date: datetime
    end_date: OptionalTime = None
    related_event_tickers: list[str] = []
    primary_event_tickers: list[str] = []
    details: dict[str, Any] = {}


class MilestonePage(Page):
    milestones: list[Milestone] = []


class CollectionEvent(KalshiModel):
    ticker: str
    is_yes_only: bool = False


class Collection(KalshiModel):
    """Events whose markets can be combined into one."""

    collection_ticker: str
    series_ticker: str = ""
    title: str = ""
    description: str = ""
    functional_description: str = ""
    open_date: OptionalTime = None
    close_date: OptionalTime = None
    size_min: int = 0
    size_max: int = 0
    associated_events: list[CollectionEvent] = []


class CollectionPage(Page):
    multivariate_contracts: list[Collection] = []
