"""A second independent client, pykalshi 2.0.0, reads a minute of the exchange's feed without a complaint.

It keeps its own book; at the end that book is the exchange's. The minute is 240 steps of the exchange's clock.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from prediction_mcp.exchange.engine.matching import BID
from prediction_mcp.exchange.fronts.kalshi import ws
from prediction_mcp.kalshi.units import format_price
from tests.conftest import MARKET, Served

CLIENTS = Path(__file__).parents[2] / ".conformance"
pytestmark = pytest.mark.conformance
STEPS = 240


async def test_pykalshi_reads_a_minute_of_the_feed(
    served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(CLIENTS)])
    from pykalshi import AsyncKalshiClient
    from pykalshi.orderbook import OrderbookManager

    key_id, pem = served.exchange.issue_key(served.member, "rsa")
    path = tmp_path / "key.pem"
    path.write_text(pem)
    caplog.set_level(logging.WARNING)
    client = AsyncKalshiClient(api_key_id=key_id, private_key_path=str(path), api_base=served.url)
    feed = client.feed()
    monkeypatch.setattr(feed, "_ws_url", served.url.replace("http://", "ws://").replace("/trade-api/v2", ws.PATH))
    book, seen, started = OrderbookManager(MARKET), Counter[str](), asyncio.Event()

    def keep(message: Any) -> None:
        if type(message).__name__ == "OrderbookSnapshotMessage":
            book.apply_snapshot(message.yes_dollars_fp, message.no_dollars_fp)
            started.set()
        else:
            book.apply_delta(message.side, message.price_dollars, message.delta_fp)

    feed.on("orderbook_delta", keep)
    for channel in ("ticker", "trade", "orderbook_delta", "fill", "market_positions", "market_lifecycle_v2"):
        feed.on(channel, lambda message, name=channel: seen.update([name]))
        feed.subscribe(channel, **({"market_ticker": MARKET} if channel == "orderbook_delta" else {}))

    async def read() -> None:
        async for _ in feed:
            pass

    reading = asyncio.create_task(read())
    engine = served.exchange.engine
    now = served.exchange.clock()
    served.exchange.clock = lambda: now
    await asyncio.wait_for(started.wait(), 30)
    for step in range(STEPS):
        now += 250
        served.exchange.advance()
        ask = engine.markets[MARKET].book.asks.best
        if step % 20 == 0 and ask is not None:
            engine.submit(served.member, MARKET, BID, ask, 100, now)
        await asyncio.sleep(0)
    before = -1
    while before != feed.messages_received:  # until it has read all there is
        before = feed.messages_received
        await asyncio.sleep(0.2)
    live = engine.markets[MARKET].book
    assert live.bids.best is not None
    assert live.asks.best is not None
    assert book.best_bid == format_price(live.bids.best)
    assert book.best_ask == format_price(live.asks.best)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await client.aclose()
    assert feed.reconnect_count == 0
    complaints = [r for r in caplog.records if r.name.startswith("pykalshi")]
    assert not complaints, "a message its models refuse, or a handler that failed, would be logged"
    assert all(seen[c] > 5 for c in ("ticker", "trade", "orderbook_delta", "fill", "market_positions")), seen
