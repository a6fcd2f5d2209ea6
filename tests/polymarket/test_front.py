"""The second front by itself: answers and frames against the ground truth, refusals word for word, its rules."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from prediction_mcp.exchange.disk.store import Store
from prediction_mcp.exchange.engine import tokens as engine_tokens
from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.faults import Rule
from prediction_mcp.exchange.fronts.polymarket import signing, wire
from prediction_mcp.exchange.fronts.polymarket.opening import Second
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.second import PolymarketExchange, tokens_of
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import Clock
from prediction_mcp.exchange.world.fair import SharedFair
from prediction_mcp.exchange.world.listed import Market
from prediction_mcp.kalshi.units import MICROS
from prediction_mcp.polymarket.orders import Terms, amounts, market_amounts, sign
from prediction_mcp.polymarket.wallet import ApiKey, Wallet, WalletKind
from tests.facts import load
from tests.polymarket.shapes import Shapes

START_MS = 1_795_500_000_000


@dataclass
class Trader:
    """A wallet that speaks HTTP by hand."""

    http: httpx.AsyncClient
    wallet: Wallet
    key: ApiKey = field(init=False)

    async def enter(self) -> None:
        answer = await self.http.post("/clob/auth/api-key", headers=self.wallet.auth_headers(int(time.time())))
        made = answer.json()
        self.key = ApiKey(made["apiKey"], made["secret"], made["passphrase"])

    async def send(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = self.key.headers(self.wallet.signer, int(time.time()), method, path, content)
        return await self.http.request(method, f"/clob{path}", content=content, headers=headers, params=query)

    def order(
        self, market: Market, side: str, price: str, size: str, order_type: str = "GTC", first: bool = True, **more: Any
    ) -> bytes:
        terms = Terms(Decimal(market.structure), market.event.exclusive)
        reckon = market_amounts if order_type in ("FAK", "FOK") else amounts
        made = reckon(terms, side, Decimal(price), Decimal(size))  # type: ignore[arg-type]
        return sign(
            self.wallet, more.pop("owner", self.key.key), terms, tokens_of(market)[0 if first else 1],
            side, more.pop("amounts", made), salt=more.pop("salt", secrets.randbits(50)),  # type: ignore[arg-type]
            timestamp_ms=START_MS, order_type=order_type, **more,  # type: ignore[arg-type]
        ).body  # fmt: skip

    async def place(self, *args: Any, **more: Any) -> httpx.Response:
        return await self.send("POST", "/order", self.order(*args, **more))


@dataclass
class Front:
    exchange: PolymarketExchange
    first: Exchange
    clock: Clock
    http: httpx.AsyncClient
    ws: str

    async def trader(self, number: int = 1, kind: WalletKind = WalletKind.OWN, address: str | None = None) -> Trader:
        made = Trader(self.http, Wallet(f"{number:064x}", kind, address))
        await made.enter()
        return made

    def market(self, *, exclusive: bool = False, held: bool = False, low: int = 2_500, high: int = 7_500) -> Market:
        for market in self.exchange.catalogue.markets.values():
            question = wire.question_of(market)
            waits = bool(question.seconds_delay or question.delays_takers)
            book = self.exchange.engine.markets[market.ticker].book
            ask, fine = book.asks.best, market.structure == "0.01" and market.status == "active"
            if fine and ask and low < ask < high and waits == held and market.event.exclusive == exclusive:
                return market
        raise AssertionError("no such market")

    def best(self, market: Market) -> tuple[Decimal, Decimal]:
        book = self.exchange.engine.markets[market.ticker].book
        assert book.bids.best is not None
        assert book.asks.best is not None
        return Decimal(book.bids.best).scaleb(-4), Decimal(book.asks.best).scaleb(-4)

    def pass_time(self, seconds: float, *, crowd: bool = False) -> None:
        self.clock.step(round(seconds * 1000))
        self.first.advance(with_crowd=crowd)
        self.exchange.advance(with_crowd=crowd)


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    clock = Clock(START_MS, speed=0)
    first = Exchange(1, clock)
    second = Second(first)
    exchange = second.exchange()
    async with serve(first, with_crowd=False, second=second) as url:
        exchange.with_crowd = False
        base = f"{url.partition('/trade-api')[0]}/polymarket"
        async with httpx.AsyncClient(base_url=base, trust_env=False) as http:
            yield Front(exchange, first, clock, http, f"{base.replace('http', 'ws', 1)}/ws")
    audit(exchange.engine)


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


# -- the ground truth ----------------------------------------------------------------------------------------------


async def test_every_answer_has_the_shape_of_the_truth(front: Front) -> None:
    """Each endpoint of rest.json that this front has answers what the file says; the rest is named."""
    shapes, trader = Shapes("rest"), await front.trader()
    market = front.market()
    condition, (token, _), event = wire.condition(market), tokens_of(market), wire.event_id(market.event)
    bid, ask = front.best(market)
    resting = (await trader.place(market, "BUY", str(bid - Decimal("0.05")), "10")).json()["orderID"]
    await trader.place(market, "BUY", str(ask), "10")
    user = {"user": trader.wallet.address}
    queries: dict[str, dict[str, Any]] = {
        "/book": {"token_id": token}, "/last-trade-price": {"token_id": token}, "/data/orders": {}, "/data/trades": {},
        "/balance-allowance": {"asset_type": "COLLATERAL"}, "/v2/positions": user, "/v2/value": user,
        "/v2/trades": user, "/v2/activity": user, "/v2/holders": {"condition_id": condition},
        "/v2/oi": {"condition_id": condition},
        "/v2/live-volume": {"event_id": event}, "/v2/prices-history": {"token_id": token, "interval": "1w"},
        "/v2/resolutions": {"condition_id": condition}, "/v2/user-pnl": user, "/v2/user-stats": user,
        "/v2/user-volume": user, "/v2/tokens": {"token_id": token}, "/public-search": {"q": "fed"}, "/tags": {},
        "/series": {}, "/sports": {}, "/sports/market-types": {}, "/teams": {}, "/markets/keyset": {},
        "/events/keyset": {}, f"/data/order/{resting}": {}, f"/markets/{wire.market_id(market)}": {},
        f"/events/{event}": {}, f"/events/slug/{market.event.ticker}": {}, f"/markets/slug/{market.ticker}": {},
        f"/markets/{wire.market_id(market)}/tags": {}, f"/events/{event}/tags": {}, "/midpoint": {"token_id": token},
        "/spread": {"token_id": token}, "/price": {"token_id": token, "side": "BUY"}, "/auth/api-keys": {},
    }  # fmt: skip
    checked = set()
    for endpoint in shapes.file["endpoints"]:
        if endpoint["method"] != "GET" or endpoint["service"] not in ("gamma", "clob", "data"):
            continue
        path = _like(endpoint["path"], queries)
        if path is None:
            continue
        if endpoint["service"] == "clob" and endpoint["auth"] == "L2":
            answer = await trader.send("GET", path, **queries[path])
        else:
            answer = await front.http.get(f"/{endpoint['service']}{path}", params=queries[path])
        assert answer.status_code == 200, (path, answer.text)
        _check(shapes, endpoint, answer.json(), path)
        checked.add(endpoint["path"])
    assert len(checked) >= 35, sorted(checked)


def _like(pattern: str, paths: Iterable[str]) -> str | None:
    """The path that an endpoint's pattern means."""
    if "{" not in pattern:
        return pattern if pattern in paths else None
    fixed = re.sub(r"\\{[a-z_]+\\}", "[^/]*[0-9x-][^/]*", re.escape(pattern))
    return next((path for path in paths if re.fullmatch(fixed, path)), None)


