"""What the tools cost a conversation: names, descriptions and input schemas as compact JSON, and the dearest of them.

The reference in the same run is what FastMCP would send by itself, with null alternatives.

    python benchmarks/context.py
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fastmcp import Client

from prediction_mcp.cli.inspect import context_bytes
from prediction_mcp.server import create_server
from prediction_mcp.settings import load_settings

BUDGET, WHOLE, ALL = 26_000, 52, "advanced safety"


async def run() -> None:
    for toolset in ("advanced", "polymarket", "across"):
        await _print(f"toolset {toolset}", {"toolsets": toolset})
    await _print(f"toolsets {ALL}", {"toolsets": ALL})
    await _print("lean, whatever the toolsets", {"toolsets": ALL, "lean": True})
    server = create_server(load_settings(paper_keep=False))
    async with Client(server) as client:
        tools = await client.list_tools()
    raw = await server.list_tools(run_middleware=False)
    plain = [{"name": t.name, "description": t.description, "inputSchema": t.parameters} for t in raw]
    reference = len(json.dumps(plain, separators=(",", ":"), ensure_ascii=False).encode())
    print(f"{len(tools)} tools: {context_bytes(tools):,} bytes of names, descriptions and input schemas")
    print(f"reference: {reference:,} bytes as FastMCP writes them; the budget for {WHOLE} tools is {BUDGET:,}")
    for tool in sorted(tools, key=lambda t: context_bytes([t]), reverse=True)[:5]:
        print(f"  {context_bytes([tool]):5,}  {tool.name}")


async def _print(name: str, settings: dict[str, Any]) -> None:
    async with Client(create_server(load_settings(paper_keep=False, **settings))) as client:
        tools = await client.list_tools()
    print(f"{name}: {len(tools)} tools, {context_bytes(tools):,} bytes")


if __name__ == "__main__":
    asyncio.run(run())
