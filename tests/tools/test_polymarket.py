"""The toolset polymarket in real MCP sessions, both eras: reads, writes with a yes, live subscriptions, resources."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.messages import MessageHandler
from mcp.client.subscriptions import listen
from mcp_types import ImageContent

from prediction_mcp.desk.polymarket.trading import place
from prediction_mcp.exchange.fronts.polymarket.opening import Second
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.second import PolymarketExchange
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import Clock
from prediction_mcp.safety.records import Records
from prediction_mcp.server import create_server
from tests.conftest import Served
from tests.tools.conftest import ERAS, Assistant, settings_for

START_MS = 1_795_500_000_000


class Ear(MessageHandler):
    """Resources that changed and log messages, as the client gets them unasked."""

    def __init__(self) -> None:
        self.changed: list[str] = []
        self.logs: list[Any] = []

    async def log(self, message: Any) -> None:
        self.logs.append(message)

    async def on_resource_updated(self, message: Any) -> None:
        self.changed.append(str(message.params.uri))


@dataclass
class Desk(Assistant):
    """An assistant at a server with both platforms, and the exchange behind it."""

    served: Served
    exchange: PolymarketExchange
    clock: Clock
    client: Client[Any]
    answers: list[ElicitResult[Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    ear: Ear = field(default_factory=Ear)

    async def some_market(self, low: float = 0.3, high: float = 0.7) -> dict[str, Any]:
        """A market that trades at once and holds nothing back."""
        found = await self.call("polymarket_search_markets", query="fed decision", limit=20)
        markets: list[dict[str, Any]] = found["markets"]
        for market in markets:
            if "best_bid" in market and low < market.get("best_ask", 0) < high:
                return market
        raise AssertionError(found)

    async def book(self, slug: str) -> dict[str, Any]:
        return await self.call("polymarket_get_orderbook", market=slug)

    def live(self, seconds: float) -> None:
        self.clock.step(round(seconds * 1000))
        self.served.exchange.advance()
        self.exchange.advance()


@asynccontextmanager
async def at(era: str, tmp_path: Path, **changes: Any) -> AsyncIterator[Desk]:
    clock = Clock(START_MS, speed=0)
    first = Exchange(1, clock)
    second = Second(first)
    exchange = second.exchange()
    member = first.add_member()
    async with serve(first, with_crowd=False, second=second) as url:
        exchange.with_crowd = False
        served = Served(first, url, member, *first.issue_key(member))
        desk = Desk(served, exchange, clock, None)  # type: ignore[arg-type]

        async def person(message: str, *_: Any) -> Any:
            desk.asked.append(message)
            return desk.answers.pop(0) if desk.answers else ElicitResult(action="decline")

        path = tmp_path / "wallet.key"
        path.write_text(f"{7:064x}")
        path.chmod(0o600)
        options = {"toolsets": "polymarket", "polymarket_key_path": path, **changes}
        server = create_server(settings_for(served, tmp_path, **options))
        async with Client(
            server, mode=era, elicitation_handler=person, message_handler=desk.ear, log_handler=desk.ear.log
        ) as client:
            desk.client = client
            yield desk


@pytest.fixture(params=ERAS)
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    async with at(request.param, tmp_path) as made:
        yield made


async def test_the_52_stay_the_52(desk: Desk) -> None:
    names = [tool.name for tool in await desk.client.list_tools()]
    assert sum(name.startswith("kalshi_") for name in names) == 52
    assert sum(name.startswith("polymarket_") for name in names) == 26


async def test_reading_needs_no_key(tmp_path: Path) -> None:
    async with at("auto", tmp_path, polymarket_key_path=tmp_path / "missing.key") as desk:
        market = await desk.some_market()
        assert (await desk.call("polymarket_get_market", market=market["slug"]))["status"] == "trading"
        said = await desk.error("polymarket_get_balance")
        assert "missing.key can't be read" in said


@pytest.mark.parametrize("era", ERAS)
async def test_a_key_that_others_can_read_is_refused(era: str, tmp_path: Path) -> None:
    path = tmp_path / "open.key"
    path.write_text(f"{7:064x}")
    path.chmod(0o644)
    async with at(era, tmp_path, polymarket_key_path=path) as desk:
        assert "chmod 600" in await desk.error("polymarket_get_balance")


async def test_what_is_listed(desk: Desk) -> None:
    market = await desk.some_market()
    slug = market["slug"]
    whole = await desk.call("polymarket_get_market", market=slug)
    token = whole["outcomes"][1]["token_id"]
    for name in (f"https://polymarket.com/event/x/{slug}", whole["condition_id"], token):
        assert (await desk.call("polymarket_get_market", market=name))["slug"] == slug
    assert (await desk.call("polymarket_get_orderbook", market=token))["outcome"] == "No"
    events = await desk.call("polymarket_get_events", tag="politics")
    event = await desk.call("polymarket_get_event", event=events["events"][0]["slug"])
    assert event["markets"]
    assert (await desk.call("polymarket_get_trades", market=slug))["count"]
    history = await desk.call("polymarket_get_price_history", market=slug, interval="max")
    assert history["low"] <= history["last"] <= history["high"]
    assert (await desk.call("polymarket_get_holders", market=slug))["holders"]["Yes"]
    drawn = await desk.client.call_tool("polymarket_get_price_history", {"market": slug, "chart": True})
    assert any(isinstance(block, ImageContent) for block in drawn.content)


async def test_what_isnt_there_is_said(desk: Desk) -> None:
    assert "perhaps" in await desk.error("polymarket_get_market", market="fed-decision-in-december-of-26")
    assert "is an event" in await desk.error("polymarket_get_market", market="presidential-election-winner-2028")
    assert "no market" in await desk.error("polymarket_get_market", market="0x" + "ab" * 32)
    assert "no link" in await desk.error("polymarket_get_market", market="https://example.com/event/x")
    slug = (await desk.some_market())["slug"]
    assert "“Yes” or “No”" in await desk.error("polymarket_get_orderbook", market=slug, outcome="Up")
    found = await desk.call("polymarket_search_markets", query="bitcoin up or down")
    updown = next(m for m in found["markets"] if "updown" in m["slug"])
    assert "“Up” or “Down”" in await desk.error("polymarket_get_orderbook", market=updown["slug"], outcome="yes")


async def test_an_orders_life(desk: Desk) -> None:
    slug = (await desk.some_market())["slug"]
    book = await desk.book(slug)
    bid, ask = book["bids"][0][0], book["asks"][0][0]
    placed = await desk.call(
        "polymarket_create_order", market=slug, outcome="yes", action="buy", size=10, price=round(bid * 100) - 1
    )
    assert (placed["status"], placed["resting"]) == ("live", 10)
    assert [o["order_id"] for o in (await desk.call("polymarket_get_orders"))["orders"]] == [placed["order_id"]]
    wanted = (await desk.call("polymarket_get_balance"))["in_open_buys"]
    assert Decimal(str(wanted)) == 10 * (Decimal(str(bid)) - Decimal("0.01"))
    gone = await desk.call("polymarket_cancel_order", order_id=placed["order_id"])
    assert (gone["cancelled"], gone["shares"]) == (1, 10)
    cost = await desk.call(
        "polymarket_calculate_order_cost", market=slug, outcome="Yes", action="buy", size=10, price=ask * 100
    )
    bought = await desk.call(
        "polymarket_create_order", market=slug, outcome="Yes", action="buy", size=10, price=ask * 100
    )
    assert (bought["status"], bought["filled"], bought["fee"]) == ("matched", 10, cost["fee"])
    assert bought["total"] + bought["fee"] == pytest.approx(cost["worst"], abs=1e-9)
    seen = await desk.call(
        "polymarket_simulate_order", market=slug, outcome="No", action="buy", dollars=5, order_type="FAK"
    )
    made = await desk.call(
        "polymarket_create_order", market=slug, outcome="No", action="buy", dollars=5, order_type="FAK"
    )
    assert (made["filled"], made["fee"]) == (seen["filled"], seen["fee"])
    held = await desk.call("polymarket_get_positions")
    assert {p["outcome"]: p["shares"] for p in held["positions"]} == {"Yes": 10, "No": made["filled"]}
    assert all("pair is worth $1" in p["note"] for p in held["positions"])
    value = await desk.call("polymarket_get_portfolio_value")
    assert value["total"] == pytest.approx(value["cash"] + value["positions"])
    await desk.call("polymarket_create_order", market=slug, outcome="Yes", action="sell", size=4, order_type="FAK")
    kinds = [row["side"] for row in (await desk.call("polymarket_get_activity"))["activity"] if "side" in row]
    assert kinds == ["SELL", "BUY", "BUY"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"outcome": "maybe", "size": 10, "price": 40}, "outcomes of this market"),
        ({"size": 10, "price": "40.05"}, "steps of 1¢"),
        ({"size": 1, "price": 20}, "5 shares at least"),
        ({"price": 40}, "either size"),
        ({"size": 10, "dollars": 5, "price": 40}, "either size"),
        ({"size": 10}, "takes a price"),
        ({"size": 10, "order_type": "FAK"}, "give dollars"),
        ({"dollars": "0.5", "order_type": "FAK"}, "$1 at least"),
        ({"size": 10, "price": 40, "order_type": "GTD"}, "expiration"),
        ({"size": 10, "price": 99, "post_only": True}, "trade at once"),
        ({"size": 1000, "price": 20, "max_cost": 5}, "max_cost"),
        ({"size": 10, "price": 20, "action": "sell"}, "You hold 0 shares"),
    ],
)
async def test_orders_that_cant_be(desk: Desk, given: dict[str, Any], said: str) -> None:
    slug = (await desk.some_market())["slug"]
    order = {"market": slug, "outcome": "Yes", "action": "buy", **given}
    assert said in await desk.error("polymarket_create_order", **order)
    assert (await desk.call("polymarket_get_orders"))["count"] == 0


@pytest.mark.parametrize("era", ERAS)
async def test_a_yes_is_asked_for_and_nothing_leaves_without(era: str, tmp_path: Path) -> None:
    async with at(era, tmp_path, confirm="always", read_only=False) as desk:
        slug = (await desk.some_market())["slug"]
        order = {"market": slug, "outcome": "Yes", "action": "buy", "size": 10, "price": 20}
        assert "declined" in await desk.error("polymarket_create_order", **order)
        assert (await desk.call("polymarket_get_orders"))["count"] == 0
        assert "Buy 10 “Yes” at 20¢" in desk.asked[0]
        assert "At worst you lose $2.08" in desk.asked[0]  # and a fee of 10 x 0.05 x 0.2 x 0.8
        desk.answers.append(ElicitResult(action="accept", content={"confirm": True}))
        placed = await desk.call("polymarket_create_order", **order)
        assert placed["status"] == "live"
        desk.answers.append(ElicitResult(action="accept", content={"confirm": True}))
        assert (await desk.call("polymarket_cancel_orders", all=True))["cancelled"] == 1


@pytest.mark.parametrize("era", ERAS)
async def test_dollars_are_counted_over_both_platforms(era: str, tmp_path: Path) -> None:
    async with at(era, tmp_path, day_spent=Decimal(12), safety_folder=tmp_path / "safety") as desk:
        first = desk.served.exchange
        middling = [m for m in first.catalogue.markets.values() if m.status == "active" and not m.legs]
        ticker = next(m.ticker for m in middling if 3_000 < first.crowd.fair_price(m) < 7_000)
        await desk.call("kalshi_create_order", ticker=ticker, side="yes", action="buy", count=100, price=10)
        slug = (await desk.some_market())["slug"]
        order = {"market": slug, "outcome": "Yes", "action": "buy", "size": 10, "price": 20}
        said = await desk.error("polymarket_create_order", **order)
        assert "this server's limit is $12.00" in said
        await desk.call("polymarket_create_order", **{**order, "size": 5})


@pytest.mark.parametrize("era", ERAS)
async def test_a_pair_is_at_risk_as_its_dearer_half(era: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shares of both outcomes: each half's cost and orders count for themselves, and a sale of one adds nothing."""
    for name in ("LAG_S", "MOST_LAG_S"):  # else the last orders count beside the account's figures for a while
        monkeypatch.setattr(place, name, 0.0)
    async with at(era, tmp_path, market_exposure=Decimal(10), safety_folder=tmp_path / "safety") as desk:
        market = await desk.some_market()
        ask, bid = (round(100 * market[name]) for name in ("best_ask", "best_bid"))
        order = {"market": market["slug"], "size": 10}
        for outcome, cents in (("Yes", ask), ("No", 100 - bid)):
            bought = await desk.call("polymarket_create_order", **order, outcome=outcome, action="buy", price=cents)
            assert bought["filled"] == 10
        desk.live(30)
        rest = {"action": "buy", "price": 5, "size": 20}  # a dollar each
        await desk.call("polymarket_create_order", **{**order, **rest, "outcome": "Yes"})
        await desk.call("polymarket_create_order", **{**order, **rest, "outcome": "No"})
        half = Decimal(ask) / 10 + 1
        much = {"market": market["slug"], "outcome": "Yes", "action": "buy", "size": 200, "price": 5}
        said = await desk.error("polymarket_create_order", **much)
        assert f"this would make it ${half + 10:.2f}; this server's limit is $10.00." in said
        sale = {**order, "outcome": "Yes", "action": "sell", "price": bid}
        assert (await desk.call("polymarket_create_order", **sale))["filled"] == 10
        desk.live(30)
        await desk.call("polymarket_create_order", **{**much, "size": 150})  # 1 + 7.50: what was sold made room
        assert (await desk.call("polymarket_get_orders"))["count"] == 3


