"""A server pointed at a still exchange, spoken to by a real MCP client in each protocol era."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from mcp_types import TextContent

from prediction_mcp.server import create_server
from prediction_mcp.settings import Settings, load_settings
from tests.conftest import Served

ERAS = ("auto", "legacy")


class Assistant:
    """What a model does: list tools, call them, read the answer or the error."""

    def __init__(self, client: Client[Any]) -> None:
        self.client = client

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        answer = await self.client.call_tool(tool, arguments, raise_on_error=False)
        assert not answer.is_error, answer.content
        assert answer.structured_content is not None
        return answer.structured_content

    async def error(self, tool: str, **arguments: Any) -> str:
        answer = await self.client.call_tool(tool, arguments, raise_on_error=False)
        assert answer.is_error, answer.structured_content
        (block,) = answer.content
        assert isinstance(block, TextContent)
        assert_plain(block.text)
        return block.text


def assert_plain(text: str) -> None:
    """An error is a sentence: no traceback, no documentation link, no JSON."""
    assert text.endswith((".", "?")), text
    assert not any(mark in text for mark in ("Traceback", "http", "pydantic", "{", "\n", "[type=")), text


def settings_for(served: Served, tmp_path: Path, **changes: Any) -> Settings:
    path = tmp_path / "key.pem"
    path.write_text(served.pem)
    path.chmod(0o600)
    values = {"env": "paper", "base_url": served.url, "api_key_id": served.key_id, "private_key_path": path}
    return load_settings(**(values | changes))


@pytest.fixture(params=ERAS)
async def assistant(request: pytest.FixtureRequest, served: Served, tmp_path: Path) -> AsyncIterator[Assistant]:
    async with Client(create_server(settings_for(served, tmp_path)), mode=request.param) as client:
        yield Assistant(client)
