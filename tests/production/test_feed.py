"""The live feed against frames that were recorded on production, and against a server written from them alone."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from prediction_mcp.kalshi.auth import KeySigner
from prediction_mcp.kalshi.errors import ExchangeUnavailableError, NotFoundError
from prediction_mcp.kalshi.feed import Feed
from prediction_mcp.net import retrying
from tests.production.feed_double import BOOK, Double, Json, doubled, recorded

A, B, C = "KXONE-26-A", "KXTWO-26-B", "KXTRE-26-C"
UNREADABLE = (
    b'{"type":"orderbook_snapshot","sid":SID,"seq":SEQ,"msg":{"market_ticker":"KXONE-26-A","yes_dollars_fp":7}}'
)
Levels = dict[Fraction, Fraction]


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("FIRST_S", 0.02), ("LONGEST_S", 0.2), ("ANSWER_S", 0.1)):
        monkeypatch.setattr(retrying, name, seconds)
    monkeypatch.setattr("prediction_mcp.kalshi.feed.ANSWER_S", 0.1)
    monkeypatch.setattr("prediction_mcp.net.websocket.FIRST_DELAY_S", 0.02)


@asynccontextmanager
async def opened(double: Double, *tickers: str, use_yes_price: bool = False) -> AsyncIterator[Feed]:
    feed = Feed(double.url, KeySigner("a", ed25519.Ed25519PrivateKey.generate()), use_yes_price=use_yes_price)
    try:
        for ticker in tickers:
            await feed.watch("orderbook_delta", [ticker])
        yield feed
    finally:
        await feed.close()


async def until(condition: Callable[[], object]) -> None:
    """Wait for what must come; a test that waits in vain ends with an error of its own."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what it waits for has many causes
            await asyncio.sleep(0.005)


async def quiet(double: Double) -> None:
    """Wait until nothing is asked for any more: three times as long as the longest pause of these tests."""
    seen = -1
    while seen != len(double.commands):
        seen = len(double.commands)
        await asyncio.sleep(0.6)


def states(feed: Feed) -> dict[str, str]:
    return {ticker: book.state for ticker, book in feed.books.items()}


# -- the recorded stream ---------------------------------------------------------------------------------------------


def rebuilt(frames: list[Json]) -> dict[str, tuple[Levels, Levels]]:
    """The books that the frames describe, as (YES bids, NO bids), by nothing but additions of fractions."""
    books: dict[str, tuple[Levels, Levels]] = {}
    for frame in frames:
        msg = frame["msg"]
        if frame["type"] == "orderbook_snapshot":
            sides = [{Fraction(p): Fraction(c) for p, c in msg[f"{side}_dollars_fp"]} for side in ("yes", "no")]
            books[msg["market_ticker"]] = sides[0], sides[1]
        elif frame["type"] == "orderbook_delta":
            levels = books[msg["market_ticker"]][msg["side"] == "no"]
            price = Fraction(msg["price_dollars"])
            levels[price] = levels.get(price, Fraction(0)) + Fraction(msg["delta_fp"])
    return {t: tuple({p: c for p, c in s.items() if c} for s in sides) for t, sides in books.items()}  # type: ignore[misc]


def kept(feed: Feed) -> dict[str, tuple[Levels, Levels]]:
    """The feed's books in the same form."""
    return {
        ticker: (
            {Fraction(price): Fraction(count) for price, count in book.yes_bids},
            {1 - Fraction(price): Fraction(count) for price, count in book.yes_asks},
        )
        for ticker, book in feed.books.items()
    }


def all_is_well(feed: Feed, frames: list[Json]) -> None:
    assert set(states(feed).values()) == {"live"}
    assert kept(feed) == rebuilt(frames)
    assert {name: feed.counters[name] for name in ("gaps", "duplicates", "resyncs", "unreadable", "unknown")} == {
        "gaps": 0, "duplicates": 0, "resyncs": 0, "unreadable": 0, "unknown": 0,
    }  # fmt: skip


async def test_the_recorded_stream_command_by_command() -> None:
    """Twelve markets one after the other, each answered by the recorded ``ok`` and snapshot; then the 245 deltas.

    Only the number of the command that an answer repeats is ours.
    """
    frames = recorded()
    left = iter(frames)

    async def answers(double: Double, command: Json) -> bool:
        assert command["cmd"] == "subscribe" if not double.sid else command["params"]["action"] == "add_markets"
        double.sid = 1
        await double.send(next(left) | {"id": command["id"]})
        await double.send(next(left))
        return True

    tickers = [frame["msg"]["market_ticker"] for frame in frames if frame["type"] == "orderbook_snapshot"]
    async with doubled(answers=answers) as double, opened(double, *tickers) as feed:
        for frame in left:
            await double.send(frame)
        await until(lambda: max(book.seq for book in feed.books.values()) == 268)
        all_is_well(feed, frames)
        assert len(feed.books) == len(double.commands) == 12


