"""/events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ..models.events import (
    Event,
    EventAnswer,
    EventCandlesticks,
    EventMetadata,
    EventPage,
    ForecastHistory,
    ForecastPoint,
)
from ..pagination import everything
from .markets import Period

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
        with_milestones: bool = False,
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
            "with_milestones": with_milestones or None,
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
        self,
        *,
        series_ticker: str | None = None,
        collection_ticker: str | None = None,
        tickers: Sequence[str] | None = None,
        with_nested_markets: bool = False,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> EventPage:
        """A page of combo events."""
        query = {
            "series_ticker": series_ticker,
            "collection_ticker": collection_ticker,
            "tickers": ",".join(tickers) if tickers else None,
            "with_nested_markets": with_nested_markets or None,
            "limit": limit,
            "cursor": cursor,
        }
        return await self._transport.get(EventPage, "/events/multivariate", query=query)

    async def candlesticks(
        self, ticker: str, *, series_ticker: str, start_ts: int, end_ts: int, period: Period
    ) -> EventCandlesticks:
        """Candlesticks of all markets of an event; times and periods as for a market's."""
        query = {"start_ts": start_ts, "end_ts": end_ts, "period_interval": period}
        template = "/series/{series_ticker}/events/{ticker}/candlesticks"
        ids = {"series_ticker": series_ticker, "ticker": ticker}
        return await self._transport.get(EventCandlesticks, template, ids, query=query)

    async def forecast_history(
        self,
        ticker: str,
        *,
        series_ticker: str,
        percentiles: Sequence[int],
        start_ts: int,
        end_ts: int,
        period_interval: Literal[0, 1, 60, 1440],
    ) -> Sequence[ForecastPoint]:
        """What the event's markets made of its number over time, at up to 10 percentiles.

        ``percentiles`` are hundredths of a percent (5000 is the median); ``period_interval`` is minutes, 0 the finest.
        """
        query = {
            "percentiles": [str(p) for p in percentiles],
            "start_ts": start_ts,
            "end_ts": end_ts,
            "period_interval": period_interval,
        }
        template = "/series/{series_ticker}/events/{ticker}/forecast_percentile_history"
        ids = {"series_ticker": series_ticker, "ticker": ticker}
        return (await self._transport.get(ForecastHistory, template, ids, signed=True, query=query)).forecast_history
