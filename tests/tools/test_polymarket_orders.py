"""What previews and answers of Polymarket's orders say of delays, ends and links, in both eras."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastmcp.client.elicitation import ElicitResult

from tests.tools.conftest import ERAS
from tests.tools.test_polymarket import Desk, at

YES: ElicitResult[Any] = ElicitResult(action="accept", content={"confirm": True})


@pytest.fixture(params=ERAS)
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    async with at(request.param, tmp_path, confirm="always", toolsets="across,polymarket") as made:
        made.answers.append(YES)
        yield made


async def test_a_gtd_order_ends_a_minute_before_its_expiration(desk: Desk) -> None:
    slug = (await desk.some_market())["slug"]
    until = int(time.time()) + 3600
    order = {"market": slug, "outcome": "Yes", "action": "buy", "size": 10, "price": 3, "order_type": "GTD"}
    placed = await desk.call("polymarket_create_order", **order, expiration=until)
    ends = datetime.fromtimestamp(until - 60, UTC)
    assert f"rests until {ends:%Y-%m-%d %H:%M:%S} UTC, 60 s before its expiration" in desk.asked[0]
    assert placed["ends"] == f"{ends:%Y-%m-%dT%H:%M:%SZ}"
    (line,) = (await desk.call("polymarket_get_orders"))["orders"]
    assert line["ends"] == placed["ends"]
    refused = await desk.error("polymarket_create_order", **order)
    assert "180 seconds from now at least, and the order ends 60 seconds before it" in refused


@pytest.mark.parametrize(("words", "held", "said"), [("updown", 150, "150 ms"), ("sports", 3000, "3 s")])
async def test_the_takers_delay_is_given_in_milliseconds(desk: Desk, words: str, held: int, said: str) -> None:
    slug = next(
        ticker
        for ticker, market in desk.exchange.catalogue.markets.items()
        if market.status == "active"
        and desk.exchange.engine.markets[ticker].book.asks.best
        and market.question is not None
        and (market.question.delays_takers if words == "updown" else market.question.seconds_delay == 3)
    )
    market = await desk.call("polymarket_get_market", market=slug)
    assert market["taker_delay_ms"] == held
    outcome = market["outcomes"][0]["outcome"]
    seen = await desk.call(
        "polymarket_simulate_order", market=slug, outcome=outcome, action="buy", dollars=5, price=99, order_type="FAK"
    )
    assert seen["note"] == f"Orders that trade at once are held back {said}."
    await desk.call(
        "polymarket_create_order", market=slug, outcome=outcome, action="buy", dollars=5, price=99, order_type="FAK"
    )
    assert f"is held back {said} and can't be cancelled then" in desk.asked[0]


@pytest.mark.parametrize(
    "path", ["es/event/{event}/{market}", "sports/nfl/games/week/1/{market}", "zh/market/{market}"]
)
async def test_every_tool_takes_localized_and_sports_links(desk: Desk, path: str) -> None:
    slug = (await desk.some_market())["slug"]
    found = await desk.call("polymarket_get_events", query="fed", limit=50)
    event = found["events"][0]["slug"]
    link = "https://polymarket.com/" + path.format(event=event, market=slug)
    for tool in (
        "polymarket_get_market",
        "polymarket_get_orderbook",
        "polymarket_get_trades",
        "polymarket_get_holders",
    ):
        assert slug in str(await desk.call(tool, market=link))
    assert (await desk.call("polymarket_subscribe_orderbook_updates", token_ids=[link]))["of"]
    prices = await desk.call("compare_prices", market=link, other="KXFEDDECISION-26DEC-C25")
    assert slug in str(prices)
    assert (await desk.call("polymarket_get_event", event=link))["markets"]
