"""A month of standing orders and alerts while workers are killed: each run once or told as skipped, no order twice.

The exchange stands still and is stepped by hours, with faults; workers are processes of their own that go by the same
time and are killed with SIGKILL wherever they are. SQLite with one worker, PostgreSQL and Redis with three.
``--month 1000`` for the whole proof.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from prediction_mcp.automation.alerts import service as alerts
from prediction_mcp.automation.alerts.telling import spec_of as alert_of
from prediction_mcp.automation.desk import Desk
from prediction_mcp.automation.notices.sending import worded
from prediction_mcp.automation.standing.kinds import RuleKind
from prediction_mcp.automation.standing.plan import plan_rule
from prediction_mcp.automation.standing.service import spec_as_asked
from prediction_mcp.automation.standing.timing import next_due
from prediction_mcp.automation.standing.triggers import spec_of
from prediction_mcp.connection import open_account
from prediction_mcp.desk.kalshi.records import kept
from prediction_mcp.kalshi.models.markets import Market
from prediction_mcp.kalshi.models.orders import Order
from prediction_mcp.records.database import Database
from prediction_mcp.records.rules import Rule, Run
from prediction_mcp.settings import load_settings
from tests.automation.receiver import Receiver
from tests.automation.working import FileClock
from tests.safety.test_chaos import Faulty

HOURS, FEW_HOURS = 30 * 24, 6
"""A month; and what CI has of it."""
WHOLE = 100
"""From so many rules on it is the whole month."""
FAULTS = ("cut_before@0.04", "cut_after@0.04", "429@0.02", "503@0.02")
PATIENCE_S = 240.0
REDIS = "redis://127.0.0.1:6379/9"
EACH = 2
"""Dollars a rule of the day's limit. A real day has all of the simulated month: towards the end it is reached."""


@dataclass
class Month:
    """The exchange, its workers, and who drives them."""

    exchange: Faulty
    folder: Path
    number: int
    more: dict[str, str]
    receiver: Receiver
    workers: list[asyncio.subprocess.Process] = field(default_factory=list)
    kills: int = 0

    @property
    def clock(self) -> FileClock:
        return FileClock(self.folder / "clock")

    def environment(self) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("KALSHI_", "POLYMARKET_", "PAPER_"))}
        return clean | {
            "KALSHI_ENV": "paper", "KALSHI_BASE_URL": self.exchange.url, "KALSHI_API_KEY_ID": self.exchange.key_id,
            "KALSHI_PRIVATE_KEY_PATH": str(self.exchange.key), "SAFETY_FOLDER": str(self.folder / "safety"),
            "RECORDS_FOLDER": str(self.folder / "records"), "LIMIT_DAY_SPENT": str(EACH * self.number),
            "LOG_LEVEL": "ERROR",
            "ALERTS_EVERY": "0.5", "STANDING_EVERY": "0.3", "TRANSACTIONS_EVERY": "5", "SNAPSHOTS_EVERY": "20",
            "CACHE": "off", "NOTIFY_URLS": f"here={self.receiver.url}", "NOTIFY_PER_HOUR": "1000",
        } | self.more  # fmt: skip

    async def start(self) -> None:
        self.workers.append(
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.automation.working", str(self.clock.path), env=self.environment(),
                cwd=Path(__file__).parents[2],
            )
        )  # fmt: skip

    async def kill(self, which: int) -> None:
        self.workers[which].kill()
        await self.workers.pop(which).wait()
        self.kills += 1

    async def step(self, seconds: float) -> None:
        """Time passes, at the exchange and for all."""
        async with httpx.AsyncClient(timeout=120) as http:
            for _ in range(20):
                try:
                    answer = await http.post(
                        f"{self.exchange.url.removesuffix('/trade-api/v2')}/paper/clock",
                        json={"step_seconds": seconds}, headers={"x-paper-control": "1"},
                    )  # fmt: skip
                    answer.raise_for_status()
                    break
                except httpx.HTTPError:
                    await asyncio.sleep(0.2)
            else:
                raise AssertionError("the exchange's clock can't be stepped")
        self.clock.set(datetime.fromisoformat(answer.json()["time"].replace("Z", "+00:00")))


@asynccontextmanager
async def _exchange(folder: Path) -> AsyncIterator[Faulty]:
    exchange = Faulty(folder / "exchange.db", ("--speed", "0"))
    await exchange.start(())
    try:
        yield exchange
    finally:
        await exchange.kill()


async def settled(desk: Desk) -> None:
    """Wait until nothing is due any more and every worker has looked since."""
    async with asyncio.timeout(PATIENCE_S):
        while await desk.rules.active(due=desk.clock()):  # noqa: ASYNC110 - another process ends it
            await asyncio.sleep(0.1)


