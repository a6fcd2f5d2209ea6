"""/events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from ..models.events import Event, EventAnswer, EventMetadata, EventPage
from ..pagination import everything

if TYPE_CHECKING:
    from ..transport import Transport


class EventsResource:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def get(self, ticker: str) -> Event:
        """One event with its markets. Raises NotFoundError."""
        query = {"with_nested_markets": True}
        answer = await self._transport.get(EventAnswer, "/events/{ticker}", query=query, ids={"ticker": ticker})
        if answer.event.markets is None:
            return answer.event.model_copy(update={"markets": answer.markets or []})
        return answer.event

    async def metadata(self, ticker: str) -> EventMetadata:
        """Pictures and colours of an event. Raises NotFoundError."""
        return await self._transport.get(EventMetadata, "/events/{ticker}/metadata", {"ticker": ticker})

    async def list(
        self,
        *,
        series_ticker: str | None = None,
        status: str | None = None,
        tickers: Sequence[str] | None = None,
        with_nested_markets: bool = False,
        min_close_ts: int | None = None,
        min_updated_ts: int | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> EventPage:
        """A page of events (200 at most), combos left out. ``status`` is unopened, open, closed or settled."""
        query = {
            "series_ticker": series_ticker,
            "status": status,
            "tickers": ",".join(tickers) if tickers else None,
            "with_nested_markets": with_nested_markets or None,
            "min_close_ts": min_close_ts,
            "min_updated_ts": min_updated_ts,
            "limit": limit,
            "cursor": cursor,
        }
        return await self._transport.get(EventPage, "/events", query=query)

    def all(self, **filters: Any) -> AsyncIterator[Event]:
        """Every event that fits, over all pages; filters as for :meth:`list`."""
        return everything(lambda cursor: self.list(**{"limit": 200, **filters, "cursor": cursor}), lambda p: p.events)

    async def multivariate(
        self, *, series_ticker: str | None = None, collection_ticker: str | None = None,
        with_nested_markets: bool = False, limit: int | None = None, cursor: str | None = None,
    ) -> EventPage:  # fmt: skip
        """A page of combo events."""
        query = {
            "series_ticker": series_ticker,
            "collection_ticker": collection_ticker,
            "with_nested_markets": with_nested_markets or None,
            "limit": limit,
            "cursor": cursor,
        }
        return await self._transport.get(EventPage, "/events/multivariate", query=query)
