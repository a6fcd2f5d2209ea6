"""The real-time tools and what is pushed: real sessions in both eras, a real feed behind them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from fastmcp import Client
from fastmcp.client.messages import MessageHandler
from mcp.client.subscriptions import listen
from mcp_types import TextResourceContents

from prediction_mcp.desk.kalshi.realtime import polling
from prediction_mcp.exchange.engine.matching import BID
from prediction_mcp.exchange.faults import Rule
from prediction_mcp.kalshi.transport import Transport
from prediction_mcp.protocol import push as push_module
from prediction_mcp.realtime import event_log
from prediction_mcp.realtime.conditions import Alarm, Condition
from prediction_mcp.realtime.events import Quote
from prediction_mcp.realtime.watcher import Watch, Watcher
from prediction_mcp.server import create_server
from prediction_mcp.settings import load_settings
from tests.conftest import MARKET, Served
from tests.production.feed_gate import gated
from tests.tools.conftest import ERAS, Assistant, settings_for

OTHER = MARKET[:-3] + "BAL"
BOOK = f"kalshi://markets/{MARKET}/orderbook"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prediction_mcp.net.websocket.FIRST_DELAY_S", 0.02)
    monkeypatch.setattr(push_module, "BEAT_S", 0.05)


@dataclass
class Ear(MessageHandler):
    """What reaches the client by itself."""

    logs: list[Any] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    async def log(self, message: Any) -> None:
        self.logs.append(message.data)

    async def on_resource_updated(self, message: Any) -> None:
        self.changed.append(str(message.params.uri))


@dataclass
class Listener(Assistant):
    ear: Ear = field(default_factory=Ear)
    era: str = ""

    def __init__(self, client: Client[Any], ear: Ear, era: str) -> None:
        super().__init__(client)
        self.ear, self.era = ear, era


@pytest.fixture(params=ERAS)
async def listener(request: pytest.FixtureRequest, served: Served, tmp_path: Path) -> AsyncIterator[Listener]:
    ear = Ear()
    server = create_server(settings_for(served, tmp_path))
    async with Client(server, mode=request.param, log_handler=ear.log, message_handler=ear) as client:
        yield Listener(client, ear, request.param)


def trade(served: Served, count: int = 100, price: int = 1_400) -> None:
    """The member takes contracts."""
    served.exchange.engine.submit(served.member, MARKET, BID, price, count, served.exchange.clock())


async def until(said: Any, patience_s: float = 60.0) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_s
    while not said():
        assert loop.time() < deadline
        await asyncio.sleep(0.02)


# -- tools -------------------------------------------------------------------------------------------------------


async def test_a_live_book_is_the_book(listener: Listener, served: Served) -> None:
    made = await listener.call("kalshi_subscribe_orderbook", ticker=MARKET.lower())
    assert (made["tickers"], made["how"]) == ([MARKET], "live feed")
    before = await listener.call("kalshi_get_latest_update", channel="orderbook", ticker=MARKET)
    rest = (await listener.call("kalshi_get_orderbook", ticker=MARKET))["books"][0]
    assert [before["book"][k] for k in ("bids", "asks", "spread", "mid")] == [
        rest[k] for k in ("bids", "asks", "spread", "mid")
    ]
    waiting = asyncio.create_task(
        listener.call("kalshi_get_latest_update", channel="orderbook", ticker=MARKET, wait_seconds=5)
    )
    await asyncio.sleep(0.1)
    trade(served)
    after = await waiting
    assert after["update"] == {"side": "no", "price": 0.14, "change": -1.0}
    assert after["book"]["asks"][0] == [0.14, before["book"]["asks"][0][1] - 1]
    assert after["book"]["seq"] == before["book"]["seq"] + 1


async def test_a_watched_book_is_read_from_memory(
    listener: Listener, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tool, best price and resource ask REST for nothing while the live book is right, and do again when it isn't."""
    read = (await listener.call("kalshi_get_orderbook", ticker=MARKET))["books"][0]
    price = await listener.call("kalshi_get_best_price", ticker=MARKET)
    assert "source" not in read
    await listener.call("kalshi_subscribe_orderbook", ticker=MARKET)
    await listener.call("kalshi_get_latest_update", channel="orderbook", ticker=MARKET)
    asked, real = list[str](), Transport.send

    async def counted(self: Transport, method: str, path: str, *args: Any, **kwargs: Any) -> bytes:
        asked.append(path)
        return await real(self, method, path, *args, **kwargs)

    monkeypatch.setattr(Transport, "send", counted)
    watched = (await listener.call("kalshi_get_orderbook", ticker=MARKET))["books"][0]
    assert watched == read | {"source": "feed"}
    again = await listener.call("kalshi_get_best_price", ticker=MARKET.lower())
    assert again["source"] == "paper feed"
    assert {k: v for k, v in again.items() if k not in ("as_of", "source")} == {
        k: v for k, v in price.items() if k not in ("as_of", "source")
    }
    (block,) = await listener.client.read_resource(BOOK)
    assert isinstance(block, TextResourceContents)
    assert json.loads(block.text)["books"][0]["bids"][:5] == read["bids"]
    assert asked == []
    both = await listener.call("kalshi_get_orderbook", tickers=[MARKET, OTHER])
    assert [book.get("source") for book in both["books"]] == ["feed", None]
    assert len(asked) == 1
    await listener.call("kalshi_unsubscribe", ticker=MARKET)
    assert "source" not in (await listener.call("kalshi_get_orderbook", ticker=MARKET))["books"][0]


