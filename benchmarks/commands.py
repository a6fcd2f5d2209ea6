"""What a command for a person takes from spawn to its end: the kill switch must not wait for decorators.

Reference in the same run: ``from fastmcp import FastMCP``, which none of these commands needs. ``halt`` is measured
beside a server that runs, which is when it counts; alone it starts the paper exchange first, to cancel what rests.

    python benchmarks/commands.py [rounds]
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StdioTransport

COMMANDS = ("halt", "resume", "limits", "journal", "paper status")


def spawn(rounds: int, *command: str) -> float:
    """Seconds of the quickest of some rounds."""
    times = list[float]()
    for _ in range(rounds):
        start = time.perf_counter()
        subprocess.run([sys.executable, *command], capture_output=True, check=True)
        times.append(time.perf_counter() - start)
    return min(times)


async def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PAPER_FOLDER"] = folder
        reference = spawn(rounds, "-c", "from fastmcp import FastMCP")
        print(f"reference: from fastmcp import FastMCP takes {reference:.2f} s")
        alone = spawn(rounds, "-m", "prediction_mcp", "halt")
        server: Client[Any] = Client(StdioTransport(sys.executable, ["-m", "prediction_mcp"], env=dict(os.environ)))
        async with server:
            await server.call_tool("kalshi_get_balance")
            for command in COMMANDS:
                took = await asyncio.to_thread(spawn, rounds, "-m", "prediction_mcp", *command.split())
                print(f"{command:>12}: {took:.2f} s, {took / reference:.2f} of the reference")
        print(f"{'halt, alone':>12}: {alone:.2f} s, {alone / reference:.2f} of the reference")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
