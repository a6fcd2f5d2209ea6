"""A running double, and tools that talk to it in both protocol eras."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from fastmcp import Client

from prediction_mcp.server import create_server
from tests.conftest import Served
from tests.safety.conftest import Desk, Person
from tests.tools.conftest import settings_for

from .double import Double, running

Open = Callable[..., Any]


@pytest.fixture(params=("auto", "legacy"))
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world() -> Iterator[Double]:
    with running(Double()) as double:
        yield double


@pytest.fixture
def desk(era: str, world: Double, tmp_path: Path) -> Open:
    """Opens a session: ``desk()`` asks nobody, ``desk([YES])`` has a person with these answers."""

    @asynccontextmanager
    async def opened(answers: list[Any] | None = None, **changes: Any) -> AsyncIterator[Desk]:
        values: dict[str, Any] = {"toolsets": "advanced,records,safety", "confirm": "never"}
        if answers is not None:
            values |= {"confirm": "always", "env": "live", "read_only": False, "live_trading": "real-money"}
        settings = settings_for(cast("Served", world), tmp_path, **{**values, **changes})
        person = None if answers is None else Person(answers)
        options: dict[str, Any] = {} if person is None else {"elicitation_handler": person}
        async with Client(create_server(settings), mode=era, **options) as client:
            yield Desk(client, person)

    return opened
