"""Answers that are kept: for how long, for whom, and when they are forgotten; in memory and in a real Redis."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.errors import MalformedResponseError
from prediction_mcp.kalshi.kinds import KINDS
from prediction_mcp.net import caching
from prediction_mcp.net.caching import LIFE_S, Kind, ReadCache, allowing, oldest
from prediction_mcp.server import create_server
from tests.conftest import MARKET, Served, account_of
from tests.tools.conftest import ERAS, Assistant, settings_for

REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/0")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching, "LATER_S", 0.0)


@pytest.fixture(scope="session")
def redis_answers() -> bool:
    async def ask() -> None:
        from redis.asyncio import Redis

        connection = Redis.from_url(REDIS, socket_timeout=3)
        await connection.ping()
        await connection.aclose()

    try:
        asyncio.run(ask())
    except Exception:  # noqa: BLE001 - none answers, for whatever reason
        return False
    return True


@pytest.fixture(params=["memory", "redis"])
def url(request: pytest.FixtureRequest) -> str | None:
    if request.param == "memory":
        return None
    if not request.getfixturevalue("redis_answers"):
        pytest.skip(f"no Redis answers at {REDIS}")
    return REDIS


@pytest.fixture
def name() -> str:
    return uuid.uuid4().hex


class Source:
    """Something to read: each reading gives another answer."""

    def __init__(self) -> None:
        self.reads = 0

    async def read(self) -> bytes:
        self.reads += 1
        return b"%d" % self.reads

    async def through(self, cache: ReadCache, kind: Kind = "prices", name: str = "x") -> bytes:
        with allowing():
            return await cache.through(kind, name, self.read, bytes)


async def ready(cache: ReadCache) -> ReadCache:
    """A cache whose library is loaded."""
    source = Source()
    await source.through(cache)
    await cache.settled()
    return cache


@pytest.fixture
async def cache(url: str | None, name: str) -> AsyncIterator[ReadCache]:
    made = await ready(ReadCache(f"p{name}", f"a{name}", url))
    yield made
    await made.close()


async def test_an_answer_is_kept_only_for_work_that_allows_it(cache: ReadCache) -> None:
    source = Source()
    assert [await source.through(cache) for _ in range(3)] == [b"1"] * 3
    assert await cache.through("prices", "x", source.read, bytes) == b"2"  # an order is decided on what is so now
    assert (cache.hits["prices"], cache.misses["prices"]) == (2, 1)


async def test_it_says_since_when_it_is_true(cache: ReadCache) -> None:
    source = Source()
    with allowing():
        await cache.through("prices", "x", source.read, bytes)
        assert oldest() is None
    before = datetime.now(UTC)
    await asyncio.sleep(0.02)
    with allowing():
        await asyncio.gather(*(cache.through("prices", "x", source.read, bytes) for _ in range(3)))
        assert (found := oldest()) is not None
        assert found <= before
    assert oldest() is None


@pytest.mark.parametrize("kind", ["prices", "balances", "portfolio", "transactions"])
async def test_a_change_is_the_end_of_what_was_kept(
    cache: ReadCache, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Source()
    await source.through(cache, kind)
    cache.changed()
    assert await source.through(cache, kind) == b"2"  # also before the store knows
    await cache.settled()
    assert await source.through(cache, kind) == b"3"
    again = await source.through(cache, kind)  # reads lag: nothing of the account is kept for a while
    assert again == (b"3" if kind == "transactions" else b"4")


async def test_what_no_order_changes_stays(cache: ReadCache) -> None:
    source = Source()
    await source.through(cache, "series")
    cache.changed()
    await cache.settled()
    assert await source.through(cache, "series") == b"1"


async def test_a_reading_that_began_before_a_change_is_never_found(cache: ReadCache) -> None:
    source, gate = Source(), asyncio.Event()

    async def slow() -> bytes:
        await gate.wait()
        return b"old"

    with allowing():
        reading = asyncio.create_task(cache.through("balances", "x", slow, bytes))
        await asyncio.sleep(0.05)
    cache.changed()
    await cache.settled()
    gate.set()
    assert await reading == b"old"
    assert await source.through(cache, "balances") == b"1"


async def test_lives_end(cache: ReadCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching, "LIFE_S", {**LIFE_S, "prices": 0.2})
    source = Source()
    assert await source.through(cache) == b"1"
    await asyncio.sleep(0.3)
    assert await source.through(cache) == b"2"


async def test_servers_of_one_account_share_and_forget_together(redis_answers: bool, name: str) -> None:
    if not redis_answers:
        pytest.skip(f"no Redis answers at {REDIS}")
    one, two = [await ready(ReadCache(f"p{name}", f"a{name}", REDIS)) for _ in range(2)]
    other = await ready(ReadCache(f"p{name}", f"b{name}", REDIS))
    source = Source()
    assert [await source.through(c, "portfolio") for c in (one, two)] == [b"1", b"1"]
    assert await source.through(other, "portfolio") == b"2"  # accounts never mix
    assert [await source.through(c, "series") for c in (one, two, other)] == [b"3"] * 3
    one.changed()
    await one.settled()
    assert await source.through(two, "portfolio") == b"4"
    for cache in (one, two, other):
        await cache.close()


async def test_a_store_that_is_gone_stops_nothing(name: str) -> None:
    cache = await ready(ReadCache("p", name, "redis://127.0.0.1:1/0"))
    source = Source()
    assert [await source.through(cache, "balances") for _ in range(3)] == [b"1", b"2", b"3"]
    cache.changed()
    await cache.settled()
    assert await source.through(cache, "balances") == b"4"
    await cache.close()


@pytest.mark.parametrize(
    "rubbish",
    [
        b"", b"no time", b"\x80\x04\x95.", b"12", b"bytes:", b"bytes:no time", b"bytes:nan {}", b"bytes:1e300 {}",
        b"bytes:-5 {}", b"bytes:LATER 9", b"bytes:LONG_AGO 9", b"bytes:NOW {", b"bytes:NOW \xff\xfe",
        b"pickle:\x80\x04.",
    ],
)  # fmt: skip
async def test_what_others_put_there_is_no_answer(redis_answers: bool, name: str, rubbish: bytes) -> None:
    """No word of a Redis that anybody wrote stops a read, is told as later than it is, or runs."""
    if not redis_answers:
        pytest.skip(f"no Redis answers at {REDIS}")
    from redis.asyncio import Redis

    cache, source = await ready(ReadCache(f"p{name}", name, REDIS)), Source()
    for word, seconds in ((b"NOW", 0), (b"LATER", 3_600), (b"LONG_AGO", -9_000)):
        rubbish = rubbish.replace(word, b"%.3f" % (time.time() + seconds))
    connection = Redis.from_url(REDIS)
    await connection.set(f"prediction-mcp/p{name}/x", rubbish)
    await connection.aclose()

    def number(body: bytes) -> int:
        if not body.isdigit():
            raise MalformedResponseError("no number")
        return int(body)

    with allowing():
        assert await cache.through("series", "x", source.read, number) == 1
        assert oldest() is None
    await cache.close()


async def test_a_clock_that_jumps_makes_nothing_older_or_newer(
    cache: ReadCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Source()
    assert await source.through(cache, "series") == b"1"
    there = time.time()
    for jump in (7_200, -7_200):
        monkeypatch.setattr("prediction_mcp.net.caching.time.time", lambda jump=jump: there + jump)
        with allowing():
            assert await cache.through("series", "x", source.read, bytes) != b"1"
            assert oldest() is None


def test_only_endpoints_that_there_are_have_a_kind() -> None:
    """And never one that is acted on at once, nor one that writes."""
    assert not [path for path in KINDS if "orders" in path or "fills" in path or path.startswith("/exchange")]
    assert set(KINDS.values()) == set(LIFE_S)


# -- in sessions -------------------------------------------------------------------------------------------------


@pytest.fixture(params=ERAS)
async def desk(request: pytest.FixtureRequest, served: Served, tmp_path: Path) -> AsyncIterator[Assistant]:
    async with Client(create_server(settings_for(served, tmp_path, cache="on")), mode=request.param) as client:
        yield Assistant(client)


async def twice(desk: Assistant, tool: str, **arguments: Any) -> dict[str, Any]:
    """The answer once the cache is there and has it."""
    for _ in range(500):  # it is loaded beside the first answers
        answer = await desk.call(tool, **arguments)
        if answer["source"] == "cache":
            return answer
        await asyncio.sleep(0.02)
    raise AssertionError(answer)


async def test_an_answer_says_that_it_was_kept(desk: Assistant, served: Served) -> None:
    kept = await twice(desk, "kalshi_get_market", ticker=MARKET)
    assert datetime.fromisoformat(kept["as_of"]) <= datetime.now(UTC)
    assert (await twice(desk, "kalshi_get_balance"))["available"] == 10_000


async def test_after_an_order_nothing_old_is_told(desk: Assistant, served: Served) -> None:
    """And the order itself is decided on what is so, though the market just moved beneath what is kept."""
    await twice(desk, "kalshi_get_balance")
    await twice(desk, "kalshi_get_positions")
    await twice(desk, "kalshi_get_orderbook", ticker=MARKET)
    placed = await desk.call("kalshi_create_order", ticker=MARKET, side="yes", action="buy", count=10, price=99)
    for _ in range(3):
        held = await desk.call("kalshi_get_positions")
        assert (held["count"], held["source"]) == (1, "paper")
        balance = await desk.call("kalshi_get_balance")
        assert balance["available"] < 10_000
    assert placed["filled"] == 10
    assert (await desk.call("kalshi_get_exchange_status"))["kept"].keys() == {"balances", "portfolio", "prices"}
    for tool in ("kalshi_get_orders", "kalshi_get_fills", "kalshi_get_exchange_status"):
        for _ in range(2):
            assert (await desk.call(tool))["source"] == "paper"


async def test_an_order_is_checked_against_the_market_as_it_is(desk: Assistant, served: Served) -> None:
    await twice(desk, "kalshi_get_market", ticker=MARKET)
    served.exchange.catalogue.markets[MARKET].status = "inactive"
    said = await desk.error("kalshi_create_order", ticker=MARKET, side="yes", action="buy", count=1, price=50)
    assert "paused" in said
    served.exchange.catalogue.markets[MARKET].status = "active"


async def test_the_client_alone_keeps_nothing(kalshi: KalshiClient) -> None:
    assert kalshi.transport.cache is None


async def test_fees_of_an_order_never_come_from_what_was_kept(
    served: Served, cache: ReadCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An analysis may read a series that is an hour old; what orders reckon with is not filled from that."""
    async with KalshiClient(served.url, served.signer, cache=cache) as client:
        account = await account_of(client).open()
        market = await client.markets.get(MARKET)
        with allowing():
            await account.fees.of(market)
        account.fees._known.clear()  # a minute later
        series = served.exchange.catalogue.series[await account.series.of(market)]
        monkeypatch.setattr(series, "fee_multiplier", series.fee_multiplier * 3)
        with allowing():
            _, kept = await account.fees.of(market)
            assert oldest() is not None
        assert account.fees.known(market.event_ticker) is None
        _, fresh = await account.fees.of(market)
        assert kept is not None
        assert fresh is not None
        assert fresh.multiplier == 3 * kept.multiplier
        assert account.fees.known(market.event_ticker) is not None
