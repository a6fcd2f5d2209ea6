"""MCP Apps: pages beside tools' answers. What they may do is held by their text; how they look, by a browser."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from mcp_types import CallToolResult

from prediction_mcp.server import create_server
from prediction_mcp.tools.apps import APPS, page, uri
from tests.automation.conftest import hold, quote
from tests.conftest import EVENT, MARKET, Served
from tests.tools.conftest import ERAS, Assistant, settings_for
from tests.web.test_browser import CHROMIUM, HERE, MODULES, ROOT, WITHOUT

EXTENSION = MODULES / "@modelcontextprotocol" / "ext-apps"
TOOLS: dict[str, tuple[str, dict[str, Any]]] = {
    "book": ("kalshi_get_orderbook", {"ticker": MARKET}), "ladder": ("kalshi_get_event", {"event_ticker": EVENT}),
    "portfolio": ("kalshi_get_portfolio_value", {}),
    "ticket": ("kalshi_simulate_order", {"ticker": MARKET, "side": "yes", "action": "buy", "count": 3, "price": 50}),
}  # fmt: skip


@pytest.fixture(params=ERAS)
async def assistant(request: pytest.FixtureRequest, served: Served, tmp_path: Path) -> AsyncIterator[Assistant]:
    async with Client(create_server(settings_for(served, tmp_path)), mode=request.param) as client:
        yield Assistant(client)


async def test_tools_name_their_pages(assistant: Assistant) -> None:
    tools = {tool.name: tool for tool in await assistant.client.list_tools()}
    named = {name: tool.meta["ui"]["resourceUri"] for name, tool in tools.items() if tool.meta and "ui" in tool.meta}
    assert named == {tool: uri(app) for app, (tool, _) in TOOLS.items()}
    for app in APPS:
        (content,) = await assistant.client.read_resource(uri(app))
        assert content.mime_type == "text/html;profile=mcp-app"
        assert getattr(content, "text", None) == page(app)


@pytest.mark.parametrize("app", APPS)
def test_a_page_needs_nothing_and_can_confirm_nothing(app: str) -> None:
    """No address but namespaces of its own host's messages, nothing to press, no tool but two that read."""
    text = page(app)
    assert "{{" not in text
    assert not re.findall(r"https?://|//[a-z0-9-]+\.[a-z]|fetch\(|XMLHttpRequest|WebSocket", text)
    assert not re.findall(r"import\(|eval\(|innerHTML|document\.write", text)
    assert not re.findall(r"<(?:button|input|form|a|iframe|link)\b", text)
    assert set(re.findall(r"kalshi_\w+", text)) == {"kalshi_get_orderbook", "kalshi_get_portfolio_value"}
    assert "confirmation" not in text
    assert len(text) < 12_000


async def answers(assistant: Assistant) -> dict[str, Any]:
    """What a host would hand to each page."""
    given = {}
    for app, (tool, arguments) in TOOLS.items():
        found, again = [
            (await assistant.client.call_tool_mcp(tool, arguments | more)).model_dump(mode="json", by_alias=True)
            for more in ({}, {"chart": True} if app != "ticket" else {})
        ]
        assert isinstance(CallToolResult.model_validate(found), CallToolResult)
        given[app] = {"html": page(app), "args": arguments, "result": found, "again": again}
    return given


@pytest.mark.skipif(not (HERE and EXTENSION.is_dir()), reason=WITHOUT)
@pytest.mark.parametrize("assistant", ["auto"], indirect=True)
async def test_they_show_it_in_a_browser(assistant: Assistant, served: Served, tmp_path: Path) -> None:
    hold(served, 12, 40)
    quote(served, 44, 46)
    given = await answers(assistant)
    odd = '<img src=x onerror="document.title=1"> & “odd”'
    given["ladder"]["result"]["structuredContent"]["title"] = odd
    (tmp_path / "given.json").write_text(json.dumps(given))
    pictures = os.environ.get("BROWSER_PICTURES", str(tmp_path))
    node = await asyncio.create_subprocess_exec(
        "node", str(ROOT / "tests/web/apps.mjs"), str(tmp_path / "given.json"), pictures, str(MODULES),
        env={**os.environ, "CHROMIUM": str(CHROMIUM)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(node.communicate(), 120)
    assert node.returncode == 0, err.decode()[-2000:]
    seen = json.loads(out)
    assert len(seen) == 2 * len(APPS)
    for name, found in seen.items():
        assert (found["asked"], found["errors"], found["wrong"], found["pressed"]) == ([], [], [], 0), (name, found)
        assert found["problems"] == [], name
        assert "paper" in found["text"]
        assert {"ui/initialize", "ui/notifications/initialized", "ui/notifications/size-changed"} <= {*found["methods"]}
        assert set(found["calls"]) <= {"kalshi_get_orderbook", "kalshi_get_portfolio_value"}
    assert "44¢" in seen["book light"]["text"]
    assert odd in seen["ladder dark"]["text"]
    assert "$5.28" in seen["portfolio light"]["text"]
    for text in ("buy 3 yes at 50¢", "Nothing was sent, and nothing here can send it", "12 → 15"):
        assert text in seen["ticket light"]["text"], seen["ticket light"]["text"]
    assert seen["book light"]["calls"]
    assert seen["book light"]["old"] == [
        "The last look failed: what is shown is as old as it says.", "",
        "This client lets no app look again: what is shown is as old as it says.",
    ]  # fmt: skip
    assert not seen["ticket light"]["calls"]
