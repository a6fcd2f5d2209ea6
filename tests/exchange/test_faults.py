"""Each fault as a client meets it, and our own client under all of them at once."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from prediction_mcp.exchange.faults import Faults, Rule
from prediction_mcp.exchange.fronts.kalshi import api
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.models.orders import NewOrder
from prediction_mcp.kalshi.resources import orders as orders_resource
from prediction_mcp.net import sending
from tests.conftest import MARKET, Served
from tests.exchange.test_ws import Book, feed, rest_book, stir

ORDERS = "/portfolio/events/orders"
CONTROL = {"X-Paper-Control": "1"}


@pytest.fixture
async def http(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=served.url, trust_env=False) as client:
        yield client


def order_body() -> dict[str, Any]:
    return {
        "ticker": MARKET, "side": "bid", "count": "1.00", "price": "0.0100", "client_order_id": str(uuid.uuid4()),
        "time_in_force": "good_till_canceled", "self_trade_prevention_type": "taker_at_cross",
    }  # fmt: skip


async def place(served: Served, http: httpx.AsyncClient, fault: str) -> httpx.Response:
    headers = served.signer.headers("POST", f"/trade-api/v2{ORDERS}") | {"X-Paper-Fault": fault}
    return await http.post(ORDERS, json=order_body(), headers=headers)


# -- one by one ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["429", "500", "503"])
async def test_errors_on_demand_do_nothing(served: Served, http: httpx.AsyncClient, fault: str) -> None:
    assert (await place(served, http, fault)).status_code == int(fault)
    assert not served.orders


@pytest.mark.parametrize(("fault", "placed"), [("cut_before", 0), ("cut_after", 1)])
async def test_a_cut_connection(served: Served, http: httpx.AsyncClient, fault: str, placed: int) -> None:
    with pytest.raises(httpx.TransportError):
        await place(served, http, fault)
    assert len(served.orders) == placed


async def test_an_answer_can_come_twice(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(served.url).port)
    writer.write(b"GET /trade-api/v2/exchange/status HTTP/1.1\r\nHost: x\r\nX-Paper-Fault: twice\r\n\r\n")
    seen = b""
    while seen.count(b'"exchange_index_statuses"') < 2:
        chunk = await reader.read(4096)
        assert chunk, seen
        seen += chunk
    writer.close()
    await writer.wait_closed()
    assert seen.count(b"HTTP/1.1 200") == 2


async def test_latency_adds_up_and_is_waited_out(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[int] = []

    async def wait(milliseconds: int) -> None:
        waited.append(milliseconds)

    monkeypatch.setattr(api, "wait", wait)
    headers = {"X-Paper-Fault": "latency:120,latency"}
    assert (await http.get("/exchange/status", headers=headers)).status_code == 200
    assert waited == [320]


async def test_an_unknown_fault_is_said_to_be_one(http: httpx.AsyncClient) -> None:
    answer = await http.get("/exchange/status", headers={"X-Paper-Fault": "locusts"})
    assert (answer.status_code, "no fault 'locusts'" in answer.text) == (400, True)


# -- rules ---------------------------------------------------------------------------------------------------------


def test_rules_are_read_from_text() -> None:
    assert Rule.parse("cut_after@0.1/POST /portfolio") == Rule("cut_after", 0.1, "POST", "/portfolio")
    assert Rule.parse("latency:500") == Rule("latency", milliseconds=500)
    for bad in ("locusts", "429@2", "429@x", "latency:-1"):
        with pytest.raises(ValueError, match="can't be used"):
            Rule.parse(bad)


def test_rules_strike_their_share_and_can_be_repeated() -> None:
    runs = []
    for _ in range(2):
        faults = Faults(seed=3, rules=[Rule("429", 0.2, "GET", "/markets"), Rule("503", times=2)])
        runs.append([[r.kind for r in faults.for_request("GET", "/markets/X", None)] for _ in range(2_000)])
        assert faults.struck["503"] == 2
        assert 330 < faults.struck["429"] < 470
        assert not faults.for_request("POST", "/markets/X", None)
    assert runs[0] == runs[1]


async def test_the_control_endpoint(served: Served, http: httpx.AsyncClient) -> None:
    url = str(httpx.URL(served.url).copy_with(path="/paper/faults"))
    rules = [{"kind": "503", "path": "/exchange", "times": 1}]
    assert (await http.put(url, json={"rules": rules})).status_code == 403
    assert (await http.put(url, json={"rules": [{"kind": "locusts"}]}, headers=CONTROL)).status_code == 400
    assert (await http.put(url, json={"rulez": []}, headers=CONTROL)).status_code == 400
    assert (await http.put(url, json={"rules": rules}, headers=CONTROL)).json()["rules"][0]["times"] == 1
    assert [(await http.get("/exchange/status")).status_code for _ in range(2)] == [503, 200]
    assert (await http.get(url)).json()["struck"] == {"503": 1}
    await http.put(url, json={"maintenance": True}, headers=CONTROL)
    state = (await http.get("/exchange/status")).json()
    assert (state["exchange_active"], state["trading_active"]) == (False, False)
    assert (await http.get("/markets")).status_code == 503
    await http.put(url, json={"paused": True, "maintenance": False}, headers=CONTROL)
    assert served.exchange.paused
    left = (await http.request("DELETE", url, headers=CONTROL)).json()
    assert (left["rules"], left["paused"], left["maintenance"]) == ([], False, False)


# -- the feed ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        ("feed_skip", [3, 4]),
        ("feed_twice", [2, 2, 3, 4]),
        ("feed_unknown", [None, 2, 3, 4]),
        ("feed_drop", [2]),
    ],
)
async def test_feed_faults(served: Served, kind: str, numbers: list[int | None]) -> None:
    engine, clock = served.exchange.engine, served.exchange.clock
    async with feed(served) as reader:
        await reader.ask("subscribe", channels=["orderbook_delta"], market_ticker=MARKET)
        await reader.next()
        served.exchange.faults.rules.append(Rule(kind, times=1))
        for _ in range(3):
            engine.submit(served.member, MARKET, 1, 100, 100, clock())
        seen = [(await reader.raw()).get("seq") for _ in numbers]
        assert seen == numbers
        if kind == "feed_drop":
            with pytest.raises(ConnectionClosed):
                await reader.raw()


async def test_a_subscription_that_fails_is_subscribed_again(served: Served) -> None:
    """Error 10 ends the subscription and nothing else; the next one has another sid and a snapshot."""
    engine, clock = served.exchange.engine, served.exchange.clock
    async with feed(served) as reader:
        subscribe = {"channels": ["orderbook_delta"], "market_ticker": MARKET}
        await reader.ask("subscribe", **subscribe)
        await reader.next()
        await reader.ask("subscribe", channels=["trade"])
        served.exchange.faults.rules.append(Rule("feed_error", times=1))
        engine.submit(served.member, MARKET, 1, 100, 100, clock())
        failed = await reader.raw()
        assert (failed["type"], failed["sid"], failed["msg"]["code"]) == ("error", 1, 10)
        assert [s["channel"] for s in (await reader.ask("list_subscriptions"))["msg"]] == ["trade"]
        assert (await reader.ask("subscribe", **subscribe))["msg"]["sid"] == 3
        assert (await reader.next())["type"] == "orderbook_snapshot"


async def test_a_command_that_times_out_did_nothing(served: Served) -> None:
    served.exchange.faults.rules.append(Rule("feed_timeout", times=1))
    async with feed(served) as reader:
        assert await reader.error("subscribe", channels=["trade"]) == 18
        assert (await reader.ask("list_subscriptions"))["msg"] == []


async def test_a_key_that_may_not_read_hears_nothing_of_its_member(served: Served) -> None:
    key_id, pem = served.exchange.issue_key(served.member, scopes=frozenset({"write"}))
    async with feed(Served(served.exchange, served.url, served.member, key_id, pem)) as reader:
        assert await reader.error("subscribe", channels=["fill"]) == 9
        assert (await reader.ask("subscribe", channels=["trade"]))["type"] == "subscribed"


async def test_a_book_recovers_from_gaps_with_a_snapshot(served: Served) -> None:
    """A client that sees a gap, distrusts its book and asks for a snapshot is right again."""
    rng, book, last, gaps = random.Random(4), Book(use_yes_price=True), 0, 0
    async with feed(served) as reader:
        await reader.ask("subscribe", channels=["orderbook_delta"], market_ticker=MARKET, use_yes_price=True)
        book.apply(first := await reader.next())
        last = first["seq"]
        served.exchange.faults.rules.append(Rule("feed_skip", 0.05))
        for _ in range(12):
            stir(served, MARKET, rng, 20)
            stale = False
            for message in await reader.raw_until(await reader.send("list_subscriptions")):
                stale = stale or message["seq"] != last + 1
                last = message["seq"]
                if not stale:
                    book.apply(message)
            while stale or book.as_rest() != await rest_book(served, MARKET):  # a lost last message shows no gap yet
                gaps += 1
                await reader.send("update_subscription", sid=1, action="get_snapshot", market_ticker=MARKET)
                got = await reader.raw_until(await reader.send("list_subscriptions"))
                snapshots = [m for m in got if m["type"] == "orderbook_snapshot"]
                if snapshots:  # it can be lost too
                    book.apply(snapshots[-1])
                    last, stale = snapshots[-1]["seq"], False
            assert book.as_rest() == await rest_book(served, MARKET)
    assert gaps > 2


# -- our client under all of it ------------------------------------------------------------------------------------


async def test_no_order_is_doubled_or_lost_in_the_storm(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """300 orders while a fifth of the connections is cut, half of them after the order was accepted."""
    monkeypatch.setattr(sending, "wait_random_exponential", lambda **_: lambda _: 0.001)
    monkeypatch.setattr(orders_resource, "ASK_AGAIN_AFTER", (0.0, 0.001))
    served.exchange.faults.rules[:] = [
        Rule("cut_before", 0.1), Rule("cut_after", 0.1), Rule("429", 0.05), Rule("503", 0.05), Rule("500", 0.02),
    ]  # fmt: skip
    sent = [NewOrder(**order_body()) for _ in range(300)]
    async with KalshiClient(served.url, served.signer, max_tries=12) as client:
        await client.learn_limits()
        gate = asyncio.Semaphore(4)

        async def one(order: NewOrder) -> str:
            async with gate:
                return (await client.orders.create(order)).order_id

        ids = await asyncio.gather(*(one(order) for order in sent))
    struck = served.exchange.faults.struck
    assert min(struck[kind] for kind in ("cut_before", "cut_after", "429", "503")) > 5
    placed = Counter(o.client_order_id for o in served.orders.values())
    assert placed == Counter(o.client_order_id for o in sent)
    by_id = {o.order_id: o.client_order_id for o in served.orders.values()}
    assert [by_id[i] for i in ids] == [o.client_order_id for o in sent]