async def test_listening_twice_and_leaving_once_leaves_nothing(served: Served, tmp_path: Path) -> None:
    """Also where the listener vanishes, and where it is one listener of two."""
    server = create_server(settings_for(served, tmp_path))

    def watches() -> int:
        assert server.session is not None
        return len(server.session.account.feeds.watcher.watches)

    async with server._lifespan_manager(), Client(server, mode="legacy") as stays:
        async with Client(server, mode="legacy") as client:
            for _ in range(3):
                await client.session.subscribe_resource(BOOK)
            assert watches() == 1
            await client.session.unsubscribe_resource(BOOK)
            assert watches() == 0
            await client.session.unsubscribe_resource(BOOK)
            await client.session.subscribe_resource(BOOK)
            await stays.session.subscribe_resource(BOOK)
            assert watches() == 2
        await until(lambda: watches() == 1)  # the first one is gone without a word
        await stays.session.unsubscribe_resource(BOOK)
        assert watches() == 0


async def test_each_channel_and_its_latest(listener: Listener, served: Served) -> None:
    for name in ("trades", "ticker", "fills", "orders"):
        await listener.call(f"kalshi_subscribe_{name}", **({"tickers": [MARKET]} if name == "ticker" else {}))
    waiting = [
        asyncio.create_task(listener.call("kalshi_get_latest_update", channel=name, ticker=MARKET, wait_seconds=5))
        for name in ("trades", "fills", "orders")
    ]
    await asyncio.sleep(0.1)
    trade(served, 250)
    trades, fills, orders = await asyncio.gather(*waiting)
    assert trades["update"] == {"price": 0.14, "count": 2.5, "taker": "yes"}
    assert (fills["update"]["count"], fills["update"]["fill"]) == (2.5, "buy yes at 14¢ (= sell no at 86¢)")
    assert fills["update"]["order_id"] == orders["update"]["order_id"]
    await until(lambda: served.exchange.hub is not None)
    served.exchange.advance(with_crowd=False)
    newest = await listener.call("kalshi_get_latest_update", channel="ticker")
    assert newest["ticker"] == MARKET
    assert newest["update"]["last"] > 0
    silent = await listener.call("kalshi_get_latest_update", channel="fills", wait_seconds=0.05)
    assert silent["update"] == fills["update"]  # the newest known, with its age
    assert silent["age_seconds"] > 0
    assert silent["note"] == "Nothing new came in 0.05 s: this is the newest."


async def test_a_feed_that_is_away_gives_the_reason_and_its_next_try(served: Served, tmp_path: Path) -> None:
    """Whatever refuses it but the key, it goes on trying, and is live again by itself."""
    async with gated(urlsplit(served.url).port or 0) as gate:
        url = served.url.replace(str(gate.backend), str(gate.port))
        async with Client(create_server(settings_for(served, tmp_path, base_url=url))) as client:
            assistant = Assistant(client)
            await assistant.call("kalshi_subscribe_orderbook", ticker=MARKET)
            gate.trouble = 403
            gate.cut()
            listed: dict[str, Any] = {}
            while "status 403" not in listed.get("problem", ""):
                listed = await assistant.call("kalshi_get_subscriptions")
            assert (listed["connection"], listed["books_waiting"]) == ("reconnecting", [MARKET])
            assert listed["problem"].endswith("trying now") or " s" in listed["problem"].partition("next try in ")[2]
            gate.trouble = None
            while listed.get("problem") or listed["connection"] != "live" or listed.get("books_waiting"):
                listed = await assistant.call("kalshi_get_subscriptions")