def _check(shapes: Shapes, endpoint: dict[str, Any], body: Any, path: str) -> None:
    returns = endpoint["returns"]
    if endpoint["service"] == "data":
        body = body["data"]
        if endpoint["paged"] and not (isinstance(returns, dict) and "array_of" in returns):
            returns = {"array_of": returns}
    elif path == "/public-search":
        assert {"events", "tags", "profiles", "pagination"} <= body.keys()
        return
    elif path.endswith("/keyset"):
        body, returns = body["markets" if "markets" in path else "events"], {"array_of": returns}
    elif path in ("/data/orders", "/data/trades"):
        assert body["next_cursor"] == "LTE="
        body, returns = body["data"], {"array_of": returns}
    elif path == "/auth/api-keys":
        body = body["apiKeys"]
    elif path in ("/tags", "/series", "/teams"):
        returns = {"array_of": returns}
    elif returns == "decimal":
        (body,) = body.values()
    shapes.check(body, returns, path)


async def test_every_frame_has_the_shape_of_the_truth(front: Front) -> None:
    shapes, trader = Shapes("ws"), await front.trader()
    market = front.market()
    seen: dict[str, list[Any]] = {}
    async with connect(f"{front.ws}/market", proxy=None) as feed, connect(f"{front.ws}/user", proxy=None) as user:
        await feed.send(json.dumps({"type": "market", "assets_ids": tokens_of(market), "custom_feature_enabled": True}))
        auth = {"apiKey": trader.key.key, "secret": trader.key.secret, "passphrase": trader.key.passphrase}
        await user.send(json.dumps({"type": "user", "auth": auth}))
        first = json.loads(await feed.recv())
        assert [frame["asset_id"] for frame in first] == [*tokens_of(market)]
        assert all("tick_size" in frame for frame in first)
        await asyncio.sleep(0.05)
        _, ask = front.best(market)
        await trader.place(market, "BUY", str(ask), "10")
        resting = (await trader.place(market, "BUY", str(ask - Decimal("0.1")), "10")).json()["orderID"]
        await trader.send("DELETE", "/order", {"orderID": resting})
        front.pass_time(3)
        front.pass_time(5)
        state = front.exchange.engine.markets[market.ticker]
        front.exchange.engine.cancel_many([*state.book.bids, *state.book.asks], front.clock())
        front.exchange.crowd.open_market(market, front.clock(), 0)
        market.event.fair.decided = [1.0] * len(market.event.markets)
        for _ in range(6):  # to the end of its life
            front.pass_time(max((market.close_ms - front.clock()) / 1000 + 60, 60))
            front.pass_time(3 * 3_600)
        await asyncio.sleep(0.3)
        for name, connection in (("market", feed), ("user", user)):
            for frame in await drained(connection):
                seen.setdefault(frame["event_type"], []).append(frame)
                kind = shapes.file[name]["events"].get(frame["event_type"], "").split(" ")[0].rstrip(":")
                shapes.model(frame, kind)
    assert seen.keys() >= {
        "book",
        "price_change",
        "last_trade_price",
        "best_bid_ask",
        "market_resolved",
        "order",
        "trade",
    }
    assert [t["status"] for t in seen["trade"]] == ["MATCHED", "MINED", "CONFIRMED"]
    assert all("asset_id" not in frame for frame in seen["price_change"])
    assert all({c["asset_id"] for c in f["price_changes"]} == set(tokens_of(market)) for f in seen["price_change"])


