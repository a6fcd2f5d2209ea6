"""Records: fills written to SQLite and PostgreSQL, a year's report, a year's history; each beside a bare reference.

The reference of writing is the driver alone (sqlite3, asyncpg) with the same rows, that of reading the driver's rows
untouched. PostgreSQL is measured where one answers at 127.0.0.1:5432, in a database that is dropped again.
"""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from zoneinfo import ZoneInfo

from prediction_mcp.desk.kalshi.records import tax
from prediction_mcp.desk.kalshi.records.home import History
from prediction_mcp.desk.kalshi.records.reading import fill_entry
from prediction_mcp.desk.kalshi.records.worth import DRAWN, POINTS
from prediction_mcp.kalshi.models.portfolio import Fill
from prediction_mcp.records.columns import to_micros, to_moment
from prediction_mcp.records.database import Database
from prediction_mcp.records.ledger import Identity, Ledger
from prediction_mcp.records.worth import Worths

FILLS, STRETCH, TICKERS = 100_000, 20_000, 400
START = datetime(2026, 1, 1, tzinfo=UTC)
SERVER = "postgresql://postgres@127.0.0.1:5432/test"
ME = Identity("kalshi", "paper", "benchmark")


def fill(number: int) -> Fill:
    """Every second one closes what the one before it in its market opened."""
    sells = (number // TICKERS) % 2 == 1
    cents = 40 + number % 17
    return Fill.model_validate({
        "fill_id": f"00000000-0000-4000-8000-{number:012d}", "order_id": f"o-{number}",
        "ticker": f"KXBENCH-26-T{number % TICKERS}", "outcome_side": "no" if sells else "yes",
        "book_side": "ask" if sells else "bid", "count_fp": "10.00", "yes_price_dollars": f"0.{cents}00",
        "is_taker": True, "fee_cost": "0.0175", "created_time": (START + timedelta(seconds=number * 150)).isoformat(),
        "subaccount_number": 0,
    })  # fmt: skip


async def written(database: Database, fills: list[Fill]) -> float:
    """Seconds from the client's fills to rows on disk, in stretches as a sync writes them."""
    ledger = Ledger(database, ME)
    before, begun = await ledger.count(), time.perf_counter()
    for begin in range(0, len(fills), STRETCH):
        some = fills[begin : begin + STRETCH]
        await ledger.add(map(fill_entry, some), {"fill": some[-1].created_time or START})
    seconds = time.perf_counter() - begun
    assert await ledger.count() == before + len(fills)
    return seconds


def bare_rows(fills: list[Fill]) -> list[tuple[object, ...]]:
    return [
        (1, "fill", f.fill_id, 0, to_moment(f.created_time or START), f.ticker, to_micros(f.count_fp),
         to_micros(f.yes_price_dollars), to_micros(f.fee_cost), 0, f.order_id)
        for f in fills
    ]  # fmt: skip


HOURS = 365 * 24
SNAPSHOTS = "account_id, time, cash, resting, at_bid, at_middle, at_cost"
COLUMNS = "account_id, kind, exchange_id, subaccount, time, ticker, contracts, price, fee, cash, order_id"


def bare_sqlite(file: Path, fills: list[Fill]) -> float:
    """The driver alone: executemany into the same table with the same indexes."""
    rows, begun = bare_rows(fills), time.perf_counter()
    with closing(sqlite3.connect(file)) as db, db:
        db.executemany(f"INSERT INTO transactions ({COLUMNS}) VALUES ({', '.join('?' * 11)})", rows)  # noqa: S608
    return time.perf_counter() - begun


async def bare_postgres(address: str, fills: list[Fill]) -> float:
    import asyncpg

    rows, connection = bare_rows(fills), await asyncpg.connect(address)
    begun = time.perf_counter()
    async with connection.transaction():
        names = ", ".join(f"${n}" for n in range(1, 12))
        await connection.executemany(f"INSERT INTO transactions ({COLUMNS}) VALUES ({names})", rows)  # noqa: S608
    seconds = time.perf_counter() - begun
    await connection.close()
    return seconds


def told(what: str, ours: float, reference: float, count: int) -> None:
    print(f"{what}: {count / ours:,.0f} rows/s; the driver alone {count / reference:,.0f} rows/s")


async def on_sqlite(folder: Path, fills: list[Fill]) -> None:
    file, some = folder / "records.db", fills[:FILLS]
    async with Database(file) as database:
        seconds = await written(database, some)
        bare = folder / "bare.db"
        async with Database(bare) as other:
            await Ledger(other, ME).add([])
        told(f"SQLite, {FILLS:,} fills synced", seconds, bare_sqlite(bare, some), FILLS)
        more = await written(database, fills[FILLS:])
        print(f"  as many again on top of them: {(len(fills) - FILLS) / more:,.0f} rows/s")
        await reports(database, file)
        await worths(database, file)


async def on_postgres(fills: list[Fill]) -> None:
    import asyncpg

    try:
        control = await asyncpg.connect(SERVER, timeout=3)
    except (OSError, TimeoutError):
        print("PostgreSQL: none answers at 127.0.0.1:5432, not measured")
        return
    names = [f"bench_{uuid.uuid4().hex[:8]}" for _ in range(2)]
    addresses = [SERVER.replace("/test", f"/{name}") for name in names]
    try:
        for name in names:
            await control.execute(f"CREATE DATABASE {name}")
        async with Database(addresses[0]) as database, Database(addresses[1]) as other:
            await database.migrate("head")
            await other.migrate("head")
            seconds = await written(database, fills)
            await Ledger(other, ME).add([])
            bare = await bare_postgres(addresses[1], fills)
        told(f"PostgreSQL, {len(fills):,} fills synced", seconds, bare, len(fills))
    finally:
        for name in names:
            await control.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await control.close()


async def reports(database: Database, file: Path) -> None:
    """A year's report over 100,000 closings: the first, which works the lots out, and those after it."""
    account = SimpleNamespace(environment="paper")
    history = cast("History", SimpleNamespace(database=database, ledger=Ledger(database, ME), account=account))
    took = []
    for _ in range(6):
        begun = time.perf_counter()
        made = await tax.report(history, 2026, None, ZoneInfo("UTC"))
        data = tax.encode(made, "csv")
        took.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    with closing(sqlite3.connect(file)) as db:
        assert len(db.execute("SELECT * FROM closings").fetchall()) == len(made.closings)
    bare = time.perf_counter() - begun
    print(f"year's report, {len(made.closings):,} closings as csv of {len(data):,} bytes: {min(took[1:]):.2f} s")
    print(f"  the first one after such a sync, which works lots out: {took[0]:.2f} s; their rows alone: {bare:.2f} s")
    begun = time.perf_counter()
    tax.encode(replace(made, closings=made.closings[:5_000]), "pdf")
    print(f"5,000 of them as PDF: {time.perf_counter() - begun:.2f} s")


async def worths(database: Database, file: Path) -> None:
    kept = Worths(Ledger(database, ME))
    async with database.writing() as connection:
        account = await kept.ledger.account_id(connection)
        times = [to_moment(START + timedelta(hours=n)) for n in range(HOURS)]
        rows = [(account, at, 10**10, 0, n * 1000, n * 1000, n) for n, at in enumerate(times)]
        sql = f"INSERT INTO snapshots ({SNAPSHOTS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
        await connection.exec_driver_sql(sql, rows)

    async def once() -> float:
        begun = time.perf_counter()
        count, drawn = await kept.since(START, DRAWN)
        _, shown = await kept.since(START, POINTS)
        assert count == HOURS
        assert len(drawn) > DRAWN / 2
        assert POINTS / 2 < len(shown) <= POINTS
        return time.perf_counter() - begun

    ours = min([await once() for _ in range(7)])
    print(f"history, a year of hourly snapshots: {ours * 1000:.1f} ms; reading their rows alone "
          f"{timed(lambda: read(file)) * 1000:.1f} ms")  # fmt: skip


def read(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute("SELECT time, cash, resting, at_bid, at_middle, at_cost FROM snapshots ORDER BY time").fetchall()


def timed(work: Callable[[], None]) -> float:
    found = []
    for _ in range(7):
        begun = time.perf_counter()
        work()
        found.append(time.perf_counter() - begun)
    return min(found)


async def main() -> None:
    more = [fill(number) for number in range(2 * FILLS)]  # 200,000 fills are 100,000 closings
    gc.freeze()  # no server holds all of them at once: they aren't to be looked through for cycles
    with tempfile.TemporaryDirectory() as folder:
        await on_sqlite(Path(folder), more)
    await on_postgres(more[:FILLS])


if __name__ == "__main__":
    asyncio.run(main())
