"""Reading from the exchange: over its archive's cutoff, in stretches, scalar ends, what no list has, late deposits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from prediction_mcp.desk.kalshi.account import Account
from prediction_mcp.desk.kalshi.records import reading, syncing
from prediction_mcp.desk.kalshi.records.syncing import check, sync
from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.engine.order_checks import IOC
from prediction_mcp.exchange.fronts.kalshi.endpoints.listing import HISTORY_AFTER_MS
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.kalshi.models.portfolio import Transfer
from prediction_mcp.records.columns import from_micros
from tests.records.killed import account_at
from tests.records.test_histories import World

DAY_S = 86_400


@asynccontextmanager
async def at(world: World, folder: Path) -> AsyncIterator[Account]:
    key = world.exchange.issue_key(world.member)
    async with serve(world.exchange, with_crowd=False) as url:
        account = await account_at(url, *key, str(folder)).open()
        yield account
        await account.close()


def trade(world: World, ticker: str, side: int, cents: int, hundredths: int) -> None:
    now, engine = world.exchange.clock(), world.exchange.engine
    engine.submit(world.house, ticker, ASK if side == BID else BID, cents * 100, hundredths, now)
    engine.submit(world.member, ticker, side, cents * 100, hundredths, now, time_in_force=IOC)
    world.exchange.sync()


async def sums(account: Account) -> Decimal:
    return sum((await account.history.ledger.sums()).values(), Decimal(0))


async def test_what_lies_in_the_archive_is_read_too(tmp_path: Path) -> None:
    """A first sync long after: fills that only /historical lists, settlements that are old, and nothing twice."""
    world = World(3)
    for _ in range(300):
        world.step()
    days = HISTORY_AFTER_MS // 1000 // DAY_S + 10
    for _ in range(days):
        world._pass(DAY_S)
    for _ in range(300):
        world.step()
    async with at(world, tmp_path) as account:
        live = [f async for f in account.kalshi.portfolio.all_fills()]
        old = [f async for f in account.kalshi.portfolio.all_fills(historical=True)]
        assert live
        assert old
        synced = await sync(account.history)
        assert synced.waiting is None
        found = await check(account.history)
        assert found.missing == 0
        assert found.rows == synced.rows
        assert await sums(account) == sum(world.cash().values())


async def test_many_fills_are_read_in_stretches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than fit at once, also within one second: every stretch is whole, and the marks lead to the end."""
    monkeypatch.setattr(syncing, "AT_ONCE", 40)
    world = World(4)
    ticker = world._market()
    for burst in range(6):
        for n in range(60 if burst == 3 else 25):
            trade(world, ticker, BID if n % 2 else ASK, 40 + n % 20, 100)
        world._pass(5_000)
    async with at(world, tmp_path) as account:
        synced = await sync(account.history)
        fills = list(world.exchange.archive.fills(world.member))
        assert len(fills) > 80
        assert synced.rows == len(fills) + 1
        assert await sums(account) == sum(world.cash().values())
        assert (await sync(account.history)).rows == 0
        trade(world, ticker, BID, 50, 100)
        assert (await sync(account.history)).rows == 1


@pytest.mark.parametrize("value", [3_333, 1, 9_999, 5_000])
async def test_a_scalar_end_is_paid_to_the_last_unit(tmp_path: Path, value: int) -> None:
    """The list of settlements has whole cents; what was paid is in the market."""
    world = World(5)
    ticker = world._market()
    trade(world, ticker, BID, 40, 1_234)
    engine, market = world.exchange.engine, world.exchange.catalogue.markets[ticker]
    engine.settle_market(ticker, "scalar", value, world.exchange.clock())
    market.status, market.result, market.value = "finalized", "scalar", value
    market.decided_ms = market.settled_ms = world.exchange.clock()
    world.exchange.sync()
    async with at(world, tmp_path) as account:
        assert (await check(account.history)).missing == 0
        assert await sums(account) == from_micros(world.member.cash)


async def test_resting_orders_and_returned_collateral_are_no_difference(tmp_path: Path) -> None:
    world = World(7)
    for _ in range(600):
        world.step()
    world.exchange.engine.submit(world.member, world._market(), BID, 1_700, 1_300, world.exchange.clock())
    world.exchange.sync()
    async with at(world, tmp_path) as account:
        found = await check(account.history)
        assert found.resting > 0
        assert found.missing == 0


async def test_a_difference_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interest, say, that no list has."""
    monkeypatch.setattr(syncing, "PAUSE_S", 0.0)
    world = World(8)
    trade(world, world._market(), BID, 40, 1_000)
    world.member.cash += 12_300
    async with at(world, tmp_path) as account:
        assert (await check(account.history)).missing == Decimal("0.0123")
    world.member.cash -= 12_300


async def test_a_deposit_counts_once_it_is_applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands in the list where it was begun, weeks before it arrives."""
    world = World(9)
    now = datetime.fromtimestamp(world.exchange.clock() / 1000, UTC)
    begun = int((now - timedelta(days=20)).timestamp())
    slow = Transfer(id="slow", status="pending", amount_cents=5_000, fee_cents=25, created_ts=begun)
    async with at(world, tmp_path) as account:
        listed = account.kalshi.portfolio.all_deposits

        async def deposits() -> AsyncIterator[Transfer]:
            async for one in listed():
                yield one
            yield slow

        monkeypatch.setattr(account.kalshi.portfolio, "all_deposits", deposits)
        before = await sync(account.history)
        assert await sums(account) == 3_000
        slow = slow.model_copy(update={"status": "applied", "finalized_ts": int(now.timestamp())})
        assert (await sync(account.history)).rows == 1
        assert await sums(account) == 3_000 + Decimal("49.75")
        assert (await sync(account.history)).rows == 0
        assert before.rows == 1


def test_a_bid_buys_and_an_ask_sells() -> None:
    from prediction_mcp.kalshi.models.portfolio import Fill

    terms = {"order_id": "o", "ticker": "T", "outcome_side": "yes", "count_fp": "2.50", "yes_price_dollars": "0.40",
             "is_taker": True}  # fmt: skip
    counts = [
        reading.fill_entry(Fill.model_validate({**terms, "fill_id": side, "book_side": side})).contracts
        for side in ("bid", "ask")
    ]
    assert counts == [Decimal("2.5"), Decimal("-2.5")]
