"""The feeds against the paper exchange's second front, through every fault that it has, and by hand."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

import orjson
import pytest
from loguru import logger

from prediction_mcp.exchange.faults import Rule
from prediction_mcp.exchange.fronts.polymarket.opening import Second
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.second import PolymarketExchange
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import Clock
from prediction_mcp.polymarket import PolymarketAccount, PolymarketClient
from prediction_mcp.polymarket import orders as making
from prediction_mcp.polymarket.account import api_key
from prediction_mcp.polymarket.errors import PolymarketError, UnavailableError
from prediction_mcp.polymarket.feed import Feed
from prediction_mcp.polymarket.frames import MarketFrame, Row, is_empty, market_frames, price_units
from prediction_mcp.polymarket.models import Market, Orderbook
from prediction_mcp.polymarket.orderbook import TokenBook
from prediction_mcp.polymarket.own import UserOrder, UserTrade
from prediction_mcp.polymarket.user_feed import UserFeed
from prediction_mcp.polymarket.wallet import ApiKey, Wallet
from tests.conformance.polymarket import urls_of

START_MS = 1_795_500_000_000
OF_THE_EXCHANGE = ("uvicorn.error", "websockets.server")


@pytest.fixture(autouse=True)
def quick_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prediction_mcp.net.websocket.FIRST_DELAY_S", 0.02)
    monkeypatch.setattr("prediction_mcp.net.retrying.FIRST_S", 0.02)
    monkeypatch.setattr("prediction_mcp.net.retrying.LONGEST_S", 0.2)


@dataclass
class Front:
    """The second front, served, with a client; its clock and its crowd move only when told."""

    exchange: PolymarketExchange
    first: Exchange
    clock: Clock
    client: PolymarketClient
    urls: dict[str, str]

    def live(self, seconds: float, steps: int = 1) -> None:
        """Let the crowd live for a while."""
        for _ in range(steps):
            self.clock.step(round(seconds * 1000 / steps))
            self.first.advance()
            self.exchange.advance()

    async def busy(self, number: int) -> list[Market]:
        """Markets that trade."""
        found = [
            m async for m in self.client.markets(closed="false") if m.accepting_orders and m.best_bid and m.best_ask
        ]
        return sorted(found, key=lambda m: -(m.volume_num or 0))[:number]

    async def account(self) -> PolymarketAccount:
        wallet = Wallet(secrets.token_hex(32))
        key = await api_key(wallet, self.urls["clob"], new=True)
        return PolymarketAccount(wallet, key, self.urls["clob"])


@asynccontextmanager
async def opened() -> AsyncIterator[Front]:
    clock = Clock(START_MS, speed=0)
    first = Exchange(1, clock, scenario="everyday")
    second = Second(first)
    exchange = second.exchange()
    async with serve(first, with_crowd=False, second=second) as url:
        exchange.with_crowd = False
        urls = urls_of(url)
        async with PolymarketClient(urls) as client:
            yield Front(exchange, first, clock, client, urls)


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what it waits for has many causes
            await asyncio.sleep(0.02)


def same(book: TokenBook, other: Orderbook) -> bool:
    bids = [Row(str(level.price), str(level.size)) for level in other.bids]
    return book.equals(bids, [Row(str(level.price), str(level.size)) for level in other.asks])


async def check(front: Front, feed: Feed) -> int:
    """Every book that is called right equals REST; returns how many are."""
    others: dict[str, Orderbook] = {}
    tokens = list(feed.books)
    for start in range(0, len(tokens), 100):
        others |= await front.client.orderbooks(tokens[start : start + 100])
    right = [token for token, book in feed.books.items() if book.state == "live"]
    wrong = [token for token in right if token in others and not same(feed.books[token], others[token])]
    assert not wrong, f"{len(wrong)} of {len(right)} books that are called right are wrong"
    return len(right)


async def proved(feed: Feed, since: float) -> None:
    """Wait until all books count as right, by a snapshot or a comparison since a moment."""
    await until(lambda: all(b.state == "live" and b.proved_at > since for b in feed.books.values()), 30)


@asynccontextmanager
async def watching(front: Front, number: int = 12, proof_s: float = 0.4) -> AsyncIterator[Feed]:
    feed = Feed(front.client, f"{front.urls['ws']}/market", proof_s=proof_s, resolutions_s=0.2)
    tokens = [token for m in await front.busy(number) for token in m.token_ids]
    await feed.watch(tokens)
    try:
        yield feed
    finally:
        await feed.close()


async def test_books_follow_the_crowd_tick_by_tick() -> None:
    async with opened() as front, watching(front) as feed:
        await until(lambda: all(b.state == "live" for b in feed.books.values()))
        for _ in range(60):
            front.live(30)
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert await check(front, feed) == len(feed.books)
        assert feed.counters["changes"] > 500
        assert not feed.counters["repaired"]
        assert not feed.counters["unreadable"]


@pytest.mark.parametrize("kind", ["feed_freeze", "feed_skip", "feed_twice", "feed_unknown", "feed_drop", "feed_deltas"])
async def test_each_fault_of_the_feed(kind: str) -> None:
    """Whatever goes wrong, a book that is called right and was proved since is right."""
    async with opened() as front:
        if kind == "feed_deltas":
            front.exchange.faults.rules.append(Rule(kind, times=1))
        async with watching(front) as feed:
            if kind != "feed_deltas":
                await until(lambda: all(b.state == "live" for b in feed.books.values()))
                front.exchange.faults.rules.append(Rule(kind, 0.05, times=3))
            for _ in range(10):
                front.live(20)
                await asyncio.sleep(0.02)
            since = asyncio.get_running_loop().time()
            await proved(feed, since)
            assert await check(front, feed) == len(feed.books)
            assert front.exchange.faults.struck[kind]
            if kind == "feed_freeze":
                assert feed.counters["renewed"]


async def test_more_tokens_than_a_connection_takes() -> None:
    async with opened() as front:
        feed = Feed(front.client, f"{front.urls['ws']}/market", most_tokens=10)
        tokens = [token for m in await front.busy(12) for token in m.token_ids]
        await feed.watch(tokens)
        await until(lambda: all(b.state == "live" for b in feed.books.values()))
        assert [len(c.tokens) for c in feed.connections] == [10, 10, 4]
        await feed.unwatch(tokens[:10])
        front.live(60, 4)
        await asyncio.sleep(0.2)
        assert await check(front, feed) == 14
        await feed.close()


async def test_a_lost_connection_doubts_its_books_and_comes_back() -> None:
    async with opened() as front, watching(front, proof_s=60) as feed:
        await until(lambda: all(b.state == "live" for b in feed.books.values()))
        front.exchange.faults.rules.append(Rule("feed_drop", times=1))
        front.live(30, 4)
        await until(lambda: feed.counters["reconnects"] == 1)
        await until(lambda: all(b.state == "live" for b in feed.books.values()))
        assert await check(front, feed) == len(feed.books)


async def test_a_resolution_is_told_once_by_feed_and_rest() -> None:
    told: list[MarketFrame] = []
    async with opened() as front:
        market = next(m for m in await front.busy(200) if m.slug and m.slug.startswith("btc-updown"))
        feed = Feed(front.client, f"{front.urls['ws']}/market", told.append, proof_s=60, resolutions_s=0.1)
        await feed.watch(market.token_ids)
        await feed.watch_resolutions([market.condition_id or ""])
        front.live(1_800, 12)
        await until(lambda: any(m.name == "market_resolved" for m in told))
        await asyncio.sleep(0.5)
        assert sum(m.name == "market_resolved" for m in told) == 1
        await feed.close()


async def test_a_resolution_that_the_feed_leaves_out_is_told_by_rest() -> None:
    told: list[MarketFrame] = []
    async with opened() as front:
        market = next(m for m in await front.busy(200) if m.slug and m.slug.startswith("btc-updown"))
        feed = Feed(front.client, f"{front.urls['ws']}/market", told.append, proof_s=60, resolutions_s=0.1)
        await feed.watch_resolutions([market.condition_id or ""])
        front.live(1_800, 12)
        await until(lambda: any(m.name == "market_resolved" for m in told))
        await asyncio.sleep(0.3)
        assert len(told) == 1
        await feed.close()


# -- the user feed -------------------------------------------------------------------------------------------------


async def buy(account: PolymarketAccount, book: Orderbook, shares: Decimal, price: Decimal) -> str:
    terms = making.Terms(book.tick_size, book.neg_risk)
    amounts = making.amounts(terms, "BUY", price, shares)
    order = making.sign(
        account.wallet, account.api_key.key, terms, book.asset_id, "BUY", amounts, salt=secrets.randbits(50),
        timestamp_ms=1_795_500_000_000,
    )  # fmt: skip
    return (await account.place(order)).order_id


@asynccontextmanager
async def own(
    front: Front, poll_s: float = 60
) -> AsyncIterator[tuple[PolymarketAccount, list[UserOrder], list[UserTrade]]]:
    account = await front.account()
    orders: list[UserOrder] = []
    trades: list[UserTrade] = []
    feed = UserFeed(account.api_key, account, f"{front.urls['ws']}/user", orders.append, trades.append, poll_s=poll_s)
    await feed.watch()
    await asyncio.sleep(0.1)
    try:
        yield account, orders, trades
    finally:
        await feed.close()
        await account.close()


async def plain(front: Front) -> Orderbook:
    """A book of a market that holds no order back."""
    for market in await front.busy(100):
        if not market.seconds_delay and market.slug and not market.slug.startswith(("btc", "will-the-price")):
            book = await front.client.orderbook(market.token_ids[0])
            if book.best_ask and book.best_bid and Decimal("0.2") < book.best_ask.price < Decimal("0.8"):
                return book
    raise AssertionError("no such market")


async def test_own_orders_and_trades_to_the_end() -> None:
    async with opened() as front, own(front) as (account, orders, trades):
        book = await plain(front)
        assert book.best_ask is not None
        assert book.best_bid is not None
        resting = await buy(account, book, Decimal(10), book.best_bid.price - book.tick_size * 2)
        await account.cancel([resting])
        await buy(account, book, Decimal(10), book.best_ask.price)
        front.clock.step(2_500)
        front.exchange.advance(with_crowd=False)
        front.clock.step(5_000)
        front.exchange.advance(with_crowd=False)
        await until(lambda: len(trades) == 3)
        assert [t.status for t in trades] == ["MATCHED", "MINED", "CONFIRMED"]
        assert len({t.id for t in trades}) == 1
        assert [(o.id == resting, o.type) for o in orders][:2] == [(True, "PLACEMENT"), (True, "CANCELLATION")]


async def test_no_key_is_in_a_log_that_has_everything(caplog: pytest.LogCaptureFixture) -> None:
    """The first frame of the user feed has the bare secret; a program may log DEBUG of all its libraries."""
    told = list[str]()
    sink = logger.add(lambda line: told.append(str(line)), level="TRACE", diagnose=True)
    try:
        with caplog.at_level(logging.DEBUG):
            async with opened() as front, own(front) as (account, orders, _):
                book = await plain(front)
                assert book.best_bid is not None
                await buy(account, book, Decimal(10), book.best_bid.price - book.tick_size * 2)
                await until(lambda: len(orders) == 1)
                wrong = ApiKey("nobody", account.api_key.secret, account.api_key.passphrase)
                refused = UserFeed(wrong, account, f"{front.urls['ws']}/user", orders.append, lambda _: None)
                with contextlib.suppress(PolymarketError):
                    await refused.watch()
                await refused.close()
                keys = account.api_key
    finally:
        logger.remove(sink)
    logged = "".join(told) + "".join(r.getMessage() for r in caplog.records if r.name not in OF_THE_EXCHANGE)
    assert "/user" in logged or "/order" in logged, "libraries logged what they do"
    for key in (keys.secret, keys.passphrase):
        pieces = {key[at : at + 8] for at in range(len(key) - 7)}  # a dump may cut a long frame
        assert not [piece for piece in pieces if piece in logged]


async def test_trades_that_the_feed_drops_are_told_from_rest() -> None:
    async with opened() as front, own(front, poll_s=0.2) as (account, _, trades):
        front.exchange.faults.rules.append(Rule("feed_skip"))
        book = await plain(front)
        assert book.best_ask is not None
        await buy(account, book, Decimal(10), book.best_ask.price)
        await until(lambda: len(trades) >= 1)
        front.clock.step(8_000)
        front.exchange.advance(with_crowd=False)
        await until(lambda: trades[-1].status == "CONFIRMED")
        assert len({t.id for t in trades}) == 1


async def test_a_trade_that_fails_is_told_to_the_end() -> None:
    async with opened() as front, own(front, poll_s=0.2) as (account, _, trades):
        front.exchange.faults.rules.append(Rule("trade_fails"))
        book = await plain(front)
        assert book.best_ask is not None
        before = (await account.balance()).balance
        await buy(account, book, Decimal(5), book.best_ask.price)
        await until(lambda: len(trades) == 1)
        for step_ms, status in ((2_500, "RETRYING"), (5_000, "FAILED")):
            front.clock.step(step_ms)
            front.exchange.advance(with_crowd=False)
            await until(lambda: trades[-1].status == status)  # noqa: B023 - awaited before the next one
        assert [t.status for t in trades] == ["MATCHED", "RETRYING", "FAILED"]
        assert (await account.balance()).balance == before


async def test_half_an_hour_with_every_fault_at_once() -> None:
    """At each quiet moment every book that is called right equals REST; no own trade is missed."""
    rng = random.Random(5)
    async with opened() as front, watching(front, 15, proof_s=0.3) as feed, own(front, 0.3) as (account, _, trades):
        await until(lambda: all(b.state == "live" for b in feed.books.values()))
        book = await plain(front)
        kinds = ("feed_freeze", "feed_skip", "feed_twice", "feed_unknown", "feed_drop", "feed_deltas")
        front.exchange.faults.rules.extend(
            Rule(kind, 0.004 if kind in ("feed_freeze", "feed_drop") else 0.02) for kind in kinds
        )
        bought = 0
        for quiet in range(12):
            for _ in range(5):
                front.live(30, 3)
                await asyncio.sleep(0.02)
            fresh = await front.client.orderbook(book.asset_id)
            if fresh.best_ask is not None and rng.random() < 0.8:
                await buy(account, fresh, Decimal(10), fresh.best_ask.price)
                bought += 1
            since = asyncio.get_running_loop().time()
            await proved(feed, since)
            assert await check(front, feed) > 0, quiet
        front.exchange.faults.rules.clear()
        front.clock.step(10_000)
        front.exchange.advance(with_crowd=False)
        known = {t.id for t in await account.trades()}
        assert bought
        assert len(known) >= bought
        await until(lambda: {t.id for t in trades if t.status == "CONFIRMED"} == known)
        assert {"feed_freeze", "feed_skip", "feed_drop"} <= front.exchange.faults.struck.keys()


# -- by hand -------------------------------------------------------------------------------------------------------


def frame(*changes: tuple[str, str, str], bid: str = "", ask: str = "", at: int = 5) -> MarketFrame:
    tops = {"asset_id": "t", "best_bid": bid, "best_ask": ask}
    rows = [{**tops, "price": price, "size": size, "side": side} for side, price, size in changes]
    return market_frames(orjson.dumps({"event_type": "price_change", "price_changes": rows, "timestamp": str(at)}))[0]


def test_a_book_by_hand() -> None:
    book = TokenBook("t")
    book.snapshot([Row("0.4", "10"), Row("0.41", "5")], [Row("0.45", "7"), Row(".46", "1")], 1, 0.0)
    assert (book.best_bid, book.best_ask) == (4_100, 4_500)
    for change in frame(("BUY", "0.41", "0"), ("SELL", "0.44", "3.5")).price_changes:
        book.change(change, 5)
    assert (book.best_bid, book.best_ask) == (4_000, 4_400)
    assert book.check_top("0.40", "0.440")
    assert book.depth(1) == ([(Decimal("0.4"), Decimal(10))], [(Decimal("0.44"), Decimal("3.5"))])
    assert not book.check_top("0.42", "0.44")
    assert book.state == "stale"


def test_changes_that_come_while_a_book_is_read_go_on_top() -> None:
    book = TokenBook("t")
    for change in frame(("BUY", "0.4", "9"), at=7).price_changes:
        book.change(change, 7)
    for change in frame(("BUY", "0.3", "2"), at=9).price_changes:
        book.change(change, 9)
    book.snapshot([Row("0.4", "10"), Row("0.3", "1")], [], 8, 0.0)
    assert book.bids == {4_000: "10", 3_000: "2"}
    assert book.check_top("0.4", "0")  # no ask: 0 or 1


@pytest.mark.parametrize("text", ["", "abc", "-0.1", "1.5", "0.12345", "1e-2", "nan", "0.1.2", "9" * 40, "٣"])
def test_a_price_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="price"):
        price_units(text)


@pytest.mark.parametrize("text", ["", ".", "-1", "1e9", "NaN", "inf", "9" * 40])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="size"):
        is_empty(text)


async def test_frames_that_cant_be_read_end_nothing() -> None:
    class Nothing:
        async def orderbooks(self, token_ids: object) -> dict[str, Orderbook]:
            raise UnavailableError("no", sent=False)

        async def resolutions(self, condition_id: str) -> list[object]:
            return []

    feed = Feed(Nothing())  # type: ignore[arg-type]
    feed.books["t"] = TokenBook("t")
    from prediction_mcp.polymarket.feed_connection import Connection

    connection = Connection("ws://127.0.0.1:9", feed)
    feed.connections.append(connection)
    impossible = b'{"event_type":"book","asset_id":"t","bids":[{"price":"9","size":"1"}]}'
    strange = b'{"event_type":"weather_on_mars"}'
    for bad in (b"", b"nonsense", b"[1,2]", b'{"event_type":5}', impossible, strange, b"[" * 5_000):
        connection.read(bad)
    assert feed.books["t"].state == "waiting"
    connection.read(
        b'[{"event_type":"book","asset_id":"t","bids":[{"price":"0.4","size":"1"}],"asks":[],"timestamp":"1"}]'
    )
    assert feed.books["t"].best_bid == 4_000
    await feed.close()
