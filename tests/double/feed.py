"""The double's WebSocket: its sequence numbers count as those of the stream that was recorded on production."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

from starlette.websockets import WebSocket, WebSocketDisconnect

from .world import Json, World, iso

NUMBERED = ("orderbook_delta", "trade", "market_lifecycle_v2")
"""Channels whose messages have sequence numbers, the answers to commands among them."""


class Connection:
    """One client's subscriptions: its commands are answered, and what happens is sent."""

    def __init__(self, world: World, commands: Counter[str], socket: WebSocket) -> None:
        self._world, self._commands, self._socket = world, commands, socket
        self._sids: dict[str, int] = {}
        self._markets: dict[int, list[str]] = {}
        self._seq: Counter[int] = Counter()

    async def serve(self) -> None:
        """Answer and send until the client leaves."""
        await self._socket.accept()
        done = len(self._world.changed)
        reader = asyncio.create_task(self.read())
        try:
            while not reader.done():
                await asyncio.sleep(0.02)
                for channel, message in self._world.changed[done:]:
                    await self.event(channel, message)
                done = len(self._world.changed)
            reader.result()
        except WebSocketDisconnect:
            pass
        finally:
            reader.cancel()

    async def read(self) -> None:
        while True:
            command = json.loads(await self._socket.receive_text())
            self._commands[command["cmd"]] += 1
            await getattr(self, f"_{command['cmd']}")(command["id"], command.get("params", {}))

    async def event(self, channel: str, message: Json) -> None:
        sid = self._sids.get(channel)
        if sid is not None:
            kind = {"user_orders": "user_order"}.get(channel, channel)
            more = {
                "ts_ms": int(datetime.now(UTC).timestamp() * 1000),
                "post_position_fp": "0.00",
                "purchased_side": "yes",
            }
            await self._send(kind, sid, {**message, **more, "created_ts_ms": more["ts_ms"], "is_yes": True})

    async def _subscribe(self, number: int, params: Json) -> None:
        for channel in params["channels"]:
            sid = self._sids.setdefault(channel, len(self._sids) + 1)
            self._markets[sid] = list(params.get("market_tickers", []))
            await self._socket.send_json({"type": "subscribed", "id": number, "msg": {"channel": channel, "sid": sid}})
            await self._snapshots(channel, sid, self._markets[sid])

    async def _update_subscription(self, number: int, params: Json) -> None:
        sid = params["sid"]
        channel = next(name for name, known in self._sids.items() if known == sid)
        tickers = params["market_tickers"]
        if params["action"] == "add_markets":
            self._markets[sid] += [t for t in tickers if t not in self._markets[sid]]
        elif params["action"] == "delete_markets":
            self._markets[sid] = [t for t in self._markets[sid] if t not in tickers]
        answer: Json = {"type": "ok", "id": number, "sid": sid, "msg": {"market_tickers": self._markets[sid]}}
        await self._socket.send_json(answer | self._number(channel, sid))
        if params["action"] != "delete_markets":
            await self._snapshots(channel, sid, tickers)

    async def _unsubscribe(self, number: int, params: Json) -> None:
        for sid in params["sids"]:
            channel = next(name for name, known in self._sids.items() if known == sid)
            await self._socket.send_json(
                {"type": "unsubscribed", "id": number, "sid": sid} | self._number(channel, sid)
            )
            del self._sids[channel]

    async def _snapshots(self, channel: str, sid: int, tickers: list[str]) -> None:
        world = self._world
        for ticker in tickers:
            if channel == "orderbook_delta":
                book = world.book(ticker)
                no = [[f"{1 - Decimal(price):.4f}", size] for price, size in book["no_dollars"]]
                sides = {"yes_dollars_fp": book["yes_dollars"] or None, "no_dollars_fp": no or None}
                await self._send("orderbook_snapshot", sid, {"market_ticker": ticker, "market_id": ticker} | sides)
            elif channel == "ticker":
                await self._send("ticker", sid, _ticker(world.markets[ticker]))

    async def _send(self, kind: str, sid: int, message: Json) -> None:
        channel = next(name for name, known in self._sids.items() if known == sid)
        await self._socket.send_json({"type": kind, "sid": sid, **self._number(channel, sid), "msg": message})

    def _number(self, channel: str, sid: int) -> Json:
        if channel not in NUMBERED:
            return {}
        self._seq[sid] += 1
        return {"seq": self._seq[sid]}


def _ticker(market: Json) -> Json:
    now = datetime.now(UTC)
    return {
        "market_ticker": market["ticker"],
        "market_id": market["ticker"],
        "price_dollars": market["last_price_dollars"],
        "yes_bid_dollars": market["yes_bid_dollars"],
        "yes_ask_dollars": market["yes_ask_dollars"],
        "yes_bid_size_fp": market.get("yes_bid_size_fp", "0.00"),
        "yes_ask_size_fp": market.get("yes_ask_size_fp", "0.00"),
        "last_trade_size_fp": "0.00",
        "volume_fp": market["volume_fp"],
        "open_interest_fp": market["open_interest_fp"],
        "dollar_volume": 0,
        "dollar_open_interest": 0,
        "ts": int(now.timestamp()),
        "ts_ms": int(now.timestamp() * 1000),
        "time": iso(now),
    }
