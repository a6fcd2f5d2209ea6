"""Asking again: twice for a fault, with pauses that grow, then seldom; and nothing that was missed is given up."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal
from types import SimpleNamespace

import pytest

from prediction_mcp.net import retrying
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.net.retrying import PROMPT, Retrier
from prediction_mcp.realtime.events import Channel, Event, FillEvent
from prediction_mcp.realtime.watcher import Watcher


class Clock:
    """A clock that only waits of the retrier move: what takes minutes takes no time."""

    def __init__(self) -> None:
        self.now = 1_000.0

    async def wait_for(self, what: object, seconds: float) -> None:
        getattr(what, "close", lambda: None)()
        self.now += seconds
        await asyncio.sleep(0)
        raise TimeoutError


class Asked:
    """What was asked for, and when."""

    def __init__(self, answer: Callable[[list[str]], None] | None = None) -> None:
        self.clock = Clock()
        self.at: list[float] = []
        self.keys = Counter[str]()
        self.given_up: list[tuple[str, str]] = []
        self.answer = answer
        self.retrier = Retrier(self._ask, lambda key, reason: self.given_up.append((key, reason)))

    async def _ask(self, keys: list[str]) -> None:
        self.at.append(self.clock.now - 1_000)
        self.keys.update(keys)
        if self.answer is not None:
            self.answer(keys)


@pytest.fixture
def clocked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Asked]:
    def made(answer: Callable[[list[str]], None] | None = None) -> Asked:
        asked = Asked(answer)
        monkeypatch.setattr(retrying, "time", SimpleNamespace(monotonic=lambda: asked.clock.now))
        monkeypatch.setattr(retrying, "asyncio", SimpleNamespace(**vars(asyncio) | {"wait_for": asked.clock.wait_for}))
        return asked

    return made


async def until(condition: Callable[[], object]) -> None:
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came")


async def test_no_answer_at_all(clocked: Callable[..., Asked]) -> None:
    """At once and after ten seconds; then it says so, and asks after 1, 2, 4, 8, 10, 10 … minutes."""
    asked = clocked()
    asked.retrier.need("a", "it is wrong")
    await until(lambda: len(asked.at) == 8)
    pauses = [later - earlier for earlier, later in zip(asked.at, asked.at[1:], strict=False)]
    assert asked.at[0] == 0
    assert pauses == [10, 70, 120, 240, 480, 600, 600]
    assert asked.given_up == [("a", "it is wrong")]
    assert asked.retrier.failures() == {"a": "it is wrong"}
    await asked.retrier.close()


async def test_answers_that_are_wrong(clocked: Callable[..., Asked]) -> None:
    def wrong(_: list[str]) -> None:
        raise PlatformError("The exchange is busy.")

    asked = clocked(wrong)
    asked.retrier.need("a", "it is wrong")
    await until(lambda: asked.given_up)
    assert (asked.at, asked.given_up) == ([0, 1], [("a", "The exchange is busy.")])
    await asked.retrier.close()


async def test_however_often_a_fault_is_reported_it_costs_two_requests(clocked: Callable[..., Asked]) -> None:
    asked = clocked()
    for _ in range(5_000):
        asked.retrier.need("a", "it is wrong")
        await asyncio.sleep(0)
        if asked.given_up:
            break
    for _ in range(100):
        asked.retrier.need("a", "it is wrong still")
    assert asked.keys == {"a": PROMPT}
    await asked.retrier.close()


async def test_faults_that_follow_each_other_wait_longer_each_time(clocked: Callable[..., Asked]) -> None:
    asked: Asked = clocked(lambda keys: asked.retrier.right(keys[0]))
    for number in range(8):
        asked.retrier.need("a", "it is wrong")
        await until(lambda: len(asked.at) == number + 1)  # noqa: B023
    assert [later - earlier for earlier, later in zip(asked.at, asked.at[1:], strict=False)] == [1, 2, 4, 8, 16, 30, 30]
    asked.clock.now += retrying.CALM_S + 1
    now = asked.clock.now
    asked.retrier.need("a", "it is wrong")
    await until(lambda: len(asked.at) == 9)
    assert asked.clock.now == now
    await asked.retrier.close()


async def test_what_is_right_or_not_wanted_is_not_asked_for(clocked: Callable[..., Asked]) -> None:
    asked = clocked()
    for key in "abcd":
        asked.retrier.need(key, "it didn't come", after_s=10)
    asked.retrier.right("a")
    asked.retrier.drop("b")
    asked.retrier.forget("c")
    await until(lambda: asked.at)
    assert (asked.at, asked.keys) == ([10], {"d": 1})
    asked.retrier.drop_all()
    await until(lambda: asked.retrier._task is None or asked.retrier._task.done())


class Source:
    """A feed whose REST side fails at first."""

    def __init__(self, failures: int) -> None:
        self.counters = Counter[str]()
        self.state, self.problem = "live", None
        self.failures, self.asked = failures, 0

    async def watch(self, channel: Channel, tickers: Iterable[str] = ()) -> None: ...
    async def unwatch(self, channel: Channel, tickers: Iterable[str] = ()) -> None: ...
    async def close(self) -> None: ...

    async def fills_since(self, at: float) -> list[tuple[str, float, FillEvent]]:
        self.asked += 1
        if self.asked <= self.failures:
            raise PlatformError("The exchange has a problem of its own.")
        return [("A", time.time() + 1, FillEvent("f1", "o1", "bid", Decimal("0.4"), Decimal(1), Decimal(0)))]


@pytest.mark.parametrize("failures", [0, 1, 4])
async def test_fills_that_were_missed_are_read_until_they_can_be(
    failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were given up with the first failure before."""
    for name in ("FIRST_S", "LATER_S", "LATEST_S"):
        monkeypatch.setattr(retrying, name, 0.01)
    monkeypatch.setattr(retrying, "ANSWER_S", 0.02)
    source = Source(failures)
    again: list[Callable[[], None]] = []

    def opened(_: Callable[[Channel, str, Event], None], reconnected: Callable[[], None]) -> Source:
        again.append(reconnected)
        return source

    watcher = Watcher(opened, lambda *_: None, lambda *_: None)
    watch = await watcher.subscribe("fills", ())
    for _ in range(20):
        again[0]()
    async with asyncio.timeout(30):
        while not watch.log.seen:  # noqa: ASYNC110 - it comes by itself
            await asyncio.sleep(0.01)
    assert (watch.log.seen, source.asked) == (1, failures + 1)
    await watcher.close()
