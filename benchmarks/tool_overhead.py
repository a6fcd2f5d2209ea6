"""What a tool call over stdio adds to the same request made with bare httpx, against one exchange in its own process.

The calls are spaced so that no rate limit is waited for. Both eras of the protocol are measured; the two kinds of
request are made in turns, so that a slow moment of the machine hits both.

    python benchmarks/tool_overhead.py [calls]
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from typing import Any

import httpx
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

MARKET = "KXSB-27-ARI"
PAUSE_S = 0.06


async def measure(mode: Any, url: str, calls: int) -> None:
    environment = {**os.environ, "KALSHI_ENV": "paper", "KALSHI_BASE_URL": url}
    transport = StdioTransport(sys.executable, ["-m", "prediction_mcp"], env=environment)
    tool: list[float] = []
    bare: list[float] = []
    async with Client(transport, mode=mode) as client, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        for turn in range(calls + 10):
            start = time.perf_counter()
            (await http.get("/markets/orderbooks", params={"tickers": MARKET})).raise_for_status()
            middle = time.perf_counter()
            await client.call_tool("kalshi_get_orderbook", {"ticker": MARKET})
            end = time.perf_counter()
            if turn >= 10:  # the first few open connections and fill caches
                bare.append((middle - start) * 1000)
                tool.append((end - middle) * 1000)
            await asyncio.sleep(PAUSE_S)
    added = statistics.median(tool) - statistics.median(bare)
    era = "2026-07-28" if mode == "auto" else "handshake"
    print(
        f"{era:>10} era: tool {statistics.median(tool):.2f} ms, bare httpx {statistics.median(bare):.2f} ms, "
        f"added {added:.2f} ms (medians of {calls}); p95 of the tool {statistics.quantiles(tool, n=20)[18]:.2f} ms"
    )


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 150
    exchange = subprocess.Popen(
        [sys.executable, "-m", "prediction_mcp", "exchange", "--quiet"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert exchange.stdout is not None
        url = exchange.stdout.readline().split()[-1]
        for mode in ("auto", "legacy"):
            asyncio.run(measure(mode, url, calls))
    finally:
        exchange.terminate()
        exchange.wait(30)


if __name__ == "__main__":
    main()
