"""What stands around the markets: milestones, targets, incentives, fee changes, search filters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import NotFoundError
from ..models.reference import (
    CategoryTags,
    EventFeeChange,
    EventFeeChangePage,
    IncentivePage,
    Milestone,
    MilestoneAnswer,
    MilestonePage,
    SeriesFeeChange,
    SeriesFeeChanges,
    SportFilters,
    StructuredTarget,
    StructuredTargetAnswer,
    StructuredTargetPage,
)
from ..pagination import everything

if TYPE_CHECKING:
    from ..transport import Transport


class ReferenceResource:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def milestone(self, milestone_id: str) -> Milestone:
        """One milestone. Raises NotFoundError."""
        ids = {"milestone_id": milestone_id}
        return (await self._transport.get(MilestoneAnswer, "/milestones/{milestone_id}", ids)).milestone

    async def milestones(
        self,
        *,
        category: str | None = None,
        competition: str | None = None,
        kind: str | None = None,
        source_id: str | None = None,
        related_event_ticker: str | None = None,
        minimum_start_date: str | None = None,
        min_updated_ts: int | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> MilestonePage:
        """A page of milestones (500 at most); ``minimum_start_date`` is RFC 3339."""
        query = {
            "category": category,
            "competition": competition,
            "type": kind,
            "source_id": source_id,
            "related_event_ticker": related_event_ticker,
            "minimum_start_date": minimum_start_date,
            "min_updated_ts": min_updated_ts,
            "limit": limit,
            "cursor": cursor,
        }
        return await self._transport.get(MilestonePage, "/milestones", query=query)

    async def structured_target(self, target_id: str) -> StructuredTarget:
        """One target. Raises NotFoundError."""
        template, ids = "/structured_targets/{structured_target_id}", {"structured_target_id": target_id}
        found = (await self._transport.get(StructuredTargetAnswer, template, ids)).structured_target
        if found is None:
            raise NotFoundError(f"The exchange has no structured target {target_id}.")
        return found

    async def structured_targets(
        self,
        *,
        ids: Sequence[str] | None = None,
        kind: str | None = None,
        competition: str | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
    ) -> StructuredTargetPage:
        """A page of targets: teams, players, cities and the like."""
        query = {
            "ids": list(ids) if ids else None,
            "type": kind,
            "competition": competition,
            "page_size": page_size,
            "cursor": cursor,
        }
        return await self._transport.get(StructuredTargetPage, "/structured_targets", query=query)

    async def incentives(
        self,
        *,
        status: str | None = None,
        kind: str | None = None,
        incentive_description: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> IncentivePage:
        """A page of rewards; ``status`` all, active, upcoming, closed or paid_out, ``kind`` liquidity or volume."""
        query = {
            "status": status,
            "type": kind,
            "incentive_description": incentive_description,
            "limit": limit,
            "cursor": cursor,
        }
        return await self._transport.get(IncentivePage, "/incentive_programs", query=query)

    async def series_fee_changes(
        self, *, series_ticker: str | None = None, show_historical: bool = False
    ) -> Sequence[SeriesFeeChange]:
        """Fee changes that are scheduled, and with ``show_historical`` those that came."""
        query = {"series_ticker": series_ticker, "show_historical": show_historical or None}
        return (await self._transport.get(SeriesFeeChanges, "/series/fee_changes", query=query)).series_fee_change_arr

    async def event_fee_changes(
        self, *, event_ticker: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> EventFeeChangePage:
        """A page of changes of single events' fees."""
        query = {"event_ticker": event_ticker, "limit": limit, "cursor": cursor}
        return await self._transport.get(EventFeeChangePage, "/events/fee_changes", query=query)

    def all_event_fee_changes(self, **filters: Any) -> AsyncIterator[EventFeeChange]:
        """Every change of an event's fee, over all pages."""
        return everything(
            lambda cursor: self.event_fee_changes(**{**filters, "cursor": cursor}), lambda p: p.event_fee_changes
        )

    async def category_tags(self) -> Mapping[str, Sequence[str] | None]:
        """The tags of each category."""
        return (await self._transport.get(CategoryTags, "/search/tags_by_categories")).tags_by_categories

    async def sport_filters(self) -> SportFilters:
        """What each sport's markets can be narrowed down by."""
        return await self._transport.get(SportFilters, "/search/filters_by_sport")
