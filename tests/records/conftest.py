"""A database of each kind: SQLite in a folder, and PostgreSQL where one answers."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import URL, make_url

from prediction_mcp.records.database import Database

HERE = "postgresql://postgres@127.0.0.1:5432/test"


def server() -> URL:
    return make_url(os.environ.get("TEST_DATABASE_URL", HERE))


@pytest.fixture(scope="session")
def postgres_answers() -> bool:
    """Whether PostgreSQL can be used; what is skipped otherwise is said at the end of the run."""

    async def ask() -> None:
        import asyncpg

        connection = await asyncpg.connect(server().render_as_string(hide_password=False), timeout=5)
        await connection.close()

    try:
        asyncio.run(ask())
    except (OSError, ImportError, TimeoutError):
        return False
    return True


@pytest.fixture
def postgres(postgres_answers: bool) -> Iterator[str]:
    """The address of an empty database of its own, dropped afterwards."""
    if not postgres_answers:
        pytest.skip(f"no PostgreSQL answers at {server().render_as_string()}")
    name = f"records_{uuid.uuid4().hex[:12]}"

    async def run(sql: str) -> None:
        import asyncpg

        connection = await asyncpg.connect(server().render_as_string(hide_password=False))
        await connection.execute(sql)
        await connection.close()

    asyncio.run(run(f"CREATE DATABASE {name}"))
    yield server().set(database=name).render_as_string(hide_password=False)
    asyncio.run(run(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where a database is to lie."""
    if request.param == "sqlite":
        return tmp_path / "records.db"
    address: str = request.getfixturevalue("postgres")
    return address


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    """An open database with its tables."""
    async with Database(place) as made:
        if made.is_postgres:
            await made.migrate("head")
        yield made
