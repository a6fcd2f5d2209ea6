"""The WebSocket, read by the independent ``websockets`` client; books are rebuilt from frames and held against REST."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.engine.order_checks import IOC
from prediction_mcp.exchange.engine.rejection import RejectionError
from prediction_mcp.exchange.fronts import connection
from prediction_mcp.exchange.fronts.kalshi import ws, ws_commands, ws_hub, ws_subscription
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.scenario import combo_event
from tests.conformance.feed_schema import FeedSchemas
from tests.conftest import EVENT, MARKET, Served

OTHER = f"{EVENT}-BAL"
SCHEMAS = FeedSchemas()
Json = dict[str, Any]


class Reader:
    """A client that answers for order: every frame fits the schema, every seq follows the one before."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self._seq: dict[int, int] = {}
        self._id = 0

    async def send(self, cmd: str, **params: Any) -> int:
        self._id += 1
        command: Json = {"id": self._id, "cmd": cmd}
        if params:
            command["params"] = params
        await self.connection.send(json.dumps(command))
        return self._id

    async def raw(self) -> Json:
        """The next frame as it comes, right or wrong."""
        message: Json = json.loads(await asyncio.wait_for(self.connection.recv(), 60))
        return message

    async def raw_until(self, command_id: int) -> list[Json]:
        """Frames up to the answer to a command."""
        seen: list[Json] = []
        while (message := await self.raw()).get("id") != command_id:
            seen.append(message)
        return seen

    async def next(self) -> Json:
        message = await self.raw()
        SCHEMAS.check(message)
        if "seq" in message:  # answers to commands count, as recorded on production
            assert message["seq"] == self._seq.get(message["sid"], 0) + 1
            self._seq[message["sid"]] = message["seq"]
        return message

    async def ask(self, cmd: str, **params: Any) -> Json:
        command_id = await self.send(cmd, **params)
        answer = await self.next()
        assert answer["id"] == command_id
        return answer

    async def error(self, cmd: str, **params: Any) -> int:
        answer = await self.ask(cmd, **params)
        assert answer["type"] == "error"
        code: int = answer["msg"]["code"]
        return code

    async def until_quiet(self) -> list[Json]:
        """All frames up to the answer to a command sent now: nothing is waited for longer than needed."""
        command_id = await self.send("list_subscriptions")
        seen: list[Json] = []
        while (message := await self.next()).get("id") != command_id:
            seen.append(message)
        return seen


def url_of(served: Served) -> str:
    return str(httpx.URL(served.url).copy_with(scheme="ws", path=ws.PATH))


@asynccontextmanager
async def feed(served: Served, **options: Any) -> AsyncIterator[Reader]:
    headers = served.signer.headers("GET", ws.PATH)
    async with connect(
        url_of(served), additional_headers=headers, compression=None, proxy=None, **options
    ) as connection:
        yield Reader(connection)


class Book:
    """A book kept from frames; NO prices as the subscription has them."""

    def __init__(self, *, use_yes_price: bool) -> None:
        self._yes_price = use_yes_price
        self.sides: dict[str, dict[Decimal, Decimal]] = {"yes": {}, "no": {}}

    def apply(self, message: Json) -> None:
        msg = message["msg"]
        if message["type"] == "orderbook_snapshot":
            for side in ("yes", "no"):
                self.sides[side] = {Decimal(p): Decimal(c) for p, c in msg.get(f"{side}_dollars_fp", [])}
            return
        levels, price = self.sides[msg["side"]], Decimal(msg["price_dollars"])
        levels[price] = levels.get(price, Decimal(0)) + Decimal(msg["delta_fp"])
        assert levels[price] >= 0
        if not levels[price]:
            del levels[price]

    def as_rest(self) -> dict[str, list[tuple[Decimal, Decimal]]]:
        no = {(1 - p if self._yes_price else p): c for p, c in self.sides["no"].items()}
        return {"yes_dollars": sorted(self.sides["yes"].items()), "no_dollars": sorted(no.items())}


async def rest_book(served: Served, ticker: str) -> dict[str, list[tuple[Decimal, Decimal]]]:
    async with httpx.AsyncClient(base_url=served.url, trust_env=False) as http:
        book = (await http.get(f"/markets/{ticker}/orderbook")).json()["orderbook_fp"]
    return {side: [(Decimal(p), Decimal(c)) for p, c in levels] for side, levels in book.items()}