async def test_the_list_and_the_end_of_subscriptions(listener: Listener, served: Served) -> None:
    first = await listener.call("kalshi_subscribe_orderbook", tickers=[MARKET, OTHER])
    await listener.call("kalshi_subscribe_trades", tickers=[MARKET])
    listed = await listener.call("kalshi_get_subscriptions")
    assert (listed["connection"], listed["count"]) == ("live", 2)
    assert listed["counters"]["connections"] == 1
    left = await listener.call("kalshi_unsubscribe", subscription_id=first["subscription_id"])
    assert [line["channel"] for line in left["subscriptions"]] == ["trades"]
    assert "isn't watched" in await listener.error("kalshi_get_latest_update", channel="orderbook", ticker=MARKET)
    assert (await listener.call("kalshi_unsubscribe", channel="trades", ticker=MARKET))["count"] == 0
    assert "no such subscription" in await listener.error("kalshi_unsubscribe", subscription_id="s9")
    assert "Give subscription_id" in await listener.error("kalshi_unsubscribe")
    assert f"perhaps {MARKET}" in await listener.error("kalshi_subscribe_orderbook", ticker=MARKET[:-1] + "Y")
    assert "Give either" in await listener.error("kalshi_subscribe_orderbook")
    assert "between 0 and 100" in await listener.error("kalshi_subscribe_ticker", above=150)
    hub = served.exchange.hub
    assert hub is not None
    assert not hub.audience("orderbook_delta", MARKET)


async def test_events_are_bounded_and_the_dropped_are_counted(
    listener: Listener, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "KEPT", 5)
    await listener.call("kalshi_subscribe_trades", tickers=[MARKET])
    for _ in range(12):
        trade(served)
    await asyncio.sleep(0.2)
    (line,) = (await listener.call("kalshi_get_subscriptions"))["subscriptions"]
    assert (line["updates"], line["dropped"]) == (12, 7)
    newest = await listener.call("kalshi_get_latest_update", channel="trades", ticker=MARKET, history=1000)
    assert len(newest["history"]) == 5, "what is kept can be read"
    assert newest["history"][-1]["update"] == newest["update"]
    three = await listener.call("kalshi_get_latest_update", channel="trades", history=3)
    assert three["history"] == newest["history"][-3:]
    assert "history" not in await listener.call("kalshi_get_latest_update", channel="trades")


async def test_no_fill_is_missed_over_a_lost_connection(listener: Listener, served: Served) -> None:
    await listener.call("kalshi_subscribe_fills")
    trade(served)
    served.exchange.faults.rules.append(Rule("feed_drop", times=1))
    for _ in range(3):
        trade(served)  # the feed is cut with the first of them

    async def seen() -> int:
        (line,) = (await listener.call("kalshi_get_subscriptions"))["subscriptions"]
        return int(line["updates"])

    for _ in range(200):
        if await seen() == 4:
            break
        await asyncio.sleep(0.02)
    trade(served)
    for _ in range(200):
        if await seen() == 5:
            break
        await asyncio.sleep(0.02)
    assert await seen() == len(served.fills) == 5


# -- push --------------------------------------------------------------------------------------------------------


async def test_resources_that_changed_are_told(listener: Listener, served: Served) -> None:
    """Both eras; listening to a resource begins to watch what it shows."""

    async def told() -> list[str]:
        trade(served)
        await listener.call("kalshi_subscribe_trades", tickers=[MARKET])
        await asyncio.sleep(0.2)
        return listener.ear.changed

    assert listener.client.server_capabilities is not None
    assert listener.client.server_capabilities.resources is not None
    assert listener.client.server_capabilities.resources.subscribe is True
    uris = [BOOK, "kalshi://portfolio", "kalshi://feeds/status"]
    if listener.era == "legacy":
        for uri in uris:
            await listener.client.session.subscribe_resource(uri)
        assert set(await told()) == set(uris)
        for uri in uris:
            await listener.client.session.unsubscribe_resource(uri)
    else:
        seen = list[str]()

        async def read(stream: Any) -> None:
            async for event in stream:
                seen.append(str(event.uri))

        async with listen(listener.client.session, resource_subscriptions=uris) as stream:
            reading = asyncio.create_task(read(stream))
            await told()
            assert set(seen) == set(uris)
            reading.cancel()
    listener.ear.changed.clear()
    await until(lambda: served.exchange.hub is not None and not served.exchange.hub.audience("orderbook_delta", MARKET))
    await told()
    assert listener.ear.changed == []


