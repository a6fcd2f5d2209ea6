"""A person behind a client that asks, and a count of what really reached the exchange."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from mcp_types import TextContent

from prediction_mcp.kalshi.resources import orders
from prediction_mcp.net import sending
from prediction_mcp.server import create_server
from prediction_mcp.settings import Settings
from tests.conftest import MARKET, Served
from tests.tools.conftest import assert_plain, settings_for

ORDER: dict[str, Any] = {"ticker": MARKET, "side": "yes", "action": "buy", "count": 5, "price": 20}
YES = ElicitResult(action="accept", content={"confirm": True})
REAL = {"env": "live", "read_only": False, "live_trading": "real-money"}


@dataclass
class Person:
    """Answers questions as told, and keeps what was asked. An answer may be a function, which acts first."""

    answers: list[Any] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def __call__(self, message: str, response_type: Any, params: Any, context: Any) -> Any:
        self.asked.append(message)
        answer = self.answers.pop(0)
        return (await answer()) if callable(answer) else answer


@dataclass
class Desk:
    """A client with a person, or without."""

    client: Client[Any]
    person: Person | None
    lean: bool = False

    async def _called(self, tool: str, arguments: dict[str, Any]) -> Any:
        name, given = ("call_tool", {"name": tool, "arguments": arguments}) if self.lean else (tool, arguments)
        return await self.client.call_tool(name, given, raise_on_error=False)

    async def parameters(self, tool: str) -> set[str]:
        """The parameters of a tool as the client sees them before it calls."""
        if self.lean:
            query = tool.removeprefix("kalshi_").replace("_", " ")
            found = (await self.client.call_tool("find_tools", {"query": query})).structured_content
            assert found is not None
            return set(next(t for t in found["tools"] if t["name"] == tool)["inputSchema"]["properties"])
        return set(next(t for t in await self.client.list_tools() if t.name == tool).input_schema["properties"])

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        said = await self._called(tool, arguments)
        assert not said.is_error, said.content
        answer: dict[str, Any] = said.structured_content
        assert answer is not None
        return answer

    async def error(self, tool: str, **arguments: Any) -> str:
        said = await self._called(tool, arguments)
        assert said.is_error, said.structured_content
        (block,) = said.content
        assert isinstance(block, TextContent)
        assert_plain(block.text)
        return block.text


Open = Callable[..., Any]


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries are real but short."""
    monkeypatch.setattr(sending, "wait_random_exponential", lambda **_: lambda _: 0.001)
    monkeypatch.setattr(orders, "ASK_AGAIN_AFTER", (0.0, 0.001))


@pytest.fixture(params=("auto", "legacy"))
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def lean() -> bool:
    """Whether tools are called through the two of a small context."""
    return False


@pytest.fixture
def desk(era: str, lean: bool, served: Served, tmp_path: Path) -> Open:
    """Opens a session in an era: ``desk(answers)`` with a person, ``desk(None)`` with a client that can't ask."""

    @asynccontextmanager
    async def opened(answers: list[Any] | None, **changes: Any) -> AsyncIterator[Desk]:
        settings: Settings = settings_for(served, tmp_path, **{**REAL, "lean": lean, **changes})
        person = None if answers is None else Person(answers)
        options: dict[str, Any] = {} if person is None else {"elicitation_handler": person}
        async with Client(create_server(settings), mode=era, **options) as client:
            yield Desk(client, person, lean)

    return opened


def traded(served: Served) -> int:
    """Orders that the exchange has ever taken from the member."""
    return len(served.orders)
