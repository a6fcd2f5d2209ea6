"""The paper exchange with production's shards: a newcomer whose money is on shard 0, and a standing order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from fastmcp import Client

from prediction_mcp.automation.desk import Desk
from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.units import MICROS
from prediction_mcp.server import create_server
from tests.automation.conftest import Hands, Home, quote
from tests.conftest import Served, account_of
from tests.tools.conftest import ERAS, Assistant, settings_for


@pytest.fixture
async def sharded() -> AsyncIterator[Served]:
    """An exchange with four shards and a member whose money is on shard 0."""
    exchange = Exchange(seed=1, scenario="small", read_lag_ms=0, sharded=True)
    member = exchange.add_member(tier="prestige")
    house = exchange.add_member("house")  # who quotes what a test sets
    exchange.engine.on_shard(house, 2).deposit(1_000_000 * MICROS)
    key_id, pem = exchange.issue_key(member)
    async with serve(exchange, with_crowd=False) as url:
        yield Served(exchange, url, member, key_id, pem)
    audit(exchange.engine)


async def crypto(client: KalshiClient) -> str:
    """A market on shard 2 that is open."""
    page = await client.markets.list(status="open", series_ticker="KXBTC15M")
    market = page.markets[0]
    assert market.exchange_index == 2
    return market.ticker


@pytest.mark.parametrize("era", ERAS)
async def test_a_newcomer_buys_on_another_shard_without_knowing(sharded: Served, tmp_path: Path, era: str) -> None:
    async with KalshiClient(sharded.url, sharded.signer) as client:
        ticker = await crypto(client)
        quote(sharded, 49, 51, ticker=ticker)
        async with Client(create_server(settings_for(sharded, tmp_path)), mode=era) as talks:
            at = Assistant(talks)
            placed = await at.call("kalshi_create_order", ticker=ticker, side="yes", action="buy", count=10, price=60)
            assert placed["status"] == "filled"
            assert "from shard 0 to shard 2" in placed["transfer"]
            balance = await at.call("kalshi_get_balance")
            assert {line["shard"] for line in balance["shards"]} == {0, 2}
            value = await at.call("kalshi_get_portfolio_value")
            assert value["total_at_bid"] == pytest.approx(10_000 - 10 * 0.02 - placed["fee"])
            again = await at.call("kalshi_create_order", ticker=ticker, side="yes", action="sell", count=10, price=40)
            assert "transfer" not in again


async def test_a_standing_order_moves_its_money_by_itself(sharded: Served) -> None:
    async with KalshiClient(sharded.url, sharded.signer) as client:
        ticker, account, clock = await crypto(client), await account_of(client).open(), Hands()
        home = Home(sharded, Desk(account, clock), clock)
        quote(sharded, 49, 51, ticker=ticker)
        rule = await home.rule("recurring", ticker=ticker, every="1h", count=3, max_runs=1)
        await home.tick()
        (run,) = await home.runs(rule)
        assert (run.state, run.filled) == ("done", Decimal(3))
        moved = [transfer async for transfer in client.shards.all()]
        assert [(one.source_exchange_shard, one.destination_exchange_shard) for one in moved] == [(0, 2)]
        assert account.guard.records().used("", 0.0).day_orders == 1
        await home.attendant.close()
        await account.close()


async def test_an_amend_that_costs_more_moves_what_it_adds(sharded: Served, tmp_path: Path) -> None:
    async with KalshiClient(sharded.url, sharded.signer) as client:
        ticker = await crypto(client)
        quote(sharded, 49, 51, ticker=ticker)
        async with Client(create_server(settings_for(sharded, tmp_path))) as talks:
            at = Assistant(talks)
            order = {"ticker": ticker, "side": "yes", "action": "buy", "count": 10, "price": 20}
            placed = await at.call("kalshi_create_order", **order)
            less = await at.call("kalshi_amend_order", order_id=placed["order_id"], price=10)
            assert "transfer" not in less
            more = await at.call("kalshi_amend_order", order_id=placed["order_id"], price=40, count=100)
    assert "from shard 0 to shard 2 was moved first" in more["transfer"]
    assert more["remaining"] == 100
