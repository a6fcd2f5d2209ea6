"""/series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..models.series import Series, SeriesAnswer, SeriesList

if TYPE_CHECKING:
    from ..transport import Transport


class SeriesResource:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def get(self, ticker: str, *, include_volume: bool = False) -> Series:
        """One series. Raises NotFoundError."""
        query = {"include_volume": include_volume or None}
        answer = await self._transport.get(SeriesAnswer, "/series/{ticker}", query=query, ids={"ticker": ticker})
        return answer.series

    async def list(
        self,
        *,
        category: str | None = None,
        tags: Sequence[str] | None = None,
        include_volume: bool = False,
        include_product_metadata: bool = False,
        min_updated_ts: int | None = None,
    ) -> Sequence[Series]:
        """All series that fit; the exchange doesn't page this list. ``min_updated_ts`` is Unix seconds."""
        query = {
            "category": category,
            "tags": ",".join(tags) if tags else None,
            "include_volume": include_volume or None,
            "include_product_metadata": include_product_metadata or None,
            "min_updated_ts": min_updated_ts,
        }
        return (await self._transport.get(SeriesList, "/series", query=query)).series
