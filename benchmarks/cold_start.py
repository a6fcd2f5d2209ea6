"""Spawn to tools/list answered, over stdio: our server and a FastMCP server with one trivial tool, in turns.

python benchmarks/cold_start.py [rounds]
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRIVIAL = '''
from fastmcp import FastMCP

mcp = FastMCP("trivial")


@mcp.tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


mcp.run(show_banner=False)
'''
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}},
}


def spawn_to_tools(command: list[str]) -> tuple[float, int]:
    """(seconds, tools) from the spawn of a server to its answer to tools/list."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=dict(os.environ)
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        for message in (
            INITIALIZE,
            {"jsonrpc": "2.0", "method": "notifications/initialized"},
            {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
        ):
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()
            if message is INITIALIZE:
                process.stdout.readline()
        answer = json.loads(process.stdout.readline())
        return time.perf_counter() - start, len(answer["result"]["tools"])
    finally:
        process.stdin.close()
        process.wait(30)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "trivial.py"
        script.write_text(TRIVIAL)
        commands = {"ours": [sys.executable, "-m", "prediction_mcp"], "trivial": [sys.executable, str(script)]}
        times: dict[str, list[float]] = {name: [] for name in commands}
        tools: dict[str, int] = {}
        for name, command in commands.items():
            spawn_to_tools(command)  # fills the file cache and the compiled modules
            tools[name] = 0
        for _ in range(rounds):
            for name, command in commands.items():
                seconds, tools[name] = spawn_to_tools(command)
                times[name].append(seconds)
    ours, trivial = statistics.median(times["ours"]), statistics.median(times["trivial"])
    ratios = [a / b for a, b in zip(times["ours"], times["trivial"], strict=True)]
    print(f"ours: {ours:.3f} s to tools/list ({tools['ours']} tools), median of {rounds}")
    print(f"reference: {trivial:.3f} s (FastMCP, {tools['trivial']} tool)")
    print(f"ratio: {statistics.median(ratios):.2f} (median of the rounds; {min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
