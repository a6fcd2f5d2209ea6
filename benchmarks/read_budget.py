"""How much of the read budget that the exchange enforces a busy client uses, and how many 429 it earns.

Positions are read: balances have a rate of their own, one a second. The reference in the same run is a client that
doesn't wait: it sends as fast as it can and counts what is refused.

    python benchmarks/read_budget.py [seconds]
"""

from __future__ import annotations

import asyncio
import sys
import time

import httpx

from prediction_mcp.exchange.access import DEFAULT_COST, Budget
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.auth import KeySigner, signer_from_pem

WORKERS = 8


async def ours(url: str, signer: KeySigner, budget: Budget, seconds: float) -> None:
    done = 0
    async with KalshiClient(url, signer) as client:
        await client.learn_limits()
        budget.read.refused = 0
        start = time.perf_counter()

        async def worker() -> None:
            nonlocal done
            while time.perf_counter() - start < seconds:
                await client.portfolio.positions()
                done += 1

        await asyncio.gather(*(worker() for _ in range(WORKERS)))
        elapsed = time.perf_counter() - start
    granted = budget.read.capacity + budget.read.rate * elapsed
    share = done * DEFAULT_COST / granted
    print(
        f"ours ({budget.tier}): {done} reads in {elapsed:.1f} s, {share:.1%} of what the exchange grants "
        f"(burst and refill), {budget.read.refused} × 429"
    )


async def careless(url: str, signer: KeySigner, budget: Budget, seconds: float) -> None:
    done = refused = 0
    start = time.perf_counter()
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        while time.perf_counter() - start < seconds:
            headers = signer.headers("GET", "/trade-api/v2/portfolio/positions")
            answer = await http.get("/portfolio/positions", headers=headers)
            refused += answer.status_code == 429
            done += answer.status_code == 200
    print(f"reference (no waiting): {done} reads and {refused} × 429 in {seconds:.0f} s")


async def run(seconds: float) -> None:
    exchange = Exchange(seed=1)
    async with serve(exchange, with_crowd=False) as url:
        for tier in ("basic", "expert"):
            member = exchange.add_member(f"{tier}-member", tier=tier)
            key_id, pem = exchange.issue_key(member)
            await ours(url, signer_from_pem(key_id, pem), exchange.access.budgets[member.account_id], seconds)
        member = exchange.add_member("careless", tier="basic")
        key_id, pem = exchange.issue_key(member)
        await careless(url, signer_from_pem(key_id, pem), exchange.access.budgets["careless"], 5)


if __name__ == "__main__":
    asyncio.run(run(float(sys.argv[1]) if len(sys.argv) > 1 else 30))
