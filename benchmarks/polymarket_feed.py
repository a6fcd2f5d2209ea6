"""Polymarket's market feed: from bytes to books that are right, in changes a second.

References in the same run: the official SDK turning the same bytes into its events (where ``make conformance`` put it;
it keeps no books), and a bare decode with one change of a dict for each, which is the limit to approach.

    python benchmarks/polymarket_feed.py [frames]
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import orjson

from prediction_mcp.polymarket.feed import Feed
from prediction_mcp.polymarket.feed_connection import Connection
from prediction_mcp.polymarket.models import Orderbook
from prediction_mcp.polymarket.orderbook import TokenBook
from prediction_mcp.polymarket.record import Resolution

SDK = Path(__file__).parents[1] / ".conformance" / "polymarket"
MARKETS, LEVELS, ROUNDS = 50, 40, 5
CHANGES = 8
"""Rows of one frame: four levels, each in both tokens' books."""


class Nothing:
    """No REST: nothing is read again here."""

    async def orderbooks(self, token_ids: object) -> dict[str, Orderbook]:
        return {}

    async def resolutions(self, condition_id: str) -> list[Resolution]:
        return []


def snapshot(token: str) -> bytes:
    bids = [{"price": f"{c / 100:.2f}", "size": "500"} for c in range(5, 5 + LEVELS)]
    asks = [{"price": f"{c / 100:.2f}", "size": "500"} for c in range(98, 98 - LEVELS, -1)]
    return orjson.dumps([{"event_type": "book", "market": "0xc", "asset_id": token, "timestamp": "1", "bids": bids,
                          "asks": asks, "hash": "h"}])  # fmt: skip


def frames(number: int) -> list[bytes]:
    """Changes below the best prices, told for both tokens as the exchange tells them; every tenth empties its level."""
    rng, made = random.Random(1), list[bytes]()
    for n in range(number):
        market, rows = rng.randrange(MARKETS), []
        for _ in range(CHANGES // 2):
            cents, size = rng.randrange(5, 43), "0" if rng.random() < 0.1 else str(rng.randrange(1, 2_000))
            for token, price, side in ((f"{market}1", cents, "BUY"), (f"{market}2", 100 - cents, "SELL")):
                tops = ("0.44", "0.59") if token.endswith("1") else ("0.41", "0.56")
                rows.append(
                    {
                        "asset_id": token, "price": f"{price / 100:.2f}".rstrip("0"), "size": size, "side": side,
                        "hash": "56621a121a47ed9333273e21c83b660cff37ae50", "best_bid": tops[0], "best_ask": tops[1],
                    }
                )  # fmt: skip
        made.append(orjson.dumps({"event_type": "price_change", "market": f"0x{market}", "price_changes": rows,
                                  "timestamp": str(1_790_000_000_000 + n)}))  # fmt: skip
    return made


def ours(wires: list[bytes]) -> tuple[Callable[[], None], Feed]:
    feed = Feed(Nothing())
    connection = Connection("ws://127.0.0.1:9", feed)
    for market in range(MARKETS):
        for side in "12":
            feed.books[f"{market}{side}"] = TokenBook(f"{market}{side}")

    def run() -> None:
        for market in range(MARKETS):
            connection.read(snapshot(f"{market}1"))
            connection.read(mirrored(f"{market}2"))
        for wire in wires:
            connection.read(wire)

    return run, feed


def mirrored(token: str) -> bytes:
    bids = [{"price": f"{c / 100:.2f}", "size": "500"} for c in range(2, 2 + LEVELS)]
    asks = [{"price": f"{c / 100:.2f}", "size": "500"} for c in range(95, 95 - LEVELS, -1)]
    return orjson.dumps([{"event_type": "book", "market": "0xc", "asset_id": token, "timestamp": "1", "bids": bids,
                          "asks": asks, "hash": "h"}])  # fmt: skip


def bare(wires: list[bytes]) -> Callable[[], None]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode

    def run() -> None:
        levels: dict[tuple[str, str], str] = {}
        for wire in wires:
            for row in decode(wire)["price_changes"]:
                levels[row["asset_id"], row["price"]] = row["size"]

    return run


def sdk(wires: list[bytes]) -> Callable[[], None] | None:
    if not SDK.exists():
        return None
    sys.path.append(str(SDK))
    from polymarket.models.clob.market_events import parse_market_event  # type: ignore[import-not-found,unused-ignore]

    def run() -> None:
        for wire in wires:
            parse_market_event(orjson.loads(wire))

    return run


def best(run: Callable[[], None], changes: int) -> float:
    """Changes a second, the best of some rounds."""
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return changes / min(seconds)


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    wires = frames(number)
    run, feed = ours(wires)
    mine = best(run, number * CHANGES)
    wrong = [book.token_id for book in feed.books.values() if book.state != "live"]
    assert not wrong, wrong
    print(f"frames to books: {mine:,.0f} changes/s in {mine / CHANGES:,.0f} frames/s of {CHANGES} rows")
    print(f"bare decode and a dict: {best(bare(wires), number * CHANGES):,.0f} changes/s")
    other = sdk(wires[: number // 10])
    if other is None:
        print("official SDK: not installed here (make conformance)")
    else:
        print(f"official SDK, bytes to events, no books: {best(other, number // 10 * CHANGES):,.0f} changes/s")


if __name__ == "__main__":
    main()
