"""/health and /metrics of a worker and of the HTTP server, as a monitor reads them; what is private takes a token."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from prediction_mcp.automation import metrics
from prediction_mcp.automation.desk import Desk
from prediction_mcp.automation.health import health
from prediction_mcp.automation.jobs import Job, Jobs
from prediction_mcp.automation.pages import served, worker_pages
from prediction_mcp.automation.worker import Worker
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.safety.records import Records
from prediction_mcp.server import create_server
from tests.automation.conftest import Home
from tests.conftest import Served
from tests.safety.test_chaos import free_port
from tests.tools.conftest import settings_for

TOKEN = "t" * 30


def samples(text: str) -> dict[str, float]:
    """Every sample by name and labels."""
    return {
        f"{sample.name}{sorted(sample.labels.values())}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_every_part_is_told(home: Home) -> None:
    found = await health(home.desk)
    assert {part.name: part.state for part in found.parts} == {
        "exchange": "ok", "database": "ok", "worker": "degraded", "budget": "ok", "journal": "ok",
    }  # fmt: skip
    assert (found.state, found.ready) == ("degraded", True)
    home.served.exchange.pause()
    home.desk.account.records().halt("a test")
    found = await health(home.desk)
    said = {part.name: part.said for part in found.parts}
    assert said["exchange"] == "the exchange takes no orders now"
    assert "halted by a test" in str(said["journal"])
    home.served.exchange.resume()


@pytest.mark.parametrize("look", [health, metrics.text])
async def test_who_looks_first_leaves_the_journal_to_orders(home: Home, look: Callable[[Desk], Awaitable[Any]]) -> None:
    """A monitor asks before anything was traded in this process, while another one of yours has a journal here."""
    place = home.desk.account.settings.safety_home
    assert place is not None
    Records(place).close()
    await look(home.desk)
    rule = await home.rule("recurring", every="1d", count=2, max_runs=5)
    await home.tick()
    assert (await home.again(rule)).filled == 2


async def test_figures_are_those_of_what_happened(home: Home) -> None:
    rule = await home.rule("recurring", every="1d", count=2, max_runs=5)
    await home.tick()
    found = samples((await metrics.text(home.desk, home.attendant, private=True)).decode())
    assert found["prediction_mcp_requests_total['POST /portfolio/events/orders', 'ok']"] == 1
    assert found["prediction_mcp_request_seconds_count['POST /portfolio/events/orders']"] == 1
    assert found["prediction_mcp_writes['done', 'order']"] == 1
    assert found["prediction_mcp_writes_answered['standing']"] == 1
    assert found["prediction_mcp_active['standing_orders']"] == 1
    assert found["prediction_mcp_portfolio_dollars[]"] > 0
    public = samples((await metrics.text(home.desk)).decode())
    assert "prediction_mcp_portfolio_dollars[]" not in public
    assert rule.id


async def test_a_worker_serves_them(home: Home) -> None:
    account = home.desk.account
    account.settings = account.settings.model_copy(update={"http_token": settings_token()})
    worker = Worker(account)
    async with served(worker_pages(worker), "127.0.0.1", 0) as address, httpx.AsyncClient(base_url=address) as http:
        plain = (await http.get("/health")).json()
        assert plain["parts"]["worker"] == "degraded"
        whole = (await http.get("/health", headers={"authorization": f"Bearer {TOKEN}"})).json()
        assert any("no worker runs" in str(part.get("said")) for part in whole["parts"])
        assert (await http.get("/health/live")).json() == {"state": "ok"}
        assert "portfolio_dollars" not in (await http.get("/metrics")).text
        mine = await http.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
        assert "prediction_mcp_portfolio_dollars" in mine.text
        wrong = await http.get("/metrics", headers={b"authorization": "Bearer é".encode()})
        assert "portfolio_dollars" not in wrong.text
        assert (await http.get("/nothing")).status_code == 404


def settings_token() -> Any:
    from pydantic import SecretStr

    return SecretStr(TOKEN)


async def test_the_http_server_serves_them(served: Served, tmp_path: Path) -> None:
    settings = settings_for(served, tmp_path, http_token=TOKEN, records_folder=tmp_path / "records")
    app = create_server(settings).http_app()
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            assert (await http.get("/health")).json()["ready"] is True
            assert "prediction_mcp_requests_total" in (await http.get("/metrics")).text
            assert (await http.post("/mcp")).status_code == 401


@pytest.mark.parametrize("signal", ["SIGTERM", "SIGINT"])
async def test_the_command_works_waits_and_takes_over(served: Served, tmp_path: Path, signal: str) -> None:
    """Two processes of one user: one works, the other waits, and takes over when the first is killed."""
    import signal as signals

    settings = settings_for(served, tmp_path)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("KALSHI_", "POLYMARKET_"))}
    environment = clean | {
        "KALSHI_ENV": "paper", "KALSHI_BASE_URL": served.url, "KALSHI_API_KEY_ID": served.key_id,
        "KALSHI_PRIVATE_KEY_PATH": str(settings.private_key_path), "SAFETY_FOLDER": str(tmp_path / "safety"),
    }  # fmt: skip

    async def start(*more: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "prediction_mcp", "worker", *more, env=environment, stderr=asyncio.subprocess.PIPE
        )

    port = free_port()
    first = await start("--metrics-port", str(port))
    assert first.stderr is not None
    assert b"working, mode paper" in await asyncio.wait_for(first.stderr.readline(), 30)
    assert f"127.0.0.1:{port}/metrics".encode() in await asyncio.wait_for(first.stderr.readline(), 30)
    second = await start()
    assert second.stderr is not None
    assert b"another process of yours works" in await asyncio.wait_for(second.stderr.readline(), 30)
    first.kill()
    await first.wait()
    assert b"working, mode paper" in await asyncio.wait_for(second.stderr.readline(), 30)
    second.send_signal(getattr(signals, signal))
    assert await asyncio.wait_for(second.wait(), 30) == 0


@pytest.mark.parametrize("every", [1, 30, 300, 3_600, 86_400, 30 * 86_400])
async def test_a_job_that_fails_is_never_away_for_long(home: Home, every: float) -> None:
    """Later each time, ten periods at most, and an hour at most, however seldom it runs by itself."""

    async def fails() -> None:
        raise PlatformError("not now")

    jobs, waits = Jobs(home.desk, home.attendant, "worker"), list[float]()
    for _ in range(14):
        waits.append(await jobs.carry_out(Job("prices", every, 10, fails)))
    assert waits == sorted(waits)
    assert waits[0] == min(every, 3_600)
    assert waits[-1] == min(10 * every, 3_600)


async def test_what_goes_well_is_written_now_and_then_and_counted_whole(home: Home) -> None:
    calls = list[int]()

    async def works() -> None:
        calls.append(1)

    jobs, job = Jobs(home.desk, home.attendant, "worker"), Job("prices", 10, 10, works)
    for _ in range(5):
        await jobs.carry_out(job)
    (told,) = await home.desk.workers.jobs()
    assert (told.runs, told.failures) == (1, 0)

    async def fails() -> None:
        raise PlatformError("not now")

    await jobs.carry_out(Job("prices", 10, 10, fails))
    (told,) = await home.desk.workers.jobs()
    assert (told.runs, told.failed, told.failures) == (6, 1, 1)
    await jobs.carry_out(job)  # after a failure it is said at once
    (told,) = await home.desk.workers.jobs()
    assert (told.runs, told.failures) == (7, 0)
