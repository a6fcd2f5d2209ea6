"""What older and foreign clients ask of the front: CLOB lists, the Data API's first version, statuses, roots.

The judges: a recorded CLOB market, a recorded page of trades, and the documentation's statuses of positions.
"""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import httpx
from websockets.asyncio.client import connect

from prediction_mcp.exchange.faults import Rule
from prediction_mcp.exchange.fronts.polymarket import wire
from prediction_mcp.exchange.fronts.polymarket.opening import Second
from prediction_mcp.exchange.fronts.serving import serve, serve_roots
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import Clock
from prediction_mcp.exchange.world.listed import Market
from prediction_mcp.polymarket.wallet import ApiKey, Wallet, WalletKind
from tests.facts import load
from tests.polymarket.test_front import START_MS, Front, Trader, front, said

__all__ = ["front"]


def kinds(body: Any) -> Any:
    """A body's fields with the kinds of their values; numbers are one kind, and null is any."""
    if isinstance(body, dict):
        return {name: kinds(value) for name, value in body.items() if value is not None}
    if isinstance(body, list):
        return [kinds(body[0])] if body else []
    return float if isinstance(body, int | float) and not isinstance(body, bool) else type(body)


async def test_clob_markets_have_the_recorded_shape(front: Front) -> None:
    recorded = load("polymarket/samples/clob_market_closed_accepting_false")
    market = front.market()
    one = (await front.http.get(f"/clob/markets/{wire.condition(market)}")).json()
    assert one.keys() == recorded.keys()
    assert kinds({**recorded, "rewards": None}) == kinds({**one, "rewards": None})
    assert one["rewards"].keys() == recorded["rewards"].keys()
    missing = await front.http.get("/clob/markets/0x12")
    assert said(missing) == (404, "market not found")
    lists = {}
    for path in ("markets", "sampling-markets", "simplified-markets", "sampling-simplified-markets"):
        lists[path] = (await front.http.get(f"/clob/{path}", params={"next_cursor": "MA=="})).json()
        assert (lists[path]["next_cursor"], lists[path]["count"]) == ("LTE=", len(lists[path]["data"]))
    assert one in lists["markets"]["data"]
    assert all(row["accepting_orders"] for row in lists["sampling-markets"]["data"])
    simple = next(row for row in lists["simplified-markets"]["data"] if row["condition_id"] == one["condition_id"])
    assert simple.items() <= one.items()
    assert {row["condition_id"] for row in lists["sampling-simplified-markets"]["data"]} < {
        row["condition_id"] for row in lists["markets"]["data"]
    }
    assert (await front.http.get("/clob/version")).json() == {"version": 2}


async def resolved(front: Front, trader: Trader) -> Market:
    """A market in which the trader holds both outcomes and more of the first; its end is decided."""
    market = front.market()
    split = {"market": wire.condition(market), "amount": "10"}
    assert (await trader.send("POST", "/paper/split", split)).status_code == 200
    market.event.fair.decided = [1.0] * len(market.event.markets)
    for _ in range(6):
        front.pass_time(max((market.close_ms - front.clock()) / 1000 + 60, 60))
        front.pass_time(3 * 3_600)
    assert wire.is_resolved(market)
    return market


