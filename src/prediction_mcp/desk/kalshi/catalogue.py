"""Kalshi's catalogue: the whole open listing, page by page, in the fewest requests the exchange allows.

All series come in one request, then a thousand markets a page; afterwards only what changed is asked for. Combos are
many times as many, so they are read once somebody asks for them, and then as a whole again: the exchange doesn't tell
which of them changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container
from datetime import datetime
from typing import Literal

from prediction_mcp.catalogue.index import Part
from prediction_mcp.catalogue.rows import Listed, ListedSeries
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.models.markets import Market
from prediction_mcp.kalshi.models.series import Series
from prediction_mcp.kalshi.tickers import likely_series

from ..catalogue import Keeper

PAGE = 1_000


class Catalogue(Keeper[KalshiClient]):
    """Kalshi's listing."""

    async def _fill(self, client: KalshiClient, part: Part) -> None:
        """Everything that is open, from where a filling broke off."""
        kind: Literal["only", "exclude"] = "exclude"
        if part == "markets":
            self.index.put_series(map(listed_series, await client.series.list()))
        else:
            kind = "only"
        cursor, series = self.index.resume_cursor(part), self.index.series()
        while True:
            page = await client.markets.list(status="open", mve_filter=kind, limit=PAGE, cursor=cursor)
            self.index.put_markets(listed(market, series) for market in page.markets)
            cursor = page.cursor or None
            self.index.still_filling(cursor, part)
            if cursor is None:
                return
            await asyncio.sleep(0)  # a page takes some 20 ms to index: let others have their turn

    async def _refresh(self, client: KalshiClient, since: int) -> None:
        """What changed since a time in Unix seconds: new markets, and those whose state or wording changed."""
        cursor, series = None, self.index.series()
        while True:
            page = await client.markets.list(min_updated_ts=since, mve_filter="exclude", limit=PAGE, cursor=cursor)
            self.index.put_markets(listed(market, series) for market in page.markets)
            cursor = page.cursor or None
            if cursor is None:
                return
            self.index.still_filling(None)


def listed_series(series: Series) -> ListedSeries:
    return ListedSeries(series.ticker, series.title, series.category, " ".join(series.tags or []))


def listed(market: Market, series: Container[str]) -> Listed:
    """Return a market as the index takes it; ``series`` are those of the listing, which finds things by their words."""

    def seconds(moment: datetime | None) -> int | None:
        return None if moment is None else int(moment.timestamp())

    bid, ask = market.yes_quotes
    return Listed(
        market.ticker, market.event_ticker, likely_series(market.ticker, series), market.title, market.yes_sub_title,
        market.status, seconds(market.close_time), seconds(market.open_time), bool(market.mve_selected_legs),
        int(market.volume_24h_fp * 100), int(market.open_interest_fp * 100), int((bid or 0) * 10_000),
        int((1 if ask is None else ask) * 10_000), int(market.last_price_dollars * 10_000),
        int(market.previous_price_dollars * 10_000),
    )  # fmt: skip