async def markets_of(desk: Desk) -> list[Market]:
    """Markets that outlive the month and have two sides."""
    later = desk.clock() + timedelta(days=40)
    found = (await desk.account.kalshi.markets.list(status="open", limit=500)).markets
    return [m for m in found if m.close_time and m.close_time > later and None not in m.yes_quotes]


async def rules_for(desk: Desk, number: int, chance: random.Random) -> list[Rule]:
    """Of all kinds, mostly recurring; their times lie on whole hours."""
    markets, made = await markets_of(desk), list[Rule]()
    for n in range(number):
        market = chance.choice(markets)
        ask = market.yes_quotes[1] or Decimal("0.5")
        terms: dict[str, Any] = {"ticker": market.ticker, "side": "yes", "action": None, "on": None, "every": None}
        kinds: tuple[RuleKind, ...] = ("recurring", "entry", "twap")
        kind = chance.choices(kinds, (7, 2, 1))[0]
        if kind == "recurring":
            long, short = ("3d", "1w", "5d", "1mo", "0 6 * * 1"), ("1h", "3h", "4h", "0 */2 * * *")
            every = chance.choice(long if number >= WHOLE else short)
            terms |= {"every": every, "max_runs": chance.randint(2, 12)}
            terms |= {"count": 1} if n % 2 else {"dollars": Decimal(1)}
        elif kind == "entry":
            terms |= {"at": min(ask * 100 + chance.randint(-3, 3), Decimal(98)), "count": 2}
            terms["at"] = max(terms["at"], Decimal(2))
        else:
            terms |= {"count": 6, "over_s": 6 * 3600, "slices": 6, "price": Decimal(95)}
        plan = await plan_rule(desk, spec_as_asked(kind=kind, **terms), None)
        answer = await plan.send(plan.terms)
        rule = await desk.rules.get(answer.order.id)
        assert rule is not None
        made.append(rule)
    return made


async def alerts_for(desk: Desk, number: int, chance: random.Random) -> None:
    markets = await markets_of(desk)
    for n in range(number):
        market = chance.choice(markets)
        bid, ask = market.yes_quotes
        assert bid is not None
        assert ask is not None
        if n % 3:
            middle = (bid + ask) * 50
            kind, level = ("price_above", middle + chance.randint(0, 2)) if n % 2 else ("price_below", middle - 1)
            value = min(max(level, Decimal(1)), Decimal(99))
            await alerts.create(desk, kind, market.ticker, value)  # type: ignore[arg-type]
        else:
            await alerts.create(desk, "price_moved", market.ticker, Decimal(1), repeat_minutes=60)


@pytest.fixture(params=["sqlite", "postgres"])
def shared(request: pytest.FixtureRequest) -> dict[str, str]:
    """Where workers keep what they share: a file, or PostgreSQL and Redis."""
    if request.param == "sqlite":
        return {}
    address: str = request.getfixturevalue("postgres")
    request.getfixturevalue("redis_answers")
    return {"DATABASE_URL": address, "REDIS_URL": REDIS}


