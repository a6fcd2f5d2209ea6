"""/milestones and /multivariate_event_collections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..models.reference import CollectionPage, MilestonePage

if TYPE_CHECKING:
    from ..transport import Transport


class ReferenceResource:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def milestones(
        self,
        *,
        category: str | None = None,
        related_event_ticker: str | None = None,
        minimum_start_date: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> MilestonePage:
        """A page of milestones (500 at most); ``minimum_start_date`` is RFC 3339."""
        query = {
            "category": category,
            "related_event_ticker": related_event_ticker,
            "minimum_start_date": minimum_start_date,
            "limit": limit,
            "cursor": cursor,
        }
        return await self._transport.get(MilestonePage, "/milestones", query=query)

    async def collections(
        self,
        *,
        status: str | None = None,
        series_ticker: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> CollectionPage:
        """A page of collections that combos are made in (200 at most); ``status`` is unopened, open or closed."""
        query = {"status": status, "series_ticker": series_ticker, "limit": limit, "cursor": cursor}
        return await self._transport.get(CollectionPage, "/multivariate_event_collections", query=query)
