"""Series: the templates that events are made from."""

from decimal import Decimal
from typing import Any

from .base import Count, KalshiModel, OptionalTime


class SettlementSource(KalshiModel):
    name: str | None = None
    url: str | None = None


class Series(KalshiModel):
    ticker: str
    title: str = ""
    category: str = ""
    categories: list[str] = []
    frequency: str = ""
    tags: list[str] | None = None
    settlement_sources: list[SettlementSource] | None = None
    contract_url: str = ""
    contract_terms_url: str = ""
    fee_type: str = "quadratic"
    fee_multiplier: Decimal = Decimal(1)
    additional_prohibitions: list[str] | None = None
    volume_fp: Count | None = None
    last_updated_ts: OptionalTime = None
    product_metadata: dict[str, Any] | None = None
    exchange_index: int | None = None


class SeriesAnswer(KalshiModel):
    series: Series


class SeriesList(KalshiModel):
    series: list[Series] = []