@pytest.mark.long
async def test_every_run_once_or_told(shared: dict[str, str], request: pytest.FixtureRequest, tmp_path: Path) -> None:
    number = request.config.getoption("--month")
    kills, span = max(number // 10, 3), HOURS if number >= WHOLE else FEW_HOURS
    workers = 3 if shared else 1
    if shared:
        async with Database(shared["DATABASE_URL"]) as database:
            await database.migrate("head")
    chance = random.Random(number)
    async with AsyncExitStack() as stack:
        exchange = await stack.enter_async_context(_exchange(tmp_path))
        receiver = await stack.enter_async_context(Receiver())
        month = Month(exchange, tmp_path, number, shared, receiver)
        await month.step(0)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in month.environment().items():
                patch.setenv(name, value)
            settings = load_settings()
        account = await stack.enter_async_context(open_account(settings))
        desk = Desk(account, month.clock)
        await month.step(3600 - desk.clock().timestamp() % 3600)
        rules = await rules_for(desk, number, chance)
        await alerts_for(desk, number, chance)
        await _faults(exchange, FAULTS)
        for _ in range(workers):
            await month.start()
        await settled(desk)  # many are due at once
        at = sorted(chance.sample(range(span), kills))
        hours = 0
        while hours < span:
            step = chance.choice((*[1] * 12, 3))
            await month.step(step * 3600)
            hours += step
            while at and at[0] < hours:
                at.pop(0)
                await asyncio.sleep(chance.random() * 0.6)
                await month.kill(chance.randrange(len(month.workers)))
                await month.start()
                await month.step(61)  # what the dead one held is free again
            await settled(desk)
            await month.step(3600 - desk.clock().timestamp() % 3600 if desk.clock().timestamp() % 3600 else 0)
            await settled(desk)
        await _faults(exchange, ())
        await month.step(3600)
        await settled(desk)
        await _emptied(desk)
        while month.workers:
            await month.kill(0)
        await judge(desk, rules, month, request)


async def _faults(exchange: Faulty, faults: tuple[str, ...]) -> None:
    rules = [{"kind": f.partition("@")[0], "share": float(f.partition("@")[2])} for f in faults]
    async with httpx.AsyncClient() as http:
        await http.put(
            f"{exchange.url.removesuffix('/trade-api/v2')}/paper/faults", json={"rules": rules},
            headers={"x-paper-control": "1"},
        )  # fmt: skip


async def _emptied(desk: Desk) -> None:
    """Wait until every message left."""
    async with asyncio.timeout(PATIENCE_S):
        while any(state != "delivered" for _, state in await desk.outbox.counts()):  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def judge(desk: Desk, rules: list[Rule], month: Month, request: pytest.FixtureRequest) -> None:
    """The exchange's own list of orders and fills, a slow model of what was due, the receiver's list of messages."""
    kalshi, end = desk.account.kalshi, desk.clock()
    orders = dict[str, Order]()
    for historical in (False, True):
        async for listed in kalshi.orders.all(historical=historical):
            orders[listed.client_order_id] = listed
    traded = dict[str, tuple[Decimal, Decimal]]()
    fills = {
        fill.fill_id: fill
        for historical in (False, True)
        async for fill in kalshi.portfolio.all_fills(historical=historical)
    }
    for fill in fills.values():
        count, cost = traded.get(fill.order_id, (Decimal(0), Decimal(0)))
        cost += fill.count_fp * fill.yes_price_dollars + fill.fee_cost
        traded[fill.order_id] = (count + fill.count_fp, cost)
    mine = {name: order for name, order in orders.items() if name.startswith("so-")}
    runs, states, spent = 0, Counter[str](), Decimal(0)
    for made in rules:
        rule = await desk.rules.get(made.id)
        assert rule is not None
        found = sorted(await desk.rules.runs([rule.id], 10_000), key=lambda run: run.number)
        assert [run.number for run in found] == list(range(1, len(found) + 1))
        assert all(run.state != "claimed" for run in found)
        filled = paid = Decimal(0)
        for run in found:
            order = mine.pop(run.client_order_id) if run.client_order_id in mine else None
            assert (order is not None) == bool(run.order_id), (run, order)
            if order is not None:
                count, cost = traded.get(order.order_id, (Decimal(0), Decimal(0)))
                assert (run.order_id, run.filled, run.spent) == (order.order_id, count, cost)
                filled, paid = filled + count, paid + run.spent
        assert (rule.filled, rule.spent) == (filled, paid)
        if rule.kind == "recurring":
            due_once(rule, found, end)
        spec = spec_of(rule)
        assert spec.kind == "recurring" or rule.filled <= (spec.count or 0)
        runs, spent = runs + len(found), spent + paid
        states.update(run.state for run in found)
    assert mine == {}, "an order that no run knows"
    assert spent <= EACH * month.number
    firings = await desk.alerts.firings(None, 100_000)
    assert len({(f.alert_id, f.number) for f in firings}) == len(firings)
    for row in await desk.alerts.page(None, 100_000):
        assert row.fired == sum(f.alert_id == row.id for f in firings)
        assert row.fired <= 1 or alert_of(row).pause_s is not None
    counts = await desk.outbox.counts()
    assert set(counts) <= {("here", "delivered")}
    posted = await desk.outbox.newest(1_000_000)
    written = Counter(worded([message], desk.environment) for message in posted)
    if all(message.sent_with == message.id for message in posted):  # none of them was gathered with others
        assert written - month.receiver.heard == Counter(), "a message was lost"
    twice = (month.receiver.heard - written).total()
    assert twice <= month.kills * 4
    check = await kept.checked(desk.account.history)
    assert check.adds_up
    print(  # noqa: T201 - the figures of the proof
        f"\n{len(rules)} rules, {runs} runs ({dict(states)}), {len(firings)} firings, "
        f"{sum(counts.values())} messages, {twice} of them twice, ${spent:.2f} spent, {month.kills} kills"
    )


def due_once(rule: Rule, runs: list[Run], end: datetime) -> None:
    """Every time at which a rule was due is that of one run, or among those that a skipped one tells."""
    spec = spec_of(rule)
    start = spec.start or rule.created
    at, expected = start - timedelta(microseconds=1), list[datetime]()
    while (due := next_due(spec.every, start, at)) is not None and due <= end:
        expected.append(due)
        at = due
    covered = list[datetime]()
    for run, following in zip(runs, [*runs[1:], None], strict=True):
        covered.append(run.time)
        if run.state == "skipped" and "times from" in run.said:
            until = following.time if following is not None else (rule.due or end)
            covered += [due for due in expected if run.time < due < until]
    assert len(covered) == len(set(covered))
    assert covered == expected[: len(covered)]
    if rule.state == "active":
        assert covered == expected