@pytest.mark.parametrize("era", ERAS)
async def test_one_switch_stops_both(era: str, tmp_path: Path) -> None:
    async with at(era, tmp_path, toolsets="polymarket,safety", safety_folder=tmp_path / "safety") as desk:
        ticker = next(m.ticker for m in desk.served.exchange.catalogue.markets.values() if m.status == "active")
        await desk.call("kalshi_create_order", ticker=ticker, side="yes", action="buy", count=1, price=1)
        slug = (await desk.some_market())["slug"]
        order = {"market": slug, "outcome": "Yes", "action": "buy", "size": 10, "price": 20}
        await desk.call("polymarket_create_order", **order)
        halted = await desk.call("kalshi_halt_trading")
        assert (halted["cancelled"], halted.get("left")) == (2, None)
        assert (await desk.call("polymarket_get_orders"))["count"] == 0
        assert "halted" in await desk.error("polymarket_create_order", **order)


@pytest.mark.parametrize("era", ERAS)
async def test_real_money_takes_a_word_of_its_own(era: str, tmp_path: Path) -> None:
    async with at(era, tmp_path, polymarket_env="live", read_only=False, live_trading="real-money") as desk:
        order = {"market": "x", "outcome": "Yes", "action": "buy", "size": 10, "price": 20}
        said = await desk.error("polymarket_cancel_order", order_id="0x" + "1" * 64)
        assert "POLYMARKET_TRADING=real-money" in said
        assert "POLYMARKET_TRADING=real-money" in await desk.error("polymarket_create_order", **order)


