"""How long a change of the book takes to reach its readers: 200 subscribers of one market, 500 deltas a second.

The exchange runs in a process of its own and is stirred there; the readers share another. Five of them parse every
frame and take the time from the match (``ts_ms``) to the frame; the rest only take the bytes, as the reading of 100,000
frames a second in Python would measure itself. The reference in the same run is one subscriber alone.

    python benchmarks/ws_fanout.py [seconds]
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import statistics
import sys
import time
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

import orjson
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.fronts.kalshi import ws
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.kalshi.auth import KeySigner, signer_from_pem

DELTAS_PER_SECOND = 500
SUBSCRIBERS = 200
MEASURED = 5


def run_exchange(pipe: Connection) -> None:
    asyncio.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    exchange = Exchange(seed=1)
    member = exchange.add_member(tier="prestige")
    key_id, pem = exchange.issue_key(member)
    ticker = next(m.ticker for m in exchange.catalogue.markets.values() if m.status == "active")
    crowd, rng = exchange.crowd.takers[0], random.Random(3)
    async with serve(exchange, with_crowd=False) as url:
        pipe.send((url, key_id, pem, ticker))
        start, made = time.perf_counter(), 0
        while not pipe.poll():
            while made < DELTAS_PER_SECOND * (time.perf_counter() - start):
                made += 2  # placed and cancelled
                side, price = (BID, 100) if rng.random() < 0.5 else (ASK, 9_900)
                order = exchange.engine.submit(crowd, ticker, side, price, rng.randrange(1, 99) * 100, exchange.clock())
                exchange.engine.cancel(order, exchange.clock())
            await asyncio.sleep(0.005)


class Subscriber(asyncio.Protocol):
    """Handshake and subscription by the sans-I/O protocol; then bytes, parsed only where it is measured."""

    def __init__(self, url: str, signer: KeySigner, ticker: str, *, measured: bool) -> None:
        self._protocol = ClientProtocol(parse_uri(url), max_size=None)
        self._signer = signer
        self._ticker = ticker
        self._measured = measured
        self._subscribed = False
        self.latencies: list[float] = []
        self.bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        request = self._protocol.connect()
        request.headers.update(self._signer.headers("GET", ws.PATH))
        self._protocol.send_request(request)
        self._write()

    def _write(self) -> None:
        for data in self._protocol.data_to_send():
            self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        self.bytes += len(data)
        if self._subscribed and not self._measured:
            return
        now = time.time() * 1000
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if not self._subscribed:
                self._subscribed = True
                params = {"channels": ["orderbook_delta"], "market_ticker": self._ticker}
                self._protocol.send_text(orjson.dumps({"id": 1, "cmd": "subscribe", "params": params}))
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT and self._measured:
                message = orjson.loads(event.data)
                if message["type"] == "orderbook_delta":
                    self.latencies.append(now - message["msg"]["ts_ms"])
        self._write()


async def read(url: str, signer: KeySigner, ticker: str, subscribers: int, seconds: float) -> None:
    feed = url.replace("http://", "ws://").replace("/trade-api/v2", ws.PATH)
    address = urlsplit(feed)
    host, port = address.hostname or "127.0.0.1", address.port or 0
    loop = asyncio.get_running_loop()
    readers: list[Subscriber] = []
    transports = []
    for number in range(subscribers):
        transport, reader = await loop.create_connection(
            lambda n=number: Subscriber(feed, signer, ticker, measured=n < MEASURED),  # type: ignore[misc]
            host,
            port,
        )
        transports.append(transport)
        readers.append(reader)
    await asyncio.sleep(1)
    for reader in readers:
        reader.latencies.clear()
    before, start = sum(r.bytes for r in readers), time.perf_counter()
    await asyncio.sleep(seconds)
    elapsed = time.perf_counter() - start
    taken = [latency for reader in readers for latency in reader.latencies]
    rate = len(taken) / min(MEASURED, subscribers) / elapsed
    cuts = statistics.quantiles(taken, n=100)
    print(
        f"{subscribers:>4} subscribers: {rate:,.0f} deltas/s each ({rate * subscribers:,.0f} frames/s, "
        f"{(sum(r.bytes for r in readers) - before) / elapsed / 1e6:.1f} MB/s), match to frame "
        f"p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms"
    )
    for transport in transports:
        transport.close()


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=run_exchange, args=(theirs,))
    process.start()
    try:
        url, key_id, pem, ticker = ours.recv()
        signer = signer_from_pem(key_id, pem)
        for subscribers in (1, SUBSCRIBERS):
            asyncio.run(read(url, signer, ticker, subscribers, seconds))
    finally:
        ours.send("stop")
        process.join(10)


if __name__ == "__main__":
    main()
