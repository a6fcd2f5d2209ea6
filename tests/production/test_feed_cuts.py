"""Both platforms' feeds under cuts, refusals and restarts: live again each time, with few commands, and nothing lost.

``--cuts 1000`` for the long run; benchmarks/feed_cuts.py measures the seconds with the real pauses.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from websockets.exceptions import ConnectionClosedError, InvalidMessage, InvalidProxy

from prediction_mcp.kalshi.auth import KeySigner
from prediction_mcp.kalshi.errors import AuthenticationError, ExchangeUnavailableError
from prediction_mcp.kalshi.feed import Feed
from prediction_mcp.net import websocket
from prediction_mcp.net.kept import Kept
from prediction_mcp.polymarket import text_pings
from prediction_mcp.polymarket.errors import AuthenticationError as PolymarketAuthenticationError
from prediction_mcp.polymarket.feed import Feed as MarketFeed
from prediction_mcp.polymarket.models import Orderbook
from prediction_mcp.polymarket.own import UserTrade
from prediction_mcp.polymarket.record import Resolution
from prediction_mcp.polymarket.user_feed import UserFeed
from prediction_mcp.polymarket.wallet import ApiKey
from tests.facts import load
from tests.production.feed_double import Double, doubled
from tests.production.feed_gate import HALVES, STATUSES, Gate, gated
from tests.production.polymarket_double import KEY, PolymarketDouble, polymarket_doubled

TICKERS = ("KXONE-26-A", "KXTWO-26-B", "KXTRE-26-C")
TOKENS = ("71", "72", "73")
KINDS: tuple[int | str, ...] = (*STATUSES, *HALVES, *("down", "cut", "end") * 5)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "FIRST_DELAY_S", 0.002)
    monkeypatch.setattr(websocket, "LONGEST_DELAY_S", 0.01)


async def until(condition: Callable[[], object]) -> None:
    """Wait for what must come; a test that waits in vain ends with an error of its own."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what it waits for has many causes
            await asyncio.sleep(0.002)


async def strike(gate: Gate, kind: int | str, kept: Kept, tries: int) -> None:
    """Bring one trouble over a feed, for so many tries in vain, and end it again."""
    before = kept.counters["tries"]
    if kind in ("cut", "end"):
        gate.cut(hard=kind == "cut")
        return
    if kind == "down":
        await gate.close()
    else:
        gate.trouble = kind
        gate.cut()
    await until(lambda: kept.counters["tries"] >= before + 1 + tries)
    assert kept.state == "reconnecting"
    assert kept.problem is not None
    assert ("next try" in kept.problem) or ("trying now" in kept.problem)
    assert not isinstance(kind, int) or f"status {kind}" in kept.problem
    gate.trouble = None
    if kind == "down":
        await gate.open()


def signer() -> KeySigner:
    return KeySigner("a", ed25519.Ed25519PrivateKey.generate())


class Rest:
    """What Polymarket's REST knows beside the feeds: no book, and trades."""

    def __init__(self) -> None:
        self.reads = 0
        self.known: list[UserTrade] = []

    async def orderbooks(self, token_ids: Sequence[str]) -> dict[str, Orderbook]:
        self.reads += 1
        return {}

    async def resolutions(self, condition_id: str) -> list[Resolution]:
        return []

    async def trades(self, after: datetime | None = None, market: str | None = None) -> list[UserTrade]:
        return self.known[-50:][::-1]


def trade(number: int) -> UserTrade:
    return UserTrade.model_validate(
        {"id": f"t{number}", "market": "0xm", "asset_id": "71", "side": "BUY", "size": "1", "price": "0.4",
         "status": "CONFIRMED", "match_time": str(1_795_500_000 + number)}
    )  # fmt: skip


# -- cuts ------------------------------------------------------------------------------------------------------------


@pytest.mark.long
async def test_kalshis_feed_is_live_again_after_each_cut(request: pytest.FixtureRequest) -> None:
    cuts: int = request.config.getoption("--cuts")
    rng, most = random.Random(1), 0
    async with doubled() as double, gated(double.port) as gate:
        feed = Feed(f"ws://127.0.0.1:{gate.port}/trade-api/ws/v2", signer(), use_yes_price=False)
        await feed.watch("orderbook_delta", TICKERS)
        await until(lambda: all(book.state == "live" for book in feed.books.values()))
        for number in range(cuts):
            kind, sockets, commands = rng.choice(KINDS), len(double.sockets), len(double.commands)
            await strike(gate, kind, feed, rng.randrange(1, 4))
            await until(lambda: len(double.sockets) > sockets and all(b.state == "live" for b in feed.books.values()))  # noqa: B023
            await double.delta(TICKERS[number % 3])
            await until(lambda: feed.books[TICKERS[number % 3]].bids.get(3_900) == 100)  # noqa: B023
            sent = Counter(t for c in double.commands[commands:] for t in c["params"].get("market_tickers", []))
            most = max(most, *sent.values())
            assert feed.state == "live"
            assert feed.problem is None
        await feed.close()
    assert most <= 2
    sys.stdout.write(f"\nKalshi: {cuts} troubles, {gate.refused} refusals, {most} commands a book at most\n")


