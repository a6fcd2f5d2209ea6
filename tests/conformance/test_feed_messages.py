"""Twenty thousand messages of the live feed, of all channels, each against Kalshi's specification of October 2026."""

from __future__ import annotations

import json
from collections import Counter

import httpx
import pytest
from websockets.asyncio.client import connect

from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.fronts.kalshi import ws
from prediction_mcp.exchange.fronts.kalshi.ws_subscription import CHANNELS
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.kalshi.auth import signer_from_pem
from tests.conformance.bustle import Bustle
from tests.conformance.feed_schema import FeedSchemas

MESSAGES = 20_000
NEVER = {"subscribe", "unsubscribe", "update_subscription", "list_subscriptions", "unsubscribed"}
"""Types that aren't messages of a running feed."""


@pytest.mark.long
async def test_twenty_thousand_messages_fit_the_specification() -> None:
    schemas, seen = FeedSchemas(), Counter[str]()
    exchange = Exchange(seed=1, read_lag_ms=0)
    member = exchange.add_member(tier="prestige", deposit=10**12)
    key_id, pem = exchange.issue_key(member)
    open_markets = [m.ticker for m in exchange.catalogue.markets.values() if m.status == "active" and not m.legs]
    tickers = open_markets[:: len(open_markets) // 30][:30]
    async with serve(exchange, with_crowd=False) as url:
        bustle = Bustle(exchange, member, tickers)
        headers = signer_from_pem(key_id, pem).headers("GET", ws.PATH)
        feed = str(httpx.URL(url).copy_with(scheme="ws", path=ws.PATH))
        async with connect(feed, additional_headers=headers, proxy=None, max_queue=None) as connection:
            plain = sorted(CHANNELS - {"orderbook_delta"})
            await connection.send(
                json.dumps(
                    {
                        "id": 1, "cmd": "subscribe",
                        "params": {"channels": plain, "index_ids": ["BRTI", "ETHUSD_RTI", "SOLUSD_RTI"],
                        "underlying_tickers": ["Metal.XAU/USD"]},
                    }
                )
            )  # fmt: skip
            books = {"channels": ["orderbook_delta"], "market_tickers": tickers, "use_yes_price": True}
            await connection.send(json.dumps({"id": 2, "cmd": "subscribe", "params": books}))
            sequences: dict[int, int] = {}
            number = 0
            while seen.total() < MESSAGES:
                number += 1
                bustle.step(number)
                await connection.send(json.dumps({"id": 10 + number, "cmd": "list_subscriptions"}))
                while True:
                    message = json.loads(await connection.recv())
                    schemas.check(message)
                    seen[message["type"]] += 1
                    if "seq" in message:
                        assert message["seq"] == sequences.get(message["sid"], 0) + 1
                        sequences[message["sid"]] = message["seq"]
                    if message.get("id") == 10 + number:
                        break
    audit(exchange.engine)
    print(f"\n{seen.total()} messages in {number} steps: {dict(seen.most_common())}")
    lists = {kind for kind in schemas.kinds if kind.endswith("list")}
    unseen = schemas.kinds - seen.keys() - NEVER - lists - {"error"}  # answers to commands are tried in test_ws.py
    assert not unseen
