"""What the account is worth and whether it can trade, where its money lies on several shards."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from prediction_mcp.desk.kalshi.discovery.status import pause_of
from prediction_mcp.desk.kalshi.records.worth import valued
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.auth import signer_from_pem
from prediction_mcp.kalshi.models.exchange import ExchangeStatus
from tests.conftest import account_of
from tests.facts import load

from .conftest import Open
from .double import BID, CRYPTO, PLAIN, SPORT, Double

D = Decimal


def spread(world: Double) -> None:
    """As recorded: the primary account on two shards, two subaccounts; and two positions."""
    rows = load("kalshi/production/subaccount_balances_by_shard")["answer"]["subaccount_balances"]
    world.cash = {(row["subaccount_number"], row["exchange_index"]): D(row["balance"]) for row in rows}
    world.positions = {(0, CRYPTO): D(100), (1, PLAIN): D(-50)}


async def test_an_account_on_two_shards_counts_each_position_once(world: Double) -> None:
    """1,050 were shown as 1,200: each position of a subaccount was counted once for each of its rows."""
    spread(world)
    async with KalshiClient(world.url, signer_from_pem("k", world.pem)) as client:
        worth, held = await valued(await account_of(client).open())
    assert [(one.ticker, one.subaccount, one.contracts) for one in held] == [(CRYPTO, 0, D(100)), (PLAIN, 1, D(-50))]
    assert worth.cash == D("12660.75")
    assert worth.at_cost == 150 * BID
    assert worth.total == D("12660.75") + 100 * BID + 50 * (1 - D("0.50"))


async def test_history_and_check_of_an_account_on_two_shards(desk: Open, world: Double) -> None:
    """The snapshot failed with a UNIQUE error of the database, for good."""
    spread(world)
    async with desk() as at:
        first = await at.call("get_portfolio_history")
        assert first["points"][-1]["cash"] == 12660.75
        world.cash[0, 2] += 5
        assert (await at.call("get_portfolio_history"))["snapshots"] == 2


async def test_a_transfer_is_checked_against_the_shard_it_leaves(desk: Open, world: Double) -> None:
    """The last row of a subaccount was taken for all of it: $155.50 of shard 2 for $12,410.25."""
    spread(world)
    move = {"from_subaccount": 0, "to_subaccount": 1}
    async with desk() as at:
        done = await at.call("kalshi_transfer_between_subaccounts", **move, amount=1000)
        assert "shard" not in done
        assert (world.cash[0, 0], world.cash[1, 0]) == (D("11410.25"), D(1075))
        world.cash = {(0, 0): D(5), (0, 2): D(20), (1, 0): D(0)}
        done = await at.call("kalshi_transfer_between_subaccounts", **move, amount=10)
        assert done["shard"] == 2
        assert world.cash == {(0, 0): D(5), (0, 2): D(10), (1, 0): D(0), (1, 2): D(10)}
        text = await at.error("kalshi_transfer_between_subaccounts", **move, amount=12)
        assert "$5.00 on shard 0 and $10.00 on shard 2" in text
        assert "less than $16.00" in await at.error("kalshi_transfer_between_subaccounts", **move, amount=16)
        (primary, other) = (await at.call("kalshi_get_subaccounts"))["subaccounts"]
    assert primary == {"subaccount": 0, "cash": 15, "shards": [{"shard": 0, "cash": 5}, {"shard": 2, "cash": 10}]}
    assert other == {"subaccount": 1, "cash": 10, "shards": [{"shard": 2, "cash": 10}]}


async def test_money_for_margin_is_no_subaccount_and_in_no_sum(desk: Open, world: Double) -> None:
    world.cash[64, 0] = D("50.50")
    async with desk() as at:
        found = await at.call("kalshi_get_subaccounts")
        assert [line["subaccount"] for line in found["subaccounts"]] == [0]
        assert "subaccount 64" in found["note"]
        assert (await at.call("get_portfolio_history"))["points"][-1]["cash"] == 1000


async def test_a_paused_shard_stops_its_own_markets_only(desk: Open, world: Double) -> None:
    """The top-level fields speak of shard 0: a paused shard 2 looked open, and a paused shard 0 stopped all."""
    order = {"side": "yes", "action": "buy", "count": 1, "price": 10}
    world.cash = {(0, shard): D(100) for shard in range(4)}
    async with desk() as at:
        world.paused = {2}
        state = await at.call("kalshi_get_exchange_status")
        assert (state["active"], state["trading"]) == (True, True)
        assert state["paused"] == ["shard 2 (crypto and commodities)"]
        (error,) = (await at.call("kalshi_check_order_validity", ticker=CRYPTO, **order))["errors"]
        assert error == "Trading is paused on shard 2, where this market trades."
        assert (await at.call("kalshi_check_order_validity", ticker=SPORT, **order))["ok"] is True
        world.paused = {0}
        assert (await at.call("kalshi_get_exchange_status"))["trading"] is True
        assert (await at.call("kalshi_check_order_validity", ticker=CRYPTO, **order))["ok"] is True
        assert (await at.call("kalshi_check_order_validity", ticker=PLAIN, **order))["ok"] is False
        world.paused = {0, 1, 2, 3}
        assert (await at.call("kalshi_get_exchange_status"))["trading"] is False


@pytest.mark.parametrize(
    ("paused", "said"),
    [
        (set[int](), None),
        ({2}, "shard 2 (crypto and commodities) takes no orders now"),
        ({1, 2}, "shard 1 (combos), shard 2 (crypto and commodities) take no orders now"),
        ({0, 1, 2, 3}, "the exchange takes no orders now"),
    ],
)
def test_which_shard_is_paused_is_said(paused: set[int], said: str | None) -> None:
    answer = Double(paused=paused).get_exchange_status(None, {})
    assert pause_of(ExchangeStatus.model_validate(answer)) == said


@pytest.mark.parametrize("listed", [{}, {"exchange_index_statuses": None}, {"exchange_index_statuses": []}])
def test_without_a_list_of_shards_the_top_level_fields_hold(listed: dict[str, Any]) -> None:
    """The list is absent when the breakdown is unavailable, as the specification says."""
    status = ExchangeStatus.model_validate({"exchange_active": True, "trading_active": False} | listed)
    assert not status.shard(2).takes_orders
    assert pause_of(status) == "the exchange takes no orders now"
