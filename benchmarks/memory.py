"""Memory over a million orders: each is placed and cancelled or filled by one member; what is over goes to disk.

Printed every 100,000 orders: resident memory, and what the database file holds. The reference in the same run is the
engine without a store, which keeps everything.

    python benchmarks/memory.py [orders]
"""

from __future__ import annotations

import multiprocessing
import random
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from prediction_mcp.exchange.disk.archive import Where
from prediction_mcp.exchange.disk.store import Store
from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.engine.engine import Engine
from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.engine.order_checks import IOC
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.kalshi.fees import FeeSchedule
from prediction_mcp.kalshi.units import CENT_GRID, MICROS

REPORTS = 10
BATCH = 20
"""Orders between two commits, as if so many came within one step of the event loop."""


def resident_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1_000


def trade(engine: Engine, member: Account, other: Account, ticker: str, number: int, rng: random.Random) -> None:
    """Half of the orders rest and are cancelled, half are filled by the other side."""
    for i in range(number):
        order = engine.submit(member, ticker, BID, rng.randrange(1, 6) * 100, 100, i, client_order_id=f"{rng.random()}")
        if i % 2:
            engine.cancel(order, i)
        else:
            engine.submit(other, ticker, ASK, 100, 100, i, time_in_force=IOC)


def with_store(orders: int, folder: str) -> None:
    path = Path(folder) / "memory.db"
    exchange = Exchange(1, store=Store(path), scenario="small")
    engine, rng = exchange.engine, random.Random(1)
    member = exchange.add_member(deposit=10_000_000 * MICROS)
    other = exchange.add_member("other", deposit=10_000_000 * MICROS)
    ticker = next(m.ticker for m in exchange.catalogue.markets.values() if m.status == "active")
    book = engine.markets[ticker].book
    engine.cancel_many([*book.bids, *book.asks], 0)
    print(f"     0 orders: {resident_mb():6.1f} MB resident")
    start = time.perf_counter()
    for report in range(1, REPORTS + 1):
        for _ in range(orders // REPORTS // BATCH):
            trade(engine, member, other, ticker, BATCH, rng)
            exchange.sync()
        done = report * (orders // REPORTS)
        size = path.stat().st_size / 1e6
        print(f"{done / 1_000:>5,.0f}k orders: {resident_mb():6.1f} MB resident, {size:5.0f} MB on disk")
    took = time.perf_counter() - start
    audit(engine)
    start = time.perf_counter()
    for where in (Where(), Where().add("status = ?", "executed")):
        assert len(list(islice(exchange.archive.orders(member, where), 100))) == 100
    reading = (time.perf_counter() - start) * 1e3
    print(
        f"{2 * orders / took:,.0f} orders/s with the disk; the newest 100 orders and 100 filled ones: {reading:.1f} ms"
    )


def without_store(orders: int) -> None:
    engine, rng = Engine(), random.Random(1)
    engine.add_market("BENCH", CENT_GRID, FeeSchedule.of("quadratic"))
    member, other = (engine.add_account(Account(name)) for name in ("member", "other"))
    for account in (member, other):
        account.deposit(10_000_000 * MICROS)
    before = resident_mb()
    trade(engine, member, other, "BENCH", orders, rng)
    grown = resident_mb() - before
    print(
        f"reference: without a store {orders:,} orders cost {grown:.0f} MB, so a million {grown * 1e6 / orders:,.0f} MB"
    )


def main() -> None:
    orders = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        for target, arguments in ((with_store, (orders, folder)), (without_store, (orders // 10,))):
            process = spawn.Process(target=target, args=arguments)
            process.start()
            process.join()
            assert process.exitcode == 0


if __name__ == "__main__":
    main()
