"""Half an hour of simulated time with a crowd, while the feed is cut, skips, repeats and says what nobody knows.

The exchange is stopped and started again, too. At every quiet moment each book equals the REST book to the last unit,
and no fill was missed or told twice. ``--minutes`` for another length.
"""

from __future__ import annotations

import asyncio
import functools
import random
import sys
from collections import Counter

import pytest

from prediction_mcp.desk.kalshi.realtime.source import FeedSource
from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.engine.rejection import RejectionError
from prediction_mcp.exchange.faults import Rule
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import Clock
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.auth import signer_from_pem
from prediction_mcp.net import retrying
from prediction_mcp.realtime.events import FillEvent
from prediction_mcp.realtime.watcher import Watcher
from tests.kalshi.test_feed import equals_rest

FAULTS = {"feed_drop": 0.0005, "feed_skip": 0.005, "feed_twice": 0.01, "feed_unknown": 0.01, "feed_error": 0.0005}
MARKETS = 12


@pytest.mark.long
async def test_books_and_fills_endure(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    minutes: int = request.config.getoption("--minutes")
    monkeypatch.setattr("prediction_mcp.net.websocket.FIRST_DELAY_S", 0.02)
    monkeypatch.setattr(retrying, "FIRST_S", 0.02)
    monkeypatch.setattr(retrying, "LONGEST_S", 0.2)
    rng, clock = random.Random(11), Clock(speed=0)
    exchange = Exchange(seed=4, clock=clock)
    member = exchange.add_member(tier="prestige")
    key_id, pem = exchange.issue_key(member)
    signer, port, seen, restarts = signer_from_pem(key_id, pem), 0, Counter[str](), 0
    busy = [m for m in exchange.catalogue.markets.values() if m.status == "active" and not m.legs]
    busy.sort(key=lambda m: (-len(exchange.engine.markets[m.ticker].trades), m.ticker))
    tickers = [m.ticker for m in busy if m.close_ms > clock() + (minutes + 5) * 60_000][:MARKETS]
    watcher: Watcher | None = None
    kalshi: KalshiClient | None = None
    fills = list[str]()
    for part in range(3):  # the exchange is stopped and started again between them
        async with serve(exchange, port=port, with_crowd=False) as url:
            port = int(url.split(":")[2].split("/")[0])
            if watcher is None:
                kalshi = KalshiClient(url, signer)
                opened = functools.partial(FeedSource, kalshi, signer, turned=lambda: None)
                watcher = Watcher(opened, lambda *_: None, lambda *_: None)
                await watcher.subscribe("orderbook", tickers)
                watch = await watcher.subscribe("fills", ())
            assert kalshi is not None
            assert isinstance(watcher.source, FeedSource)
            feed = watcher.source.feed
            restarts += part > 0
            for _ in range(minutes * 60 // 3 // 20):
                exchange.faults.rules[:] = [Rule(kind, share) for kind, share in FAULTS.items()]
                for _ in range(20):
                    clock.step(1_000)
                    exchange.advance(with_crowd=True)
                    _trade(exchange, member, rng, tickers)
                    await asyncio.sleep(0)
                exchange.faults.rules.clear()
                _stir(exchange, member, tickers[0])  # a loss is noticed with the message after it
                await equals_rest(feed, kalshi, tickers, patience_s=60)
                seen["quiet moments"] += 1
    assert kalshi is not None
    assert watcher is not None
    async with serve(exchange, port=port, with_crowd=False):
        await equals_rest(feed, kalshi, tickers, patience_s=60)
        exchange.sync()
        done = {f.fill_id for f in exchange.archive.fills(member)}
        for _ in range(500):
            fills = [u.event.id for u in watch.log if isinstance(u.event, FillEvent)]
            if watch.log.seen >= len(done):
                break
            await asyncio.sleep(0.02)
        assert watch.log.seen == len(done), "a fill was missed, or told twice"
        assert set(fills) <= done
        assert len(fills) == len(set(fills))
        await watcher.close()
        await kalshi.close()
    counted = feed.counters
    assert counted["reconnects"] >= restarts
    assert min(counted["gaps"], counted["duplicates"], counted["unknown"]) > 0
    moments = f"{seen['quiet moments']} quiet moments × {len(tickers)} books"
    sys.stdout.write(f"\n{moments}, {len(done)} fills; {dict(counted)}\n")


def _stir(exchange: Exchange, member: Account, ticker: str) -> None:
    """An order that comes and goes: two messages, so that the feed's last number is seen."""
    order = exchange.engine.submit(member, ticker, BID, 100, 100, exchange.clock())
    exchange.engine.cancel(order, exchange.clock())


def _trade(exchange: Exchange, member: Account, rng: random.Random, tickers: list[str]) -> None:
    """The member trades now and then, so that there are fills to miss."""
    if rng.random() < 0.5:
        return
    ticker, side = rng.choice(tickers), rng.choice((BID, ASK))
    try:
        exchange.engine.submit(
            member, ticker, side, 9_900 if side == BID else 100, rng.randrange(1, 5) * 100, exchange.clock(),
            time_in_force="immediate_or_cancel",
        )  # fmt: skip
    except RejectionError:
        return  # the book was empty, or the market takes no such price
