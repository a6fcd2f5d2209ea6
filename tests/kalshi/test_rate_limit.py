"""The bucket is driven by a clock of the test's own, so nothing here depends on how fast the machine is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.auth import signer_from_pem
from prediction_mcp.kalshi.errors import AuthenticationError, PermissionDeniedError
from prediction_mcp.kalshi.rate_limit import RateLimiter
from prediction_mcp.net.buckets import TokenBucket
from tests.conftest import MARKET, Served


class ManualLoopTime:
    """Moves the event loop's own clock, timers included, without waiting."""

    def __init__(self, loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = loop.time()
        monkeypatch.setattr(loop, "time", lambda: self.now)  # undone before the loop is closed

    async def advance(self, seconds: float) -> None:
        self.now += seconds
        for _ in range(20):
            await asyncio.sleep(0)

    async def finish(self, tasks: list[asyncio.Task[None]]) -> None:
        """Move on until all are done; a minute of the bucket's time is more than any of them needs."""
        for _ in range(600):
            await self.advance(0.1)
        assert all(task.done() for task in tasks)


@pytest.fixture
async def loop_time(monkeypatch: pytest.MonkeyPatch) -> ManualLoopTime:
    return ManualLoopTime(asyncio.get_running_loop(), monkeypatch)


def collector(order: list[Any]) -> Callable[[Any, Awaitable[None]], asyncio.Task[None]]:
    async def wait(name: Any, grant: Awaitable[None]) -> None:
        await grant
        order.append(name)

    return lambda name, grant: asyncio.create_task(wait(name, grant))


async def test_grants_up_to_capacity_then_waits_for_the_refill(loop_time: ManualLoopTime) -> None:
    bucket, done = TokenBucket(rate=100, capacity=50), list[Any]()
    start = collector(done)
    tasks = [start(i, bucket.acquire(10)) for i in range(7)]
    await loop_time.advance(0)
    assert done == [0, 1, 2, 3, 4]
    await loop_time.advance(0.0999)
    assert done == [0, 1, 2, 3, 4]
    await loop_time.advance(0.0002)
    assert done == [0, 1, 2, 3, 4, 5]
    await loop_time.advance(0.1)
    assert done == list(range(7))
    assert all(task.done() for task in tasks)


async def test_never_spends_more_than_the_exchange_refills(loop_time: ManualLoopTime) -> None:
    """Over any window, granted tokens ≤ capacity + rate × time: the law a token bucket lives by."""
    bucket, done = TokenBucket(rate=100, capacity=50), list[Any]()
    start = collector(done)
    tasks = [start(i, bucket.acquire(7)) for i in range(60)]
    for step in range(1, 60):
        await loop_time.advance(0.05)
        assert len(done) * 7 <= 50 + 100 * 0.05 * step + 1e-6
    await loop_time.finish(tasks)
    assert done == list(range(60))


async def test_cancels_go_first_and_have_their_reserve(loop_time: ManualLoopTime) -> None:
    bucket, done = TokenBucket(rate=10, capacity=100, reserve=20), list[Any]()
    start = collector(done)
    tasks = [start(f"order {i}", bucket.acquire(10)) for i in range(12)]
    await loop_time.advance(0)
    assert len(done) == 8, "the last 20 tokens are kept for cancels"
    tasks += [start(f"cancel {i}", bucket.acquire(2, urgent=True)) for i in range(10)]
    await loop_time.advance(0)
    assert [d for d in done if d.startswith("cancel")] == [f"cancel {i}" for i in range(10)]
    await loop_time.finish(tasks)


async def test_a_cancelled_caller_gives_way_and_gives_back(loop_time: ManualLoopTime) -> None:
    bucket, done = TokenBucket(rate=10, capacity=10), list[Any]()
    start = collector(done)
    await bucket.acquire(10)
    first, second = start("first", bucket.acquire(10)), start("second", bucket.acquire(10))
    await loop_time.advance(0)
    first.cancel()
    await loop_time.advance(1.01)
    assert done == ["second"]
    assert first.cancelled()
    assert second.done()


async def test_an_expensive_request_leaves_from_a_full_bucket(loop_time: ManualLoopTime) -> None:
    bucket, done = TokenBucket(rate=10, capacity=20), list[Any]()
    task = collector(done)("batch", bucket.acquire(200))
    await loop_time.advance(0)
    assert done == ["batch"]
    assert bucket.tokens == pytest.approx(-180)
    assert bucket.expected_wait(10) == pytest.approx(19)
    assert task.done()


async def test_a_429_empties_the_bucket(loop_time: ManualLoopTime) -> None:
    bucket = TokenBucket(rate=10, capacity=20)
    bucket.drain()
    assert bucket.tokens == 0
    assert bucket.expected_wait(10) == pytest.approx(1.0)


async def test_costs_are_looked_up_by_template_and_per_item() -> None:
    limiter = RateLimiter()
    assert limiter.cost("GET", "/markets") == 10
    assert limiter.cost("DELETE", "/portfolio/events/orders/{order_id}") == 2
    assert limiter.cost("POST", "/portfolio/events/orders/batched", items=7) == 70
    limiter.learn_costs(10, {("DELETE", "/trade-api/v2/portfolio/events/orders/:order_id"): 3})
    assert limiter.cost("DELETE", "/portfolio/events/orders/{order_id}") == 3


async def test_new_limits_keep_what_was_spent(loop_time: ManualLoopTime) -> None:
    bucket = TokenBucket(rate=10, capacity=100)
    await bucket.acquire(90)
    bucket.configure(rate=50, capacity=200, reserve=0)
    assert bucket.tokens == pytest.approx(110)
    bucket.configure(rate=50, capacity=30, reserve=0)
    assert bucket.tokens == pytest.approx(30)


# -- public reads where the public bucket is dry ---------------------------------------------------------------------


async def dry(client: KalshiClient) -> None:
    public = client.limiter.buckets["public"]
    public.configure(1e-6, public.capacity, 0)
    await public.acquire(public.tokens)


async def test_a_public_read_waits_for_nothing_while_the_account_has_tokens(kalshi: KalshiClient) -> None:
    """The account pays where the public bucket is dry; half of its own stays for what only the account may ask."""
    read = kalshi.limiter.buckets["read"]
    read.configure(1e-6, 100, 0)
    await kalshi.account.limits()
    await kalshi.markets.get(MARKET)
    assert round(read.tokens) == 90  # the public bucket paid
    await dry(kalshi)
    for left in (80, 70, 60, 50):
        await kalshi.markets.get(MARKET)
        assert round(read.tokens) == left
    assert not kalshi.limiter.better_signed(10)


async def test_a_key_that_never_worked_spoils_no_public_read(served: Served) -> None:
    signer = signer_from_pem("nobody", served.pem)
    async with KalshiClient(served.url, signer) as client:
        with pytest.raises(AuthenticationError):
            await client.account.limits()
        public = client.limiter.buckets["public"]
        await public.acquire(public.tokens)
        assert (await client.markets.get(MARKET)).ticker == MARKET


@pytest.mark.parametrize("scopes", [{"write"}, {"read", "write"}])
async def test_a_key_that_is_taken_away_spoils_no_public_read(served: Served, scopes: set[str]) -> None:
    """One that may only write, and one that was deleted while it was in use: what anybody may read is read."""
    key_id, pem = served.exchange.issue_key(served.member, scopes=frozenset(scopes))
    async with KalshiClient(served.url, signer_from_pem(key_id, pem)) as client:
        with contextlib.suppress(PermissionDeniedError):
            await client.account.limits()
        del served.exchange.access.keys[key_id]
        public = client.limiter.buckets["public"]
        await public.acquire(public.tokens)
        assert (await client.markets.get(MARKET)).ticker == MARKET
        with pytest.raises(AuthenticationError):  # and what is the account's alone says so
            await client.account.limits()
