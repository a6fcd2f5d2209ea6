"""What a tool call over stdio adds to the same request made with bare httpx, against one exchange in its own process.

A signed read (the orders, of which there are none) of an account whose tier is wide enough that no limit is waited for.
Both eras of the protocol are measured; the two kinds of request are made in turns, so that a slow moment hits both.

    python benchmarks/tool_overhead.py [calls]
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from prediction_mcp.kalshi.auth import signer_from_file

PATH = "/portfolio/orders"
WARM_UP = 20


async def measure(mode: Any, url: str, key_id: str, key_path: str, calls: int) -> None:
    environment = {
        **os.environ,
        "KALSHI_ENV": "paper",
        "KALSHI_BASE_URL": url,
        "KALSHI_API_KEY_ID": key_id,
        "KALSHI_PRIVATE_KEY_PATH": key_path,
    }
    signer = signer_from_file(key_id, Path(key_path))
    transport = StdioTransport(sys.executable, ["-m", "prediction_mcp"], env=environment)
    tool: list[float] = []
    bare: list[float] = []
    async with Client(transport, mode=mode) as client, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        for turn in range(calls + WARM_UP):
            start = time.perf_counter()
            headers = signer.headers("GET", f"/trade-api/v2{PATH}")
            (await http.get(PATH, headers=headers)).raise_for_status()
            middle = time.perf_counter()
            await client.call_tool("kalshi_get_orders", {})
            end = time.perf_counter()
            if turn >= WARM_UP:  # the first few open connections and fill caches
                bare.append((middle - start) * 1000)
                tool.append((end - middle) * 1000)
    added = statistics.median(tool) - statistics.median(bare)
    era = "2026-07-28" if mode == "auto" else "handshake"
    print(
        f"{era:>10} era: tool {statistics.median(tool):.2f} ms, bare httpx {statistics.median(bare):.2f} ms, "
        f"added {added:.2f} ms (medians of {calls}); p95 of the tool {statistics.quantiles(tool, n=20)[18]:.2f} ms"
    )


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    exchange = subprocess.Popen(
        [sys.executable, "-m", "prediction_mcp", "exchange", "--quiet", "--tier", "prestige"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert exchange.stdout is not None
        url, _, key_id, key_path = (exchange.stdout.readline().split("  ")[-1].strip() for _ in range(4))
        for mode in ("auto", "legacy"):
            asyncio.run(measure(mode, url, key_id, key_path, calls))
    finally:
        exchange.terminate()
        exchange.wait(30)


if __name__ == "__main__":
    main()