def stir(served: Served, ticker: str, rng: random.Random, steps: int) -> None:
    """Random orders, cancels, amends of the member and the crowd."""
    engine, clock = served.exchange.engine, served.exchange.clock
    crowd = served.exchange.crowd.takers[0]
    for _ in range(steps):
        who = rng.choice((served.member, crowd))
        resting = [o for o in served.member.orders.values() if o.status == "resting" and o.ticker == ticker]
        try:
            match rng.randrange(6):
                case 0 if resting:
                    engine.cancel(rng.choice(resting), clock())
                case 1 if resting:
                    order = rng.choice(resting)
                    engine.amend(
                        order, rng.randrange(1, 9) * 100, order.filled + rng.randrange(1, 900), clock(), side=order.side
                    )
                case 2 if resting:
                    order = rng.choice(resting)
                    engine.decrease(order, rng.randrange(order.remaining + 1), clock())
                case _:
                    tif = rng.choice(("good_till_canceled", IOC))
                    price, side = rng.randrange(1, 9) * 100, rng.choice((BID, ASK))
                    engine.submit(
                        who, ticker, side, price, rng.randrange(1, 5_000), clock(), time_in_force=tif, stp="maker"
                    )
        except RejectionError as rejection:
            assert rejection.code == "insufficient_balance"


# -- handshake -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["unsigned", "rest path", "other key"])
async def test_the_handshake_must_be_signed_over_its_own_path(served: Served, change: str) -> None:
    headers = {} if change == "unsigned" else served.signer.headers("GET", ws.PATH)
    if change == "rest path":
        headers = served.signer.headers("GET", "/trade-api/v2/portfolio/balance")
    elif change == "other key":
        headers["KALSHI-ACCESS-KEY"] = "nobody"
    with pytest.raises(InvalidStatus) as caught:
        await connect(url_of(served), additional_headers=headers, proxy=None)
    assert caught.value.response.status_code == 401
    assert json.loads(caught.value.response.body or b"{}")["error"]["code"]


async def test_only_one_path_is_a_feed(served: Served) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await connect(url_of(served) + "/more", additional_headers=served.signer.headers("GET", ws.PATH), proxy=None)
    assert caught.value.response.status_code == 404


