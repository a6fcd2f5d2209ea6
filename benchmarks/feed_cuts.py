"""Seconds from a server's return until a feed is live again, with the real pauses, for both platforms.

Feeds are cut side by side, each behind a gate of its own: cut, refused with a status, broken off in the middle of the
handshake, or without a server, for up to a minute. "Live" is a book that is right and changes.

    python benchmarks/feed_cuts.py [cuts] [feeds side by side]
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from loguru import logger

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.production.feed_double import doubled
from tests.production.feed_gate import Gate, gated
from tests.production.polymarket_double import KEY, polymarket_doubled
from tests.production.test_feed_cuts import KINDS, TICKERS, TOKENS, Rest, signer

from prediction_mcp.kalshi.feed import Feed
from prediction_mcp.net.kept import Kept
from prediction_mcp.polymarket.feed import Feed as MarketFeed
from prediction_mcp.polymarket.user_feed import UserFeed
from prediction_mcp.polymarket.wallet import ApiKey

AWAY_S = (0.0, 0.5, 2.0, 5.0, 10.0, 20.0, 60.0)
Seconds = dict[str, list[float]]


async def strike(gate: Gate, kind: int | str, seconds: float) -> None:
    """Bring one trouble over a feed for a while."""
    if kind == "down":
        await gate.close()
    elif isinstance(kind, int) or kind not in ("cut", "end"):
        gate.trouble = kind
        gate.cut()
    else:
        gate.cut(hard=kind == "cut")
        return
    await asyncio.sleep(seconds)
    gate.trouble = None
    if kind == "down":
        await gate.open()


async def measured(
    gate: Gate, cuts: int, rng: random.Random, is_live: Callable[[int], bool], taken: list[float]
) -> None:
    for number in range(cuts):
        await strike(gate, rng.choice(KINDS), rng.choice(AWAY_S))
        start = time.monotonic()
        while not is_live(number):  # noqa: ASYNC110 - what it waits for has many causes
            await asyncio.sleep(0.01)
        taken.append(time.monotonic() - start)
        await asyncio.sleep(rng.choice((0.1, 1.0, 12.0)))  # also after a connection that stood for long enough


async def kalshi(cuts: int, seed: int, taken: Seconds) -> int:
    async with doubled() as double, gated(double.port) as gate:
        feed = Feed(f"ws://127.0.0.1:{gate.port}/trade-api/ws/v2", signer(), use_yes_price=False)
        await feed.watch("orderbook_delta", TICKERS)

        def is_live(number: int) -> bool:
            fresh = len(double.sockets) >= number + 2
            return fresh and feed.state == "live" and all(book.state == "live" for book in feed.books.values())

        await measured(gate, cuts, random.Random(seed), is_live, taken["Kalshi"])
        await feed.close()
        return len(double.commands)


async def polymarket(cuts: int, seed: int, taken: Seconds) -> int:
    async with polymarket_doubled() as double, gated(double.port) as gate:
        rest = Rest()
        feed = MarketFeed(rest, f"ws://127.0.0.1:{gate.port}/ws/market", proof_s=3_600)
        user = UserFeed(ApiKey(KEY, "c2VjcmV0", "pass"), rest, f"ws://127.0.0.1:{gate.port}/ws/user", poll_s=3_600)
        await feed.watch(TOKENS)
        await user.watch()

        def is_live(number: int) -> bool:
            fresh = min(len(double.market), len(double.user)) >= number + 2
            kept: list[Kept] = [*feed.connections, user]
            return fresh and {k.state for k in kept} == {"live"} and all(b.state == "live" for b in feed.books.values())

        await measured(gate, cuts, random.Random(seed), is_live, taken["Polymarket, both feeds"])
        await feed.close()
        await user.close()
        return len(double.commands)


async def main(cuts: int, side_by_side: int) -> None:
    logger.remove()
    each = max(cuts // side_by_side, 1)
    for name, run in (("Kalshi", kalshi), ("Polymarket, both feeds", polymarket)):
        taken: Seconds = {name: []}
        commands = sum(await asyncio.gather(*(run(each, seed, taken) for seed in range(side_by_side))))
        seconds = sorted(taken[name])
        print(
            f"{name}: {len(seconds)} troubles; live again after the server's return: median "
            f"{statistics.median(seconds):.2f} s, p99 {seconds[int(len(seconds) * 0.99)]:.2f} s, "
            f"most {seconds[-1]:.2f} s; {commands} commands"
        )


if __name__ == "__main__":
    asyncio.run(main(int((sys.argv[1:] or ["200"])[0]), int((sys.argv[2:] or ["40"])[0])))
