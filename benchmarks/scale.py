"""Much at once: 5,000 markets listed over HTTP, and an arbitrage scan over 2,000 of them without the network.

The exchange is the real one with 250 ladders of 20 strikes and a crowd that quotes them. The scan is given every book,
as if all prices looked promising, which is its worst case. The reference only adds up the best quotes.

    python benchmarks/scale.py
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx

from prediction_mcp.desk.kalshi.analysis.arbitrage import of_event, promising, scan
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.listings import Listing, ladder_event
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.models.markets import Orderbook

LADDERS, RUNGS, LISTED, SCANNED, PAGE = 250, 20, 5_000, 2_000, 1_000


def big_exchange() -> Exchange:
    exchange, rng, now = Exchange(seed=1), random.Random(1), datetime.now(UTC)
    series = exchange.catalogue.series["KXBTCD"]
    for i in range(LADDERS):
        listing = Listing(
            series,
            f"BENCH{i}",
            f"Bench {i}",
            "",
            now - timedelta(hours=1),
            now + timedelta(days=9),
            now + timedelta(days=9),
        )
        exchange.list_event(ladder_event(listing, 90_000, 500, RUNGS, "${}", rng, "linear_cent"))
    return exchange


async def run() -> None:
    exchange, sent = big_exchange(), 0

    async def count(_: httpx.Request) -> None:
        nonlocal sent
        sent += 1

    http = httpx.AsyncClient(event_hooks={"request": [count]}, trust_env=False, timeout=60)
    async with serve(exchange, with_crowd=False) as url, KalshiClient(url, http=http) as kalshi:
        start, listed = time.perf_counter(), 0
        async for _ in kalshi.markets.all(series_ticker="KXBTCD", status="open", limit=PAGE):
            listed += 1
        took = time.perf_counter() - start
        least = math.ceil(listed / PAGE)
        print(f"{listed:,} markets listed in {sent} requests and {took:.1f} s (reference: {least} pages of {PAGE:,})")
        assert listed >= LISTED
        assert sent == least
        events = [e async for e in kalshi.events.all(series_ticker="KXBTCD", status="open", with_nested_markets=True)]
        events = events[: SCANNED // RUNGS + 1]
        series = {s.ticker: s for s in await kalshi.series.list()}
        tickers = [m.ticker for e in events for m in e.markets or []]
        books = dict[str, Orderbook]()
        for first in range(0, len(tickers), 100):
            books |= await kalshi.markets.orderbooks(tickers[first : first + 100])
    await http.aclose()
    start = time.perf_counter()
    hopeful = sum(promising(e) for e in events)
    quick = time.perf_counter() - start
    start = time.perf_counter()
    groups = [group for event in events if (group := of_event(event)) is not None]
    found, unknown = scan(groups, books, series, Decimal(0))
    took = time.perf_counter() - start
    names, mixed = list(books), list(books.values())
    random.Random(2).shuffle(mixed)
    start = time.perf_counter()
    wrong, _ = scan(groups, dict(zip(names, mixed, strict=True)), series, Decimal(0))
    jumbled = time.perf_counter() - start
    start = time.perf_counter()
    best = sum((max((p for p, _ in b.yes_bids), default=Decimal(0)) for b in books.values()), Decimal(0))
    plain = time.perf_counter() - start
    assert not unknown
    print(
        f"arbitrage over {len(books):,} markets in {len(events)} events: {took:.2f} s with every book "
        f"({len(found)} found), {quick:.3f} s for the first look at quotes ({hopeful} promising)"
    )
    print(f"the same with the books shuffled, so that hardly a price is right: {jumbled:.2f} s ({len(wrong):,} found)")
    print(f"reference: the best bids of the same books added up (${best:,.2f}): {plain:.3f} s")


if __name__ == "__main__":
    asyncio.run(run())