async def drained(connection: ClientConnection) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        try:
            frame = json.loads(await asyncio.wait_for(connection.recv(), 0.2))
        except TimeoutError:
            return found
        found += frame if isinstance(frame, list) else [frame]


def test_signatures_of_the_vectors_are_found_right() -> None:
    """The front's own hashing against signatures that the official SDK made, each wallet kind and market kind."""
    vectors = load("polymarket/vectors")
    checked = 0
    for vector in vectors["orders"]:
        signed = vector["order"]
        values = {**signed}
        for name in ("metadata", "builder"):
            values[name] = bytes.fromhex(values[name][2:])
        hashed = signing.struct_hash(signing.ORDER, values)
        found = set()
        for kind in signing.EXCHANGES:
            order_id = signing.digest(signing.order_domain(kind), hashed)
            signature = signing.from_hex(vector["signature"])
            found.add(signing.order_signer(kind, hashed, order_id, signed["maker"], signature, signed["signatureType"]))
        assert "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf" in found
        checked += 1
    assert checked == 20


# -- refusals ------------------------------------------------------------------------------------------------------


async def test_refusals_of_orders_word_for_word(front: Front) -> None:
    trader, market = await front.trader(), front.market()
    bid, ask = front.best(market)
    low = str(bid - Decimal("0.05"))
    other = await front.trader(2)

    async def refused(body: bytes | Any) -> tuple[int, str]:
        return said(await trader.send("POST", "/order", body))

    order = trader.order
    assert await refused(order(market, "BUY", low, "100000")) == (400, "not enough balance / allowance")
    assert await refused(order(market, "SELL", low, "10")) == (400, "not enough balance / allowance")
    assert await refused(order(market, "BUY", str(ask), "10", post_only=True)) == (
        400, "invalid post-only order: order crosses book")  # fmt: skip
    assert await refused(order(market, "BUY", str(ask), "9000", "FOK")) == (
        400, "order couldn't be fully filled. FOK orders are fully filled or killed.")  # fmt: skip
    assert await refused(order(market, "BUY", low, "10", "FAK")) == (
        400, "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
    )  # fmt: skip
    assert await refused(order(market, "BUY", "0.01", "10", owner=other.key.key)) == (
        400, "the order signer address has to be the address of the API KEY")  # fmt: skip
    assert await refused(other.order(market, "BUY", low, "10", owner=trader.key.key)) == (
        400, "the order signer address has to be the address of the API KEY")  # fmt: skip
    assert await refused(b"[]") == (400, "Invalid order payload")
    assert await refused(b"{") == (400, "Invalid order payload")
    status, words = await refused(order(market, "BUY", low, "4"))
    assert (status, "Size (4) lower than the minimum: 5" in words) == (400, True)
    status, words = await refused(order(market, "BUY", low, "10", amounts=(1_005_000, 10_000_000)))
    assert (status, "Price (0.1005) breaks minimum tick size rule: 0.01" in words) == (400, True)
    body = order(market, "BUY", low, "10", salt=7)
    assert (await trader.send("POST", "/order", body)).status_code == 200
    status, words = await refused(body)
    assert (status, words.endswith("is invalid. Duplicated.")) == (400, True)
    small = order(market, "BUY", str(ask), "0.5", "FAK")
    assert await refused(small) == (400, "invalid amount for a marketable BUY order ($0.5), min size: $1")
    gone = json.loads(body)
    gone["order"]["tokenId"] = "12345678901234567890"
    assert await refused(gone) == (400, "Invalid token id")
    early = json.loads(order(market, "BUY", low, "10"))
    early["order"]["expiration"], early["orderType"] = str(START_MS // 1000 + 60), "GTD"
    assert await refused(early) == (400, "invalid expiration")


async def test_a_tampered_order_is_nobodys(front: Front) -> None:
    """Whatever is changed after the signature, the front finds another signer."""
    trader, market = await front.trader(), front.market()
    bid, _ = front.best(market)
    whole = json.loads(trader.order(market, "BUY", str(bid - Decimal("0.05")), "10"))
    for name, value in (
        ("makerAmount", "1000000"), ("takerAmount", "99000000"), ("salt", 1), ("timestamp", "1"), ("side", "SELL"),
        ("builder", "0x" + "01" * 32), ("maker", "0x" + "22" * 20),
        ("signature", "0x" + "00" * 65), ("signature", "0x"),
    ):  # fmt: skip
        changed = {**whole, "order": {**whole["order"], name: value}}
        answer = await trader.send("POST", "/order", changed)
        assert answer.status_code == 400, name
        assert not (await trader.send("GET", "/data/orders")).json()["data"]


async def test_doors(front: Front) -> None:
    trader, market = await front.trader(), front.market()
    bid, _ = front.best(market)
    body = trader.order(market, "BUY", str(bid - Decimal("0.05")), "10")
    front.exchange.cancel_only = True
    assert (await trader.send("POST", "/order", body)).json()["error"].startswith("Trading is currently cancel-only.")
    front.exchange.cancel_only = False
    front.exchange.trading_disabled = True
    assert said(await trader.send("POST", "/order", body))[0] == 503
    front.exchange.trading_disabled = False
    front.exchange.post_only_until_ms = front.clock() + 5_000
    told = (await trader.send("POST", "/order", body)).json()
    assert (told["code"], told["retry_after_seconds"]) == ("post_only_mode", 6)
    resting = trader.order(market, "BUY", str(bid - Decimal("0.05")), "10", post_only=True)
    assert (await trader.send("POST", "/order", resting)).status_code == 200
    front.exchange.post_only_until_ms = 0
    front.exchange.restarting_until_ms = front.clock() + 1_000
    assert (await trader.send("POST", "/order", body)).status_code == 425
    assert (await trader.send("DELETE", "/cancel-all")).json()["canceled"]


async def test_keys_and_signatures_of_requests(front: Front) -> None:
    trader = await front.trader()
    headers = trader.key.headers(trader.wallet.signer, int(time.time()), "GET", "/data/orders")
    get = front.http.get
    assert (await get("/clob/data/orders", headers=headers, params={"market": "0x1"})).status_code == 200  # not signed
    for name, value in (
        ("POLY_SIGNATURE", "AAAA"), ("POLY_API_KEY", "x"), ("POLY_PASSPHRASE", "x"), ("POLY_TIMESTAMP", "1"),
        ("POLY_TIMESTAMP", "x"), ("POLY_ADDRESS", "0x" + "1" * 40),
    ):  # fmt: skip
        answer = await get("/clob/data/orders", headers={**headers, name: value})
        assert said(answer) == (401, "Unauthorized/Invalid api key"), name
    wrong = {**trader.wallet.auth_headers(int(time.time())), "POLY_NONCE": "5"}
    assert said(await front.http.post("/clob/auth/api-key", headers=wrong)) == (401, "Invalid L1 Request headers")
    old = trader.wallet.auth_headers(int(time.time()) - 3_600)
    assert said(await front.http.post("/clob/auth/api-key", headers=old)) == (401, "Invalid L1 Request headers")


async def test_reads_that_cant_be(front: Front) -> None:
    get = front.http.get
    assert said(await get("/clob/book", params={"token_id": "1"})) == (
        404,
        "No orderbook exists for the requested token id",
    )
    token = tokens_of(front.market())[0]
    assert said(await get("/clob/price", params={"token_id": token, "side": "X"})) == (400, "Invalid side")
    assert said(await get("/clob/prices-history", params={"market": "1"})) == (400, "Invalid token id")
    answer = await get("/gamma/markets/x")
    assert (answer.status_code, answer.json()) == (422, {"type": "validation error", "error": "id is invalid"})
    assert (await get("/gamma/markets", params={"offset": "5000"})).status_code == 422
    too_many = [{"token_id": "1"}] * 501
    assert said(await front.http.post("/clob/books", json=too_many)) == (400, "Payload exceeds the limit")
    assert said(await front.http.post("/clob/books", content=b"x" * (1 << 21))) == (400, "Payload exceeds the limit")
    assert (await get("/gamma/nope")).json() == {"error": "not found"}


@pytest.mark.parametrize("text", ["-1", "1e9", "9" * 40, "٣", "", " 5", "0x10", "NaN"])
async def test_numbers_are_bounded_at_the_door(front: Front, text: str) -> None:
    for path, name in (
        ("/gamma/markets/keyset", "limit"),
        ("/data/v2/trades", "limit"),
        ("/clob/prices-history", "fidelity"),
    ):
        params = {name: text, "market": tokens_of(front.market())[0], "user": "0x" + "1" * 40}
        answer = await front.http.get(path, params=params)
        assert answer.status_code in (200, 400, 422), (path, answer.text)
    trader, market = await front.trader(), front.market()
    whole = json.loads(trader.order(market, "BUY", "0.1", "10"))
    for name in ("makerAmount", "takerAmount", "timestamp", "expiration", "tokenId"):
        answer = await trader.send("POST", "/order", {**whole, "order": {**whole["order"], name: text}})
        assert answer.status_code == 400, (name, answer.text)


# -- rules ---------------------------------------------------------------------------------------------------------


async def test_one_book_seen_from_both_tokens(front: Front) -> None:
    market = front.market()
    books = [(await front.http.get("/clob/book", params={"token_id": token})).json() for token in tokens_of(market)]
    mirrored = [(1 - Decimal(row["price"]), row["size"]) for row in books[0]["bids"]]
    assert [(Decimal(row["price"]), row["size"]) for row in books[1]["asks"]] == mirrored
    assert Decimal(books[0]["bids"][-1]["price"]) == max(Decimal(row["price"]) for row in books[0]["bids"])


async def test_mint_merge_and_the_way_back(front: Front) -> None:
    """Two wallets make a pair with each other, then end it; and by request: split, merge, convert."""
    ann, bob, market = await front.trader(1), await front.trader(2), front.market(exclusive=True)
    state = front.exchange.engine.markets[market.ticker]
    front.exchange.engine.cancel_many([*state.book.bids, *state.book.asks], front.clock())
    assert (await ann.place(market, "BUY", "0.4", "10")).json()["status"] == "live"
    assert (await bob.place(market, "BUY", "0.6", "10", first=False)).json()["status"] == "matched"
    front.pass_time(60)
    assert (await ann.place(market, "SELL", "0.5", "10")).json()["status"] == "live"
    assert (await bob.place(market, "SELL", "0.5", "10", first=False)).json()["status"] == "matched"
    condition = wire.condition(market)
    assert (await ann.send("POST", "/paper/split", {"market": condition, "amount": "20"})).status_code == 200
    assert (await ann.send("POST", "/paper/merge", {"market": condition, "amount": "5"})).status_code == 200
    assert said(await ann.send("POST", "/paper/merge", {"market": condition, "amount": "50"}))[0] == 400
    turned = await ann.send("POST", "/paper/convert", {"markets": [condition], "amount": "15"})
    assert turned.json()["collateral"] == "0"
    held = (await front.http.get("/data/v2/positions", params={"user": ann.wallet.address, "limit": 100})).json()[
        "data"
    ]
    others = [p for p in held if p["condition_id"] != condition]
    assert len(others) == len(market.event.markets) - 1
    assert {(p["outcome"], p["current_size"]) for p in others} == {("Yes", 15)}
    for bad in ("-1", "0", "1.001", "x", "9" * 30, ""):
        assert (await ann.send("POST", "/paper/split", {"market": condition, "amount": bad})).status_code == 400
    kinds = (await front.http.get("/data/v2/activity", params={"user": ann.wallet.address})).json()["data"]
    assert {row["type"] for row in kinds} >= {"SPLIT", "MERGE", "CONVERSION", "DEPOSIT"}


async def test_a_trade_that_fails_is_taken_back(front: Front) -> None:
    ann, bob, market = await front.trader(1), await front.trader(2), front.market()
    engine = front.exchange.engine
    engine.cancel_many([*engine.markets[market.ticker].book.bids, *engine.markets[market.ticker].book.asks], 1)
    accounts = [engine.accounts[t.wallet.address.lower()] for t in (ann, bob)]
    before = [account.cash for account in accounts]
    pool = engine.markets[market.ticker].pool
    front.exchange.faults.rules.append(Rule("trade_fails", times=1))
    await ann.place(market, "BUY", "0.4", "30")
    for size in ("10", "20"):
        assert (await bob.place(market, "BUY", "0.6", size, first=False)).json()["status"] == "matched"

    async def statuses() -> list[str]:
        rows = (await ann.send("GET", "/data/trades", market=wire.condition(market))).json()["data"]
        return [
            row["status"].removeprefix("TRADE_STATUS_") for row in sorted(rows, key=lambda row: Decimal(row["size"]))
        ]

    assert await statuses() == ["MATCHED", "MATCHED"]
    front.pass_time(2.5)
    assert await statuses() == ["RETRYING", "MINED"]
    front.pass_time(5)
    assert await statuses() == ["FAILED", "CONFIRMED"]
    paid = [was - account.cash for was, account in zip(before, accounts, strict=True)]
    fee = paid[1] - 12 * MICROS
    assert (paid[0], engine.markets[market.ticker].pool - pool) == (8 * MICROS, 20 * MICROS)
    assert 0 <= fee < MICROS
    held = [dict(engine_tokens.tokens_of(account))[market.ticker] for account in accounts]
    assert [(h.yes.count, h.no.count) for h in held] == [(2_000, 0), (0, 2_000)]


async def test_a_trade_that_fails_stays_where_its_shares_are_gone(front: Front) -> None:
    """What was bought and sold again before it showed can't be given back: nothing is changed, and nothing told."""
    ann, market = await front.trader(1), front.market()
    front.exchange.faults.rules.append(Rule("trade_fails", times=1))
    bid, ask = front.best(market)
    assert (await ann.place(market, "BUY", str(ask), "10")).json()["status"] == "matched"
    assert (await ann.place(market, "SELL", str(bid), "10")).json()["status"] == "matched"
    cash = front.exchange.engine.accounts[ann.wallet.address.lower()].cash
    front.pass_time(10)
    rows = (await ann.send("GET", "/data/trades")).json()["data"]
    assert {row["status"] for row in rows} == {"TRADE_STATUS_CONFIRMED"}
    assert front.exchange.engine.accounts[ann.wallet.address.lower()].cash == cash


async def test_orders_that_trade_at_once_are_held_back_where_they_are(front: Front) -> None:
    trader, market = await front.trader(), front.market(held=True)
    _, ask = front.best(market)
    placed = (await trader.place(market, "BUY", str(ask), "10")).json()
    assert placed["status"] == "delayed"
    order_id = placed["orderID"]
    assert (await trader.send("GET", f"/data/order/{order_id}")).json()["status"] == "DELAYED"
    told = (await trader.send("DELETE", "/order", {"orderID": order_id})).json()
    assert "delayed" in told["not_canceled"][order_id]
    front.pass_time(5)
    assert (await trader.send("GET", f"/data/order/{order_id}")).json()["status"] == "MATCHED"


async def test_good_till_date_ends_a_minute_early(front: Front) -> None:
    trader, market = await front.trader(), front.market()
    bid, _ = front.best(market)
    until = int(time.time()) + 300  # the SDK's own check is by the wall clock
    front.clock.step(max(0, (until - 300) * 1000 - front.clock()))
    order_id = (
        await trader.place(
            market, "BUY", str(bid - Decimal("0.1")), "10", "GTD", expiration=front.clock() // 1000 + 300
        )
    ).json()["orderID"]
    front.pass_time(239)
    assert (await trader.send("GET", f"/data/order/{order_id}")).json()["status"] == "LIVE"
    front.pass_time(2)
    assert (await trader.send("GET", f"/data/order/{order_id}")).json()["status"] == "CANCELED"


async def test_wallets_of_each_kind(front: Front) -> None:
    """A key's own wallet, a proxy, a Safe and a deposit wallet: each trades, none another's."""
    market = front.market()
    bid, _ = front.best(market)
    for number, kind in enumerate(WalletKind):
        address = None if kind == WalletKind.OWN else f"0x{number:040x}"
        trader = await front.trader(9, kind, address)
        answer = await trader.place(market, "BUY", str(bid - Decimal("0.05")), "10")
        assert answer.json()["status"] == "live", (kind, answer.text)
    thief = await front.trader(10, WalletKind.PROXY, f"0x{1:040x}")
    answer = await thief.place(market, "BUY", str(bid - Decimal("0.05")), "10")
    assert said(answer) == (400, "the order signer address has to be the address of the API KEY")


async def test_a_tick_gets_finer_and_stays_so(front: Front) -> None:
    market = front.market()
    book = front.exchange.engine.markets[market.ticker].book
    front.exchange.engine.cancel_many([*book.bids, *book.asks], front.clock())
    maker = front.exchange.crowd.makers[0]
    front.exchange.engine.submit(maker, market.ticker, 1, 9_700, 1_000, front.clock())
    front.pass_time(1)
    token = tokens_of(market)[0]
    told = (await front.http.get("/clob/tick-size", params={"token_id": token})).json()
    assert told == {"minimum_tick_size": 0.001}
    front.exchange.engine.cancel_many([*book.bids], front.clock())
    front.pass_time(1)
    assert market.structure == "0.001"
    trader = await front.trader()
    assert (await trader.place(market, "BUY", "0.123", "10")).json()["status"] == "live"


async def test_the_same_questions_end_alike_on_both_fronts(front: Front) -> None:
    """One world: where both fronts ask the same, what one pays the other pays, and a denial pays the rest."""
    for hour in range(60):
        front.pass_time(3_600, crowd=hour % 12 == 0)
    compared = 0
    for event in front.exchange.catalogue.events.values():
        fair = event.fair
        other = front.first.catalogue.events.get(fair.of) if isinstance(fair, SharedFair) else None
        if not isinstance(fair, SharedFair) or other is None or fair.decided is None or fair.ranges:
            continue
        for market, (index, is_yes) in zip(event.markets, fair.picks, strict=True):
            theirs = other.markets[index].value
            if market.result == "void" or not other.markets[index].decided_ms:
                continue
            assert market.value == (theirs if is_yes else 10_000 - theirs), market.ticker
            compared += 1
    assert compared > 50
    audit(front.exchange.engine)


async def test_prices_of_the_same_question_differ_a_little(front: Front) -> None:
    apart = []
    for event in front.exchange.catalogue.events.values():
        fair = event.fair
        if not isinstance(fair, SharedFair) or fair.ranges or event.markets[0].status != "active":
            continue
        other = front.first.catalogue.events[fair.of]
        for market, (index, is_yes) in zip(event.markets, fair.picks, strict=True):
            theirs = front.first.crowd.fair_price(other.markets[index])
            apart.append(abs(front.exchange.crowd.fair_price(market) - (theirs if is_yes else 10_000 - theirs)))
    assert 0 < sum(apart) / len(apart) < 400
    assert max(apart) > 100


async def test_what_is_kept_is_there_again(tmp_path: Path) -> None:
    """Orders, tokens, money, keys and held orders survive; what waited comes to nothing, and says so."""
    clock = Clock(START_MS, speed=0)
    first = Exchange(1, clock, Store(tmp_path / "a.db"))
    exchange = PolymarketExchange(1, clock, Store(tmp_path / "b.db"), twin=first)
    account = exchange.wallet("0x" + "1" * 40, "0x" + "2" * 40)
    assert account is not None
    market = next(m for m in exchange.catalogue.markets.values() if m.status == "active" and m.structure == "0.01")
    ask = exchange.engine.markets[market.ticker].book.asks.best
    assert ask is not None
    exchange.engine.submit(account, market.ticker, 1, ask, 1_000, clock(), order_id="0x1")
    exchange.engine.submit(account, market.ticker, 1, 100, 1_000, clock(), order_id="0x2")
    exchange.keep_delayed(account, "0x3", b"{}")
    exchange.sync()
    before = (account.cash, account.holdings[market.ticker].position, len(exchange.catalogue.markets))
    exchange.store.close()
    again = PolymarketExchange(9, clock, Store(tmp_path / "b.db"), twin=first)
    account = again.engine.accounts["0x" + "1" * 40]
    assert (account.cash, account.holdings[market.ticker].position, len(again.catalogue.markets)) == before
    assert list(account.orders) == ["0x2"]
    assert (again.held["0x3"].status, again.wallets["0x" + "1" * 40]) == ("UNMATCHED", "0x" + "2" * 40)
    fairs = [e.fair for e in again.catalogue.events.values() if isinstance(e.fair, SharedFair) and not e.fair.decided]
    assert all(fair.base is first.catalogue.events[fair.of].fair for fair in fairs)
    audit(again.engine)
    again.store.close()


async def test_faults_of_requests(front: Front) -> None:
    token = tokens_of(front.market())[0]
    for kind, status in (("425", 425), ("429", 429), ("500", 500), ("503", 503)):
        front.exchange.faults.rules[:] = [Rule(kind, times=1)]
        assert (await front.http.get("/clob/book", params={"token_id": token})).status_code == status
    front.exchange.faults.rules[:] = [Rule("cut_before", times=1)]
    with pytest.raises(httpx.TransportError):
        await front.http.get("/clob/book", params={"token_id": token})
    assert (await front.http.get("/clob/book", params={"token_id": token})).status_code == 200
