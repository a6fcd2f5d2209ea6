"""The live feed: from bytes to the best bid and ask, what a thousand markets weigh, how soon one hears of it.

References in the same run: pykalshi 2.0.0 doing the same job (where ``make conformance`` installed it), and a bare
decode with one change of a dict, which is the limit to approach.

    python benchmarks/feed.py [frames]
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from prediction_mcp.desk.kalshi.realtime.source import NAMES, event_of
from prediction_mcp.exchange.engine.matching import BID
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.kalshi.feed_reader import Reader, Subscription
from prediction_mcp.kalshi.models.feed import Frame
from prediction_mcp.kalshi.orderbook import LiveBook
from prediction_mcp.realtime.watcher import Watcher

CONFORMANCE = Path(__file__).parents[1] / ".conformance"
TICKER, MARKETS, ROUNDS, CALLS = "KXFEDDECISION-26DEC-C25", 1_000, 3, 300
BIDS, ASKS = range(10, 45), range(47, 90)
ID = "9b0f6b43-5b68-4f9f-9f02-9a2d1b8ac1a1"


def snapshot(ticker: str, seq: int) -> bytes:
    yes = ",".join(f'["0.{p:02d}00","500.00"]' for p in BIDS)
    no = ",".join(f'["0.{p:02d}00","500.00"]' for p in ASKS)
    return (
        f'{{"type":"orderbook_snapshot","sid":2,"seq":{seq},"msg":{{"market_ticker":"{ticker}","market_id":"{ID}",'
        f'"yes_dollars_fp":[{yes}],"no_dollars_fp":[{no}]}}}}'
    ).encode()


def deltas(number: int) -> list[bytes]:
    """Changes of a book with 78 levels; one in ten empties its level, and the next on it fills it again."""
    rng, frames = random.Random(1), list[bytes]()
    levels = {**{("yes", p): 50_000 for p in BIDS}, **{("no", p): 50_000 for p in ASKS}}
    keys = list(levels)
    for seq in range(2, number + 2):
        key = keys[int(rng.random() * len(keys))]
        change = -levels[key] if levels[key] and rng.random() < 0.1 else rng.randrange(1, 2_000)
        levels[key] += change
        frames.append(
            (
                f'{{"type":"orderbook_delta","sid":2,"seq":{seq},"msg":{{"market_ticker":"{TICKER}","market_id":"{ID}",'
                f'"price_dollars":"0.{key[1]:02d}00","delta_fp":"{change / 100:.2f}","side":"{key[0]}",'
                f'"ts_ms":1795271013000}}}}'
            ).encode()
        )
    return frames


def fed(tickers: list[str], listener: Callable[..., None] | None = None) -> Reader:
    """A reader with books, as after its subscription."""
    reader = Reader({ticker: LiveBook(ticker) for ticker in tickers}, Counter(), _Line(), listener)
    reader.by_sid[2] = Subscription("orderbook_delta", sid=2, markets=set(tickers))
    for seq, ticker in enumerate(tickers, 1):
        reader.receive(snapshot(ticker, seq))
    return reader


class _Line:
    """A connection that has nothing to repair here."""

    def doubted(self, *_: Any) -> None:
        raise AssertionError("a gap")

    def answered(self, *_: Any) -> None:
        raise AssertionError("an answer")

    def missed(self) -> None:
        raise AssertionError("a gap")

    def repaired(self, *_: Any) -> None:
        """A snapshot came."""


def best_of(job: Callable[[], None], number: int) -> float:
    """Frames a second, the best of some rounds."""
    found = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        job()
        found.append(number / (time.perf_counter() - start))
    return max(found)


def ours(frames: list[bytes]) -> None:
    reader = fed([TICKER])
    book, receive, total = reader.books[TICKER], reader.receive, 0
    for frame in frames:
        receive(frame)
        total += book.best_bid + book.best_ask
    assert book.state == "live"
    assert total


def bare(frames: list[bytes]) -> None:
    decode, book = msgspec.json.Decoder(Frame).decode, dict[str, str]()
    for frame in frames:
        message: Any = decode(frame)
        book[message.msg.price_dollars] = message.msg.delta_fp


def theirs(frames: list[bytes]) -> None:
    from pykalshi.feed import _parse_message
    from pykalshi.orderbook import OrderbookManager

    book = OrderbookManager(TICKER)
    levels: Any = msgspec.json.decode(snapshot(TICKER, 1))["msg"]
    book.apply_snapshot(levels["yes_dollars_fp"], levels["no_dollars_fp"])
    for frame in frames:
        _, _, message, _ = _parse_message(frame)
        book.apply_delta(message.side, message.price_dollars, message.delta_fp)
        assert book.best_bid
        assert book.best_ask


def throughput(number: int) -> None:
    frames = deltas(number)
    speed, limit = best_of(lambda: ours(frames), number), best_of(lambda: bare(frames), number)
    print(f"frame bytes → message → book → best bid and ask: {speed:,.0f}/s")
    print(f"reference: a bare decode and one change of a dict: {limit:,.0f}/s")
    if CONFORMANCE.exists():
        sys.path.append(str(CONFORMANCE))
        few = frames[: max(number // 20, 1_000)]
        their_speed = best_of(lambda: theirs(few), len(few))
        times = speed / their_speed
        print(f"reference: pykalshi 2.0.0, the same job: {their_speed:,.0f}/s; ours is {times:.1f} times that")
    else:
        print("reference: pykalshi isn't here: make conformance installs it")


def rss_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


async def weight() -> None:
    """Books, latest values and the last thousand events of a subscription to a thousand markets."""
    tickers = [f"KXBENCH-26DEC-{i:04d}" for i in range(MARKETS)]
    before = rss_mb()
    heard: list[Any] = []

    def open_source(listener: Any, _: Any) -> Any:
        heard.append(lambda channel, ticker, message: listener(NAMES[channel], ticker, event_of(message)))
        return _Quiet()

    watcher = Watcher(open_source, lambda *_: None, lambda *_: None)
    await watcher.subscribe("orderbook", tickers)
    reader = fed(tickers, heard[0])
    seq = MARKETS
    for i in range(20 * MARKETS):
        seq += 1
        ticker = tickers[i % MARKETS]
        reader.receive(
            f'{{"type":"orderbook_delta","sid":2,"seq":{seq},"msg":{{"market_ticker":"{ticker}","price_dollars":"0.4400",'
            f'"delta_fp":"1.00","side":"yes","ts_ms":1}}}}'.encode()
        )
    (watch,) = watcher.watches.values()
    print(
        f"{MARKETS:,} markets watched, {len(BIDS) + len(ASKS)} levels each, {len(list(watch.log)):,} events kept of "
        f"{watch.log.seen:,}: {rss_mb() - before:.0f} MB"
    )


class _Quiet:
    """Says yes to everything."""

    async def watch(self, *_: Any) -> None:
        """Nothing is asked of anybody."""

    async def close(self) -> None:
        """Nothing is open."""


async def latency() -> None:
    """From a match in the exchange to the answer of a waiting tool call, over the feed's socket and stdio."""
    exchange = Exchange(seed=1)
    member = exchange.add_member(tier="prestige")
    key_id, pem = exchange.issue_key(member)
    market = next(m for m in exchange.catalogue.markets.values() if m.status == "active" and not m.legs)
    async with serve(exchange, with_crowd=False) as url:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("KALSHI_", "PAPER_"))}
        env = {**clean, "KALSHI_BASE_URL": url, "KALSHI_API_KEY_ID": key_id, "KALSHI_PRIVATE_KEY": pem}
        transport = StdioTransport(sys.executable, ["-m", "prediction_mcp"], env=env, keep_alive=False)
        async with Client(transport) as client:
            await client.call_tool("kalshi_subscribe_orderbook", {"ticker": market.ticker})
            asked = {"channel": "orderbook", "ticker": market.ticker, "wait_seconds": 10}
            times = list[float]()
            for i in range(CALLS):
                call = asyncio.create_task(client.call_tool("kalshi_get_latest_update", asked))
                await asyncio.sleep(0.02)
                start = time.perf_counter()
                exchange.engine.submit(member, market.ticker, BID, 100, 100, exchange.clock())
                await call
                if i >= 10:
                    times.append((time.perf_counter() - start) * 1e3)
            plain = list[float]()
            for _ in range(100):
                start = time.perf_counter()
                await client.call_tool("kalshi_get_subscriptions", {})
                plain.append((time.perf_counter() - start) * 1e3)
    times.sort()
    print(
        f"delta → kalshi_get_latest_update answered over stdio: p50 {statistics.median(times):.1f} ms, "
        f"p99 {times[int(len(times) * 0.99)]:.1f} ms ({len(times)} times)"
    )
    print(f"reference: a tool call over stdio that waits for nothing: p50 {statistics.median(plain):.1f} ms")


if __name__ == "__main__":
    throughput(int(sys.argv[1]) if len(sys.argv) > 1 else 300_000)
    asyncio.run(weight())
    asyncio.run(latency())
