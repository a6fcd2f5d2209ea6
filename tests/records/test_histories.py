"""Random histories of the exchange, synced with kills between any two statements: rows add up to cash, none is double.

The judge is the exchange's ledger, which knows nothing of the records.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal
import uuid
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.engine.changes import Transfer
from prediction_mcp.exchange.engine.ledger import Account as Member
from prediction_mcp.exchange.engine.ledger import transfer
from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.engine.order_checks import GTC, IOC
from prediction_mcp.exchange.engine.rejection import RejectionError
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import Clock
from prediction_mcp.kalshi.units import MICROS
from prediction_mcp.records.columns import from_micros
from prediction_mcp.records.ledger import Ledger
from tests.records import killed

START_MS = 1_795_500_000_000
STEPS = int(os.environ.get("RECORDS_STEPS", "10000"))
SYNC_EVERY = 1000


class World:
    """An exchange with a member of three subaccounts and a house that takes the other side."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.clock = Clock(START_MS, speed=0)
        self.exchange = Exchange(seed, self.clock, scenario="small", read_lag_ms=0)
        self.exchange.with_crowd = False
        self.member = self.exchange.add_member(tier="prestige", deposit=3_000 * MICROS)
        self.house = self.exchange.add_member("house", deposit=10_000_000 * MICROS)
        self.accounts = [self.member, *(self.exchange.add_subaccount(self.member) for _ in range(3))]
        self.accounts[2].netting = True
        self.done: Counter[str] = Counter()

    def step(self) -> None:
        what = self.rng.choices(
            ("trade", "rest", "cancel", "transfer", "deposit", "live", "leap"), (70, 12, 4, 5, 1, 6, 0.4)
        )[0]
        try:
            getattr(self, what)()
            self.done[what] += 1
        except RejectionError as error:
            self.done[f"{what}: {error.code}"] += 1
        self.exchange.sync()

    def _market(self) -> str:
        """Few markets at a time, so that positions open, close and flip."""
        open_ones = [m for m in self.exchange.catalogue.markets.values() if m.status == "active" and not m.legs]
        return self.rng.choice(sorted(open_ones, key=lambda m: m.close_ms)[:12]).ticker

    def trade(self) -> None:
        account, ticker = self.rng.choice(self.accounts), self._market()
        side = self.rng.choice((BID, ASK))
        price, count = self.rng.randrange(100, 10_000, 100), self.rng.randrange(1, 900)
        now = self.exchange.clock()
        self.exchange.engine.submit(self.house, ticker, ASK if side == BID else BID, price, count, now)
        self.exchange.engine.submit(account, ticker, side, price, count, now, time_in_force=IOC)

    def rest(self) -> None:
        account, ticker = self.rng.choice(self.accounts), self._market()
        price = self.rng.randrange(100, 10_000, 100)
        side, now = self.rng.choice((BID, ASK)), self.exchange.clock()
        self.exchange.engine.submit(account, ticker, side, price, self.rng.randrange(1, 400), now, time_in_force=GTC)
        if self.rng.random() < 0.6:
            other = ASK if side == BID else BID
            self.exchange.engine.submit(self.house, ticker, other, price, self.rng.randrange(1, 400), now)

    def cancel(self) -> None:
        for owner in (self.member, self.house):
            for order in [o for o in owner.orders.values() if o.status == "resting"]:
                self.exchange.engine.cancel(order, self.exchange.clock())

    def transfer(self) -> None:
        source, target = self.rng.sample(self.accounts, 2)
        micros = self.rng.randrange(1, 60_000) * 10_000
        done = Transfer(str(uuid.UUID(int=self.rng.getrandbits(128))), source, target, micros, self.exchange.clock())
        transfer(source, target, micros, self.exchange.clock())
        changes = self.exchange.changes
        changes.accounts[source] = changes.accounts[target] = None
        changes.transfers.append(done)

    def deposit(self) -> None:
        self.exchange.deposit(self.member, self.rng.randrange(1, 100_000) * 10_000)

    def live(self) -> None:
        self._pass(self.rng.randrange(1, 600))

    def leap(self) -> None:
        self._pass(self.rng.randrange(3_600, 12 * 3_600))

    def _pass(self, seconds: int) -> None:
        self.clock.step(seconds * 1000)
        self.exchange.advance(with_crowd=False)

    def cash(self) -> dict[int, Decimal]:
        """Dollars of each account as the ledger has them, less collateral that was paid back early."""
        return {account.number: from_micros(account.cash - account.returned) for account in self.accounts}


async def synced(url: str, key: tuple[str, str], place: Path | str, dies_at: int | None) -> bool:
    """Sync in a process of its own; whether it lived to the end."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.records.killed"])
    process = context.Process(target=killed.run, args=(url, *key, str(place), dies_at))
    process.start()
    await asyncio.to_thread(process.join)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode == 0


async def judge(world: World, ledger: Ledger, member: Member) -> None:
    """Each account to the last unit; each fill and settlement once and none missing."""
    cash = world.cash()
    sums = await ledger.sums()
    assert {number: sums.get(number, Decimal(0)) for number in cash} == cash
    trades = await ledger.page(limit=None)
    fills = [row.exchange_id for row in trades if row.kind == "fill"]
    assert sorted(fills) == sorted(fill.fill_id for fill in world.exchange.archive.fills(member))
    settled = Counter((row.ticker, row.subaccount) for row in trades if row.kind == "settlement")
    held = Counter((s.ticker, s.account.number) for s in world.exchange.archive.settlements(member))
    assert settled == held


@pytest.mark.long
async def test_rows_add_up_to_cash_whatever_is_killed(place: Path | str, tmp_path: Path) -> None:
    world = World(7)
    key = world.exchange.issue_key(world.member)
    where = place if isinstance(place, str) else tmp_path
    rng, kills = random.Random(11), 0
    async with serve(world.exchange, with_crowd=False) as url:
        account = await killed.account_at(url, *key, str(where)).open()
        if isinstance(place, str):
            await account.history.database.migrate("head")
        for _ in range(0, STEPS, SYNC_EVERY):
            for _ in range(SYNC_EVERY):
                world.step()
            for _ in range(rng.randrange(3)):
                kills += not await synced(url, key, where, rng.randrange(1, 26))
            assert await synced(url, key, where, None)
            await judge(world, account.history.ledger, world.member)
        await account.close()
    audit(world.exchange.engine)
    done: dict[str, Any] = dict(world.done)
    assert kills > STEPS // SYNC_EVERY // 4, (kills, done)
    settled = list(world.exchange.archive.settlements(world.member))
    assert len(settled) > STEPS // 500, done
    assert any(s.account.number for s in settled)
    logger.info("{} steps, {} kills, {} settlements, {}", STEPS, kills, len(settled), done)
