"""What the safety layer adds to an order, without the human: journal on disk, index, limits, checks.

Orders through an MCP session to an exchange in another process, once as they are and once with the layer taken out (the
plan is sent as soon as it is made), in turns. The syncs to disk are counted and timed apart.

    python benchmarks/safety.py [orders]
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastmcp import Client

from prediction_mcp.desk.kalshi.account import Account
from prediction_mcp.safety.asking import Person, WriteCall
from prediction_mcp.safety.plan import Needs
from prediction_mcp.server import create_server
from prediction_mcp.settings import Settings, load_settings

LIMITS: dict[str, Any] = {
    "order_contracts": 1000, "order_cost": 500, "price_band_cents": 99, "day_spent": 100_000,
    "day_orders": 1_000_000, "minute_orders": 1_000_000, "deny_series": "KXNONE",
}  # fmt: skip
PACE_S = 0.35
"""Between rounds: reads of market and book have a budget of 20 a second, which isn't what is measured."""


class Open:
    """No layer at all: what is planned is sent."""

    def needs(self, **_: bool) -> Needs:
        return Needs()

    async def carry_out(self, call: WriteCall, _: Person) -> Any:
        plan = await call.make()
        return await plan.send(plan.terms)

    async def close(self) -> None:
        """Nothing is under way."""


class Syncs:
    """Counts and times what is synced to disk."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self._real = os.fdatasync
        os.fdatasync = self._timed  # type: ignore[assignment]

    def _timed(self, fd: int) -> None:
        start = time.perf_counter()
        self._real(fd)
        self.times.append(time.perf_counter() - start)


async def timed(client: Client[Any], order: dict[str, Any]) -> float:
    start = time.perf_counter()
    said = await client.call_tool("kalshi_create_order", order)
    assert said.structured_content is not None
    return time.perf_counter() - start


@contextlib.asynccontextmanager
async def exchange() -> AsyncIterator[dict[str, Any]]:
    """The exchange as a process of its own, as a real one is; yields the settings that lead to it."""
    command = ["-m", "prediction_mcp", "exchange", "--tier", "prestige", "--quiet", "--deposit", "1000000"]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    told = {}
    for _ in range(4):
        line = (await process.stdout.readline()).decode()
        told[line[:15].strip()] = line[15:].strip()
    try:
        yield {
            "env": "paper", "base_url": told["base URL"], "api_key_id": told["key id"],
            "private_key_path": Path(told["private key"]),
        }  # fmt: skip
    finally:
        process.terminate()
        await process.wait()


async def run(orders: int) -> None:
    syncs = Syncs()
    async with exchange() as account:
        with tempfile.TemporaryDirectory() as folder:

            def settings(name: str, **changes: Any) -> Settings:
                return load_settings(**account, safety_folder=Path(folder) / name, **changes)

            plain = Account.guard
            async with (
                Client(create_server(settings("layer"))) as layer,
                Client(create_server(settings("limits", **LIMITS))) as limits,
                Client(create_server(settings("without"))) as without,
            ):
                found = await without.call_tool("kalshi_scan_markets", {"by": "volume", "limit": 1})
                assert found.structured_content is not None
                order = {"ticker": found.structured_content["markets"][0]["ticker"], "side": "yes", "action": "buy"}
                order |= {
                    "count": 1,
                    "price": 1,
                    "time_in_force": "immediate_or_cancel",
                }  # nothing fills, nothing rests
                times: dict[str, list[float]] = {"without": [], "layer": [], "limits": []}
                bare: Any = property(lambda _: Open())
                turns = [("without", without), ("layer", layer), ("limits", limits)]
                for i in range(orders + 20):
                    await asyncio.sleep(PACE_S)
                    turns.append(turns.pop(0))  # the first of a round is slower than the others
                    for name, client in turns:
                        Account.guard = bare if name == "without" else plain  # type: ignore[method-assign]
                        took = await timed(client, order)
                        if i >= 20:
                            times[name].append(took)
                Account.guard = plain  # type: ignore[method-assign]
    medians = {name: statistics.median(found) * 1e3 for name, found in times.items()}
    disk = statistics.median(syncs.times) * 1e3
    each = len(syncs.times) / (2 * (orders + 20))
    print(f"reference: an order without the layer {medians['without']:.2f} ms (median of {orders})")
    for name, said in (("layer", "journal, kill switch, no limits"), ("limits", "with seven limits checked")):
        print(f"{said}: {medians[name]:.2f} ms, {medians[name] - medians['without']:+.2f} ms")
    print(f"of that {each:.0f} syncs to disk (fdatasync) an order, {disk:.2f} ms each in the median")


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else 150))
