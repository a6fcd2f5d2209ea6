"""Orders on a shard without enough cash: the plan starts with the transfer, and each end of it is told and safe."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from fastmcp.client.elicitation import ElicitResult

from prediction_mcp.desk.kalshi import shards
from prediction_mcp.kalshi.resources import fates
from prediction_mcp.net import sending
from tests.conftest import Served
from tests.safety.conftest import YES
from tests.tools.conftest import settings_for

from .conftest import Open
from .double import CRYPTO, PLAIN, SPORT, Cut, Double

D = Decimal
ORDER: dict[str, Any] = {"ticker": CRYPTO, "side": "yes", "action": "buy", "count": 10, "price": 60}
"""Costs $6.168 at worst: 10 at 60¢ and fees; it fills at 50¢."""
MOVE = "/portfolio/intra_exchange_instance_transfer"
ORDERS = "POST /portfolio/events/orders"


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries and looks are real but short."""
    monkeypatch.setattr(sending, "wait_random_exponential", lambda **_: lambda _: 0.001)
    monkeypatch.setattr(fates, "ASK_AGAIN_AFTER", (0.0, 0.01))
    monkeypatch.setattr(shards, "ARRIVES_AFTER", (0.0, 0.01, 0.01))
    monkeypatch.setattr(shards, "SHOWS_AFTER", (0.0, 0.01))
    monkeypatch.setattr("prediction_mcp.safety.recovery.QUIET_S", 0.0)


def written(world: Double, tmp_path: Path) -> list[tuple[str, str, str]]:
    """(kind, state, outcome) of all parts of writes, as journaled."""
    home = settings_for(cast("Served", world), tmp_path).safety_home
    assert home is not None
    rows = sqlite3.connect(home / "safety.db").execute("SELECT kind, state, outcome FROM intents ORDER BY rowid")
    return [(kind, state, str(outcome)) for kind, state, outcome in rows.fetchall()]


def fail_once(world: Double, where: str) -> Callable[[], bool]:
    """Cut the first request (or its answer, with "after ") there; whether that has happened."""
    left = [where]

    def faults(name: str) -> None:
        if left and name == left[0]:
            left.clear()
            raise Cut

    world.faults = faults
    return lambda: not left


async def test_an_order_starts_with_the_transfer(desk: Open, world: Double, tmp_path: Path) -> None:
    """All cash on shard 0, the market on shard 2: it was refused although the sum is enough."""
    async with desk() as at:
        placed = await at.call("kalshi_create_order", **ORDER)
    assert placed["status"] == "filled"
    assert placed["transfer"] == "$6.17 from shard 0 to shard 2 was moved first."
    assert [(o["ticker"], o["fill_count_fp"]) for o in world.orders] == [(CRYPTO, "10.00")]
    assert [t["amount"] for t in world.transfers] == ["6.1700"]
    assert sum(world.cash.values()) == 1000 - D(5) - D("0.1750")
    (moved, order) = written(world, tmp_path)
    assert moved[:2] == ("arrangement", "done")
    assert order[:2] == ("order", "done")


async def test_an_order_with_cash_on_its_shard_moves_nothing(desk: Open, world: Double) -> None:
    world.cash = {(0, 0): D(100), (0, 2): D("6.17")}
    async with desk() as at:
        assert "transfer" not in await at.call("kalshi_create_order", **ORDER)
        closing = {**ORDER, "action": "sell", "price": 40, "time_in_force": "immediate_or_cancel"}
        world.positions[0, CRYPTO] = D(10)
        world.cash[0, 2] = D(0)
        world.seen.clear()
        await at.error("kalshi_create_order", **closing)  # the double takes cash for every sale
    assert not world.transfers
    assert f"POST {MOVE}" not in world.seen


async def test_the_question_tells_the_transfer_and_asks_once(desk: Open, world: Double) -> None:
    async with desk([YES]) as at:
        placed = await at.call("kalshi_create_order", **ORDER)
    (text,) = at.person.asked
    assert text.startswith("First move $6.17 from shard 0 to shard 2, where this order is paid from;")
    assert "Buy 10 yes at 60¢" in text
    assert "Cash: $1,000.00 now, $994.82 after." in text
    assert placed["status"] == "filled"
    assert len(world.transfers) == len(world.orders) == 1