@pytest.mark.long
async def test_polymarkets_feeds_are_live_again_after_each_cut(request: pytest.FixtureRequest) -> None:
    """Both at once. A trade that happens while the user feed is away is reported once all the same."""
    cuts: int = request.config.getoption("--cuts")
    rng, most, rest, told = random.Random(2), 0, Rest(), Counter[str]()
    async with polymarket_doubled() as double, gated(double.port) as gate:
        feed = MarketFeed(rest, f"ws://127.0.0.1:{gate.port}/ws/market", proof_s=3_600)
        user = UserFeed(
            ApiKey(KEY, "c2VjcmV0", "pass"), rest, f"ws://127.0.0.1:{gate.port}/ws/user",
            on_trade=lambda step: told.update([step.id]), poll_s=3_600,
        )  # fmt: skip
        await feed.watch(TOKENS)
        await user.watch()
        await until(lambda: all(book.state == "live" for book in feed.books.values()))
        for number in range(cuts):
            kind, token = rng.choice(KINDS), TOKENS[number % 3]
            market, users, commands = len(double.market), len(double.user), len(double.commands)
            rest.known.append(trade(number))
            await strike(gate, kind, feed.connections[0], rng.randrange(1, 4))
            await until(lambda: len(double.market) > market and len(double.user) > users)  # noqa: B023
            await until(lambda: all(book.state == "live" for book in feed.books.values()))
            await double.change(token, str(11 + number))
            await until(lambda: feed.books[token].bids[4_000] == str(11 + number))  # noqa: B023
            await until(lambda: told[f"t{number}"])  # noqa: B023
            sent = Counter(t for c in double.commands[commands:] for t in c.get("assets_ids", []))
            most = max(most, *sent.values())
            assert (feed.connections[0].state, user.state, feed.problem, user.problem) == ("live", "live", None, None)
        await feed.close()
        await user.close()
    assert most <= 2
    assert told == Counter(f"t{number}" for number in range(cuts))
    assert rest.reads <= 2 * cuts
    sys.stdout.write(f"\nPolymarket: {cuts} troubles, {gate.refused} refusals, {most} commands, {rest.reads} reads\n")


# -- refusals --------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def kalshi_behind(trouble: int | str, body: bytes) -> AsyncIterator[tuple[Gate, Feed, Double]]:
    async with doubled() as double, gated(double.port) as gate:
        gate.trouble, gate.body = trouble, body
        feed = Feed(f"ws://127.0.0.1:{gate.port}/trade-api/ws/v2", signer())
        try:
            yield gate, feed, double
        finally:
            await feed.close()


@asynccontextmanager
async def polymarket_behind(trouble: int | str) -> AsyncIterator[tuple[Gate, MarketFeed, UserFeed, PolymarketDouble]]:
    async with polymarket_doubled() as double, gated(double.port) as gate:
        gate.trouble = trouble
        rest = Rest()
        feed = MarketFeed(rest, f"ws://127.0.0.1:{gate.port}/ws/market", proof_s=3_600)
        user = UserFeed(ApiKey(KEY, "c2VjcmV0", "pass"), rest, f"ws://127.0.0.1:{gate.port}/ws/user", poll_s=3_600)
        try:
            yield gate, feed, user, double
        finally:
            await feed.close()
            await user.close()


@pytest.mark.parametrize("trouble", [*STATUSES, *HALVES, 301, 302, 400, 405, 407, 410, 418])
async def test_a_refusal_that_is_not_the_keys_is_tried_again(trouble: int | str) -> None:
    """From the first try on, while the caller waits; at most one more try after the server's return."""
    async with kalshi_behind(trouble, b"<html>no</html>") as (gate, feed, double):
        watching = asyncio.create_task(feed.watch("orderbook_delta", TICKERS))
        await until(lambda: gate.refused >= 4)
        assert feed.state == "connecting"
        gate.trouble = None
        await watching
        await until(lambda: all(book.state == "live" for book in feed.books.values()))
        assert (gate.passed, len(double.commands)) == (1, 1)
    async with polymarket_behind(trouble) as (gate, market, user, polymarket):
        both = asyncio.gather(market.watch(TOKENS), user.watch())
        await until(lambda: gate.refused >= 6)
        gate.trouble = None
        await both
        await until(lambda: all(book.state == "live" for book in market.books.values()))
        await until(lambda: len(polymarket.commands) == 2)
        assert gate.passed == 2