async def test_heartbeat_pings_carry_their_body(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read with a bare protocol, since a client answers pings without telling anybody."""
    monkeypatch.setattr(ws, "HEARTBEAT_S", 0.02)
    url = httpx.URL(url_of(served))
    reader, writer = await asyncio.open_connection(url.host, url.port)
    protocol = ClientProtocol(parse_uri(str(url)))
    request = protocol.connect()
    request.headers.update(served.signer.headers("GET", ws.PATH))
    protocol.send_request(request)
    writer.write(b"".join(protocol.data_to_send()))
    pings: list[bytes] = []
    while len(pings) < 2:
        protocol.receive_data(await reader.read(4096))
        frames = [e for e in protocol.events_received() if isinstance(e, Frame)]
        pings += [bytes(f.data) for f in frames if f.opcode is Opcode.PING]
        writer.write(b"".join(protocol.data_to_send()))  # the pongs
    assert pings[:2] == [b"heartbeat", b"heartbeat"]
    writer.close()
    await writer.wait_closed()


# -- books ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("use_yes_price", [True, False])
async def test_a_book_kept_from_frames_is_the_rest_book(served: Served, use_yes_price: bool) -> None:
    rng = random.Random(5)
    async with feed(served) as reader:
        await reader.ask(
            "subscribe", channels=["orderbook_delta"], market_tickers=[MARKET, OTHER], use_yes_price=use_yes_price
        )
        books = {ticker: Book(use_yes_price=use_yes_price) for ticker in (MARKET, OTHER)}
        for _ in range(2):
            snapshot = await reader.next()
            assert snapshot["type"] == "orderbook_snapshot"
            books[snapshot["msg"]["market_ticker"]].apply(snapshot)
        for _ in range(12):
            stir(served, MARKET, rng, 25)
            stir(served, OTHER, rng, 5)
            for message in await reader.until_quiet():
                books[message["msg"]["market_ticker"]].apply(message)
            for ticker, book in books.items():
                assert book.as_rest() == await rest_book(served, ticker)


async def test_a_delta_names_the_order_only_to_its_owner(served: Served) -> None:
    engine, clock = served.exchange.engine, served.exchange.clock
    async with feed(served) as reader:
        await reader.ask("subscribe", channels=["orderbook_delta"], market_ticker=MARKET)
        await reader.next()
        engine.submit(served.member, MARKET, BID, 100, 500, clock(), client_order_id="mine")
        engine.submit(served.exchange.crowd.takers[0], MARKET, BID, 100, 500, clock(), client_order_id="theirs")
        first, second = await reader.next(), await reader.next()
    assert (first["msg"]["client_order_id"], first["msg"]["delta_fp"]) == ("mine", "5.00")
    assert "client_order_id" not in second["msg"]


async def test_the_two_conventions_for_no(served: Served) -> None:
    engine, clock = served.exchange.engine, served.exchange.clock
    shown = {}
    for flag in (True, False):
        async with feed(served) as reader:
            await reader.ask("subscribe", channels=["orderbook_delta"], market_ticker=MARKET, use_yes_price=flag)
            await reader.next()
            engine.submit(served.member, MARKET, ASK, 9_700, 100, clock())
            shown[flag] = (await reader.next())["msg"]
    assert (shown[True]["side"], shown[True]["price_dollars"]) == ("no", "0.9700")
    assert (shown[False]["side"], shown[False]["price_dollars"]) == ("no", "0.0300")


# -- commands ------------------------------------------------------------------------------------------------------


async def test_subscribing_again_is_merged(served: Served) -> None:
    async with feed(served) as reader:
        first = await reader.ask("subscribe", channels=["orderbook_delta"], market_ticker=MARKET)
        assert first.pop("sending_ts_ms")
        assert first == {"id": 1, "type": "subscribed", "msg": {"channel": "orderbook_delta", "sid": 1}}
        await reader.next()
        again = await reader.ask("subscribe", channels=["orderbook_delta"], market_tickers=[MARKET, OTHER])
        assert (again["type"], again["sid"], again["msg"]["market_tickers"]) == ("ok", 1, [MARKET, OTHER])
        snapshot = await reader.next()
        assert (again["seq"], snapshot["msg"]["market_ticker"], snapshot["seq"]) == (2, OTHER, 3)


async def test_updates_and_the_end_of_a_subscription(served: Served) -> None:
    async with feed(served) as reader:
        await reader.ask("subscribe", channels=["orderbook_delta"], market_ticker=MARKET)
        await reader.next()
        added = await reader.ask("update_subscription", sid=1, action="add_markets", market_tickers=[OTHER])
        assert added["msg"]["market_tickers"] == [MARKET, OTHER]
        assert (await reader.next())["type"] == "orderbook_snapshot"
        asked = await reader.ask("update_subscription", sids=[1], action="get_snapshot", market_tickers=[MARKET])
        assert asked["type"] == "ok"
        assert (await reader.next())["msg"]["market_ticker"] == MARKET
        left = await reader.ask("update_subscription", sid=1, action="delete_markets", market_tickers=[MARKET, OTHER])
        assert left["msg"]["market_tickers"] == []
        stir(served, MARKET, random.Random(1), 20)
        assert await reader.until_quiet() == [], "a subscription that lost its markets doesn't widen to all"
        listed = await reader.ask("list_subscriptions")
        assert listed["msg"] == [{"channel": "orderbook_delta", "sid": 1}]
        assert (await reader.ask("unsubscribe", sids=[1]))["type"] == "unsubscribed"
        assert (await reader.ask("list_subscriptions"))["msg"] == []


@pytest.mark.parametrize(
    ("cmd", "params", "code"),
    [
        ("subscribe", {}, 2),
        ("subscribe", {"market_ticker": MARKET}, 3),
        ("subscribe", {"channels": ["gossip"]}, 8),
        ("subscribe", {"channels": ["orderbook_delta"]}, 14),
        ("subscribe", {"channels": ["ticker"], "market_tickers": "x"}, 11),
        ("subscribe", {"channels": ["ticker"], "market_ticker": MARKET, "market_tickers": [OTHER]}, 11),
        ("subscribe", {"channels": ["ticker"], "use_yes_price": "yes"}, 11),
        ("subscribe", {"channels": ["ticker"], "market_ticker": "NOPE"}, 11),
        ("unsubscribe", {"sid": 1}, 4),
        ("unsubscribe", {"sids": [9]}, 7),
        ("update_subscription", {"action": "add_markets"}, 12),
        ("update_subscription", {"sids": [1, 2], "action": "add_markets"}, 12),
        ("update_subscription", {"sid": 9, "action": "add_markets"}, 7),
        ("update_subscription", {"sid": 1, "market_ticker": MARKET}, 15),
        ("update_subscription", {"sid": 1, "action": "explode"}, 13),
        ("update_subscription", {"sid": 1, "action": "add_markets"}, 14),
        ("update_subscription", {"sid": 1, "action": "get_snapshot", "market_ticker": MARKET}, 13),
        ("dance", {"a": 1}, 5),
        ("subscribe", {"channels": ["ticker"], "market_tickers": []}, 11),
        ("subscribe", {"channels": ["ticker"], "market_ids": ["no-id"]}, 11),
        ("subscribe", {"channels": ["trade"], "market_id": "7b4f1f6e-9a56-4a3c-8f0e-0d6c1a5b2e3f"}, 11),
        ("subscribe", {"channels": ["orderbook_delta"], "market_ids": ["7b4f1f6e-9a56-4a3c-8f0e-0d6c1a5b2e3f"]}, 11),
        ("subscribe", {"channels": ["communications"], "shard_factor": 0, "shard_key": 0}, 19),
        ("subscribe", {"channels": ["communications"], "shard_key": 0}, 20),
        ("subscribe", {"channels": ["communications"], "shard_factor": 4, "shard_key": 4}, 21),
        ("subscribe", {"channels": ["communications"], "shard_factor": 101, "shard_key": 0}, 22),
        ("subscribe", {"channels": ["communications"], "shard_factor": True}, 11),
        ("subscribe", {"channels": ["communications"], "user_filter": "others"}, 11),
        ("subscribe", {"channels": ["pyth_value"], "underlying_tickers": [1]}, 11),
        ("update_subscription", {"sid": 1, "action": "subscribe_indices", "index_ids": ["BRTI"]}, 13),
    ],
)
async def test_error_codes(served: Served, cmd: str, params: Json, code: int) -> None:
    async with feed(served) as reader:
        await reader.ask("subscribe", channels=["ticker"], market_ticker=MARKET)
        assert await reader.error(cmd, **params) == code
        assert (await reader.ask("list_subscriptions"))["msg"] == [{"channel": "ticker", "sid": 1}]


_scalars = st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from(["ticker", "x", MARKET, "add_markets", 1.5])
_json = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))
_commands = st.fixed_dictionaries(
    {},
    optional={
        "id": _json,
        "cmd": _json | st.sampled_from(["subscribe", "unsubscribe", "update_subscription", "list_subscriptions"]),
        "params": _json
        | st.dictionaries(
            st.sampled_from(
                [
                    "channels",
                    "sid",
                    "sids",
                    "action",
                    "market_ticker",
                    "market_tickers",
                    "market_ids",
                    "use_yes_price",
                    "shard_factor",
                    "shard_key",
                    "user_filter",
                    "index_ids",
                    "skip_ticker_ack",
                ]
            ),
            _json | st.just(["ticker"]),
        ),
    },
)


class Deaf:
    """An outlet that keeps what it is given."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.may_read = True
        self.pushed: list[bytes] = []

    def push(self, payload: bytes) -> None:
        self.pushed.append(payload)

    def faults(self) -> list[str]:
        return []

    def abandon(self) -> None: ...

    def drop(self) -> None:
        raise AssertionError("no fault was asked for")

    def end(self, subscription: ws_subscription.Subscription) -> None:
        raise AssertionError("no fault was asked for")


_exchange = Exchange(seed=1)


@settings(max_examples=300)
@given(st.lists(_commands | _json, min_size=1, max_size=4))
def test_whatever_is_sent_is_answered(sent: list[Any]) -> None:
    """No command, however odd, ends the connection without a word: each gets at least one answer."""
    outlet = Deaf(_exchange.engine.accounts["taker-0"])
    commands = ws_commands.Commands(_exchange, ws_hub.hub_of(_exchange), outlet)
    for command in sent:
        before = len(outlet.pushed)
        commands.handle(json.dumps(command).encode())
        assert len(outlet.pushed) > before
        assert all("type" in json.loads(answer) for answer in outlet.pushed[before:])
    commands.close()
    assert not commands.subscriptions


async def test_what_is_not_json_and_what_comes_too_fast(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ws_commands, "COMMANDS_PER_SECOND", 5)
    async with feed(served) as reader:
        now = served.exchange.clock()
        served.exchange.clock = lambda: now
        await reader.connection.send("{")
        assert (await reader.next())["msg"]["code"] == 1
        for _ in range(5):
            await reader.ask("list_subscriptions")
        assert await reader.error("list_subscriptions") == 27


async def test_a_subscription_has_a_market_limit(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ws_commands, "MAX_MARKETS", 1)
    async with feed(served) as reader:
        assert await reader.error("subscribe", channels=["trade"], market_tickers=[MARKET, OTHER]) == 26
        assert (await reader.ask("list_subscriptions"))["msg"] == []


# -- the other channels --------------------------------------------------------------------------------------------


async def test_own_orders_fills_and_positions(served: Served) -> None:
    engine, clock = served.exchange.engine, served.exchange.clock
    stranger = served.exchange.add_member("stranger")
    async with feed(served) as reader:
        for channel in ("user_orders", "fill", "market_positions"):
            await reader.ask("subscribe", channels=[channel])
        ask = engine.markets[MARKET].book.asks.best or 0
        engine.submit(stranger, MARKET, BID, ask, 100, clock())
        order = engine.submit(served.member, MARKET, BID, ask, 300, clock(), client_order_id="mine")
        seen = {m["type"]: m["msg"] for m in await reader.until_quiet()}
    assert set(seen) == {"user_order", "fill", "market_position"}
    assert (seen["fill"]["order_id"], seen["fill"]["post_position_fp"]) == (order.order_id, "3.00")
    assert seen["fill"]["client_order_id"] == "mine"
    assert (seen["user_order"]["status"], seen["user_order"]["fill_count_fp"]) == ("executed", "3.00")
    assert seen["market_position"]["position_fp"] == "3.00"
    assert seen["market_position"]["volume_fp"] == "3.00"


async def test_a_resting_order_tells_its_whole_life(served: Served) -> None:
    engine, clock = served.exchange.engine, served.exchange.clock
    async with feed(served) as reader:
        await reader.ask("subscribe", channels=["user_orders"], market_tickers=[MARKET])
        engine.submit(served.member, OTHER, BID, 100, 300, clock())
        order = engine.submit(served.member, MARKET, BID, 100, 900, clock())
        engine.amend(order, 100, 800, clock(), side=BID)
        engine.decrease(order, 700, clock())
        rest = engine.markets[MARKET].book.bids.ahead_of(order)
        engine.submit(served.exchange.crowd.takers[0], MARKET, ASK, 100, rest + 200, clock(), time_in_force=IOC)
        engine.cancel(order, clock())
        told = [m["msg"] for m in await reader.until_quiet()]
    assert [(t["status"], t["remaining_count_fp"], t["fill_count_fp"]) for t in told] == [
        ("resting", "9.00", "0.00"), ("resting", "8.00", "0.00"), ("resting", "7.00", "0.00"),
        ("resting", "5.00", "2.00"), ("canceled", "0.00", "2.00"),
    ]  # fmt: skip


async def test_trades_and_tickers_of_all_markets(served: Served) -> None:
    engine, clock = served.exchange.engine, served.exchange.clock
    async with feed(served) as reader:
        await reader.ask("subscribe", channels=["trade"])
        await reader.ask("subscribe", channels=["ticker"])
        ask = engine.markets[MARKET].book.asks.best or 0
        for _ in range(3):
            engine.submit(served.member, MARKET, BID, ask, 100, clock())
        await asyncio.sleep(0)
        seen = await reader.until_quiet()
    trades = [m["msg"] for m in seen if m["type"] == "trade"]
    tickers = [m["msg"] for m in seen if m["type"] == "ticker"]
    assert [t["count_fp"] for t in trades] == ["1.00"] * 3
    assert all(t["taker_book_side"] == "bid" for t in trades)
    assert len(tickers) == 1, "a burst is one ticker"
    book = engine.markets[MARKET].book
    assert tickers[0]["yes_ask_dollars"] == f"0.{book.asks.best:04d}"
    assert tickers[0]["last_trade_size_fp"] == "1.00"


async def test_a_ticker_can_be_had_at_once(served: Served) -> None:
    async with feed(served) as reader:
        await reader.ask("subscribe", channels=["ticker"], market_ticker=MARKET, send_initial_snapshot=True)
        assert (await reader.next())["msg"]["market_ticker"] == MARKET


async def test_a_markets_end_is_told(served: Served) -> None:
    exchange = served.exchange
    event = next(
        e for e in exchange.catalogue.events.values() if e.exclusive and all(m.status == "active" for m in e.markets)
    )
    ticker = event.markets[0].ticker
    exchange.engine.submit(
        served.member, ticker, BID, exchange.engine.markets[ticker].book.asks.best or 0, 100, exchange.clock()
    )
    async with feed(served) as reader:
        await reader.ask("subscribe", channels=["market_lifecycle_v2"])
        await reader.ask("subscribe", channels=["market_positions"])
        later = event.markets[0].decide_ms + 600_000
        exchange.clock = lambda: later
        exchange.advance(with_crowd=False)
        seen = [m["msg"] for m in await reader.until_quiet()]
    told = [m for m in seen if "event_type" in m and m["market_ticker"] == ticker]
    assert [m["event_type"] for m in told] == ["determined", "settled"]
    assert told[0]["result"] in ("yes", "no")
    (position,) = [m for m in seen if "position_fp" in m and m["market_ticker"] == ticker]
    assert position["position_fp"] == "0.00"


@pytest.mark.everyday
async def test_what_is_listed_is_told_in_full(served: Served) -> None:
    """An event with its markets, combos apart; and fees of its own."""
    exchange = served.exchange
    async with feed(served) as reader:
        await reader.ask("subscribe", channels=["market_lifecycle_v2", "multivariate_market_lifecycle"])
        await reader.next()
        games = [e for e in exchange.catalogue.events.values() if e.series.ticker == "KXNFLGAME"][:2]
        legs = [(e.ticker, e.markets[0].ticker, "yes") for e in games]
        opens = datetime.fromtimestamp(exchange.clock() / 1000, UTC)
        exchange.list_event(combo_event(exchange.catalogue, legs, "FEEDTEST", opens))
        combo = {m["type"]: m for m in await reader.until_quiet()}
        assert {m["sid"] for m in combo.values()} == {2}
        assert combo.keys() == {"event_lifecycle", "multivariate_market_lifecycle"}
        later = exchange.clock() + 2 * 86_400_000
        exchange.clock = lambda: later
        exchange.advance(with_crowd=False)
        kinds: dict[tuple[str, str], Json] = {}
        for message in await reader.until_quiet():
            kinds.setdefault((message["type"], message["msg"].get("event_type", "")), message["msg"])
    created = kinds["market_lifecycle_v2", "created"]
    assert created["additional_metadata"]["rules_primary"]
    assert created["price_ranges"]
    assert created["open_ts"] < created["close_ts"]
    assert ("event_lifecycle", "") in kinds
    assert kinds["market_lifecycle_v2", "activated"]["is_deactivated"] is False


async def test_fees_of_an_event_are_told(served: Served) -> None:
    change = next(c for c in served.exchange.fee_changes if c.event)
    async with feed(served) as reader:
        await reader.ask("subscribe", channels=["market_lifecycle_v2"])
        later = served.exchange.clock() + 600_000
        event = next(e for e in served.exchange.catalogue.events.values() if not e.collection)
        served.exchange.fee_changes = [replace(change, event=event.ticker, at_ms=later)]
        served.exchange.clock = lambda: later
        served.exchange.advance(with_crowd=False)
        told = [m["msg"] for m in await reader.until_quiet() if m["type"] == "event_fee_update"]
    assert [m["event_ticker"] for m in told] == [event.ticker]


async def test_markets_added_to_all_of_them_narrow_nothing(served: Served) -> None:
    async with feed(served) as reader:
        await reader.ask("subscribe", channels=["trade"])
        await reader.ask("subscribe", channels=["trade"], market_ticker=OTHER)
        await reader.ask("update_subscription", sid=1, action="add_markets", market_tickers=[OTHER])
        _cross(served, MARKET)
        _cross(served, OTHER)
        told = [m["msg"]["market_ticker"] for m in await reader.until_quiet()]
        assert told == [MARKET, OTHER]
        await reader.ask("update_subscription", sid=1, action="delete_markets", market_tickers=[OTHER])
        _cross(served, OTHER)
        assert len(await reader.until_quiet()) == 1


def _cross(served: Served, ticker: str) -> None:
    ask = served.exchange.engine.markets[ticker].book.asks.best or 0
    served.exchange.engine.submit(served.member, ticker, BID, ask, 100, served.exchange.clock(), time_in_force=IOC)


async def test_a_market_can_be_named_by_its_id_on_the_ticker_alone(served: Served) -> None:
    async with feed(served) as reader:
        ids = [ws_subscription.market_id(MARKET)]
        await reader.ask("subscribe", channels=["ticker"], market_ids=ids)
        _cross(served, MARKET)
        _cross(served, OTHER)
        assert {m["msg"]["market_ticker"] for m in await reader.until_quiet()} == {MARKET}
        more = await reader.ask(
            "update_subscription", sid=1, action="add_markets", market_id=ws_subscription.market_id(OTHER)
        )
        assert more["msg"] == {
            "market_tickers": [MARKET, OTHER],
            "market_ids": [*ids, ws_subscription.market_id(OTHER)],
        }
        short = await reader.ask("subscribe", channels=["ticker"], market_ids=ids, skip_ticker_ack=True)
        assert short["msg"] == {}


async def test_books_of_two_connections_share_the_exchange_clock(served: Served) -> None:
    async with feed(served) as one, feed(served) as two:
        clocks = []
        for reader in (one, two):
            await reader.ask("subscribe", channels=["orderbook_delta"], market_ticker=MARKET)
            stir(served, MARKET, random.Random(5), 5)
        for reader in (one, two):
            snapshot, *deltas = [m["msg"]["clock"] for m in await reader.until_quiet()]
            assert all(clock > snapshot for clock in deltas)
            assert deltas == sorted(deltas)
            clocks.append(deltas)
    assert clocks[1]
    assert clocks[0][-len(clocks[1]) :] == clocks[1]


async def test_a_shard_hears_its_markets_and_self_its_own(served: Served) -> None:
    exchange = served.exchange
    markets = [m for m in exchange.catalogue.markets.values() if m.status == "active"][:12]
    async with feed(served) as every, feed(served) as first, feed(served) as second, feed(served) as own:
        await every.ask("subscribe", channels=["communications"])
        await first.ask("subscribe", channels=["communications"], shard_factor=2, shard_key=0)
        await second.ask("subscribe", channels=["communications"], shard_factor=2, shard_key=1)
        await own.ask("subscribe", channels=["communications"], user_filter="self")
        for i, market in enumerate(markets):
            asks = served.member if i == 0 else exchange.crowd.takers[0]
            exchange.negotiations.ask(asks, market, exchange.clock(), contracts=100)
        heard = []
        for reader in (every, first, second, own):
            heard.append([m["msg"]["market_ticker"] for m in await reader.until_quiet() if m["type"] == "rfq_created"])
    assert heard[0] == [m.ticker for m in markets]
    assert sorted(heard[1] + heard[2]) == sorted(heard[0])
    assert heard[1]
    assert heard[2]
    assert heard[3] == [markets[0].ticker]


async def test_values_from_outside(served: Served) -> None:
    """Nothing until something is asked for; then once a second, and the quick ones at each step."""
    quarter = served.exchange.clock() // 900_000 + 1  # the next one: the exchange's own steps tell nothing before it
    hub, start = ws_hub.hub_of(served.exchange), quarter * 900_000 + 870_000
    async with feed(served) as reader:
        await reader.ask("subscribe", channels=["cfbenchmarks_value", "cfbenchmarks_value_5hz", "pyth_value"])
        for _ in range(2):
            await reader.next()
        listed = await reader.ask("update_subscription", sid=1, action="indexlist")
        assert (listed["type"], "BRTI" in listed["msg"]["index_ids"]) == ("cfbenchmarks_value_indexlist", True)
        hub.tell_values(start - 1_000)
        assert await reader.until_quiet() == []
        assert await reader.error("update_subscription", sid=1, action="subscribe_indices") == 24
        assert await reader.error("update_subscription", sid=3, action="subscribe_underlyings") == 28
        await reader.ask("update_subscription", sid=1, action="subscribe_indices", index_ids=["BRTI"])
        await reader.ask("update_subscription", sid=2, action="subscribe_indices", index_ids=["all"])
        held = await reader.ask(
            "update_subscription", sid=3, action="subscribe_underlyings", underlying_tickers=["Metal.XAU/USD"]
        )
        assert held["msg"] == {"underlying_tickers": ["Metal.XAU/USD"]}
        hub.tell_values(start)
        hub.tell_values(start + 250)
        told = await reader.until_quiet()
    assert [m["type"] for m in told].count("cfbenchmarks_value") == 1
    assert [m["type"] for m in told].count("cfbenchmarks_value_5hz") == 10
    assert [m["type"] for m in told].count("pyth_value") == 1
    index = next(m["msg"] for m in told if m["type"] == "cfbenchmarks_value")
    assert index["avg_60s_data"]["window_size"] == 60
    assert index["last_60s_windowed_average_15min"]["window_size"] == 30


async def test_why_an_order_changed(served: Served) -> None:
    engine, clock = served.exchange.engine, served.exchange.clock
    async with feed(served) as reader:
        await reader.ask("subscribe", channels=["user_orders"])
        order = engine.submit(served.member, MARKET, BID, 100, 1_000, clock())
        engine.decrease(order, 900, clock())
        engine.amend(order, 200, 800, clock(), side=BID)
        engine.cancel(order, clock())
        _cross(served, MARKET)
        engine.submit(served.member, MARKET, BID, 100, 100, clock(), expires_ms=clock() + 5)
        engine.expire(clock() + 10)
        told = [m["msg"].get("last_update_reason") for m in await reader.until_quiet()]
    assert told == [None, "Decrease", "Amend", None, "Trade", None, "ExpiryCancel"]


# -- crowds and laggards -------------------------------------------------------------------------------------------


async def _until_closed(connection: ClientConnection) -> AsyncIterator[str | bytes]:
    """Frames up to the close, whatever its code."""
    try:
        while True:
            yield await connection.recv()
    except ConnectionClosed:
        return


@pytest.mark.everyday
async def test_a_slow_reader_is_cut_and_nobody_else_notices(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The laggard asks for all books again and again and reads none of them."""
    monkeypatch.setattr(connection, "OVERFLOW_BYTES", 1 << 16)
    tickers = [m.ticker for m in served.exchange.catalogue.markets.values() if m.status == "active"]
    exchange, rng = served.exchange, random.Random(2)
    async with feed(served, max_queue=1) as slow, feed(served) as quick:
        await quick.ask("subscribe", channels=["orderbook_delta"], market_ticker=MARKET)
        book = Book(use_yes_price=False)
        book.apply(await quick.next())
        await slow.send("subscribe", channels=["orderbook_delta"], market_tickers=tickers)
        for _ in range(90):
            with contextlib.suppress(ConnectionClosed):
                await slow.send("update_subscription", sid=1, action="get_snapshot", market_tickers=tickers)
            stir(served, MARKET, rng, 3)
            for message in await quick.until_quiet():
                book.apply(message)
            if exchange.hub is not None and len(exchange.hub.audience("orderbook_delta", MARKET)) == 1:
                break
        else:
            pytest.fail("the laggard was never cut")
        assert book.as_rest() == await rest_book(served, MARKET)
        errors: list[Json] = []
        async for frame in _until_closed(slow.connection):
            message = json.loads(frame)
            errors += [message] if message["type"] == "error" else []
    assert [e["msg"]["code"] for e in errors] == [25]
    assert slow.connection.close_code == 1013


async def test_a_connection_that_goes_leaves_nothing_behind(served: Served) -> None:
    async with feed(served) as reader:
        await reader.ask("subscribe", channels=["orderbook_delta", "ticker"], market_tickers=[MARKET])
        assert served.exchange.hub is not None
        assert len(served.exchange.hub.audience("orderbook_delta", MARKET)) == 1
    for _ in range(200):
        if not served.exchange.hub.audience("orderbook_delta", MARKET):
            break
        await asyncio.sleep(0.01)
    assert not served.exchange.hub.audience("ticker", MARKET)
