"""A server of Polymarket's two feeds, written from their documented frames alone: it imports nothing of ours."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

Json = dict[str, Any]
KEY = "key"


@dataclass
class PolymarketDouble:
    """Every token has the same book. ``market`` and ``user`` are the connections that there were, newest last."""

    market: list[ServerConnection] = field(default_factory=list)
    user: list[ServerConnection] = field(default_factory=list)
    commands: list[Json] = field(default_factory=list)
    pings: int = 0
    port: int = 0
    at_ms: int = 1_795_500_000_000

    async def change(self, token: str, size: str) -> None:
        """Give the level at 40 cents another size."""
        self.at_ms += 1
        row = {"asset_id": token, "price": "0.4", "size": size, "side": "BUY", "best_bid": "0.41", "best_ask": "0.45"}
        frame = {"event_type": "price_change", "market": "0xm", "price_changes": [row], "timestamp": str(self.at_ms)}
        await self.market[-1].send(json.dumps(frame))

    async def trade(self, trade: Json) -> None:
        await self.user[-1].send(json.dumps({"event_type": "trade", "type": "TRADE"} | trade))

    async def _obey(self, socket: ServerConnection, text: str | bytes) -> None:
        if text == "PING":
            self.pings += 1
            await socket.send("PONG")
            return
        command = json.loads(text)
        self.commands.append(command)
        if "auth" in command:
            if command["auth"]["apiKey"] != KEY:
                await socket.close(1008, "unauthorized")
            return
        books = [
            {
                "event_type": "book", "market": "0xm", "asset_id": token, "timestamp": str(self.at_ms), "hash": "",
                "bids": [{"price": "0.4", "size": "10"}, {"price": "0.41", "size": "5"}],
                "asks": [{"price": "0.5", "size": "2"}, {"price": "0.45", "size": "7"}],
            }
            for token in command["assets_ids"]
        ]  # fmt: skip
        await socket.send(json.dumps(books))

    async def _serve(self, socket: ServerConnection) -> None:
        path = socket.request.path if socket.request is not None else ""
        (self.user if path.endswith("/user") else self.market).append(socket)
        try:
            async for text in socket:
                await self._obey(socket, text)
        except ConnectionClosed:
            pass


@asynccontextmanager
async def polymarket_doubled() -> AsyncIterator[PolymarketDouble]:
    double = PolymarketDouble()
    async with serve(double._serve, "127.0.0.1", 0) as server:
        double.port = next(iter(server.sockets)).getsockname()[1]
        yield double