async def test_positions_by_the_documented_statuses(front: Front) -> None:
    """OPEN is all that is held, also what is resolved; the others narrow it; a query has one status."""
    trader = await front.trader()
    open_market = next(m for m in front.exchange.catalogue.markets.values() if wire.is_v2(m) and m.status == "active")
    split = {"market": wire.condition(open_market), "amount": "5"}
    assert (await trader.send("POST", "/paper/split", split)).status_code == 200
    ended = await resolved(front, trader)

    async def listed(**query: str) -> list[tuple[str, int, str]]:
        answer = await front.http.get("/data/v2/positions", params={"user": trader.wallet.address, **query})
        rows = answer.json()["data"]
        return sorted((row["slug"], row["outcome_index"], row["status"]) for row in rows)

    alive = [(open_market.ticker, index, "OPEN") for index in (0, 1)]
    won = ended.ticker, 0 if ended.value else 1, "REDEEMABLE"
    lost = ended.ticker, 1 - won[1], "REDEEMABLE"
    assert await listed() == await listed(status="OPEN") == sorted([*alive, won, lost])
    assert await listed(status="REDEEMABLE") == sorted([won, lost])
    assert await listed(status="REDEEMABLE_LOST") == [lost]
    assert await listed(status="MERGEABLE") == alive
    assert (await trader.send("POST", "/paper/redeem", {"market": wire.condition(ended)})).status_code == 200
    assert [row[0] for row in await listed(status="CLOSED")] == [ended.ticker] * 2
    assert lost not in await listed(status="REDEEMABLE_LOST")
    for wrong in ("OPEN,REDEEMABLE", "ALL", "open"):
        query = {"user": trader.wallet.address, "status": wrong}
        assert (await front.http.get("/data/v2/positions", params=query)).status_code == 400


