"""The feed against the real exchange over real sockets: books equal REST whatever breaks, nothing watched is lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from prediction_mcp.exchange.engine.matching import BID
from prediction_mcp.exchange.faults import Rule
from prediction_mcp.exchange.fronts.kalshi import ws
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.auth import signer_from_pem
from prediction_mcp.kalshi.errors import AuthenticationError, NotFoundError
from prediction_mcp.kalshi.feed import Feed
from prediction_mcp.kalshi.models.feed import DeltaMsg, SnapshotMsg
from prediction_mcp.kalshi.orderbook import BookError, LiveBook, count_units, price_units
from prediction_mcp.kalshi.websocket import url_of
from prediction_mcp.net import retrying
from prediction_mcp.net.websocket import delays
from tests.conftest import MARKET, Served
from tests.exchange.test_ws import stir

OTHER = MARKET[:-3] + "BAL"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prediction_mcp.net.websocket.FIRST_DELAY_S", 0.02)
    monkeypatch.setattr(retrying, "FIRST_S", 0.02)
    monkeypatch.setattr(retrying, "LONGEST_S", 0.2)


@asynccontextmanager
async def opened(served: Served, **options: Any) -> AsyncIterator[tuple[Feed, list[tuple[str, str, Any]]]]:
    heard: list[tuple[str, str, Any]] = []
    feed = Feed(url_of(served.url), served.signer, lambda *event: heard.append(event), **options)
    try:
        yield feed, heard
    finally:
        await feed.close()


async def equals_rest(feed: Feed, kalshi: KalshiClient, tickers: list[str], patience_s: float = 60.0) -> None:
    """Each book comes to equal the REST book of a moment in which nothing moves."""
    deadline = asyncio.get_running_loop().time() + patience_s
    while True:
        rest = await kalshi.markets.orderbooks(tickers)
        wrong = [
            t
            for t in tickers
            if (b := feed.books[t]).state != "live" or (b.yes_bids, b.yes_asks) != (rest[t].yes_bids, rest[t].yes_asks)
        ]
        if not wrong:
            return
        if asyncio.get_running_loop().time() > deadline:
            book = feed.books[wrong[0]]
            raise AssertionError(f"{wrong} differ: {book.state} {book.yes_bids} / {rest[wrong[0]].yes_bids}")
        await asyncio.sleep(0.02)


def test_a_book_goes_by_the_exchanges_clock() -> None:
    """What a snapshot included isn't applied again; a clock that goes back isn't believed, but by a second snapshot."""
    book = LiveBook(MARKET)
    book.load(SnapshotMsg(MARKET, yes_dollars_fp=[("0.4000", "5.00")], clock=100), 1)
    book.apply(DeltaMsg(MARKET, "0.4000", "5.00", "yes", clock=100), 2)
    assert (book.bids, book.seq) == ({4_000: 500}, 2)
    for clock in (103, 103):  # one action of the exchange can make several changes
        book.apply(DeltaMsg(MARKET, "0.4000", "1.00", "yes", clock=clock), 3)
    assert (book.bids, book.clock) == ({4_000: 700}, 103)
    with pytest.raises(BookError, match="back in time"):
        book.apply(DeltaMsg(MARKET, "0.4000", "1.00", "yes", clock=102), 5)
    book.load(SnapshotMsg(MARKET, clock=90), 6)  # after maintenance it may have gone back
    assert (book.state, book.clock) == ("live", 90)
    with pytest.raises(BookError, match="older"):
        book.load(SnapshotMsg(MARKET, clock=80), 1)
    assert (book.state, book.clock) == ("stale", 90)
    book.load(SnapshotMsg(MARKET, clock=80), 2)
    assert (book.state, book.clock) == ("live", 80)


async def test_a_reconnect_tells_whether_a_book_moved_meanwhile(served: Served, kalshi: KalshiClient) -> None:
    async with opened(served) as (feed, _):
        await feed.watch("orderbook_delta", [MARKET, OTHER])
        await feed.book(MARKET)
        await feed.book(OTHER)
        for outlet in list(served.exchange.hub.outlets if served.exchange.hub else ()):
            outlet.abandon()
        stir(served, MARKET, random.Random(8), 20)
        await equals_rest(feed, kalshi, [MARKET, OTHER])
        assert (feed.counters["moved_meanwhile"], feed.counters["unmoved"]) == (1, 1)


@pytest.mark.parametrize("use_yes_price", [True, False])
async def test_books_are_the_rest_books(served: Served, kalshi: KalshiClient, use_yes_price: bool) -> None:
    rng = random.Random(3)
    async with opened(served, use_yes_price=use_yes_price) as (feed, heard):
        await feed.watch("orderbook_delta", [MARKET, OTHER])
        assert (await feed.book(MARKET)).state == "live"
        for _ in range(10):
            stir(served, MARKET, rng, 30)
            stir(served, OTHER, rng, 10)
            await equals_rest(feed, kalshi, [MARKET, OTHER])
        assert feed.counters["gaps"] == 0
        assert any(isinstance(message, DeltaMsg) for _, _, message in heard)
        best = feed.books[MARKET]
        assert best.best_bid == max(best.bids, default=0)
        assert best.best_ask == min(best.asks, default=10_000)


async def test_asks_are_merged_and_the_last_one_ends_it(served: Served) -> None:
    async with opened(served, grace_s=0.05) as (feed, _):
        await asyncio.gather(
            *(feed.watch("orderbook_delta", [MARKET]) for _ in range(3)), feed.watch("ticker", [MARKET])
        )
        hub = served.exchange.hub
        assert hub is not None
        assert len(hub.audience("orderbook_delta", MARKET)) == 1
        await feed.watch("orderbook_delta", [OTHER])
        assert len(hub.audience("orderbook_delta", OTHER)) == 1
        assert feed.counters["connections"] == 1
        for _ in range(3):
            await feed.unwatch("orderbook_delta", [MARKET])
        assert not hub.audience("orderbook_delta", MARKET)
        assert MARKET not in feed.books
        await feed.unwatch("orderbook_delta", [OTHER])
        await feed.unwatch("ticker", [MARKET])
        await asyncio.sleep(0.3)
        states = [feed.state]
        await feed.watch("trade")
        assert [*states, feed.state] == ["idle", "live"]
        assert feed.counters["connections"] == 2


async def test_an_unknown_market_is_a_sentence_and_leaves_nothing(served: Served) -> None:
    async with opened(served) as (feed, _):
        await feed.watch("orderbook_delta", [MARKET])
        for _ in range(2):
            with pytest.raises(NotFoundError, match="no market NOPE"):
                await feed.watch("orderbook_delta", ["NOPE", OTHER])
        assert set(feed.books) == {MARKET}
        await feed.watch("orderbook_delta", [OTHER])
        assert (await feed.book(OTHER)).state == "live"


async def test_a_key_that_is_refused_is_said(served: Served) -> None:
    feed = Feed(url_of(served.url), signer_from_pem("nobody", served.pem))
    with pytest.raises(AuthenticationError, match="refused the key"):
        await feed.watch("ticker", [MARKET])
    assert feed.state == "failed"
    await feed.close()


async def test_after_a_lost_connection_everything_is_there_again(served: Served, kalshi: KalshiClient) -> None:
    again = asyncio.Event()
    async with opened(served, on_reconnect=again.set) as (feed, heard):
        await feed.watch("orderbook_delta", [MARKET, OTHER])
        await feed.watch("trade")
        await feed.watch("fill")
        served.exchange.faults.rules.append(Rule("feed_drop", times=1))
        served.exchange.engine.submit(served.member, MARKET, BID, 100, 100, served.exchange.clock())
        await asyncio.wait_for(again.wait(), 60)
        await equals_rest(feed, kalshi, [MARKET, OTHER])
        heard.clear()
        served.exchange.engine.submit(served.member, MARKET, BID, 1_400, 100, served.exchange.clock())
        await equals_rest(feed, kalshi, [MARKET])
        for _ in range(100):
            if {"trade", "fill", "orderbook_delta"} <= {channel for channel, _, _ in heard}:
                break
            await asyncio.sleep(0.02)
        assert {"trade", "fill", "orderbook_delta"} <= {channel for channel, _, _ in heard}
        assert feed.counters["reconnects"] == 1


@pytest.mark.parametrize("kind", ["feed_skip", "feed_twice", "feed_unknown", "feed_error"])
async def test_each_fault_of_the_feed(served: Served, kalshi: KalshiClient, kind: str) -> None:
    rng = random.Random(1)
    async with opened(served) as (feed, _):
        await feed.watch("orderbook_delta", [MARKET, OTHER])
        served.exchange.faults.rules.append(Rule(kind, share=0.2, times=3))
        for _ in range(10):
            stir(served, MARKET, rng, 5)
            await asyncio.sleep(0.02)
        served.exchange.faults.rules.clear()
        await equals_rest(feed, kalshi, [MARKET, OTHER])
        stir(served, OTHER, rng, 5)
        await equals_rest(feed, kalshi, [MARKET, OTHER])
        counted = {"feed_skip": "gaps", "feed_twice": "duplicates", "feed_unknown": "unknown", "feed_error": "errors"}
        assert feed.counters[counted[kind]] > 0


async def test_a_silent_connection_is_dead(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exchange's process stops answering: noticed by our own pings, and made again."""
    monkeypatch.setattr("prediction_mcp.net.websocket.SILENCE_S", 0.3)
    monkeypatch.setattr(ws, "HEARTBEAT_S", 60)
    again = asyncio.Event()
    async with opened(served, on_reconnect=again.set) as (feed, _):
        await feed.watch("orderbook_delta", [MARKET])
        socket = feed._socket
        assert socket is not None
        socket.transport.pause_reading()
        await asyncio.wait_for(again.wait(), 60)
        assert (await feed.book(MARKET)).state == "live"