async def test_the_recorded_stream_at_once() -> None:
    """The same frames, ``ok``s of another's commands among them, after one subscription to the twelve markets."""
    frames = recorded()
    tickers = [frame["msg"]["market_ticker"] for frame in frames if frame["type"] == "orderbook_snapshot"]

    async def answers(double: Double, command: Json) -> bool:
        for frame in frames:
            await double.send(frame | ({"id": command["id"]} if frame["type"] == "subscribed" else {}))
        return True

    async with doubled(answers=answers) as double, opened(double) as feed:
        await feed.watch("orderbook_delta", tickers)
        await until(lambda: max(book.seq for book in feed.books.values()) == 268)
        all_is_well(feed, frames)
        assert len(double.commands) == 1


# -- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("counts", [1, 0])
async def test_a_third_market_is_no_gap_whether_answers_count_or_not(counts: int) -> None:
    """Production counts each ``ok``; one that bears the last number once more is tolerated, too."""
    async with doubled(counts=counts) as double, opened(double, A, B, C) as feed:
        await until(lambda: set(states(feed).values()) == {"live"})
        for ticker in (A, B, C):
            await double.delta(ticker)
        await until(lambda: [b.bids.get(3_900) for b in feed.books.values()] == [100] * 3)
        await feed.unwatch("orderbook_delta", [B])
        await double.delta(C)
        await until(lambda: feed.books[C].bids[3_900] == 200)
        await quiet(double)
        assert (feed.counters["gaps"], len(double.commands)) == (0, 4)


@pytest.mark.usefixtures("_quick")
async def test_a_message_with_the_number_of_the_answer_before_it_is_taken_once() -> None:
    async with doubled() as double, opened(double, A, B) as feed:
        await until(lambda: set(states(feed).values()) == {"live"})
        await double.send({"type": "ok", "id": 0, "sid": 1, "seq": double.next(), "msg": {}})
        for _ in range(3):
            await double.delta(A, seq=double.seq)
        await double.delta(B)
        await until(lambda: feed.books[B].bids.get(3_900) == 100)
        assert (feed.books[A].bids[3_900], feed.counters["gaps"], feed.counters["duplicates"]) == (100, 0, 2)


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("odd", [1, 10**15])
async def test_a_count_that_jumps_or_begins_anew_is_a_gap(odd: int) -> None:
    """Before, all that came below the last number was dropped: the books stayed "live", or stale, for ever."""
    async with doubled() as double, opened(double, A, B, C) as feed:
        await until(lambda: set(states(feed).values()) == {"live"})
        await double.delta(A, seq=odd)
        if odd == 1:
            double.seq = 1
        double.books[A] = BOOK | {"yes_dollars_fp": [["0.4000", "9.00"]]}
        await until(lambda: feed.counters["gaps"] and set(states(feed).values()) == {"live"})
        await until(lambda: feed.books[A].bids.get(4_000) == 900)
        await double.delta(B)
        await until(lambda: feed.books[B].bids.get(3_900) == 100)
        await quiet(double)
        assert set(states(feed).values()) == {"live"}
        assert len(double.commands) <= 3 + 2


@pytest.mark.usefixtures("_quick")
async def test_an_error_of_a_subscription_counts() -> None:
    async with doubled() as double, opened(double, A) as feed:
        await until(lambda: states(feed) == {A: "live"})
        error = {"code": 11, "msg": "Invalid parameter"}
        await double.send({"type": "error", "sid": 1, "seq": double.next(), "msg": error})
        await double.delta(A)
        await until(lambda: feed.books[A].bids.get(3_900) == 100)
        assert (feed.counters["gaps"], len(double.commands)) == (0, 1)


@pytest.mark.usefixtures("_quick")
async def test_a_gap_costs_one_command_for_all_books() -> None:
    async with doubled() as double, opened(double, A, B, C) as feed:
        await until(lambda: set(states(feed).values()) == {"live"})
        double.next()
        await double.delta(A)
        await until(lambda: feed.counters["gaps"] == 1 and set(states(feed).values()) == {"live"})
        await quiet(double)
        assert double.snapshots_asked == {A: 1, B: 1, C: 1}
        assert len(double.commands) == 4


