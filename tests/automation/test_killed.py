"""A worker that dies between any two steps of a run: the next one ends it, with one order or none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from prediction_mcp.automation.desk import Desk
from prediction_mcp.automation.standing.running import HELD, Runner
from tests.automation.conftest import Home


class KilledError(BaseException):
    """What SIGKILL would be: nothing of ours catches it."""


def dies(after: Callable[..., Any] | None, *, at: int = 1) -> Callable[..., Any]:
    """A method that does its work (or not, without ``after``) and never comes back, at its n-th call."""
    calls = 0

    async def method(*args: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        result = None if after is None else await after(*args, **named)
        if calls >= at:
            raise KilledError
        return result

    return method


async def taken_over(home: Home, number: int) -> None:
    """Another worker comes when the dead one's time is over."""
    home.clock.forward(seconds=HELD.total_seconds() + 1)
    other = Desk(home.desk.account, home.clock)
    assert other.name != home.desk.name
    await Runner(other).run_due()
    rule = await home.again(number)
    (run,) = await home.runs(rule)
    orders = home.served.orders
    assert [run.state, int(run.filled), rule.runs] == ["done", 3, 1]
    assert [order.client_order_id for order in orders.values()] == [f"so-{rule.key}-1"]
    assert home.held == 3
    assert rule.filled == 3
    assert len(await other.outbox.newest()) == len(other.channels)


@pytest.mark.parametrize("step", ["claimed", "planned", "sent", "told", "ended"])
async def test_one_order_whenever_it_dies(home: Home, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = await home.rule("recurring", every="1d", count=3, max_runs=5)
    orders, rules = home.desk.account.kalshi.orders, home.desk.rules
    records = home.desk.account.records()
    if step == "claimed":
        monkeypatch.setattr(rules, "claim", dies(rules.claim))
    elif step == "planned":  # the intent stands in the journal, nothing left
        monkeypatch.setattr(orders, "create", dies(None))
    elif step == "sent":  # the exchange has it, no answer came
        monkeypatch.setattr(orders, "create", dies(orders.create))
    elif step == "told":  # the journal knows, the database doesn't
        monkeypatch.setattr(rules, "end", dies(None))
    else:  # all is written, only the worker never hears of it
        monkeypatch.setattr(rules, "end", dies(rules.end))
    with pytest.raises(KilledError):
        await home.attendant.runner.run(rule)
    monkeypatch.undo()
    records.process = "another"  # the dead one's lock went with it
    if step == "ended":
        rule = await home.again(rule)
        assert [rule.runs, int(rule.filled)] == [1, 3]
        await home.tick(seconds=61)
        assert len(await home.runs(rule)) == 1
        return
    await taken_over(home, rule.id)


async def test_a_worker_that_was_only_slow_changes_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds its run for too long, another ends it; then it comes back and finds its order refused as a duplicate."""
    rule = await home.rule("recurring", every="1d", count=3, max_runs=5)
    orders, other = home.desk.account.kalshi.orders, Runner(Desk(home.desk.account, home.clock))
    real = orders.create

    async def slow(order: Any) -> Any:
        monkeypatch.setattr(orders, "create", real)
        home.clock.forward(seconds=HELD.total_seconds() + 1)
        await other.run_due()
        return await real(order)

    monkeypatch.setattr(orders, "create", slow)
    await home.attendant.runner.run(rule)
    (run,) = await home.runs(rule)
    assert [run.state, int(run.filled)] == ["done", 3]
    assert home.held == 3


async def test_two_workers_at_once_send_one_order(home: Home) -> None:
    rules = [await home.rule("recurring", every="1d", count=1, max_runs=5) for _ in range(6)]
    others = [Runner(Desk(home.desk.account, home.clock)) for _ in range(3)]
    await asyncio.gather(home.attendant.runner.run_due(), *(other.run_due() for other in others))
    assert home.held == 6
    for rule in rules:
        assert [run.state for run in await home.runs(rule)] == ["done"]
