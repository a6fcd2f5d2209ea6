"""Polymarket's catalogue: all open events with their markets, five hundred events a request.

The service doesn't tell what changed, so all of it is read again: some hundred requests for the 195,000 markets of
August 2026.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

from prediction_mcp.catalogue.index import Part
from prediction_mcp.catalogue.rows import Listed, ListedSeries
from prediction_mcp.polymarket import PolymarketClient
from prediction_mcp.polymarket.models import Event, Market

from ..catalogue import Keeper

AT_ONCE = 100
"""Events that are indexed before others have their turn."""


class Catalogue(Keeper[PolymarketClient]):
    """Polymarket's listing. A market's ticker is its slug, its series the subject of its event."""

    fresh_s = 600.0

    async def _fill(self, client: PolymarketClient, part: Part) -> None:
        if part == "combos":
            return
        held, seen = list[Event](), set[str]()
        async for event in client.events(closed="false"):
            held.append(event)
            seen |= {market.slug or "" for market in event.markets}
            if len(held) == AT_ONCE:
                self._put(held)
                held.clear()
                self.index.still_filling(None, part)
                await asyncio.sleep(0)
        self._put(held)
        self.index.keep_open(seen)

    async def _refresh(self, client: PolymarketClient, since: int) -> None:
        await self._fill(client, "markets")

    def _put(self, events: list[Event]) -> None:
        self.index.put_series({s.ticker: s for s in map(listed_series, events)}.values())
        self.index.put_markets(listed(event, market) for event in events for market in event.markets if market.slug)


def subject_of(event: Event) -> str:
    """The first of an event's tags; "" where it has none."""
    return next((tag.label for tag in event.tags if tag.label), "")


def listed_series(event: Event) -> ListedSeries:
    subject = subject_of(event)
    return ListedSeries(subject, subject, subject, " ".join(tag.label or "" for tag in event.tags))


def listed(event: Event, market: Market) -> Listed:
    """A market as the index takes it; its volume is in dollars."""

    def units(price: Decimal | None, nobody: int) -> int:
        return nobody if price is None else int(price * 10_000)

    is_open = market.accepting_orders and not market.closed and market.active is not False
    return Listed(
        market.slug or "", event.slug or event.id, subject_of(event), market.question, market.group_item_title or "",
        "active" if is_open else "closed",
        None if market.end_date is None else int(market.end_date.timestamp()),
        None if market.start_date is None else int(market.start_date.timestamp()),
        False, int((market.volume_24hr or 0) * 100), int((market.liquidity_num or 0) * 100),
        units(market.best_bid, 0), units(market.best_ask, 10_000), units(market.last_trade_price, 0), 0,
    )  # fmt: skip