# -- what can't be read ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("side", ["yes_dollars_fp", "no_dollars_fp"])
@pytest.mark.parametrize("empty", [None, [], [["0.4500", "0.00"]]])
async def test_a_side_without_levels_is_an_empty_side(side: str, empty: object) -> None:
    async with doubled(books={A: BOOK | {side: empty}}) as double, opened(double, A) as feed:
        await until(lambda: states(feed) == {A: "live"})
        book = feed.books[A]
        assert (book.bids, book.asks) == (({}, {4_200: 300}) if side == "yes_dollars_fp" else ({4_000: 500}, {}))
        assert not double.snapshots_asked


CAN_NOT_BE: dict[str, Json | bytes | None] = {
    "crossed": {"yes_dollars_fp": [["0.9000", "1.00"]], "no_dollars_fp": [["0.9000", "1.00"]]},
    "below zero": {"yes_dollars_fp": [["0.4000", "-1.00"]]},
    "a price": {"yes_dollars_fp": [["1.4000", "1.00"]]},
    "a number": {"yes_dollars_fp": [["0.4000", "many"]]},
    "a million digits": {"yes_dollars_fp": [["0.4000", "1e999999"]]},
    "a shape": UNREADABLE,
    "an unknown market's": UNREADABLE.replace(b'"KXONE-26-A"', b"null"),
    "not sent": None,
}


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("kind", CAN_NOT_BE)
async def test_a_book_that_can_not_be_is_asked_for_twice_and_then_says_so(kind: str) -> None:
    """Its neighbour stays right, or comes right again; and what was given up recovers with the first good snapshot."""
    async with doubled(books={A: CAN_NOT_BE[kind]}) as double, opened(double, B, A) as feed:
        await until(lambda: states(feed)[A] == "failed")
        await quiet(double)
        assert double.snapshots_asked[A] == 2
        assert double.snapshots_asked[B] <= 2
        assert states(feed)[B] == "live" or kind == "an unknown market's"
        assert feed.books[A].reason
        with pytest.raises(ExchangeUnavailableError, match=f"no live book of {A} now"):
            await feed.book(A)
        double.books.clear()
        await double.snapshot(A)
        await until(lambda: states(feed)[A] == "live")
        assert (await feed.book(A)).reason == ""
        assert double.snapshots_asked[A] == 2


@pytest.mark.usefixtures("_quick")
async def test_a_snapshot_may_be_the_only_answer() -> None:
    """The specification gives the snapshot the number of the command that asked for it, and names no ``ok``."""

    async def answers(double: Double, command: Json) -> bool:
        asked: bool = command["params"].get("action") == "get_snapshot"
        if asked:
            await double.snapshot(A, command["id"])
        return asked

    async with doubled(answers=answers) as double, opened(double, A) as feed:
        await until(lambda: states(feed) == {A: "live"})
        await double.delta(A, "-9.00", "0.4000")
        await until(lambda: double.snapshots_asked[A] == 1 and states(feed) == {A: "live"})
        await quiet(double)
        assert double.snapshots_asked == {A: 1}
        assert not feed._commands._waiting


@pytest.mark.usefixtures("_quick")
async def test_a_market_that_is_gone_keeps_no_other_from_its_snapshot() -> None:
    async def answers(double: Double, command: Json) -> bool:
        gone = command["params"].get("action") == "get_snapshot" and A in command["params"]["market_tickers"]
        if gone:
            error = {"code": 11, "msg": "Invalid parameter", "market_ticker": A, "market_tickers": [A]}
            await double.send({"type": "error", "id": command["id"], "sid": 1, "seq": double.next(), "msg": error})
        return gone

    async with doubled(answers=answers) as double, opened(double, A, B) as feed:
        await until(lambda: set(states(feed).values()) == {"live"})
        double.next()
        await double.delta(B)
        await until(lambda: states(feed) == {A: "failed", B: "live"})
        await quiet(double)
        assert double.snapshots_asked == {A: 1, B: 2}
        assert "no market" in feed.books[A].reason