async def test_the_data_apis_first_version_keeps_working(front: Front) -> None:
    recorded = load("polymarket/samples/data_v1_trades_2026")
    trader, market = await front.trader(), front.market()
    bid, ask = front.best(market)
    await trader.place(market, "BUY", str(ask), "10")
    await trader.place(market, "BUY", str(bid - Decimal("0.05")), "10")
    user = {"user": trader.wallet.address}

    async def read(path: str, **query: str) -> Any:
        answer = await front.http.get(f"/data/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    trades = await read("trades", **user)
    assert [kinds(row) for row in trades] == [kinds(recorded[0])] * len(trades)
    assert sum(Decimal(str(row["size"])) for row in trades) == 10
    assert await read("trades", **user, offset="1", limit="1") == trades[1:2]
    assert await read("trades", market=wire.condition(market), limit="1")
    assert {row["type"] for row in await read("activity", **user)} == {"TRADE"}  # deposits came with the second version
    (position,) = await read("positions", **user)
    assert (position["size"], position["asset"], position["conditionId"]) == (
        10, wire.tokens_of(market)[0], wire.condition(market),
    )  # fmt: skip
    assert await read("positions", **user, sizeThreshold="11") == []
    assert await read("closed-positions", **user) == []
    (worth,) = await read("value", **user)
    assert worth == {"user": trader.wallet.address.lower(), "value": position["currentValue"]}
    holders = await read("holders", market=wire.condition(market))
    assert trader.wallet.address.lower() in [h["proxyWallet"] for h in holders[0]["holders"]]
    assert [row["market"] for row in await read("oi", market=wire.condition(market))] == [wire.condition(market)]
    (volume,) = await read("live-volume", id=wire.event_id(market.event))
    assert volume["total"] >= 10
    assert await read("traded", **user) == {"user": trader.wallet.address.lower(), "traded": 1}


async def test_the_stats_count_markets_not_trades(front: Front) -> None:
    trader, market = await front.trader(), front.market()
    for price in front.best(market):
        await trader.place(market, "BUY", str(max(price, front.best(market)[1])), "10")
    stats = (await front.http.get("/data/v2/user-stats", params={"user": trader.wallet.address})).json()["data"]
    assert (stats["trades"], stats["all_time_pnl"]["trade_count"] > 1) == (1, True)


async def test_notifications_scoring_and_rewards_answer(front: Front) -> None:
    trader, market = await front.trader(), front.market()
    bid, _ = front.best(market)
    order_id = (await trader.place(market, "BUY", str(bid), "10")).json()["orderID"]
    assert (await trader.send("DELETE", "/notifications", ids="1,2")).status_code == 200
    assert (await trader.send("GET", "/order-scoring", order_id=order_id)).json() == {"scoring": False}
    assert (await trader.send("POST", "/orders-scoring", [order_id])).json() == {order_id: False}
    for path in ("/rewards/user", "/rewards/user/markets", "/data/pre-migration-orders"):
        assert (await trader.send("GET", path)).json()["data"] == []
    assert (await front.http.get("/clob/rewards/markets/current")).json()["data"] == []


async def test_post_only_mode_refuses_only_orders_that_may_trade(front: Front) -> None:
    trader, market = await front.trader(), front.market()
    bid, ask = front.best(market)
    front.exchange.faults.rules.append(Rule("post_only", times=1))
    resting = await trader.place(market, "BUY", str(bid - Decimal("0.05")), "10", post_only=True)
    assert resting.json()["status"] == "live"
    assert (await trader.send("GET", "/data/orders")).json()["count"] == 1
    batch = b"[" + trader.order(market, "BUY", str(bid - Decimal("0.06")), "10", post_only=True) + b"]"
    assert (await trader.send("POST", "/orders", batch)).json()[0]["status"] == "live"
    refused = await trader.place(market, "BUY", str(ask), "10")
    assert (refused.status_code, refused.json()) == (
        503,
        {
            "error": "post-only mode: only post-only orders and cancels are allowed", "code": "post_only_mode",
            "retry_after_seconds": 1,
        },
    )  # fmt: skip
    cancelled = await trader.send("DELETE", "/order", {"orderID": resting.json()["orderID"]})
    assert cancelled.json()["canceled"] == [resting.json()["orderID"]]
    assert (await trader.place(market, "BUY", str(ask), "10")).json()["status"] == "matched"


async def test_each_service_at_the_root_of_its_own_port() -> None:
    first = Exchange(1, Clock(START_MS, speed=0))
    second = Second(first)
    async with serve(first, with_crowd=False, second=second), serve_roots(second) as roots:
        second.exchange().with_crowd = False
        assert len({*roots.values()}) == 3
        async with httpx.AsyncClient(trust_env=False) as http:
            (market,) = (await http.get(f"{roots['gamma']}/markets", params={"limit": 1})).json()
            token = json.loads(market["clobTokenIds"])[0]
            book = (await http.get(f"{roots['clob']}/book", params={"token_id": token})).json()
            assert (book["asset_id"], book["market"]) == (token, market["conditionId"])
            assert (await http.get(f"{roots['data']}/trades", params={"limit": 1})).status_code == 200
            assert (await http.get(f"{roots['gamma']}/book")).status_code == 404
            wallet = Wallet(f"{1:064x}", WalletKind.OWN)
            made = await http.post(f"{roots['clob']}/auth/api-key", headers=wallet.auth_headers(int(time.time())))
            key = ApiKey(*(made.json()[name] for name in ("apiKey", "secret", "passphrase")))
            signed = key.headers(wallet.signer, int(time.time()), "GET", "/auth/api-keys", b"")
            keys = (await http.get(f"{roots['clob']}/auth/api-keys", headers=signed)).json()
            assert keys == {"apiKeys": [key.key]}
        async with connect(f"{roots['clob'].replace('http', 'ws', 1)}/ws/market", proxy=None) as feed:
            await feed.send(json.dumps({"type": "market", "assets_ids": [token]}))
            assert json.loads(await feed.recv())[0]["asset_id"] == token


async def test_a_user_feed_that_names_no_market_hears_all(front: Front) -> None:
    """An empty list means all markets, as ccxt and Polymarket's own example send it."""
    trader, market = await front.trader(), front.market()
    auth = {"apiKey": trader.key.key, "secret": trader.key.secret, "passphrase": trader.key.passphrase}
    async with connect(f"{front.ws}/user", proxy=None) as user:
        await user.send(json.dumps({"type": "user", "auth": auth, "markets": []}))
        await user.send("PING")
        assert await user.recv() == "PONG"
        bid, _ = front.best(market)
        await trader.place(market, "BUY", str(bid), "10")
        assert json.loads(await user.recv())["market"] == wire.condition(market)


async def test_the_catalogues_health_is_a_bare_text(front: Front) -> None:
    assert (await front.http.get("/gamma/status")).text == "OK"
