"""How many requests three servers of one account save with one Redis, each looking at twelve markets once a second.

They share the account's read budget, as all processes of one user do, and look a third of a second apart. The reference
is the same work without a cache, in the same run. A request is counted when it leaves by HTTP. Needs a Redis at
127.0.0.1:6379.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from pathlib import Path

import httpx
from loguru import logger

from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.auth import signer_from_pem
from prediction_mcp.net.caching import ReadCache, allowing

REDIS, SERVERS, MARKETS, SECONDS = "redis://127.0.0.1:6379/0", 3, 12, 25


class Counted:
    """Requests that left."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, _: httpx.Request) -> None:
        self.count += 1


async def look(client: KalshiClient, tickers: list[str], series: str) -> float:
    """One look at everything: books, balance, positions, series. Returns seconds."""
    began = time.perf_counter()
    with allowing():
        for ticker in tickers:
            await client.markets.orderbook(ticker)
        await client.portfolio.balance()
        await client.portfolio.positions()
        await client.series.get(series)
    return time.perf_counter() - began


async def run(
    url: str, key: tuple[str, str], tickers: list[str], series: str, redis: str | None, *, cached: bool
) -> None:
    counted, name = Counted(), uuid.uuid4().hex
    budget = Path(tempfile.mkdtemp())
    clients = []
    for _ in range(SERVERS):
        http = httpx.AsyncClient(base_url=url, trust_env=False, event_hooks={"request": [counted]})
        cache = ReadCache(f"p{name}", f"a{name}", redis) if cached else None
        signer = signer_from_pem(*key)
        clients.append(await KalshiClient(url, signer, http=http, cache=cache, budget=budget).__aenter__())
        await clients[-1].learn_limits()
        if cache is not None:
            with allowing():
                await clients[-1].exchange.status()
                await clients[-1].portfolio.balance()
            await cache.settled()
    counted.count, took = 0, list[float]()

    async def server(client: KalshiClient, late: float) -> None:
        await asyncio.sleep(late)
        for _ in range(SECONDS):
            took.append(await look(client, tickers, series))
            await asyncio.sleep(1)

    await asyncio.gather(*(server(client, number / SERVERS) for number, client in enumerate(clients)))
    for client in clients:
        await client.close()
    what = "no cache (reference)" if not cached else "one Redis" if redis else "memory, each its own"
    median = sorted(took)[len(took) // 2] * 1000
    print(f"{what}: {counted.count:,} requests for {SERVERS * SECONDS * (MARKETS + 3):,} reads; a look {median:.1f} ms")


async def main() -> None:
    logger.disable("prediction_mcp")  # what the exchange's balance bucket says of three hasty readers
    exchange = Exchange(1, scenario="small")
    member = exchange.add_member(tier="prestige")
    key = exchange.issue_key(member)
    tickers = [m.ticker for m in exchange.catalogue.markets.values() if m.status == "active"][:MARKETS]
    series = exchange.catalogue.markets[tickers[0]].event.series.ticker
    async with serve(exchange, with_crowd=False) as url:
        await run(url, key, tickers, series, None, cached=False)
        await run(url, key, tickers, series, None, cached=True)
        await run(url, key, tickers, series, REDIS, cached=True)


if __name__ == "__main__":
    asyncio.run(main())