async def test_log_notifications_are_gathered(listener: Listener, served: Served) -> None:
    await listener.call("kalshi_subscribe_orderbook", ticker=MARKET, notify="all")
    await listener.call("kalshi_subscribe_trades", tickers=[MARKET])  # off
    for _ in range(200):
        trade(served, 1)
    await asyncio.sleep(0.4)
    if listener.era == "auto":
        assert listener.ear.logs == []  # 2026-07-28 has none outside of an answer
        return
    assert {log["channel"] for log in listener.ear.logs} == {"orderbook"}
    assert len(listener.ear.logs) <= 10
    assert sum(log["updates"] for log in listener.ear.logs) >= 200


async def test_the_answer_says_what_this_client_gets(listener: Listener) -> None:
    quiet = await listener.call("kalshi_subscribe_trades", tickers=[MARKET])
    assert quiet["delivery"] == "Nothing is sent unasked: call kalshi_get_latest_update."
    loud = await listener.call("kalshi_subscribe_ticker", tickers=[MARKET], notify="all")
    alarm = await listener.call("kalshi_subscribe_ticker", tickers=[MARKET], above=90)
    if listener.era == "legacy":
        assert loud["delivery"].startswith("Log messages (level info), 3 a second at most")
        assert alarm["delivery"].startswith("Log messages (level notice), 3 a second at most")
    else:
        none = "This client's protocol version has no log messages: listen to kalshi://feeds/status, or call "
        assert loud["delivery"] == alarm["delivery"] == f"{none}kalshi_get_latest_update."


def test_changes_are_updates_with_other_prices_and_all_is_each_update() -> None:
    told: list[tuple[str, str]] = []
    watcher = Watcher(
        lambda *_: cast("Any", None), lambda watch, ticker, _: told.append((watch.notify, ticker)), lambda *_: None
    )
    for notify in ("off", "changes", "all"):
        watcher._enter(Watch(notify, "ticker", ("A", "B"), notify, Condition()))
    first, same = Quote(bid=Decimal("0.4"), volume=Decimal(1)), Quote(bid=Decimal("0.4"), volume=Decimal(2))
    for ticker, quote in (("A", first), ("B", first), ("A", same), ("B", same), ("A", Quote(bid=Decimal("0.5")))):
        watcher._heard("ticker", ticker, quote)
    assert [ticker for notify, ticker in told if notify == "all"] == ["A", "B", "A", "B", "A"]
    assert [ticker for notify, ticker in told if notify == "changes"] == ["A", "B", "A"]
    assert not any(notify == "off" for notify, _ in told)


async def test_an_alert_speaks_once_when_it_becomes_true(listener: Listener, served: Served) -> None:
    await listener.call("kalshi_subscribe_ticker", tickers=[MARKET], above=14)
    served.exchange.engine.submit(
        served.exchange.crowd.takers[0], MARKET, BID, 1_600, 1_000_000, served.exchange.clock()
    )
    served.exchange.advance(with_crowd=False)

    async def alerts() -> list[Any]:
        return list((await listener.call("kalshi_get_subscriptions")).get("alerts", []))

    for _ in range(200):
        if await alerts():
            break
        await asyncio.sleep(0.02)
    trade(served, 100, 1_700)
    served.exchange.advance(with_crowd=False)
    await asyncio.sleep(0.3)
    (alert,) = await alerts()
    assert alert["ticker"] == MARKET
    assert "is above 14¢" in alert["said"]
    if listener.era == "legacy":
        assert [log["said"] for log in listener.ear.logs] == [alert["said"]]