@pytest.mark.usefixtures("_quick")
async def test_a_market_that_left_the_listing_keeps_no_other_from_being_watched() -> None:
    """After a cut the exchange doesn't know it any more; whoever watches another one later hears nothing of that."""

    async def answers(double: Double, command: Json) -> bool:
        gone = len(double.sockets) > 1 and A in command["params"].get("market_tickers", [])
        if gone:
            error = {"code": 11, "msg": "Invalid parameter", "market_ticker": A, "market_tickers": [A]}
            await double.send({"type": "error", "id": command["id"], "msg": error})
        return gone

    async with doubled(answers=answers) as double, opened(double, A, B) as feed:
        await until(lambda: set(states(feed).values()) == {"live"})
        await double.sockets[-1].close()
        await until(lambda: states(feed) == {A: "failed", B: "live"})
        assert "no market" in feed.books[A].reason
        await feed.watch("orderbook_delta", [C])
        await until(lambda: states(feed) == {A: "failed", B: "live", C: "live"})
        with pytest.raises(NotFoundError, match=f"no market {A}"):
            await feed.watch("orderbook_delta", [A])
        await quiet(double)
        assert not double.snapshots_asked


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("code", [10, 25])
async def test_a_subscription_that_always_ends_is_asked_for_twice_and_then_says_so(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "LATER_S", 1.0)

    async def answers(double: Double, command: Json) -> bool:
        await double.obey(command)
        error = {"code": code, "msg": "Channel error"}
        await double.send({"type": "error", "sid": 1, "seq": double.next(), "msg": error})
        double.sid = 0
        double.markets.clear()
        return True

    async with doubled(answers=answers) as double, opened(double, A) as feed:
        await until(lambda: feed.problem)
        assert len(double.commands) == 3
        assert f"ended with error {code}" in str(feed.problem)
        double.answers = None
        await until(lambda: states(feed) == {A: "live"})
        assert (len(double.commands), feed.problem) == (4, None)


# -- storms ----------------------------------------------------------------------------------------------------------


async def test_two_thousand_gaps_are_not_two_thousand_commands() -> None:
    """With the real pauses: one command at once; the next only after a second, however many frames have gaps."""
    async with doubled() as double, opened(double, A, B) as feed:
        await until(lambda: set(states(feed).values()) == {"live"})
        for _ in range(2_000):
            double.next()
            await double.delta(random.choice((A, B)))
        await until(lambda: feed.counters["gaps"] >= 2_000)
        assert double.snapshots_asked[A] <= 2 * feed.counters["gaps"]
        assert sum(double.snapshots_asked.values()) <= 40  # some twenty seconds' worth: a storm would be thousands


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("seed", range(4))
async def test_whatever_comes_a_fault_costs_a_book_two_commands_at_most(seed: int) -> None:
    """Frames of all kinds, right and wrong, in any order; every wrong one counts as a fault of every book."""
    rng = random.Random(seed)
    wrong = 0
    async with doubled() as double, opened(double, A, B, C) as feed:
        await until(lambda: set(states(feed).values()) == {"live"})
        for _ in range(300):
            ticker = rng.choice((A, B, C))
            kind = rng.randrange(12)
            wrong += kind < 10
            match kind:
                case 0:
                    double.seq += rng.randrange(1, 9)  # noticed by the next frame
                case 1:
                    await double.delta(ticker, "-99.00")
                case 2:
                    await double.delta(ticker, price="0.9900")
                case 3:
                    double.books[ticker] = rng.choice([*CAN_NOT_BE.values()])
                case 4:
                    await double.send(rng.choice([b"", b"[]", b"{", b"null", b"[" * 9_000, b'{"type":7}', b"\xff\xfe"]))
                case 5:
                    await double.send({"type": "weather_on_mars", "sid": 1, "seq": double.next(), "msg": [1]})
                case 6:
                    await double.send({"type": "ok", "id": 9_999, "sid": 1, "seq": double.next(), "msg": None})
                case 7:
                    await double.send({"type": "error", "sid": 1, "seq": double.next(), "msg": {"code": 1}})
                case 8:
                    await double.delta(ticker, seq=rng.randrange(double.seq + 1))
                case 9:
                    await double.snapshot(ticker)
                case _:
                    double.books.pop(ticker, None)
                    await double.delta(ticker)
            await asyncio.sleep(0)
        double.books.clear()
        await quiet(double)
        assert max(double.snapshots_asked.values()) <= 2 * wrong
        for ticker in (A, B, C):
            await double.snapshot(ticker)
        await until(lambda: set(states(feed).values()) == {"live"})
        assert len(double.sockets) == 1


def test_the_double_is_as_recorded() -> None:
    """What the double sends has the fields and the numbers of the recording."""
    asyncio.run(_shapes())


async def _shapes() -> None:
    frames: list[Json] = []
    async with doubled() as double:
        send = double.send

        async def both(frame: Any) -> None:
            frames.append(json.loads(json.dumps(frame)))
            await send(frame)

        double.send = both  # type: ignore[method-assign]
        async with opened(double, A, B) as feed:
            await double.delta(A)
            await until(lambda: feed.books[A].bids.get(3_900) == 100)
    seen = {frame["type"]: frame for frame in recorded()}
    assert [frame["type"] for frame in frames] == [*(f["type"] for f in recorded()[:4]), "orderbook_delta"]
    assert [frame.get("seq") for frame in frames] == [None, 1, 2, 3, 4]
    for frame in frames:
        assert frame.keys() == seen[frame["type"]].keys()
        assert frame["msg"].keys() == seen[frame["type"]]["msg"].keys()
