"""Every Polymarket tool over a market of Protocol V2, in both eras: it is listed with position ids only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from prediction_mcp.exchange.fronts.polymarket import wire
from prediction_mcp.polymarket.orders import is_protocol_v2
from tests.tools.conftest import ERAS
from tests.tools.test_polymarket import Desk, at

KALSHI = "KXFEDDECISION-26DEC-C25"


@pytest.fixture(params=ERAS)
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    async with at(request.param, tmp_path, confirm="never", toolsets="across,polymarket") as made:
        yield made


def v2_market(desk: Desk) -> Any:
    return next(
        market
        for ticker, market in desk.exchange.catalogue.markets.items()
        if market.question is not None
        and market.question.v2
        and market.status == "active"
        and desk.exchange.engine.markets[ticker].book.asks.best
    )


async def test_each_tool_reads_and_trades_a_v2_market(desk: Desk) -> None:
    found = v2_market(desk)
    listed = wire.market_json(desk.exchange, found)
    assert (listed["version"], listed.get("clobTokenIds")) == ("v2", None), "listed as documented"
    slug = found.ticker
    market = await desk.call("polymarket_get_market", market=slug)
    ids = [outcome["token_id"] for outcome in market["outcomes"]]
    assert ids == list(listed["positionIds"])
    assert all(map(is_protocol_v2, ids))
    for token, outcome in zip(ids, market["outcomes"], strict=True):
        book = await desk.call("polymarket_get_orderbook", market=token)
        assert (book["slug"], book["outcome"]) == (slug, outcome["outcome"])
    assert (await desk.call("polymarket_get_trades", market=slug))["slug"] == slug
    assert (await desk.call("polymarket_get_price_history", market=slug, interval="max"))["rows"]
    assert (await desk.call("polymarket_get_holders", market=slug))["slug"] == slug
    order = {"market": slug, "outcome": market["outcomes"][0]["outcome"]}
    seen = await desk.call("polymarket_simulate_order", **order, action="buy", dollars=5, order_type="FAK")
    bought = await desk.call("polymarket_create_order", **order, action="buy", dollars=5, order_type="FAK")
    assert bought["filled"] == seen["filled"] > 0
    (held,) = (await desk.call("polymarket_get_positions", market=slug))["positions"]
    assert held["shares"] == bought["filled"]
    sold = await desk.call("polymarket_create_order", **order, action="sell", size=1, order_type="FAK")
    assert sold["filled"] == 1
    too_many = await desk.error("polymarket_create_order", **order, action="sell", size=9_999, price=99)
    assert "You hold" in too_many, "the balance is that of the V2 shares"
    resting = await desk.call("polymarket_create_order", **order, action="buy", size=10, price=1)
    assert [o["order_id"] for o in (await desk.call("polymarket_get_orders", market=slug))["orders"]] == [
        resting["order_id"]
    ]
    assert (await desk.call("polymarket_cancel_order", order_id=resting["order_id"]))["cancelled"] == 1
    assert {row["side"] for row in (await desk.call("polymarket_get_activity", market=slug))["activity"]} == {
        "BUY",
        "SELL",
    }
    for tool, name in (
        ("market_prices", "market_ids"),
        ("orderbook_updates", "token_ids"),
        ("market_resolution", "market_ids"),
    ):
        assert (await desk.call(f"polymarket_subscribe_{tool}", **{name: [slug]}))["of"]
    assert (await desk.call("polymarket_get_orderbook", market=slug))["source"].endswith("feed")
    assert slug in str(await desk.call("compare_prices", market=slug, other=KALSHI))
    with_v1 = await desk.call("get_market_pair", market=slug, other=KALSHI)
    assert slug in str(with_v1)
