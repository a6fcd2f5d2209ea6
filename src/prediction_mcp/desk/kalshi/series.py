"""The series of a market, as the exchange names it: by its event, or by its collection where it is a combo."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prediction_mcp.kalshi.errors import NotFoundError

if TYPE_CHECKING:
    from prediction_mcp.kalshi.models.events import Event
    from prediction_mcp.kalshi.models.markets import Market

    from .account import Account

MOST_KNOWN = 20_000


class SeriesNames:
    """Series tickers by event and by collection. They never change, so each is asked for once."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._known: dict[str, str] = {}

    def known(self, event_or_collection: str) -> str | None:
        """Return the series, if it was read before."""
        return self._known.get(event_or_collection)

    def note(self, events: Iterable[Event]) -> None:
        """Remember the series of events that were read."""
        for event in events:
            if event.series_ticker:
                self._keep(event.event_ticker, event.series_ticker)

    async def is_listed(self, ticker: str) -> bool:
        """Return whether a ticker is a series' own, of which no event carries the name."""
        if self.known(ticker) is not None:
            return False
        try:
            await self._account.kalshi.series.get(ticker)
        except NotFoundError:
            return False
        return True

    async def of(self, market: Market) -> str:
        """Return the ticker of a market's series. Raises NotFoundError where the exchange names none."""
        collection = market.mve_collection_ticker
        found = self.known(collection or market.event_ticker)
        if found is None and collection:
            found = await self._of_collection(collection)
        return found or await self.of_event(market.event_ticker)

    async def of_event(self, ticker: str) -> str:
        """Return the ticker of an event's series. Raises NotFoundError."""
        if (found := self.known(ticker)) is None:
            event = await self._account.kalshi.events.get(ticker)
            self.note([event])
            found = event.series_ticker
        if not found:
            raise NotFoundError(f"The exchange names no series for event {ticker}.", status=404)
        return found

    async def _of_collection(self, ticker: str) -> str | None:
        try:
            found = (await self._account.kalshi.collections.get(ticker)).series_ticker
        except NotFoundError:
            return None
        if found:
            self._keep(ticker, found)
        return found

    def _keep(self, name: str, series: str) -> None:
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[name] = series
