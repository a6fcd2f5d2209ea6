"""Each of the 52 tools against the double, in both protocol eras, with slow and cut answers between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastmcp import Client

from prediction_mcp.server import create_server
from prediction_mcp.settings import load_settings
from tests.tools.conftest import ERAS, Assistant, assert_plain

from .server import Double, served
from .world import shard_of


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    async with served(Double()) as running:
        yield running


@pytest.fixture(params=ERAS)
async def at(request: pytest.FixtureRequest, double: Double, tmp_path: Path) -> AsyncIterator[Assistant]:
    key = tmp_path / "key.pem"
    private = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key.write_bytes(private)
    key.chmod(0o600)
    settings = load_settings(
        env="demo",
        base_url=double.url,
        api_key_id="double",
        private_key_path=key,
        read_only=False,
        confirm="never",
        safety_folder=tmp_path / "safety",
        cache="off",
    )
    async with Client(create_server(settings), mode=request.param) as client:
        yield Assistant(client)


def calls(double: Double) -> list[tuple[str, dict[str, Any]]]:
    """Every reading tool with what it needs: a market quoted on both sides, one unquoted, a combo, a settled one."""
    world = double.world
    quoted, unquoted, combo = world.example(3), world.example(0, sides=0), world.example(1, sides=1)
    held, event = next(iter(world.positions)), world.markets[quoted]["event_ticker"]
    settled = next(t for t, m in world.markets.items() if m["status"] == "finalized")
    charted = next(iter(world.candles))
    order = {"ticker": quoted, "side": "yes", "action": "buy", "count": 2}
    of_market = [
        (f"kalshi_{tool}", {"ticker": ticker})
        for tool in (
            "get_market",
            "get_orderbook",
            "get_best_price",
            "analyze_liquidity",
            "assess_market_risk",
            "get_trades",
        )
        for ticker in (quoted, unquoted, combo, settled)
    ]
    return [
        *of_market,
        ("kalshi_get_exchange_status", {}),
        ("kalshi_get_series", {}),
        ("kalshi_get_milestones", {}),
        ("kalshi_get_multivariate_collections", {}),
        ("kalshi_search_markets", {"query": quoted}),
        ("kalshi_scan_markets", {"by": "volume"}),
        ("kalshi_scan_markets", {"by": "spread"}),
        ("kalshi_get_markets", {"event_ticker": event}),
        ("kalshi_get_markets", {"include_combos": True, "limit": 50}),
        ("kalshi_get_events", {}),
        ("kalshi_get_event", {"event_ticker": event}),
        ("kalshi_get_candlesticks", {"ticker": charted}),
        ("kalshi_get_candlesticks", {"ticker": quoted}),
        ("kalshi_analyze_volatility", {"ticker": quoted}),
        ("kalshi_analyze_trade_flow", {"ticker": quoted}),
        ("kalshi_get_implied_probabilities", {"event_ticker": event}),
        ("kalshi_find_arbitrage", {"event_ticker": event}),
        ("kalshi_compare_markets", {"tickers": [quoted, combo]}),
        ("kalshi_analyze_market_opportunity", {"ticker": quoted, "my_probability": 0.6}),
        ("kalshi_estimate_slippage", order),
        ("kalshi_check_order_validity", order | {"price": 1}),
        ("kalshi_simulate_order", order | {"price": 1}),
        ("kalshi_calculate_order_cost", order | {"price": 1}),
        ("kalshi_get_orders", {}),
        ("kalshi_get_fills", {}),
        ("kalshi_get_order_history", {}),
        ("kalshi_get_balance", {}),
        ("kalshi_get_positions", {}),
        ("kalshi_get_positions", {"status": "settled"}),
        ("kalshi_get_position", {"ticker": held}),
        ("kalshi_get_portfolio_value", {}),
        ("kalshi_get_pnl", {"period": "all"}),
        ("kalshi_get_settlement_history", {}),
        ("kalshi_calculate_position_risk", {"ticker": held}),
        ("kalshi_get_portfolio_exposure", {}),
        ("kalshi_get_margin_requirements", {}),
        ("kalshi_export_portfolio", {"format": "json"}),
        ("kalshi_get_subscriptions", {}),
    ]


WRITES = ("create_order", "amend_order", "get_order", "cancel_order", "batch_cancel_orders")
WATCHES = (
    "subscribe_orderbook",
    "subscribe_trades",
    "subscribe_ticker",
    "subscribe_fills",
    "subscribe_orders",
    "get_latest_update",
    "unsubscribe",
)


async def test_every_tool_reads_another_make_of_kalshi(at: Assistant, double: Double) -> None:
    """No call fails; the first answer of every path is cut in the middle, and all are slow."""
    double.slow_s = 0.001
    tried, failed = set[str](), list[str]()
    for path in ("/markets", "/events", "/portfolio/positions", "/portfolio/balance", "/portfolio/fills"):
        double.cut[path] = 1
    for tool, given in calls(double):
        tried.add(tool)
        answer = await at.client.call_tool(tool, given, raise_on_error=False)
        if answer.is_error:
            failed.append(f"{tool} {given}: {answer.content}")
    assert not failed, "\n".join(failed)
    assert not +double.cut, "each cut was met"
    elsewhere = {f"kalshi_{name}" for name in (*WRITES, *WATCHES)}
    listed = {tool.name for tool in await at.client.list_tools() if tool.name.startswith("kalshi_")}
    assert listed - tried - elsewhere <= {"kalshi_tighten_limits", "kalshi_halt_trading"}


async def test_an_unquoted_market_has_no_price(at: Assistant, double: Double) -> None:
    ticker = double.world.example(0, sides=0)
    assert double.world.markets[ticker]["yes_ask_dollars"] in ("0.0000", "1.0000")
    best = await at.call("kalshi_get_best_price", ticker=ticker)
    assert not {"yes_bid", "yes_ask", "no_bid", "no_ask"} & best.keys(), best


async def test_an_order_is_placed_amended_and_cancelled(at: Assistant, double: Double) -> None:
    """A fill is what the double's own arithmetic paid; an amend of the price alone reports no fill."""
    world, ticker = double.world, double.world.example(0)
    before, ask = world.cash[0, 0], 1 - Decimal(world.book(ticker)["no_dollars"][0][0])
    taken = await at.call(
        "kalshi_create_order", ticker=ticker, side="yes", action="buy", count=1, price=float(ask * 100)
    )
    assert Decimal(str(taken["filled"])) == 1
    fill = world.fills[0]
    assert world.cash[0, 0] == before - ask - Decimal(fill["fee_cost"])
    assert Decimal(str(taken["fee"])) == Decimal(fill["fee_cost"])
    bid = Decimal(world.book(ticker)["yes_dollars"][0][0]) * 100 - 1
    resting = await at.call("kalshi_create_order", ticker=ticker, side="yes", action="buy", count=3, price=float(bid))
    amended = await at.call("kalshi_amend_order", order_id=resting["order_id"], price=float(bid - 1))
    assert amended.get("filled_now") is None
    assert (await at.call("kalshi_get_order", order_id=resting["order_id"]))["order"]["order_id"] == resting["order_id"]
    await at.call("kalshi_cancel_order", order_id=resting["order_id"])
    again = await at.call("kalshi_create_order", ticker=ticker, side="yes", action="buy", count=3, price=float(bid))
    await at.call("kalshi_batch_cancel_orders", order_ids=[again["order_id"]])
    assert {order["status"] for order in world.orders.values()} == {"executed", "canceled"}
    refused = await at.error("kalshi_create_order", ticker=ticker, side="yes", action="buy", count=10**7, price=50)
    assert_plain(refused)


