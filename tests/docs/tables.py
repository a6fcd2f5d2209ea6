"""Tables of the docs that are made of the code: ``make table`` writes them, a test holds them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from fastmcp import Client
from mcp_types import Tool

from prediction_mcp.server import create_server
from prediction_mcp.settings import Settings, load_settings, secret_names
from prediction_mcp.settings.whole import TOOLSETS
from prediction_mcp.settings.words import MEANINGS

ROOT = Path(__file__).parents[2]
COMMON = (
    "KALSHI_ENV", "KALSHI_API_KEY_ID", "KALSHI_PRIVATE_KEY_PATH", "READ_ONLY", "LIVE_TRADING", "CONFIRM",
    "LIMIT_ORDER_COST", "LIMIT_DAY_SPENT", "LIMIT_DAY_LOSS", "TOOLSETS", "PREDICTION_LEAN", "TIMEZONE",
)  # fmt: skip
"""What the README names of them."""


@dataclass(frozen=True)
class Place:
    """Where a table stands: between two marks in a file."""

    file: str
    mark: str

    @property
    def ends(self) -> tuple[str, str]:
        return f"<!-- {self.mark}: written by make table -->", f"<!-- end of {self.mark} -->"

    def put(self, lines: Iterable[str]) -> None:
        path, (begins, ends) = ROOT / self.file, self.ends
        text = path.read_text()
        before, after = text[: text.index(begins)], text[text.index(ends) :]
        path.write_text("\n".join([before + begins, *lines, after]))

    def get(self) -> list[str]:
        (begins, ends), text = self.ends, (ROOT / self.file).read_text()
        return text[text.index(begins) + len(begins) : text.index(ends)].strip("\n").split("\n")


def settings(names: Iterable[str]) -> list[str]:
    """Settings with their defaults."""
    fields = {str(field.alias): field for field in Settings.model_fields.values()}
    lines = ["| variable | default | what it is |", "|---|---|---|"]
    for name in names:
        secret = " **Secret.**" if name in secret_names() else ""
        lines.append(f"| `{name}` | {_default(fields[name].default)} | {MEANINGS[name]}{secret} |")
    return lines


def _default(value: Any) -> str:
    if value is None or value in ("", frozenset()):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:f}`" if isinstance(value, Decimal) else f"`{value}`"


async def toolsets() -> dict[str, dict[str, int]]:
    """Names of the tools by toolset with their bytes of context; those without one come first, under no name."""
    found = dict[str, dict[str, int]]()
    for name in ("", *sorted(TOOLSETS)):
        async with Client(create_server(load_settings(toolsets=name))) as client:
            tools = {tool.name: _bytes(tool) for tool in await client.list_tools()}
        found[name] = {tool: size for tool, size in tools.items() if tool not in found.get("", ())}
    return found


def _bytes(tool: Tool) -> int:
    """Name, description and input schema: what a conversation pays for."""
    shown = {"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema}
    return len(json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode())


TABLES: dict[Place, Callable[[], list[str]]] = {
    Place("docs/configuration.md", "settings"): lambda: settings(MEANINGS),
    Place("README.md", "settings"): lambda: settings(COMMON),
}


def main() -> None:
    for place, made in TABLES.items():
        place.put(made())


if __name__ == "__main__":
    main()
