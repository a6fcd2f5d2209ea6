"""Every parameter of every tool is given something endless or odd: what is said is short, and nothing breaks inside."""

from __future__ import annotations

from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import TextContent, Tool

from prediction_mcp.server import create_server
from prediction_mcp.settings.whole import TOOLSETS
from tests.conftest import EVENT, MARKET, Served
from tests.tools.conftest import ERAS, settings_for

ENDLESS = "x" * 20_000
LONGEST, MOST = 1_000, 25_000
"""Characters that may be said of such a call, and that its answer may have where it isn't refused."""


def endless(schema: dict[str, Any]) -> Any:
    """Something of a parameter's kind, without end where that is possible."""
    for one in schema.get("anyOf", [schema]):
        kind = one.get("type")
        if kind == "array":
            return [f"{number}{ENDLESS}" for number in range(min(one.get("maxItems", 100), 100))]
        if kind == "object":
            return {f"name{number}": ENDLESS for number in range(100)}
        if kind in ("string", "integer", "number", "boolean") or "enum" in one:
            return ENDLESS
    return [{ENDLESS: ENDLESS}]


def calls(tool: Tool) -> list[dict[str, Any]]:
    """All of it at once, and each parameter beside those that are required."""
    named = {name: endless(schema) for name, schema in tool.input_schema.get("properties", {}).items()}
    required = set(tool.input_schema.get("required", []))
    return [named, *({k: v for k, v in named.items() if k == name or k in required} for name in named)]


@pytest.mark.long
@pytest.mark.parametrize("era", ERAS)
async def test_what_is_said_of_endless_words_is_short(era: str, served: Served, tmp_path: Path) -> None:
    settings = settings_for(
        served, tmp_path, toolsets=",".join(TOOLSETS), polymarket_env="paper", export_folder=tmp_path / "exports",
    )  # fmt: skip
    tried, refused = 0, 0
    async with Client(create_server(settings), mode=era) as client:
        for tool in await client.list_tools():
            for arguments in calls(tool):
                answer = await client.call_tool(tool.name, arguments, raise_on_error=False)
                said = "".join(block.text for block in answer.content if isinstance(block, TextContent))
                tried += 1
                assert answer.is_error or len(said) <= MOST, (tool.name, sorted(arguments))
                if answer.is_error:
                    refused += 1
                    assert len(said) <= LONGEST, (tool.name, sorted(arguments), said[:300])
                    assert "inside this server" not in said, (tool.name, sorted(arguments))
    assert tried > 500
    assert refused > 400


ODD: tuple[Any, ...] = (
    10**400, -(2**63) - 1, 1e308, 1e-300, 1.234567, 0.005, True, "9" * 5_000, "NaN", "1e999999999", "-0", "\u0663", "",
    " ", "a\x00b", "../..", [], {}, None, "0001-01-01", "9999-12-31T23:59:59Z", 253402300800, "99999999999d", "24:00",
)  # fmt: skip
EACH = 4
"""Odd values for each parameter: the next ones of the list."""
GOOD = {
    "ticker": MARKET, "side": "yes", "action": "buy", "count": 1, "price": 50, "event_ticker": EVENT,
    "series_ticker": MARKET.partition("-")[0], "value": 5,
}  # fmt: skip


def filled(tool: Tool) -> dict[str, Any]:
    """What a tool needs at least, as well as it can be guessed."""
    kinds: dict[str, Any] = {"array": [MARKET], "integer": 1, "number": 1, "boolean": True}
    needed = {name: tool.input_schema["properties"][name] for name in tool.input_schema.get("required", [])}
    return {
        name: GOOD.get(name, kinds.get(one.get("type", ""), one.get("enum", [MARKET])[0]))
        for name, one in needed.items()
    }


@pytest.mark.long
async def test_odd_values_break_nothing(served: Served, tmp_path: Path) -> None:
    settings = settings_for(served, tmp_path, toolsets=",".join(TOOLSETS), export_folder=tmp_path / "exports")
    odd, tried = cycle(ODD), 0
    async with Client(create_server(settings)) as client:
        for tool in await client.list_tools():
            if tool.name == "kalshi_halt_trading":
                continue  # the others would only say that it was
            for name in tool.input_schema.get("properties", {}):
                for value in islice(odd, EACH):
                    answer = await client.call_tool(tool.name, filled(tool) | {name: value}, raise_on_error=False)
                    said = "".join(block.text for block in answer.content if isinstance(block, TextContent))
                    assert "inside this server" not in said, (tool.name, name, value)
                    assert len(said) <= (LONGEST if answer.is_error else MOST), (tool.name, name, value)
                    tried += 1
    assert tried > 1_000


@pytest.mark.parametrize("era", ERAS)
async def test_endless_addresses_are_told_shortly(era: str, served: Served, tmp_path: Path) -> None:
    settings = settings_for(served, tmp_path, toolsets="polymarket", polymarket_env="paper")
    async with Client(create_server(settings), mode=era) as client:
        for template in ("kalshi://markets/{}", "kalshi://markets/{}/orderbook", "polymarket://markets/{}/orderbook"):
            with pytest.raises(MCPError) as refused:
                await client.read_resource(template.format(ENDLESS))
            assert len(str(refused.value)) <= 250, template
            assert "Error reading" not in str(refused.value), template