async def test_commands_that_time_out_at_the_exchange_are_sent_again(served: Served) -> None:
    served.exchange.faults.rules.append(Rule("feed_timeout", times=2))
    async with opened(served) as (feed, _):
        await feed.watch("orderbook_delta", [MARKET])
        assert (await feed.book(MARKET)).state == "live"


async def test_closing_leaves_nothing(served: Served) -> None:
    before = len(asyncio.all_tasks())
    async with opened(served) as (feed, _):
        await feed.watch("orderbook_delta", [MARKET])
        await feed.close()
    for _ in range(50):
        hub = served.exchange.hub
        if len(asyncio.all_tasks()) <= before + 1 and (hub is None or not hub.audience("orderbook_delta", MARKET)):
            break
        await asyncio.sleep(0.02)
    assert hub is not None
    assert not hub.audience("orderbook_delta", MARKET)


# -- by hand -----------------------------------------------------------------------------------------------------


def snapshot(yes: list[tuple[str, str]], no: list[tuple[str, str]]) -> SnapshotMsg:
    return SnapshotMsg("A", yes, no, 7)


def delta(side: Any, price: str, change: str) -> DeltaMsg:
    return DeltaMsg("A", price, change, side, 8)


def test_a_book_by_hand() -> None:
    book = LiveBook("A")
    book.load(snapshot([("0.4000", "5.00"), ("0.3900", "1.50")], [("0.4200", "3.00")]), 1)
    assert (book.best_bid, book.best_ask, book.state, book.seq) == (4_000, 4_200, "live", 1)
    book.apply(delta("yes", "0.4000", "-5.00"), 2)
    assert book.yes_bids == [(Decimal("0.39"), Decimal("1.5"))]
    book.apply(delta("no", "0.4100", "0.25"), 3)
    assert book.yes_asks == [(Decimal("0.41"), Decimal("0.25")), (Decimal("0.42"), Decimal(3))]
    book.apply(delta("no", "0.4100", "-0.25"), 4)
    assert (book.best_ask, book.ts_ms, book.seq) == (4_200, 8, 4)
    turned = LiveBook("A", yes_price=False)
    turned.load(snapshot([], [("0.5800", "3.00")]), 1)
    turned.apply(delta("no", "0.5700", "1.00"), 2)
    assert turned.yes_asks == [(Decimal("0.42"), Decimal(3)), (Decimal("0.43"), Decimal(1))]


