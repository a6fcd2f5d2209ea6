"""Results of searching and looking around."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Self

from prediction_mcp.catalogue.rows import Coverage
from prediction_mcp.desk.results import Answer, ListAnswer, Minute, Number, Result, WholeList
from prediction_mcp.kalshi.models.reference import Collection, Milestone
from prediction_mcp.kalshi.models.series import Series

from .market_results import MarketLine


class CatalogueState(Result):
    """What was searched: the local catalogue of the listing. ``as_of`` is when it was last looked after.

    ``combos`` are counted apart, where they were asked for.
    """

    markets: int
    complete: bool
    as_of: Minute | None = None
    combos: int | None = None

    @classmethod
    def of(cls, coverage: Coverage, combos: Coverage | None = None) -> Self:
        complete = coverage.complete and (combos is None or combos.complete)
        return cls(
            markets=coverage.markets,
            complete=complete,
            as_of=coverage.as_of,
            combos=combos.markets if combos else None,
        )


class SearchAnswer(WholeList):
    """Best first; prices are of now."""

    markets: list[MarketLine]
    catalogue: CatalogueState
    note: str | None = None


class SeriesLine(Result):
    ticker: str
    title: str
    category: str
    frequency: str | None = None
    tags: list[str] | None = None
    volume: Number | None = None

    @classmethod
    def of(cls, item: Series) -> Self:
        return cls(
            ticker=item.ticker,
            title=item.title,
            category=item.category,
            frequency=item.frequency or None,
            tags=item.tags or None,
            volume=item.volume_fp,
        )


class CategoryLine(Result):
    category: str
    series: int
    tags: list[str]


class SeriesAnswer(Answer):
    """One series, a list, or the categories."""

    series: list[SeriesLine] | None = None
    count: int | None = None
    cursor: str | None = None
    categories: list[CategoryLine] | None = None
    fee_type: str | None = None
    fee_multiplier: Number | None = None
    settled_by: list[str] | None = None
    terms: str | None = None


def categories_of(series: Sequence[Series], most_tags: int = 12) -> list[CategoryLine]:
    """The categories by how many series they have, with their commonest tags."""
    counts: dict[str, int] = defaultdict(int)
    tags: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for item in series:
        counts[item.category] += 1
        for tag in item.tags or []:
            tags[item.category][tag] += 1
    return [
        CategoryLine(
            category=category or "none",
            series=number,
            tags=sorted(tags[category], key=lambda tag: tags[category][tag], reverse=True)[:most_tags],
        )
        for category, number in sorted(counts.items(), key=lambda item: item[1], reverse=True)
    ]


class MilestoneLine(Result):
    title: str
    type: str
    category: str
    starts: Minute
    ends: Minute | None = None
    events: list[str]

    @classmethod
    def of(cls, item: Milestone) -> Self:
        return cls(
            title=item.title,
            type=item.type,
            category=item.category,
            starts=item.start_date,
            ends=item.end_date,
            events=item.primary_event_tickers or item.related_event_tickers[:5],
        )


class MilestoneList(ListAnswer):
    milestones: list[MilestoneLine]


class CollectionLine(Result):
    ticker: str
    title: str
    description: str
    legs: str
    closes: Minute | None = None
    events: int
    first_events: list[str]

    @classmethod
    def of(cls, item: Collection) -> Self:
        return cls(
            ticker=item.collection_ticker,
            title=item.title,
            description=item.functional_description or item.description,
            legs=item.sizes,
            closes=item.close_date,
            events=len(item.associated_events),
            first_events=[event.ticker for event in item.associated_events[:10]],
        )


class CollectionList(ListAnswer):
    collections: list[CollectionLine]