async def test_a_declined_question_moves_nothing(desk: Open, world: Double) -> None:
    async with desk([ElicitResult(action="decline")]) as at:
        await at.error("kalshi_create_order", **ORDER)
    assert not world.transfers
    assert not world.orders


async def test_a_refused_transfer_sends_no_order(desk: Open, world: Double, tmp_path: Path) -> None:
    world.refuse_transfers = (400, {"error": {"code": "bad_request", "message": "transfers are off"}})
    async with desk() as at:
        text = await at.error("kalshi_create_order", **ORDER)
    assert text.startswith("The order wasn't sent, since $6.17 from shard 0 to shard 2 didn't move first:")
    assert not world.orders
    assert [state for _, state, _ in written(world, tmp_path)] == ["refused", "refused"]
    assert written(world, tmp_path)[1][2].startswith("not sent")


async def test_a_refused_order_leaves_the_money_and_says_so(desk: Open, world: Double, tmp_path: Path) -> None:
    def pause(name: str) -> None:
        if name == ORDERS:
            world.paused = {2}

    world.faults = pause
    async with desk() as at:
        text = await at.error("kalshi_create_order", **ORDER)
    assert "Trading is paused" in text
    assert text.endswith("Before that $6.17 from shard 0 to shard 2 was moved; it stays there.")
    assert world.cash == {(0, 0): D("993.83"), (0, 2): D("6.17")}
    assert [state for _, state, _ in written(world, tmp_path)] == ["done", "refused"]


async def test_money_that_doesnt_arrive_sends_no_order_and_no_second_transfer(desk: Open, world: Double) -> None:
    world.pending_reads = 8
    async with desk() as at:
        assert "hasn't arrived" in await at.error("kalshi_create_order", **ORDER)
        assert "on its way to shard 2 already" in await at.error("kalshi_create_order", **ORDER)
        assert len(world.transfers) == 1
        while not world.orders:
            await at.client.call_tool("kalshi_create_order", ORDER, raise_on_error=False)
    assert len(world.transfers) == len(world.orders) == 1


async def test_a_transfer_that_is_pending_for_ever_holds_up_no_order(desk: Open, world: Double) -> None:
    """Before, each order that needed money there was refused with "try again in a moment", for as long as it was."""
    world.pending_reads = 10**9
    async with desk() as at:
        assert "hasn't arrived" in await at.error("kalshi_create_order", **ORDER)
        world.pending_reads = 0
        assert "on its way to shard 2 already" in await at.error("kalshi_create_order", **ORDER)
        world.transfers[0]["created_ts"] -= 3_600
        assert (await at.call("kalshi_create_order", **ORDER))["status"] == "filled"
    assert [done["status"] for done in world.transfers] == ["pending", "complete"]


