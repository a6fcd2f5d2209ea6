"""A PostgreSQL that accepts and then says nothing: each call ends with a sentence, and so does closing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from prediction_mcp.net import deadline
from prediction_mcp.records import database as module
from prediction_mcp.records.database import Database
from prediction_mcp.records.errors import RecordsError, RecordsUnreachedError
from tests.net.slow import SilentTcp, silenced

HANG_S = 30.0
SHORT = deadline.LIMITS.scaled(0.04)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "LIMITS", SHORT)
    monkeypatch.setattr(module, "PATIENCE_S", 0.5)
    monkeypatch.setattr(module, "CLOSE_S", 0.2)


@asynccontextmanager
async def behind(address: str) -> AsyncIterator[tuple[SilentTcp, str]]:
    """The address of a database as it is reached through a proxy that can fall silent."""
    url = make_url(address)
    async with silenced(url.host or "127.0.0.1", url.port or 5432) as (proxy, port):
        yield proxy, url.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)


async def test_silent_from_the_start(postgres: str) -> None:
    async with behind(postgres) as (proxy, address), asyncio.timeout(HANG_S):
        proxy.is_silent = True
        async with Database(address) as database:
            with pytest.raises(RecordsUnreachedError, match="doesn't answer"):
                async with database.reading():
                    raise AssertionError("it was reached")


async def test_silent_once_it_is_open(postgres: str) -> None:
    """A query that was cancelled would wait for its roll back, and closing for a good-bye."""
    async with behind(postgres) as (proxy, address), asyncio.timeout(HANG_S), Database(address) as database:
        await database.migrate("head")
        async with database.reading() as connection:
            await connection.execute(text("SELECT 1"))
        proxy.is_silent = True
        with pytest.raises(RecordsUnreachedError):
            async with database.reading() as connection:
                await connection.execute(text("SELECT 1"))
        with pytest.raises(RecordsUnreachedError):
            async with database.writing() as connection:
                await connection.execute(text("SELECT 1"))


async def interrupted(database: Database, proxy: SilentTcp) -> None:
    async with database.writing() as connection:
        await connection.execute(text("SELECT 1"))
        proxy.is_silent = True
        await connection.execute(text("SELECT 1"))


async def test_silent_in_the_midst_of_a_transaction(postgres: str) -> None:
    async with behind(postgres) as (proxy, address), asyncio.timeout(HANG_S), Database(address) as database:
        await database.migrate("head")
        with pytest.raises(RecordsUnreachedError):
            await interrupted(database, proxy)


async def test_a_call_that_is_cut_off_frees_its_connection(postgres: str) -> None:
    async with behind(postgres) as (_, address), asyncio.timeout(HANG_S), Database(address) as database:
        await database.migrate("head")
        for _ in range(20):  # more than the pool holds
            with pytest.raises((deadline.DeadlineError, RecordsError)):
                async with deadline.within(0.1, "cut off"), database.reading() as connection:
                    await connection.execute(text("SELECT pg_sleep(20)"))
        async with database.reading() as connection:
            assert (await connection.execute(text("SELECT 1"))).scalar() == 1