# -- without a key -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("era", ERAS)
async def test_without_a_key_public_data_is_read_again_and_again(
    era: str, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "POLL_S", 0.05)
    settings = load_settings(env="demo", base_url=served.url)
    async with Client(create_server(settings), mode=era) as client:
        one = Assistant(client)
        made = await one.call("kalshi_subscribe_orderbook", ticker=MARKET)
        assert "API key" in made["how"]
        for name in ("trades", "ticker"):
            await one.call(f"kalshi_subscribe_{name}", tickers=[MARKET])
        waiting = [
            asyncio.create_task(one.call("kalshi_get_latest_update", channel=name, ticker=MARKET, wait_seconds=5))
            for name in ("orderbook", "trades")
        ]
        await asyncio.sleep(0.1)
        trade(served)
        book, trades = await asyncio.gather(*waiting)
        assert book["book"]["asks"][0][0] == 0.14
        assert trades["update"]["count"] == 1
        assert (await one.call("kalshi_get_subscriptions"))["connection"] == "polling"
        assert "take an API key" in await one.error("kalshi_subscribe_fills")
        assert "name some in tickers" in await one.error("kalshi_subscribe_trades")


# -- by hand -----------------------------------------------------------------------------------------------------


def quote(bid: str, ask: str, last: str | None = None) -> Quote:
    return Quote(None if last is None else Decimal(last), Decimal(bid), Decimal(ask))


def test_conditions_by_hand() -> None:
    alarm = Alarm(Condition(above=Decimal("0.50"), spread_below=Decimal("0.02")))
    assert alarm.check(quote("0.48", "0.50")) is None
    assert alarm.check(quote("0.50", "0.52")) == "51¢ is above 50¢"
    assert alarm.check(quote("0.51", "0.53")) is None  # still true: said once
    assert alarm.check(quote("0.51", "0.52")) == "spread 1¢ is below 2¢"
    assert alarm.check(quote("0.40", "0.45")) is None
    assert alarm.check(quote("0.55", "0.59")) == "57¢ is above 50¢"
    moved = Alarm(Condition(moved=Decimal("0.05")))
    assert [moved.check(quote(b, b)) for b in ("0.40", "0.44", "0.45", "0.49", "0.40")] == [
        None, None, "moved from 40¢ to 45¢", None, "moved from 45¢ to 40¢",
    ]  # fmt: skip
    below = Alarm(Condition(below=Decimal("0.10")))
    assert below.check(Quote()) is None
    assert below.check(Quote(last=Decimal("0.09"))) == "9¢ is below 10¢"


# -- the raw feed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("era", ERAS)
async def test_the_raw_feed_shows_frames_as_they_came(era: str, served: Served, tmp_path: Path) -> None:
    settings = settings_for(served, tmp_path, toolsets="advanced")
    async with Client(create_server(settings), mode=era) as client:
        one = Assistant(client)
        assert len(await client.list_tools()) == 80
        assert "connect first" in await one.error("kalshi_websocket_subscribe", channels=["trade"])
        assert (await one.call("kalshi_websocket_connect"))["connected"] is True
        assert "connected already" in await one.error("kalshi_websocket_connect")
        first = await one.call("kalshi_websocket_subscribe", channels=["orderbook_delta"], tickers=[MARKET], most=2)
        assert [frame["type"] for frame in first["frames"]] == ["subscribed", "orderbook_snapshot"]
        assert first["subscriptions"] == ["orderbook_delta (sid 1)"]
        trade(served)
        (delta,) = (await one.call("kalshi_websocket_subscribe", most=1))["frames"]
        assert (delta["type"], delta["seq"], delta["msg"]["delta_fp"]) == ("orderbook_delta", 2, "-1.00")
        wrong = await one.call("kalshi_websocket_subscribe", channels=["nonsense"], most=1)
        assert wrong["frames"][0]["msg"]["code"] == 8
        gone = await one.call("kalshi_websocket_unsubscribe", sids=[1])
        assert gone["subscriptions"] == []
        assert (await one.call("kalshi_websocket_disconnect"))["connected"] is False
        assert (await one.call("kalshi_websocket_connect"))["connected"] is True


async def test_the_raw_feed_takes_a_key(served: Served) -> None:
    settings = load_settings(env="demo", base_url=served.url, toolsets="advanced")
    async with Client(create_server(settings)) as client:
        assert "takes an API key" in await Assistant(client).error("kalshi_websocket_connect")