@pytest.mark.parametrize("name", ["unknown_key_id", "bad_signature", "missing_signature_header"])
async def test_a_refused_key_ends_the_feed(name: str) -> None:
    """401 with the bodies that Kalshi's demo sent."""
    async with kalshi_behind(401, body_of(f"auth__{name}")) as (gate, feed, _):
        with pytest.raises(AuthenticationError, match="refused the key"):
            await feed.watch("orderbook_delta", TICKERS)
        assert (feed.state, gate.refused) == ("failed", 1)
        assert "refused the key" in str(feed.problem)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}"])
async def test_a_401_without_a_code_is_the_keys(body: bytes) -> None:
    async with kalshi_behind(401, body) as (_, feed, _):
        with pytest.raises(AuthenticationError):
            await feed.watch("orderbook_delta", TICKERS)


async def test_a_clock_that_is_off_is_no_refused_key() -> None:
    """It may come right, and the reason says what to set right meanwhile."""
    async with kalshi_behind(401, body_of("auth__skew_minus30s")) as (gate, feed, _):
        watching = asyncio.create_task(feed.watch("orderbook_delta", TICKERS))
        await until(lambda: gate.refused >= 3)
        assert "header timestamp expired" in str(feed.problem)
        gate.trouble = None
        await watching


async def test_polymarkets_user_feed_ends_with_a_refused_key_and_the_market_feed_never() -> None:
    async with polymarket_behind(401) as (gate, market, user, _):
        both = asyncio.gather(market.watch(TOKENS), user.watch())
        await until(lambda: gate.refused >= 6)
        gate.trouble = None
        await both
        user._key = ApiKey("another", "c2VjcmV0", "pass")
        gate.cut()
        await until(lambda: user.state == "failed")
        assert isinstance(user.failure, PolymarketAuthenticationError)
        await until(lambda: all(book.state == "live" for book in market.books.values()))


async def test_a_long_silence_before_a_connection_says_nothing_about_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an outage of more than half a minute the first ping closed the connection that had just been opened."""
    monkeypatch.setattr(text_pings, "PING_S", 0.02)
    monkeypatch.setattr(websocket, "SILENCE_S", 20.0)
    async with polymarket_behind("down") as (gate, market, user, double):
        gate.trouble = None
        await market.watch(TOKENS)
        await user.watch()
        for kept in (user, market.connections[0]):
            kept._heard_at -= 100
        gate.cut()
        await until(lambda: (len(double.market), len(double.user)) == (2, 2))
        pings = double.pings
        await until(lambda: double.pings > pings + 10)
        assert (len(double.market), len(double.user)) == (2, 2)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (socket.gaierror(-3, "Temporary failure in name resolution"), "the host's name can't be resolved"),
        (ConnectionRefusedError(111, "Connection refused"), "connection refused"),
        (TimeoutError(), "no answer in 10 s"),
        (InvalidMessage("did not receive a valid HTTP response"), "cut in the middle of the handshake"),
        (InvalidProxy("http://me:secret@proxy", "no port"), "InvalidProxy"),
        (ConnectionClosedError(None, None), "cut with code 1006"),
    ],
)
def test_reasons_are_a_few_words_without_addresses(error: Exception, reason: str) -> None:
    assert websocket.reason_of(error) == reason


async def test_the_error_of_a_feed_that_can_not_be_had_gives_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prediction_mcp.net.kept.ANSWER_S", 0.3)
    async with kalshi_behind(503, b"") as (_, feed, _):
        with pytest.raises(ExchangeUnavailableError, match="refused with status 503"):
            await feed.watch("orderbook_delta", TICKERS)
        assert not feed.books


async def test_a_redirect_is_not_followed() -> None:
    """Elsewhere the signed headers of the handshake are nobody's business."""
    async with doubled() as elsewhere, kalshi_behind(302, b"") as (gate, feed, _):
        gate.location = f"http://127.0.0.1:{elsewhere.port}/"
        watching = asyncio.create_task(feed.watch("orderbook_delta", TICKERS))
        await until(lambda: gate.refused >= 2)
        gate.trouble = None
        await watching
        assert not elsewhere.sockets


async def test_a_server_that_takes_and_cuts_gets_growing_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a connection that stood for a while makes the next pause a short one."""
    made, real = list[Generator[float]](), websocket.delays

    def counted() -> Generator[float]:
        made.append(real())
        return made[-1]

    monkeypatch.setattr(websocket, "delays", counted)
    async with kalshi_behind("ok", b"") as (gate, feed, double):
        gate.trouble = None
        await feed.watch("orderbook_delta", TICKERS)
        for number in range(2, 7):
            gate.cut()
            await until(lambda: len(double.sockets) == number and feed.state == "live")  # noqa: B023
        assert len(made) == 1
        monkeypatch.setattr(websocket, "STEADY_S", 0.0)
        gate.cut()
        await until(lambda: len(double.sockets) == 7)
        assert len(made) == 2


def body_of(name: str) -> bytes:
    return json.dumps(load(f"kalshi/recorded/{name}")).encode()
