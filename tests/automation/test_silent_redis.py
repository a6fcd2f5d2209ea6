"""A Redis that accepts and then says nothing: the worker says so, works once it speaks, and ends when asked to."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest
from loguru import logger
from redis.asyncio.connection import parse_url

from prediction_mcp.automation import worker as module
from prediction_mcp.automation.worker import SILENCE_S, Worker, patient
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.net.caching import ReadCache, allowing
from tests.automation.test_month import REDIS
from tests.conftest import account_of
from tests.net.slow import silenced

HANG_S = 40.0


@pytest.mark.usefixtures("redis_answers")
async def test_a_worker_waits_with_a_sentence(kalshi: KalshiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, it waited without one, for as long as the connection was open."""
    monkeypatch.setattr(module, "ANSWER_S", 0.2)
    parts, said = urlsplit(REDIS), asyncio.Event()
    sink = logger.add(lambda line: said.set() if "Redis doesn't answer" in str(line) else None)
    async with silenced(parts.hostname or "", parts.port or 6379) as (proxy, port), asyncio.timeout(HANG_S):
        proxy.is_silent = True
        monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{port}/9")
        worker = Worker(await account_of(kalshi).open())
        work = asyncio.create_task(worker.run())
        await said.wait()
        assert not work.done()
        proxy.is_silent = False
        while not await worker.desk.workers.jobs():  # noqa: ASYNC110 - it is in the database
            await asyncio.sleep(0.05)
        proxy.is_silent = True
        work.cancel()
        await asyncio.wait({work})
    logger.remove(sink)


@pytest.mark.usefixtures("redis_answers")
async def test_reads_go_on_without_a_cache_that_is_silent() -> None:
    parts = urlsplit(REDIS)

    async def read() -> bytes:
        return b"1"

    async with silenced(parts.hostname or "", parts.port or 6379) as (proxy, port), asyncio.timeout(HANG_S):
        cache = ReadCache("p", "silent", f"redis://127.0.0.1:{port}/9")
        await cache._open()
        proxy.is_silent = True
        with allowing():
            assert await cache.through("prices", "x", read, bytes) == b"1"
        cache.changed()
        await cache.settled()
        await cache.close()


@pytest.mark.parametrize("url", ["redis://h:1/0", "rediss://u:p@h/0?ssl_cert_reqs=none", "unix:///tmp/r.sock?db=1"])
def test_the_limit_to_silence_is_understood(url: str) -> None:
    assert dict(parse_url(patient(url)))["socket_timeout"] == SILENCE_S
    assert patient(patient(url)) == patient(url)
