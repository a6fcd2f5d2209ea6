"""The server as the MCP Inspector starts it, in both eras; the official conformance suite where its scenarios apply.

``make inspector`` installs both from npm, with the Node they need, into a folder of this checkout.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

from prediction_mcp.server import create_server
from prediction_mcp.settings import load_settings
from tests.safety.test_chaos import free_port
from tests.web.test_browser import _answers

BIN = Path(__file__).parents[2] / ".inspector" / "node_modules" / ".bin"
HERE = (BIN / "mcp-inspector").exists()
ERAS = ("legacy", "modern")
SCENARIOS = (
    "server-initialize", "ping", "tools-list", "resources-list", "prompts-list", "logging-set-level",
    "dns-rebinding-protection",
)  # fmt: skip
"""Of the suite those that need no tool or resource of its own example server."""
pytestmark = pytest.mark.skipif(not HERE, reason="no Inspector answers at .inspector: make inspector")


async def ran(*command: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, out.decode(), err.decode()


async def inspected(era: str, method: str, *more: str) -> Any:
    """What the Inspector got of the server, which it starts itself."""
    code, out, err = await ran(
        str(BIN / "mcp-inspector"), "--cli", sys.executable, "-m", "prediction_mcp", "--protocol-era", era,
        "--method", method, *more,
    )  # fmt: skip
    assert code == 0, err
    return json.loads(out)


@pytest.mark.parametrize("era", ERAS)
async def test_what_there_is(era: str) -> None:
    async with Client(create_server(load_settings())) as client:
        tools = {tool.name for tool in await client.list_tools()}
        prompts = {prompt.name for prompt in await client.list_prompts()}
        resources = {str(resource.uri) for resource in await client.list_resources()}
    listed = await inspected(era, "tools/list", "--strict")
    assert {tool["name"] for tool in listed["tools"]} == tools
    assert {prompt["name"] for prompt in (await inspected(era, "prompts/list"))["prompts"]} == prompts
    assert {one["uri"] for one in (await inspected(era, "resources/list"))["resources"]} == resources
    templates = await inspected(era, "resources/templates/list")
    assert "kalshi://markets/{ticker}" in {one["uriTemplate"] for one in templates["resourceTemplates"]}


@pytest.mark.parametrize("era", ERAS)
async def test_calls_prompts_and_resources(era: str) -> None:
    called = await inspected(era, "tools/call", "--tool-name", "kalshi_scan_markets", "--tool-arg", "limit=1")
    ticker = called["structuredContent"]["markets"][0]["ticker"]
    read = await inspected(era, "resources/read", "--uri", f"kalshi://markets/{ticker}")
    assert ticker in read["contents"][0]["text"]
    prompt = await inspected(
        era, "prompts/get", "--prompt-name", "research_market", "--prompt-args", f"ticker={ticker}"
    )
    assert ticker in json.dumps(prompt["messages"])
    bought = await inspected(
        era, "tools/call", "--tool-name", "kalshi_create_order", "--tool-arg", f"ticker={ticker}", "side=yes",
        "action=buy", "count=1", "price=99",
    )  # fmt: skip
    assert bought["structuredContent"]["status"] in ("executed", "filled", "resting")


@pytest.mark.parametrize("era", ERAS)
async def test_completions(era: str) -> None:
    """By the client that the Inspector is built on, since its command line has none."""
    of_prompt = {"type": "ref/prompt", "name": "research_market"}
    of_template = {"type": "ref/resource", "uri": "kalshi://markets/{ticker}"}
    asked = [
        {"ref": of_prompt, "argument": {"name": "ticker", "value": "kxfed"}},
        {"ref": of_template, "argument": {"name": "ticker", "value": "kxfed"}},
        {"ref": of_template, "argument": {"name": "ticker", "value": "\x00nothing" * 1_000}},
    ]
    code, out, err = await ran(
        str(BIN / "node"), str(Path(__file__).with_name("complete.mjs")), str(BIN.parent), era, json.dumps(asked),
        sys.executable, "-m", "prediction_mcp",
    )  # fmt: skip
    assert code == 0, err
    told = json.loads(out)
    of_prompt_answer, of_template_answer, of_nothing = (answer["values"] for answer in told["answers"])
    assert told["era"] == era
    assert of_prompt_answer
    assert all(value.startswith("KXFED") for value in of_prompt_answer)
    assert of_template_answer == of_prompt_answer
    assert of_nothing == []


@pytest.mark.parametrize("era", ERAS)
async def test_the_apps_as_the_inspector_probes_them(era: str) -> None:
    code, out, err = await ran(
        str(BIN / "mcp-inspector"), "--cli", sys.executable, "-m", "prediction_mcp", "--protocol-era", era,
        "--method", "tools/list", "--app-info", "--advertise-apps",
    )  # fmt: skip
    assert code == 0, err
    probed = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    apps = {line["toolName"]: line for line in probed if line["hasApp"]}
    assert {name.removeprefix("kalshi_") for name in apps} == {
        "get_event", "get_orderbook", "simulate_order", "get_portfolio_value",
    }  # fmt: skip
    assert {line["resourceMimeType"] for line in apps.values()} == {"text/html;profile=mcp-app"}
    assert not any("csp" in line for line in apps.values()), "an app asks for no network"


@pytest.mark.parametrize("era", ERAS)
async def test_a_wrong_call_is_a_sentence(era: str) -> None:
    code, out, err = await ran(
        str(BIN / "mcp-inspector"), "--cli", sys.executable, "-m", "prediction_mcp", "--protocol-era", era,
        "--method", "tools/call", "--tool-name", "kalshi_get_market", "--tool-arg", "ticker=NOTHING-AT-ALL",
    )  # fmt: skip
    assert code is not None
    assert "NOTHING-AT-ALL" in out + err
    assert "Traceback" not in out + err


async def test_the_official_suite() -> None:
    port = free_port()
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "prediction_mcp", "serve", "--http", "--port", str(port), stderr=subprocess.DEVNULL
    )
    try:
        await _answers(port)
        for scenario in SCENARIOS:
            code, out, err = await ran(
                str(BIN / "conformance"), "server", "--url", f"http://127.0.0.1:{port}/mcp", "--scenario", scenario
            )
            assert code == 0, (scenario, out, err)
            assert "0 failed, 0 warnings" in out
    finally:
        server.terminate()
        await server.wait()
