"""A server of Kalshi's live feed, written from the frames recorded on production alone: it imports nothing of ours.

Frames, their fields and the way they are counted are those of ``kalshi/production/ws_orderbook_stream``; the paper
exchange has no part in it. :attr:`Double.shape` and the other attributes let a test send what it likes instead.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.facts import load

Json = dict[str, Any]
BOOK = {"yes_dollars_fp": [["0.4000", "5.00"]], "no_dollars_fp": [["0.5800", "3.00"]]}


def recorded() -> list[Json]:
    """The recorded frames, in the order in which they came."""
    return [entry["frame"] for entry in load("kalshi/production/ws_orderbook_stream")["frames"]]


@dataclass
class Double:
    """One market of books for every ticker that is asked for, the same unless :attr:`books` has another.

    ``counts`` is how much an ``ok`` adds to ``seq``: 1 on production. ``answers`` may take a command over.
    """

    books: dict[str, Json | bytes | None] = field(default_factory=dict)
    counts: int = 1
    seq: int = 0
    sid: int = 0
    markets: set[str] = field(default_factory=set)
    commands: list[Json] = field(default_factory=list)
    sockets: list[ServerConnection] = field(default_factory=list)
    answers: Callable[[Double, Json], Awaitable[bool]] | None = None
    port: int = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/trade-api/ws/v2"

    @property
    def snapshots_asked(self) -> Counter[str]:
        """How often each market's snapshot was asked for again."""
        asked = [c["params"] for c in self.commands if c["params"].get("action") == "get_snapshot"]
        return Counter(ticker for params in asked for ticker in params["market_tickers"])

    async def send(self, frame: Json | bytes) -> None:
        await self.sockets[-1].send((frame if isinstance(frame, bytes) else json.dumps(frame).encode()), text=True)

    def next(self) -> int:
        self.seq += 1
        return self.seq

    async def ok(self, command: Json) -> None:
        self.seq += self.counts
        held = {"market_tickers": sorted(self.markets)}
        await self.send({"type": "ok", "id": command["id"], "sid": self.sid, "seq": self.seq, "msg": held})

    async def snapshot(self, ticker: str, command_id: int | None = None) -> None:
        book = self.books.get(ticker, BOOK)
        if isinstance(book, bytes):
            await self.send(book.replace(b"SEQ", str(self.next()).encode()).replace(b"SID", str(self.sid).encode()))
        elif book is not None:
            frame = {"type": "orderbook_snapshot", "sid": self.sid, "seq": self.next()}
            name = {"market_ticker": ticker, "market_id": "943fcfe7-68a7-48aa-84b0-9b5ed2d5b922"}
            await self.send(frame | ({} if command_id is None else {"id": command_id}) | {"msg": name | book})

    async def delta(self, ticker: str, change: str = "1.00", price: str = "0.3900", seq: int | None = None) -> None:
        msg = {
            "market_ticker": ticker, "market_id": "943fcfe7-68a7-48aa-84b0-9b5ed2d5b922", "price_dollars": price,
            "delta_fp": change, "side": "yes", "ts": "2026-08-07T06:46:28.97871Z", "ts_ms": 1786085188978,
        }  # fmt: skip
        seq = self.next() if seq is None else seq
        await self.send({"type": "orderbook_delta", "sid": self.sid, "seq": seq, "msg": msg})

    async def obey(self, command: Json) -> None:
        """Answer as recorded: the first subscription with ``subscribed``, what is merged into it with ``ok``."""
        params = command["params"]
        tickers = params.get("market_tickers", [])
        new = [ticker for ticker in tickers if ticker not in self.markets]
        if command["cmd"] == "subscribe" and not self.sid:
            self.sid, self.seq = 1, 0
            msg = {"channel": params["channels"][0], "sid": self.sid}
            await self.send({"type": "subscribed", "id": command["id"], "msg": msg})
        elif params.get("action") == "delete_markets":
            self.markets -= set(tickers)
            await self.ok(command)
            return
        elif params.get("action") == "get_snapshot":
            new = tickers
            await self.ok(command)
        elif command["cmd"] == "unsubscribe":
            await self.send({"type": "unsubscribed", "id": command["id"], "sid": self.sid, "seq": self.next()})
            self.sid = 0
            return
        else:
            self.markets |= set(new)
            await self.ok(command)
        self.markets |= set(new)
        for ticker in new:
            await self.snapshot(ticker)

    async def _serve(self, socket: ServerConnection) -> None:
        self.sockets.append(socket)
        self.sid = 0
        self.markets.clear()
        try:
            async for text in socket:
                command = json.loads(text)
                self.commands.append(command)
                if self.answers is None or not await self.answers(self, command):
                    await self.obey(command)
        except ConnectionClosed:
            pass


@asynccontextmanager
async def doubled(**options: Any) -> AsyncIterator[Double]:
    double = Double(**options)
    async with serve(double._serve, "127.0.0.1", 0) as server:
        double.port = next(iter(server.sockets)).getsockname()[1]
        yield double
