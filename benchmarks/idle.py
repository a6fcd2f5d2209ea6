"""What the paper exchange costs while nobody asks it anything: CPU share of one core, with its crowd trading.

Run with everything kept on disk, as a user's server runs it, and in memory. The reference in the same run is the same
event loop waking as often and doing nothing.

    python benchmarks/idle.py [seconds]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from prediction_mcp.exchange.disk.store import Store
from prediction_mcp.exchange.fronts.serving import STEP_SECONDS, serve
from prediction_mcp.exchange.simulation import Exchange


async def share(seconds: float) -> float:
    """CPU time a second of real time."""
    real, used = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    return (time.process_time() - used) / (time.perf_counter() - real)


def wake(loop: asyncio.AbstractEventLoop) -> None:
    loop.call_later(STEP_SECONDS, wake, loop)


async def run(seconds: float, folder: str) -> None:
    for where, store in (("on disk", Store(Path(folder) / "idle.db")), ("in memory", Store())):
        exchange = Exchange(1, store=store)
        active = sum(1 for market in exchange.catalogue.markets.values() if market.status == "active")
        before = sum(state.volume for state in exchange.engine.markets.values())
        async with serve(exchange):
            used = await share(seconds)
        traded = sum(state.volume for state in exchange.engine.markets.values()) - before
        print(f"{where:>9}: {used:.2%} of a core for {active} open markets; {traded / 100:,.0f} contracts traded")
    wake(asyncio.get_running_loop())
    print(f"reference: {await share(seconds):.2%} of a core for a loop that wakes as often and does nothing")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(float(sys.argv[1]) if len(sys.argv) > 1 else 10, folder))


if __name__ == "__main__":
    main()