@pytest.mark.parametrize(
    ("side", "price", "change"), [("yes", "0.4000", "-5.01"), ("yes", "0.4200", "1.00"), ("no", "0.4000", "1.00")]
)
def test_a_book_that_does_not_add_up_is_no_answer(side: str, price: str, change: str) -> None:
    book = LiveBook("A")
    book.load(snapshot([("0.4000", "5.00")], [("0.4200", "3.00")]), 1)
    with pytest.raises(BookError):
        book.apply(delta(side, price, change), 2)
    assert book.state == "stale"
    with pytest.raises(BookError, match="crossed"):
        book.load(snapshot([("0.5000", "5.00")], [("0.5000", "3.00")]), 3)
    assert book.state == "stale"


def test_numbers_by_hand() -> None:
    assert [price_units(t) for t in ("0.5600", "0.56", "0", "1.0000", "0.0001")] == [5_600, 5_600, 0, 10_000, 1]
    assert [count_units(t) for t in ("10.00", "-0.50", "-12.34", "7", "1000000.01")] == [
        1000,
        -50,
        -1234,
        700,
        100000001,
    ]
    for wrong in ("", "x", "1.5", "-0.1", "0.00001"):
        with pytest.raises(BookError):
            price_units(wrong)
    for wrong in ("", "1.234", "a.bc"):
        with pytest.raises(BookError):
            count_units(wrong)


def test_delays_grow_to_a_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform that was away for hours is tried again within ten seconds of its return."""
    monkeypatch.setattr("prediction_mcp.net.websocket.FIRST_DELAY_S", 1.0)
    seen = [next(made) for made in [delays()] for _ in range(20)]
    assert seen[0] < 1 < max(seen) < 7
    assert url_of("https://external-api.kalshi.com/trade-api/v2") == "wss://external-api-ws.kalshi.com/trade-api/ws/v2"
    assert url_of("http://127.0.0.1:8080/trade-api/v2") == "ws://127.0.0.1:8080/trade-api/ws/v2"