async def test_a_look_that_hangs_leaves_the_order_its_time(
    desk: Open, world: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, a look at the cash that never ended took all the time that the order needed after the transfer."""
    monkeypatch.setattr(shards, "SHOWS_S", 1.5)
    over, moved = threading.Event(), False

    def faults(name: str) -> None:
        nonlocal moved
        moved = moved or name == f"POST {MOVE}"
        if moved and name == "GET /portfolio/subaccounts/balances":
            world.lock.release()  # the others are answered meanwhile
            over.wait(40)
            world.lock.acquire()

    world.faults = faults
    async with desk() as at:
        answer = asyncio.create_task(at.call("kalshi_create_order", **ORDER))
        await asyncio.wait({answer}, timeout=20)
        is_done = answer.done()
        over.set()
        assert (await answer)["status"] == "filled"
    assert is_done


async def test_money_that_takes_a_moment_is_waited_for(desk: Open, world: Double) -> None:
    world.pending_reads = 1
    async with desk() as at:
        assert (await at.call("kalshi_create_order", **ORDER))["status"] == "filled"


@pytest.mark.parametrize("where", [f"POST {MOVE}", f"after POST {MOVE}"])
async def test_a_lost_answer_of_the_transfer_moves_it_once(desk: Open, world: Double, where: str) -> None:
    happened = fail_once(world, where)
    async with desk() as at:
        assert (await at.call("kalshi_create_order", **ORDER))["status"] == "filled"
    assert happened()
    assert len(world.transfers) == len(world.orders) == 1


@pytest.mark.parametrize("where", [ORDERS, f"after {ORDERS}"])
async def test_a_lost_answer_of_the_order_places_it_once(desk: Open, world: Double, where: str) -> None:
    happened = fail_once(world, where)
    async with desk() as at:
        assert (await at.call("kalshi_create_order", **ORDER))["status"] == "filled"
    assert happened()
    assert len(world.transfers) == len(world.orders) == 1


async def test_the_kill_switch_between_transfer_and_order_stops_the_order(
    desk: Open, world: Double, tmp_path: Path
) -> None:
    home = settings_for(cast("Served", world), tmp_path, env="live").safety_home
    assert home is not None
    home.mkdir(parents=True, exist_ok=True)

    def halt(name: str) -> None:
        if name == f"after POST {MOVE}":
            (home / "HALTED").write_text('{"by": "a test", "at": "now"}')

    world.faults = halt
    async with desk([YES]) as at:
        text = await at.error("kalshi_create_order", **ORDER)
    assert "halted" in text
    assert not world.orders
    assert world.cash[0, 2] == D("6.17")


async def test_a_limit_counts_the_order_once(desk: Open, world: Double) -> None:
    async with desk([YES, YES, YES], day_orders=2, day_spent=13) as at:
        for _ in range(2):
            await at.call("kalshi_create_order", **ORDER, time_in_force="immediate_or_cancel")
        assert "orders today" in await at.error("kalshi_create_order", **ORDER)
    assert len(world.orders) == 2


async def test_too_little_cash_in_all_moves_nothing_and_names_the_shard(desk: Open, world: Double) -> None:
    world.cash = {(0, 0): D(4), (0, 2): D(1)}
    async with desk() as at:
        text = await at.error("kalshi_create_order", **ORDER)
        assert "needs up to $6.17 on shard 2" in text
        assert "$4.00 on shard 0 and $1.00 on shard 2" in text
        valid = await at.call("kalshi_check_order_validity", **ORDER)
    assert valid["ok"] is False
    assert valid["available"] == 1
    assert "more than the account has: $4.00 on shard 0 and $1.00 on shard 2" in valid["errors"][0]
    assert not world.transfers


async def test_previews_tell_the_transfer(desk: Open, world: Double) -> None:
    """All cash lay on shard 0 and the check said ok with $1,000 available, for an order that would be refused."""
    async with desk() as at:
        valid = await at.call("kalshi_check_order_validity", **ORDER)
        assert (valid["ok"], valid["available"]) == (True, 0)
        assert valid["transfer"] == "$6.17 from shard 0 to shard 2 is moved first."
        seen = await at.call("kalshi_simulate_order", **ORDER)
        assert seen["transfer"] == valid["transfer"]
        assert (seen["available_before"], seen["available_after"]) == (1000, 994.825)
        assert "transfer" not in await at.call("kalshi_check_order_validity", **{**ORDER, "ticker": PLAIN})
        world.paused = {2}
        assert (await at.call("kalshi_check_order_validity", **ORDER))["ok"] is False


async def test_money_comes_from_several_shards(desk: Open, world: Double) -> None:
    world.cash = {(0, 0): D(3), (0, 3): D(4)}
    async with desk() as at:
        placed = await at.call("kalshi_create_order", **ORDER)
    assert placed["transfer"] == ("$4.00 from shard 3 to shard 2 and $2.17 from shard 0 to shard 2 was moved first.")
    assert placed["status"] == "filled"


async def test_a_batch_over_several_shards_is_funded_as_one(desk: Open, world: Double) -> None:
    lines = [{**ORDER, "ticker": ticker} for ticker in (PLAIN, CRYPTO, SPORT, CRYPTO)]
    async with desk([YES]) as at:
        placed = await at.call("kalshi_batch_create_orders", orders=lines)
    assert (placed["placed"], placed["filled"]) == (4, 40)
    assert {(t["destination_exchange_shard"], t["amount"]) for t in world.transfers} == {(2, "12.3400"), (3, "6.1700")}
    assert len(at.person.asked) == 1


async def test_a_batch_names_the_shard_of_an_order_without_cash(desk: Open, world: Double) -> None:
    world.cash = {(0, 0): D(7), (0, 2): D(1)}
    lines = [{**ORDER, "ticker": ticker} for ticker in (PLAIN, CRYPTO)]
    async with desk() as at:
        placed = await at.call("kalshi_batch_create_orders", orders=lines)
    assert placed["placed"] == 1
    assert "on shard 2" in placed["orders"][1]["error"]
