"""How long calls take against a server that is silent or drips: reads, writes and cancels with the real limits.

Run: python -m benchmarks.deadlines (about two minutes)
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastmcp import Client
from mcp_types import TextContent
from tests.net.slow import Pace, Slow, slowed

from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.logs import configure_logging
from prediction_mcp.server import create_server
from prediction_mcp.settings import load_settings

PACES: tuple[Pace, ...] = ("silent", "drip")
LIMITS = {"read": 25.0, "write": 45.0}


async def main() -> None:
    configure_logging("CRITICAL")
    logging.disable(logging.CRITICAL)
    exchange = Exchange(seed=1, scenario="small")
    key_id, pem = exchange.issue_key(exchange.add_member(tier="prestige"))
    ticker = next(name for name, market in exchange.catalogue.markets.items() if market.status == "active")
    with TemporaryDirectory() as folder:
        key = Path(folder) / "key.pem"
        key.write_text(pem, encoding="utf-8")
        key.chmod(0o600)
        for name in ("SAFETY_FOLDER", "RECORDS_FOLDER", "XDG_CACHE_HOME"):
            os.environ[name] = str(Path(folder) / name)
        async with serve(exchange, with_crowd=False) as url:
            await asyncio.gather(*(measure(url, pace, key_id, key, ticker) for pace in PACES))


async def measure(url: str, pace: Pace, key_id: str, key: Path, ticker: str) -> None:
    order = {"ticker": ticker, "side": "yes", "action": "buy", "count": 1, "price": 1}
    async with slowed(url) as (server, there):
        settings = load_settings(
            env="paper", base_url=there, api_key_id=key_id, private_key_path=key, confirm="never", worker="off",
            safety_folder=key.parent / f"safety-{pace}", cache="off", toolsets="safety",
        )  # fmt: skip
        async with Client(create_server(settings)) as client:
            placed = (await client.call_tool("kalshi_create_order", order)).structured_content or {}
            await timed(client, server, pace, "read", "kalshi_get_market", {"ticker": ticker}, always)
            await timed(client, server, pace, "read", "kalshi_get_positions", {}, always)
            await timed(client, server, pace, "write", "kalshi_create_order", order, always)
            await timed(client, server, pace, "write", "kalshi_create_order", order, after_a_post())
            await timed(client, server, pace, "write", "kalshi_cancel_order", {"order_id": placed["order_id"]}, gets)
            await timed(client, server, pace, "write", "kalshi_halt_trading", {}, always)


def always(method: str, path: str) -> bool:
    return True


def gets(method: str, path: str) -> bool:
    return method == "GET"


class after_a_post:  # noqa: N801 - reads as the others do
    """Everything from the first write on."""

    def __init__(self) -> None:
        self._posted = False

    def __call__(self, method: str, path: str) -> bool:
        self._posted = self._posted or method == "POST"
        return self._posted


async def timed(
    client: Client[Any], server: Slow, pace: Pace, kind: str, tool: str, arguments: dict[str, object], slows: object
) -> None:
    server.pace, server.slows = pace, slows  # type: ignore[assignment]
    begun = time.monotonic()
    answer = await client.call_tool(tool, arguments, raise_on_error=False)
    took = time.monotonic() - begun
    server.pace = "whole"
    said = "".join(block.text for block in answer.content if isinstance(block, TextContent))
    where = getattr(slows, "__name__", "after_a_post")
    print(f"{pace:6} {kind:5} {took:5.1f} s of {LIMITS[kind]:.0f}  {tool} ({where} slow): {said[:130]}", flush=True)
    assert took <= LIMITS[kind]


if __name__ == "__main__":
    asyncio.run(main())
