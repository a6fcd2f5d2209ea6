"""A small context: two tools at the start, everything reachable through them, over stdio in both eras."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from prediction_mcp.server import create_server
from tests.conftest import MARKET, Served
from tests.tools.conftest import ERAS, Assistant, settings_for

MOST_BYTES = 2_000


def cost(tools: Any) -> int:
    shown = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools]
    return len(json.dumps(shown, separators=(",", ":"), ensure_ascii=False).encode())


async def through(client: Client[Any], tool: str, **arguments: Any) -> dict[str, Any]:
    return await Assistant(client).call("call_tool", name=tool, arguments=arguments)


@pytest.mark.parametrize("era", ERAS)
async def test_over_stdio(era: str, served: Served, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text(served.pem)
    key.chmod(0o600)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("KALSHI_", "PAPER_", "PREDICTION_"))}
    environment = clean | {
        "KALSHI_BASE_URL": served.url, "KALSHI_API_KEY_ID": served.key_id, "KALSHI_PRIVATE_KEY_PATH": str(key),
    }  # fmt: skip
    sizes = dict[str, tuple[int, int]]()
    for name, options in (("all", []), ("advanced", ["--toolsets", "advanced,safety"]), ("lean", ["--lean"])):
        transport = StdioTransport(
            sys.executable, ["-m", "prediction_mcp", *options], env=environment, keep_alive=False
        )
        async with Client(transport, mode=era) as client:
            tools = await client.list_tools()
            sizes[name] = (len(tools), cost(tools))
            if name == "lean":
                assert [tool.name for tool in tools] == ["find_tools", "call_tool"]
                placed = await through(
                    client, "kalshi_create_order", ticker=MARKET, side="yes", action="buy", count=5, price=1
                )
                assert placed["status"] == "resting"
                assert (await through(client, "kalshi_get_orders"))["count"] == 1
            else:
                assert (await Assistant(client).call("kalshi_get_balance"))["available"] == 10_000
    assert [sizes[name][0] for name in ("all", "advanced", "lean")] == [52, 82, 2]
    assert sizes["lean"][1] <= MOST_BYTES


@pytest.mark.parametrize("era", ERAS)
async def test_every_tool_is_found_by_its_name_and_can_be_called(era: str, served: Served, tmp_path: Path) -> None:
    settings = settings_for(served, tmp_path, toolsets="advanced safety")
    async with Client(create_server(settings), mode=era) as client:
        listed = {tool.name: tool for tool in await client.list_tools()}
    settings = settings_for(served, tmp_path, toolsets="advanced safety", lean=True)
    async with Client(create_server(settings), mode=era) as client:
        for name, tool in listed.items():
            words = name.removeprefix("kalshi_").replace("_", " ")
            found = await Assistant(client).call("find_tools", query=f"{words} {tool.description}")
            shown = {t["name"]: t for t in found["tools"]}
            assert name in shown
            assert shown[name]["inputSchema"] == tool.input_schema
            assert tool.annotations is not None
            told = tool.annotations.model_dump(mode="json", by_alias=True, exclude_none=True)
            assert shown[name]["annotations"] == told, "what it does is visible before the call"
            wrong = await Assistant(client).error("call_tool", name=name, arguments={"no_such": 1})
            assert "no parameter no_such" in wrong, "reached, and refused by the tool itself"
        nothing = await Assistant(client).call("find_tools", query="zzzz")
        assert nothing["names"] == sorted(listed)
        assert "no tool" in await Assistant(client).error("call_tool", name="nope")
        assert "by itself" in await Assistant(client).error("call_tool", name="call_tool", arguments={"name": "x"})
        assert "by itself" in await Assistant(client).error("call_tool", name="find_tools", arguments={"query": "x"})
        assert "query" in await Assistant(client).error("find_tools", query="x" * 1_000)
        assert (await Assistant(client).call("kalshi_get_balance"))["available"] == 10_000, "by its own name too"


async def test_what_may_not_write_does_not_write_through_it(served: Served, tmp_path: Path) -> None:
    settings = settings_for(served, tmp_path, lean=True, read_only=True, toolsets="advanced")
    async with Client(create_server(settings)) as client:
        found = await Assistant(client).call("find_tools", query="place a limit order, buy or sell")
        assert not {t["name"] for t in found["tools"]} & {"kalshi_create_order", "kalshi_batch_create_orders"}
        order = {"ticker": MARKET, "side": "yes", "action": "buy", "count": 1, "price": 1}
        for name, arguments in (("kalshi_create_order", order), ("kalshi_batch_create_orders", {"orders": [order]})):
            assert "read-only" in await Assistant(client).error("call_tool", name=name, arguments=arguments)
    assert not served.orders
