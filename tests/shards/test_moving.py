"""Moving cash between shards by hand, order groups by shard, and money that is counted nowhere."""

from __future__ import annotations

import json
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from fastmcp.client.elicitation import ElicitResult

from prediction_mcp.desk.kalshi import shards
from prediction_mcp.kalshi.resources import fates
from prediction_mcp.net import sending
from prediction_mcp.safety.intents import Caller, WriteRecord
from prediction_mcp.safety.records import Records
from tests.cli.forked import run
from tests.conftest import Served
from tests.safety.conftest import YES
from tests.tools.conftest import settings_for

from .conftest import Open
from .double import CRYPTO, PLAIN, Cut, Double

D = Decimal
TOOL = "kalshi_move_cash_between_shards"
MOVE = {"from_shard": 0, "to_shard": 2, "amount": "12.3456"}
PATH = "/portfolio/intra_exchange_instance_transfer"


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries and looks are real but short."""
    monkeypatch.setattr(sending, "wait_random_exponential", lambda **_: lambda _: 0.001)
    monkeypatch.setattr(fates, "ASK_AGAIN_AFTER", (0.0, 0.01))
    monkeypatch.setattr(shards, "ARRIVES_AFTER", (0.0, 0.01, 0.01))
    monkeypatch.setattr("prediction_mcp.safety.recovery.QUIET_S", 0.0)


async def test_cash_moves_and_the_balance_shows_the_split(desk: Open, world: Double) -> None:
    async with desk() as at:
        assert "shards" not in await at.call("kalshi_get_balance")
        done = await at.call(TOOL, **MOVE)
        assert (done["status"], done["amount"]) == ("complete", 12.3456)
        assert done["cash"] == [{"shard": 0, "cash": 987.6544}, {"shard": 2, "cash": 12.3456}]
        balance = await at.call("kalshi_get_balance")
    assert (balance["available"], balance["shards"]) == (1000, done["cash"])
    assert [(t["amount"], t["status"]) for t in world.transfers] == [("12.3456", "complete")]


async def test_a_move_is_confirmed_as_a_transfer_is(desk: Open, world: Double) -> None:
    async with desk([ElicitResult(action="decline"), YES]) as at:
        await at.error(TOOL, **MOVE)
        assert not world.transfers
        await at.call(TOOL, **MOVE)
    assert at.person.asked[0].startswith("Move $12.35 from shard 0 to shard 2; it stays yours.")
    assert len(world.transfers) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"to_shard": 0}, "two different shards"),
        ({"to_shard": 7}, "no shard 7: there are 0, 1, 2, 3"),
        ({"amount": "0.00001"}, "four decimals"),
        ({"from_shard": 3}, "Shard 3 has $0.00 free, less than $12.35; there is $1,000.00 on shard 0"),
        ({"subaccount": 5}, "Shard 0 has $0.00 free"),
    ],
)
async def test_a_wrong_move_is_refused_before_sending(
    desk: Open, world: Double, change: dict[str, Any], said: str
) -> None:
    async with desk() as at:
        assert said in await at.error(TOOL, **{**MOVE, **change})
    assert f"POST {PATH}" not in world.seen


async def test_a_numbered_subaccount_moves_its_own_money_without_an_id(desk: Open, world: Double) -> None:
    world.cash[4, 0] = D(20)
    async with desk() as at:
        await at.call(TOOL, **{**MOVE, "subaccount": 4})
    assert world.cash == {(0, 0): D(1000), (4, 0): D("7.6544"), (4, 2): D("12.3456")}
    assert "client_transfer_id" not in world.transfers[0]


@pytest.mark.parametrize("where", [f"POST {PATH}", f"after POST {PATH}"])
async def test_a_lost_answer_moves_it_once(desk: Open, world: Double, where: str) -> None:
    left = [where]

    def faults(name: str) -> None:
        if left and name == left[0]:
            left.clear()
            raise Cut

    world.faults = faults
    async with desk() as at:
        assert (await at.call(TOOL, **MOVE))["status"] == "complete"
    assert len(world.transfers) == 1


@pytest.mark.parametrize("came", [True, False], ids=["arrived", "never arrived"])
@pytest.mark.parametrize("subaccount", [None, 4])
async def test_what_a_dead_process_left_is_settled_by_asking(
    desk: Open, world: Double, tmp_path: Path, subaccount: int | None, *, came: bool
) -> None:
    """The journal has the intent only: the exchange says whether it was done. Nothing is sent again."""
    terms = {
        "source": "event_contract", "destination": "event_contract", "amount": 50_000, "source_exchange_shard": 0,
        "destination_exchange_shard": 2,
    }  # fmt: skip
    terms |= {"client_transfer_id": "mine"} if subaccount is None else {"source_subaccount": 4}
    other = terms | {"client_transfer_id": "the primary account's, of the same terms"}
    other.pop("source_subaccount", None)
    world.post_portfolio_intra_exchange_instance_transfer(None, other)
    if came:
        world.cash[4, 0] = D(20)
        world.post_portfolio_intra_exchange_instance_transfer(None, terms)
    home = settings_for(cast("Served", world), tmp_path).safety_home
    assert home is not None
    records = Records(home)
    records.open(WriteRecord(Caller("t", "1"), TOOL, "arrangement", {}, terms), None)
    records.close()
    async with desk() as at:
        await at.call("kalshi_create_order_group", limit=5)  # the next write settles it
    rows = sqlite3.connect(home / "safety.db").execute("SELECT state, outcome FROM intents WHERE tool = ?", (TOOL,))
    ((state, outcome),) = rows.fetchall()
    if came:
        assert (state, outcome) == (
            "done", "settled: the transfer of $5.00 from shard 0 to shard 2 was done; the money stays there"
        )  # fmt: skip
    else:
        assert (state, outcome) == ("refused", "settled: the transfer never reached the exchange")
    assert len(world.transfers) == came + 1


async def test_a_group_is_on_its_markets_shard_and_takes_no_others(desk: Open, world: Double) -> None:
    world.cash = {(0, shard): D(100) for shard in range(4)}
    line = {"side": "yes", "action": "buy", "count": 1, "price": 10}
    async with desk() as at:
        group = await at.call("kalshi_create_order_group", limit=5, ticker=CRYPTO)
        plain = await at.call("kalshi_create_order_group", limit=5)
        assert (group["shard"], plain.get("shard")) == (2, None)
        assert {g["group_id"]: g.get("shard") for g in (await at.call("kalshi_get_order_groups"))["groups"]} == {
            group["group_id"]: 2, plain["group_id"]: None
        }  # fmt: skip
        orders = [{**line, "ticker": PLAIN}]
        text = await at.error("kalshi_batch_create_orders", orders=orders, order_group_id=group["group_id"])
        assert f"The order group is on shard 2 and {PLAIN} trades on shard 0" in text
        assert not world.orders
        orders = [{**line, "ticker": CRYPTO}]
        done = await at.call("kalshi_batch_create_orders", orders=orders, order_group_id=group["group_id"])
    assert done["placed"] == 1


async def test_money_for_margin_is_named_and_counted_nowhere(desk: Open, world: Double) -> None:
    world.cash[64, 0] = D("50.50")
    async with desk() as at:
        for tool, figure in (
            ("kalshi_get_balance", "available"), ("kalshi_get_portfolio_value", "total_at_bid"),
            ("get_portfolio_history", None),
        ):  # fmt: skip
            answer = await at.call(tool)
            assert "perpetuals and margin (subaccount 64), which hold $50.50" in answer["note"], tool
            assert (answer["points"][-1]["total"] if figure is None else answer[figure]) == 1000
        del world.cash[64, 0]
        assert "note" not in await at.call("kalshi_get_balance")


def test_the_command_moves_cash(world: Double, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text(world.pem)
    key.chmod(0o600)
    given = {
        "KALSHI_ENV": "paper", "KALSHI_BASE_URL": world.url, "KALSHI_API_KEY_ID": "k", "CONFIRM": "always",
        "KALSHI_PRIVATE_KEY_PATH": str(key),
    }  # fmt: skip
    refused = run("portfolio", "move", "0", "2", "25", "--json", **given)
    assert refused.returncode == 2, refused.stdout
    assert "add --yes" in json.loads(refused.stdout)["error"]
    assert not world.transfers
    done = run("portfolio", "move", "0", "2", "25", "--json", "--yes", **given)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["cash"] == [{"shard": 0, "cash": 975.0}, {"shard": 2, "cash": 25.0}]
    assert world.cash == {(0, 0): D(975), (0, 2): D(25)}