async def test_an_order_brings_the_money_that_its_shard_lacks(at: Assistant, double: Double) -> None:
    """All cash lies on shard 0, 2 and other subaccounts; a baseball market trades on shard 3."""
    world, ticker = double.world, double.world.example(3)
    before, ask = sum(world.cash.values()), 1 - Decimal(world.book(ticker)["no_dollars"][0][0])
    taken = await at.call(
        "kalshi_create_order", ticker=ticker, side="yes", action="buy", count=2, price=float(ask * 100)
    )
    assert Decimal(str(taken["filled"])) == 2
    (moved,) = world.transfers.values()
    assert (moved["source_exchange_shard"], moved["destination_exchange_shard"]) == (0, 3)
    assert Decimal(moved["amount"]) >= 2 * ask
    assert sum(world.cash.values()) == before - 2 * ask - Decimal(world.fills[0]["fee_cost"])


async def test_a_paused_shard_stops_its_markets_alone(at: Assistant, double: Double) -> None:
    double.paused = 3
    assert (await at.call("kalshi_get_exchange_status"))["paused"] == ["shard 3"]
    world = double.world
    paused, trading = world.example(3), world.example(0)
    order = {"side": "yes", "action": "buy", "count": 1, "price": 1}
    refused = await at.error("kalshi_create_order", ticker=paused, **order)
    assert "shard 3" in refused
    assert not world.orders
    await at.call("kalshi_create_order", ticker=trading, **order)


async def test_books_trades_prices_fills_and_orders_are_watched(at: Assistant, double: Double) -> None:
    """A second and a third market come to a subscription whose ``ok`` is counted; no snapshot is asked for again."""
    world = double.world
    quoted = [t for t, m in world.markets.items() if world.quoted(m) and shard_of(t) == 0][:3]
    for ticker in quoted:
        await at.call("kalshi_subscribe_orderbook", ticker=ticker)
        book = (await at.call("kalshi_get_latest_update", channel="orderbook", ticker=ticker))["book"]
        top = world.book(ticker)["yes_dollars"][0]
        assert [Decimal(str(part)) for part in book["bids"][0][:2]] == [Decimal(top[0]), Decimal(top[1])]
    for channel in ("trades", "ticker", "fills", "orders"):
        await at.call(f"kalshi_subscribe_{channel}", tickers=quoted[:1])
    price = float(1 - Decimal(world.book(quoted[0])["no_dollars"][0][0])) * 100
    placed = await at.call(
        "kalshi_create_order", ticker=quoted[0], side="yes", action="buy", count=1, price=round(price, 2)
    )
    seen = await at.call("kalshi_get_latest_update", channel="fills", wait_seconds=2)
    assert placed["order_id"] in str(seen)
    await at.call("kalshi_unsubscribe", channel="orderbook")
    assert double.commands["subscribe"] <= 5
    assert double.commands["update_subscription"] <= 2 * len(quoted) + 4
