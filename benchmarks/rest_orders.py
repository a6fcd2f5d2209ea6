"""Orders a second through HTTP: the exchange in its own process, four clients on keep-alive connections, all signed.

The clients speak HTTP by hand, because any HTTP library would be what is measured. The same is run with Ed25519 and
with RSA-2048 keys, with the exchange kept on disk (a transaction before each answer) and without, and the reference in
the same run is the engine alone with the same orders.

    python benchmarks/rest_orders.py [seconds]
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from prediction_mcp.exchange.access import Bucket, KeyAlgorithm
from prediction_mcp.exchange.disk.store import Store
from prediction_mcp.exchange.engine.engine import Engine
from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.kalshi.auth import KeySigner, signer_from_pem
from prediction_mcp.kalshi.fees import FeeSchedule
from prediction_mcp.kalshi.units import CENT_GRID, MICROS

CLIENTS = 4
PATH = "/trade-api/v2/portfolio/events/orders"
WIDE = 10**9


def run_exchange(pipe: Connection, store: Path | None) -> None:
    asyncio.run(_serve(pipe, store))


async def _serve(pipe: Connection, store: Path | None) -> None:
    exchange = Exchange(seed=1, store=Store(store))
    member = exchange.add_member(deposit=10_000_000 * MICROS)
    budget = exchange.access.budgets[member.account_id]
    budget.write = Bucket(WIDE, WIDE, WIDE)  # the rate limit is not what is measured
    keys = {kind: exchange.issue_key(member, kind) for kind in ("ed25519", "rsa")}
    ticker = next(m.ticker for m in exchange.catalogue.markets.values() if m.status == "active")
    async with serve(exchange, with_crowd=False) as url:
        pipe.send((url, keys, ticker))
        await asyncio.to_thread(pipe.recv)


async def client(address: tuple[str, int], signer: KeySigner, ticker: str, until: float) -> int:
    reader, writer = await asyncio.open_connection(*address)
    body = orjson.dumps(
        {
            "ticker": ticker, "side": "bid", "count": "1.00", "price": "0.0100",
            "time_in_force": "good_till_canceled", "self_trade_prevention_type": "taker_at_cross",
        }
    )  # fmt: skip
    head = f"POST {PATH} HTTP/1.1\r\nHost: paper\r\nContent-Length: {len(body)}\r\n"
    placed = 0
    while time.perf_counter() < until:
        signed = "".join(f"{name}: {value}\r\n" for name, value in signer.headers("POST", PATH).items())
        writer.write(f"{head}{signed}\r\n".encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 201"), answer
        length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        placed += 1
    writer.close()
    return placed


async def measure(url: str, kind: KeyAlgorithm, key: tuple[str, str], ticker: str, seconds: float, where: str) -> None:
    parts = urlsplit(url)
    address = (parts.hostname or "127.0.0.1", parts.port or 0)
    signer = signer_from_pem(*key)
    start = time.perf_counter()
    for _ in range(200):
        signer.headers("POST", PATH)
    signing = (time.perf_counter() - start) / 200
    start = time.perf_counter()
    placed = sum(await asyncio.gather(*(client(address, signer, ticker, start + seconds) for _ in range(CLIENTS))))
    rate = placed / (time.perf_counter() - start)
    print(
        f"{kind:>8}, {where}: {rate:,.0f} orders/s over HTTP, {CLIENTS} clients in one process; one signature takes "
        f"{signing * 1e6:,.0f} µs, so signing alone would allow {1 / signing:,.0f}/s"
    )


def engine_alone(orders: int = 50_000) -> None:
    engine = Engine()
    engine.add_market("BENCH", CENT_GRID, FeeSchedule.of("quadratic"))
    account = engine.add_account(Account("bench"))
    account.deposit(10_000_000 * MICROS)
    start = time.perf_counter()
    for _ in range(orders):
        engine.submit(account, "BENCH", 1, 100, 100, 0)
    print(f"reference: {orders / (time.perf_counter() - start):,.0f} orders/s in the engine alone")


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 4
    with tempfile.TemporaryDirectory() as folder:
        for where, store in (("in memory", None), ("on disk", Path(folder) / "bench.db")):
            ours, theirs = multiprocessing.Pipe()
            process = multiprocessing.get_context("spawn").Process(target=run_exchange, args=(theirs, store))
            process.start()
            try:
                url, keys, ticker = ours.recv()
                for kind in ("ed25519", "rsa"):
                    asyncio.run(measure(url, kind, keys[kind], ticker, seconds, where))
            finally:
                ours.send("stop")
                process.join(10)
    engine_alone()


if __name__ == "__main__":
    main()
