"""/multivariate_event_collections: what combos can be made of, and making one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..models.reference import Collection, CollectionAnswer, CollectionPage, ComboMade, NewCombo

if TYPE_CHECKING:
    from ..transport import Transport

COLLECTIONS = "/multivariate_event_collections"
ONE = COLLECTIONS + "/{collection_ticker}"


class CollectionsResource:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def get(self, ticker: str) -> Collection:
        """One collection. Raises NotFoundError."""
        return (await self._transport.get(CollectionAnswer, ONE, {"collection_ticker": ticker})).multivariate_contract

    async def list(
        self,
        *,
        status: str | None = None,
        series_ticker: str | None = None,
        associated_event_ticker: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> CollectionPage:
        """A page of collections that combos are made in (200 at most); ``status`` is unopened, open or closed."""
        query = {
            "status": status,
            "series_ticker": series_ticker,
            "associated_event_ticker": associated_event_ticker,
            "limit": limit,
            "cursor": cursor,
        }
        return await self._transport.get(CollectionPage, COLLECTIONS, query=query)

    async def create_market(self, ticker: str, combo: NewCombo) -> ComboMade:
        """The market of some legs, listed if it wasn't: it can't be traded before. Asking twice gives the same one."""
        return await self._transport.write(ComboMade, "POST", ONE, {"collection_ticker": ticker}, body=combo)