async def test_where_orders_arent_taken_none_leaves(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from prediction_mcp.polymarket import PolymarketClient
    from prediction_mcp.polymarket.models import Place

    async def blocked(_: PolymarketClient) -> Place:
        return Place(blocked=True, country="US")

    monkeypatch.setattr(PolymarketClient, "may_trade", blocked)
    order = {"market": (await desk.some_market())["slug"], "outcome": "Yes", "action": "buy", "size": 10, "price": 20}
    assert "takes no orders from where this machine is (US)" in await desk.error("polymarket_create_order", **order)


async def test_the_journal_has_the_order_before_and_after(tmp_path: Path) -> None:
    async with at("auto", tmp_path, safety_folder=tmp_path / "safety") as desk:
        slug = (await desk.some_market())["slug"]
        placed = await desk.call("polymarket_create_order", market=slug, outcome="Yes", action="buy", size=10, price=20)
    (folder,) = (tmp_path / "safety").iterdir()
    records = Records(folder)
    lines = [line for line in records.lines() if line["what"] in ("intent", "outcome")]
    records.close()
    assert [line["what"] for line in lines] == ["intent", "outcome"]
    assert lines[0]["request"]["client_order_id"] == placed["order_id"]
    assert not {"signature", "secret", "passphrase"} & lines[0]["request"].keys()
    assert lines[1]["state"] == "done"


async def test_redeeming_what_is_decided(desk: Desk) -> None:
    found = await desk.call("polymarket_search_markets", query="bitcoin up or down", limit=20)
    slug = next(m["slug"] for m in found["markets"] if "updown" in m["slug"] and m["status"] == "trading")
    await desk.call("polymarket_create_order", market=slug, outcome="Up", action="buy", dollars=3, order_type="FAK")
    await desk.call("polymarket_create_order", market=slug, outcome="Down", action="buy", dollars=3, order_type="FAK")
    assert "nothing to redeem" in await desk.error("polymarket_redeem_positions", market=slug)
    for _ in range(10):
        desk.live(180)
    held = await desk.call("polymarket_get_positions", status="redeemable")
    won = [p for p in held["positions"] if p["price"] == 1]
    assert len(won) == 1
    paid = await desk.call("polymarket_redeem_positions", market=slug)
    assert paid["paid"] == won[0]["shares"]
    assert "nothing to redeem" in await desk.error("polymarket_redeem_positions", market=slug)


# -- live ----------------------------------------------------------------------------------------------------------


async def test_the_seven_live_tools(desk: Desk) -> None:
    slug = (await desk.some_market())["slug"]
    prices = await desk.call("polymarket_subscribe_market_prices", market_ids=[slug], callback_type="notification")
    assert all(None not in pair for pair in prices["prices"].values())
    books = await desk.call("polymarket_subscribe_orderbook_updates", token_ids=[slug])
    orders = await desk.call("polymarket_subscribe_user_orders")
    trades = await desk.call("polymarket_subscribe_user_trades", market_ids=[slug], callback_type="log")
    ends = await desk.call("polymarket_subscribe_market_resolution", market_ids=[slug])
    assert (await desk.book(slug))["source"].endswith("feed")
    ask = (await desk.book(slug))["asks"][0][0]
    await desk.call("polymarket_create_order", market=slug, outcome="Yes", action="buy", size=10, price=ask * 100)
    async with asyncio.timeout(60):
        while True:
            status = await desk.call("polymarket_get_realtime_status")
            seen = {line["what"]: line["seen"] for line in status["subscriptions"]}
            if all(seen[kind] for kind in ("prices", "orderbook", "trades")):
                break
            await asyncio.sleep(0.05)
    assert (status["feed"], status["user_feed"], status["doubtful"]) == ("live", "live", 0)
    assert any("buy 10 “Yes”" in text for line in status["subscriptions"] for text in line.get("latest", ()))
    for made in (prices, books, orders, trades, ends):
        status = await desk.call("polymarket_unsubscribe_realtime", subscription_id=made["subscription_id"])
    assert status["subscriptions"] == []
    assert "no such subscription" in await desk.error("polymarket_unsubscribe_realtime", subscription_id="p1")


async def test_a_resolution_is_told(desk: Desk) -> None:
    found = await desk.call("polymarket_search_markets", query="bitcoin up or down", limit=20)
    slug = next(m["slug"] for m in found["markets"] if "updown" in m["slug"] and m["status"] == "trading")
    await desk.call("polymarket_subscribe_market_resolution", market_ids=[slug])
    for _ in range(10):
        desk.live(180)
    async with asyncio.timeout(60):
        while not (await desk.call("polymarket_get_realtime_status"))["subscriptions"][0]["seen"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    (line,) = (await desk.call("polymarket_get_realtime_status"))["subscriptions"]
    assert line["seen"] == 1
    assert "won" in line["latest"][0]


async def test_resources_are_the_tools_answers(desk: Desk) -> None:
    slug = (await desk.some_market())["slug"]
    read = {}
    for uri in ("polymarket://websocket-status", f"polymarket://markets/{slug}/orderbook", "polymarket://portfolio"):
        (content,) = await desk.client.read_resource(uri)
        read[uri] = json.loads(content.text)  # type: ignore[union-attr]
    assert read["polymarket://websocket-status"]["feed"] == "idle"
    book = await desk.book(slug)
    assert read[f"polymarket://markets/{slug}/orderbook"]["bids"] == book["bids"]
    assert read["polymarket://portfolio"]["cash"] == 10_000


@pytest.mark.parametrize("era", ERAS)
async def test_resources_tell_when_they_changed(era: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prediction_mcp.protocol.push.BEAT_S", 0.05)
    async with at(era, tmp_path) as desk:
        market = await desk.some_market()
        book, wallet = f"polymarket://markets/{market['slug']}/orderbook", "polymarket://portfolio"
        session = desk.client.session

        async def stir(told: asyncio.Event) -> None:
            while not told.is_set():
                desk.live(20)
                await asyncio.sleep(0.05)

        async def trade(told: asyncio.Event) -> None:
            desk.answers.append(ElicitResult(action="accept", content={"confirm": True}))
            await desk.call("polymarket_create_order", market=market["slug"], outcome="yes", action="buy",
                            dollars=5, price=95, order_type="FAK")  # fmt: skip
            while not told.is_set():
                desk.live(2)
                await asyncio.sleep(0.05)

        for uri, cause in ((book, stir), (wallet, trade)):
            told = asyncio.Event()
            if era == "legacy":
                await session.subscribe_resource(uri)
                moving = asyncio.create_task(cause(told))
                while uri not in desk.ear.changed:  # noqa: ASYNC110 - the handler has nobody to wake
                    await asyncio.sleep(0.02)
                told.set()
                await moving
                await session.unsubscribe_resource(uri)
            else:
                async with listen(session, resource_subscriptions=[uri]) as stream:
                    moving = asyncio.create_task(cause(told))
                    async for event in stream:
                        assert str(event.uri) == uri  # type: ignore[union-attr]
                        break
                    told.set()
                    await moving
        assert not (await desk.call("polymarket_get_realtime_status"))["subscriptions"]
