"""One budget for all processes of an account: never beyond the exchange's bucket, cancels first, nobody starved."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.auth import signer_from_pem
from prediction_mcp.kalshi.errors import NotFoundError
from prediction_mcp.kalshi.shared_budget import Level, SharedBucket
from prediction_mcp.net.sending import Sender

RATE, CAPACITY, RESERVE = 100.0, 90.0, 18.0


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from([1, 2, 10, 18]), st.booleans(), st.floats(0, 0.4)),
        min_size=1, max_size=80,
    )
)  # fmt: skip
def test_what_is_granted_fits_the_exchanges_bucket(steps: list[tuple[int, int, bool, float]]) -> None:
    """Slow model: the exchange's bucket, from which each request takes its tokens at the moment it leaves."""
    level, now = Level(CAPACITY - RESERVE, RESERVE, 0.0), 0.0
    leaves = list[tuple[float, float]]()
    free = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]  # when each process may ask again, normal and urgent
    for process, cost, urgent, pause in steps:
        now += pause
        if free[urgent][process] > now:
            continue  # it has a request in line already
        level.until(now, RATE, CAPACITY, RESERVE)
        wait = level.take(cost, RATE, CAPACITY, RESERVE, urgent=urgent)
        free[urgent][process] = now + wait
        leaves.append((now + wait, cost))
        if urgent and cost <= 2:
            assert wait <= 3 * 18 / RATE  # behind other cancels only
    there, at = CAPACITY, 0.0
    for when, tokens in sorted(leaves):
        there = min(there + (when - at) * RATE, CAPACITY) - tokens
        at = when
        assert there >= -1e-6


async def test_processes_take_from_one_bucket(tmp_path: Path) -> None:
    now = [100.0]
    one, two = (SharedBucket(tmp_path / "write", RATE, CAPACITY, RESERVE, lambda: now[0]) for _ in range(2))
    await one.acquire(60)
    assert two.tokens == pytest.approx(30)
    await two.acquire(2, urgent=True)
    assert one.tokens == pytest.approx(26)  # paid from both parts
    assert two.expected_wait(10) == 0
    assert two.expected_wait(20) == pytest.approx(0.1)
    one.drain()
    assert two.tokens == 0
    now[0] += 10
    assert two.tokens == pytest.approx(CAPACITY)


async def test_a_cancel_waits_behind_no_order(tmp_path: Path) -> None:
    bucket = SharedBucket(tmp_path / "write", RATE, CAPACITY, RESERVE)
    other = SharedBucket(tmp_path / "write", RATE, CAPACITY, RESERVE)
    order = list[str]()

    async def take(which: SharedBucket, name: str, cost: float, *, urgent: bool = False) -> None:
        await which.acquire(cost, urgent=urgent)
        order.append(name)

    await bucket.acquire(72)
    work = [asyncio.create_task(take(b, "order", 20)) for b in (bucket, other, bucket)]
    await asyncio.sleep(0)
    await take(other, "cancel", 2, urgent=True)
    assert order == ["cancel"]
    await asyncio.gather(*work)


async def test_who_stops_waiting_gives_back(tmp_path: Path) -> None:
    now = [0.0]
    bucket = SharedBucket(tmp_path / "read", RATE, CAPACITY, 0, lambda: now[0])
    await bucket.acquire(90)
    waiting = asyncio.create_task(bucket.acquire(50))
    await asyncio.sleep(0.01)
    assert bucket.tokens == -50
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert bucket.tokens == 0


@pytest.mark.parametrize(
    "text",
    [b"", b"x", b"\xff" * 24, struct.pack("<ddd", float("nan"), 1, 1), struct.pack("<ddd", -1e300, 0, 1),
     struct.pack("<ddd", 5, 5, 1e18), struct.pack("<ddd", 1e300, 1e300, 0)],
)  # fmt: skip
async def test_a_file_of_noise_begins_anew(tmp_path: Path, text: bytes) -> None:
    """Also one of before the machine's start, whose clock was another."""
    (tmp_path / "write").write_bytes(text)
    bucket = SharedBucket(tmp_path / "write", RATE, CAPACITY, RESERVE)
    assert 0 <= bucket.tokens <= CAPACITY
    await asyncio.wait_for(bucket.acquire(10), 60)


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX's")
@pytest.mark.parametrize("name", ["link", "folder", "gone"])
async def test_without_the_file_a_process_counts_alone(tmp_path: Path, name: str) -> None:
    path = tmp_path / "there" / "write"
    if name != "gone":
        path.parent.mkdir()
    if name == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif name == "folder":
        path.mkdir()
    bucket = SharedBucket(path, RATE, CAPACITY, RESERVE)
    await bucket.acquire(70)
    assert bucket.tokens < 30
    assert not (tmp_path / "elsewhere").exists()


MACHINES = 10
"""429s: that many aren't a machine that stalls."""


def spend(url: str, key: str, pem: str, folder: str, seconds: float, told: Any) -> None:
    """Reads and cancels for a while; tells how many answers and how many 429s there were."""

    async def run() -> None:
        done = refused = 0
        real = Sender._try

        async def watched(self: Sender, *args: Any, **kwargs: Any) -> bytes:
            nonlocal refused
            try:
                return await real(self, *args, **kwargs)
            except Exception as error:
                refused += "429" in str(getattr(error, "status", ""))
                raise

        Sender._try = watched  # type: ignore[method-assign]
        until = asyncio.get_running_loop().time() + seconds
        async with KalshiClient(url, signer_from_pem(key, pem), budget=Path(folder)) as kalshi:
            while asyncio.get_running_loop().time() < until:
                await asyncio.gather(*(kalshi.portfolio.positions(limit=1) for _ in range(4)))
                try:
                    await kalshi.transport.send("DELETE", "/portfolio/events/orders/{id}", {"id": "x"}, urgent=True)
                except NotFoundError:
                    done += 5
        told.put((done, refused))

    asyncio.run(run())


@pytest.mark.long
async def test_three_processes_share_one_budget_though_one_is_killed(tmp_path: Path) -> None:
    """With a budget for each there are dozens of 429s in these seconds; an idle machine earns none.

    One that stops a process between grant and request may earn a few: `benchmarks/shared_budget.py` prints both.
    """
    exchange = Exchange(seed=1, scenario="small", read_lag_ms=0)
    key, pem = exchange.issue_key(exchange.add_member(tier="basic"))
    context = multiprocessing.get_context("spawn")
    told: Any = context.Queue()
    async with serve(exchange, with_crowd=False) as url:
        workers = [context.Process(target=spend, args=(url, key, pem, str(tmp_path), 4.0, told)) for _ in range(3)]
        for worker in workers:
            worker.start()
        await asyncio.sleep(2.5)
        workers[0].kill()
        answers = [await asyncio.to_thread(told.get, True, 30) for _ in range(2)]
        for worker in workers:
            await asyncio.to_thread(worker.join)
    assert sum(refused for _, refused in answers) < MACHINES
    assert all(done > 0 for done, _ in answers)
