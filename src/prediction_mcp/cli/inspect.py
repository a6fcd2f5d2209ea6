"""``tools`` and ``call``: look at the server without an assistant."""

from __future__ import annotations

import json
import os
from typing import Any

from fastmcp import Client
from fastmcp.client.progress import ProgressHandler
from mcp_types import TextContent, Tool
from rich.console import Console
from rich.table import Table

from prediction_mcp.logs import configure_logging
from prediction_mcp.server import create_server
from prediction_mcp.settings import SettingsError, load_settings

from .output import DONE, REFUSED, show, show_error
from .progress import Told, bar
from .shapes import ToolLine, Tools

PREFIXES = ("kalshi_", "polymarket_")


def context_bytes(tools: list[Tool]) -> int:
    """What the names, descriptions and input schemas of the tools cost, as compact JSON."""
    shown = [{"name": t.name, "description": t.description, "inputSchema": t.input_schema} for t in tools]
    return len(json.dumps(shown, separators=(",", ":"), ensure_ascii=False).encode())


async def list_tools(*, as_json: bool) -> None:
    settings = load_settings()
    async with Client(create_server(settings)) as client:
        found = await client.list_tools()
    if as_json:
        lines = [ToolLine(name=t.name, what=t.description or "", writes=not _reads(t)) for t in found]
        show(Tools(mode=settings.describe(), context_bytes=context_bytes(found), tools=lines), as_json=True)
        return
    table = Table(title=f"{len(found)} tools, {settings.describe()}", title_justify="left", box=None)
    for column in ("tool", "what it does", "writes"):
        table.add_column(column, no_wrap=column == "tool")
    for tool in found:
        table.add_row(tool.name, tool.description, "" if _reads(tool) else "yes")
    console = Console()
    console.print(table)
    console.print(f"context: {context_bytes(found) / 1000:.1f} kB of names, descriptions and input schemas")


def _reads(tool: Tool) -> bool:
    return tool.annotations is not None and bool(tool.annotations.read_only_hint)


def parse_arguments(given: list[str]) -> dict[str, Any]:
    """``name=value`` pairs; a value that is JSON is taken as such, anything else as text.

    Raises:
        SettingsError: a pair without "=".
    """
    made: dict[str, Any] = {}
    for pair in given:
        text = os.fsencode(pair).decode("utf-8", errors="replace")  # where the machine's locale isn't UTF-8
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise SettingsError(f"Arguments are given as name=value: {pair!r} is not.")
        try:
            made[name] = json.loads(value, parse_float=str)
        except json.JSONDecodeError:
            made[name] = value
    return made


def _heard(told: Told | None) -> ProgressHandler | None:
    """What the server says of its progress, for the line on the terminal."""
    if told is None:
        return None

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        await told(int(progress), None if total is None else int(total))

    return hear


async def call_tool(name: str, given: list[str], *, as_json: bool) -> int:
    """Call a tool and print its answer; returns the exit code."""
    arguments = parse_arguments(given)
    settings = load_settings()
    configure_logging(settings.log_level)
    console = Console()
    async with Client(create_server(settings)) as client:
        known = {tool.name for tool in await client.list_tools()}
        full = next((n for n in (name, *(prefix + name for prefix in PREFIXES)) if n in known), name)
        if full not in known:
            raise SettingsError(f"There is no tool {name}: “prediction-mcp tools” lists them.")
        with bar(as_json=as_json) as told:
            answer = await client.call_tool(full, arguments, raise_on_error=False, progress_handler=_heard(told))
    if answer.is_error:
        text = " ".join(block.text for block in answer.content if isinstance(block, TextContent))
        if as_json:
            show_error(text)
        else:
            Console(stderr=True).print(f"[red]{full}:[/red] {text}")
        return REFUSED
    if as_json:
        show(answer.structured_content or {}, as_json=True)
        return DONE
    console.print_json(data=answer.structured_content)
    return DONE
