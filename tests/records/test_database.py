"""The file and its tables: made, upgraded after a copy, taken back; damaged, locked, read-only, on a full disk."""

from __future__ import annotations

import asyncio
import re
import resource
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, insert, select, text

from prediction_mcp.records.columns import from_micros, from_moment, to_micros, to_moment
from prediction_mcp.records.database import HEAD, Database
from prediction_mcp.records.entries import FillEntry, MoneyEntry, SettlementEntry
from prediction_mcp.records.errors import RecordsError, RecordsOldError
from prediction_mcp.records.ledger import Identity, Ledger
from prediction_mcp.records.migrating import known
from prediction_mcp.records.tables import Account, Base, Setting, Transaction

ME = Identity("kalshi", "paper", "me")
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
RELEASED = Path(__file__).parent / "released"
"""A database of each revision that was released, as SQL."""


def fill(number: int, contracts: str = "10", price: str = "0.4", at: datetime = NOW, **changes: object) -> FillEntry:
    given_ = {"ticker": "KXA-1-X", "subaccount": 0, "fee": Decimal("0.02"), **changes}
    return FillEntry(f"f{number}", at, contracts=Decimal(contracts), price=Decimal(price), **given_)  # type: ignore[arg-type]


# -- columns -----------------------------------------------------------------------------------------------------


@given(st.integers(-(10**15), 10**15))
def test_money_is_exact_both_ways(units: int) -> None:
    assert to_micros(from_micros(units)) == units


@pytest.mark.parametrize("value", [Decimal("0.0000001"), Decimal("NaN"), Decimal("Infinity")])
def test_money_finer_than_a_millionth_is_refused(value: Decimal) -> None:
    with pytest.raises(ValueError, match=r"decimals|finite"):
        to_micros(value)


def test_a_float_is_no_money() -> None:
    with pytest.raises(TypeError):
        to_micros(0.5)  # type: ignore[arg-type]


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)), st.integers(-14, 14))  # noqa: DTZ001 - made aware below
def test_times_are_utc_to_the_microsecond(naive: datetime, hours: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(hours=hours)))
    back = from_moment(to_moment(moment))
    assert back == moment
    assert back.tzinfo is UTC


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        to_moment(datetime(2026, 1, 1))  # noqa: DTZ001 - what is tested


# -- revisions ---------------------------------------------------------------------------------------------------


def test_the_head_is_the_newest_revision() -> None:
    assert known()[-1] == HEAD
    assert {path.stem for path in RELEASED.glob("*.sql")} == set(known())


async def test_tables_and_migrations_are_the_same(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    async with database.reading() as connection:
        found = await connection.run_sync(
            lambda plain: compare_metadata(MigrationContext.configure(plain), Base.metadata)
        )
    assert found == []


def made(file: Path) -> dict[str, set[str]]:
    """What there is in a file, the parts of each definition in any sequence."""
    with closing(sqlite3.connect(file)) as db:
        found = db.execute("SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_master").fetchall()
    return {
        name: {" ".join(part.split()) for part in re.split(r",\s+(?=CONSTRAINT|\w+ [A-Z])|\(\n|\n\)", sql)}
        for name, sql in found
    }


async def test_an_empty_file_gets_what_all_migrations_give(tmp_path: Path) -> None:
    fresh, migrated = tmp_path / "fresh.db", tmp_path / "migrated.db"
    async with Database(fresh) as database:
        await Ledger(database, ME).count()
    async with Database(migrated) as database:
        await database.migrate("head")
    assert made(fresh) == made(migrated)
    assert all(len(parts) > 1 for name, parts in made(fresh).items() if name.startswith("table "))
    for file in (fresh, migrated):
        with closing(sqlite3.connect(file)) as db:
            assert db.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]


def test_making_an_empty_file_loads_no_alembic(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from prediction_mcp.records.database import Database\n"
        "async def main():\n"
        "    async with Database(Path(sys.argv[1])) as database:\n"
        "        async with database.reading(): pass\n"
        "asyncio.run(main()); assert 'alembic' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "records.db")], check=True)


async def test_many_that_open_an_empty_file_at_once_make_it_once(tmp_path: Path) -> None:
    """Often, for SQLite waits for nobody while it makes a log of its own for a fresh file."""
    for number in range(30):
        made = [Database(tmp_path / f"{number}.db") for _ in range(6)]
        assert not any(await asyncio.gather(*(Ledger(database, ME).count() for database in made)))
        assert {await database.revision() for database in made} == {HEAD}
        for database in made:
            await database.close()


async def test_up_down_and_up_again_with_data_in(database: Database) -> None:
    ledger = Ledger(database, ME)
    await ledger.add([fill(1), MoneyEntry("deposit", "d", NOW, Decimal(100))], {"fill": NOW})
    for revision in reversed([None, *known()[:-1]]):
        await database.migrate(revision or "base")
        assert await database.revision() == revision
    await database.migrate("head")
    assert await database.revision() == HEAD
    ledger = Ledger(database, ME)  # what knew the account's row is gone with it
    assert await ledger.count() == 0
    await ledger.add([fill(1)])
    assert await ledger.sums() == {0: Decimal("-4.02")}


@pytest.mark.parametrize("revision", known())
async def test_a_released_database_is_upgraded_after_a_copy(revision: str, tmp_path: Path) -> None:
    """What was in it is still there: 20 rows of each table that keeps money add up as they did."""
    file = tmp_path / "records.db"
    with closing(sqlite3.connect(file)) as made:
        made.executescript((RELEASED / f"{revision}.sql").read_text())
        (before,) = made.execute("SELECT sum(cash) FROM transactions").fetchone()
    async with Database(file) as database:
        async with database.reading() as connection:
            after = (await connection.execute(select(func.sum(Transaction.cash)))).scalar_one()
        assert await database.revision() == HEAD
    assert to_micros(after) == before != 0
    copies = [*tmp_path.glob("records.db.*.copy")]
    assert len(copies) == (revision != HEAD)
    assert all(copy.stat().st_mode & 0o077 == 0 for copy in copies)


async def test_a_database_of_a_newer_program_is_left_alone(database: Database) -> None:
    async with database.writing() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    again = Database(database.file or database._place)
    with pytest.raises(RecordsOldError, match=r"newer prediction-mcp|revision 9999"):
        async with again.reading():
            pass
    await again.close()


async def test_an_old_postgres_says_what_to_run(postgres: str) -> None:
    async with Database(postgres) as database:
        with pytest.raises(RecordsOldError, match="prediction-mcp db upgrade"):
            await Ledger(database, ME).count()
        await database.migrate("head")
        assert await Ledger(database, ME).count() == 0


async def test_several_make_the_tables_at_once(place: Path | str) -> None:
    made = [Database(place) for _ in range(4)]
    if isinstance(place, str):
        await asyncio.gather(*(database.migrate("head") for database in made))
    ledgers = [Ledger(database, ME) for database in made]
    await asyncio.gather(*(ledger.add([fill(n % 5) for n in range(20)]) for ledger in ledgers))
    assert [await ledger.count() for ledger in ledgers] == [5, 5, 5, 5]
    for database in made:
        await database.close()


# -- accounts ----------------------------------------------------------------------------------------------------


async def test_accounts_never_mix(database: Database) -> None:
    paper, live = Ledger(database, ME), Ledger(database, Identity("kalshi", "live", "me"))
    await paper.add([fill(1), fill(2)])
    await live.add([fill(1)])
    assert (await paper.count(), await live.count()) == (2, 1)
    assert len(await live.page()) == 1


async def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    ledger = Ledger(database, ME)
    broken = fill(2, order_id=None)
    with pytest.raises(RecordsError):
        await ledger.add([fill(1), broken], {"fill": NOW})
    assert await ledger.count() == 0
    assert await ledger.progress() == {}
    await ledger.add([fill(1)])
    assert await ledger.count() == 1


# -- entries -----------------------------------------------------------------------------------------------------


async def test_cash_by_hand(database: Database) -> None:
    """10 YES at 40¢, 25 sold at 70¢, and an end: −4.02; +7 − 15×0.30 − 0.02; then 15 NO are paid."""
    ledger = Ledger(database, ME)
    end = SettlementEntry("KXA@1", NOW + timedelta(seconds=9), "KXA-1-X", Decimal(0), Decimal(0), Decimal(15))
    await ledger.add([end, fill(2, "-25", "0.7", NOW + timedelta(seconds=1)), fill(1)])
    cash = [row.cash for row in reversed(await ledger.page())]
    assert cash == [Decimal("-4.02"), Decimal("2.48"), Decimal(15)]


async def test_a_fill_that_comes_late_changes_no_sum(database: Database) -> None:
    one, other = Ledger(database, ME), Ledger(database, Identity("kalshi", "demo", "me"))
    early, late = fill(1), fill(2, "-25", "0.7", NOW + timedelta(seconds=1))
    await one.add([early, late])
    await other.add([late])
    await other.add([early])
    assert await one.sums() == await other.sums() == {0: Decimal("-1.54")}


async def test_a_settlement_waits_for_its_fills_and_then_doesnt(database: Database) -> None:
    ledger = Ledger(database, ME)
    end = SettlementEntry("KXA@1", NOW, "KXA-1-X", Decimal(1), Decimal(10), Decimal(0))
    added = await ledger.add([end], {"fill": NOW, "settlement": NOW + timedelta(1)}, NOW + timedelta(minutes=59))
    assert (added.rows, added.waiting) == (0, NOW)
    assert (await ledger.progress())["settlement"] == NOW
    added = await ledger.add([end, fill(1, at=NOW - timedelta(1))], {"settlement": NOW}, NOW + timedelta(minutes=59))
    assert (added.rows, added.waiting) == (2, None)
    lone = SettlementEntry("KXB@1", NOW, "KXB", Decimal(1), Decimal(3), Decimal(2))
    assert (await ledger.add([lone], now=NOW + timedelta(minutes=61))).rows == 1
    assert await ledger.sums() == {0: Decimal("-4.02") + 10 + 3}


async def test_pages_have_each_row_once_though_times_are_equal(database: Database) -> None:
    ledger = Ledger(database, ME)
    await ledger.add([fill(n) for n in range(45)])
    seen, before = list[str](), None
    while page := await ledger.page(before=before, limit=10):
        seen += [row.exchange_id for row in page]
        before = (page[-1].time, page[-1].id)
    assert sorted(seen) == sorted(f"f{n}" for n in range(45))


# -- what goes wrong with a file -----------------------------------------------------------------------------------


async def test_a_damaged_file_is_said_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "records.db"
    file.write_bytes(b"not a database at all" * 500)
    async with Database(file) as database:
        with pytest.raises(RecordsError, match="is damaged: move it away"):
            await Ledger(database, ME).count()
    assert file.read_bytes().startswith(b"not a database")
    file.rename(tmp_path / "away")
    async with Database(file) as database:
        assert await Ledger(database, ME).count() == 0


async def test_a_locked_file_is_said_and_caught_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prediction_mcp.records.database.PATIENCE_S", 0.2)
    async with Database(tmp_path / "records.db") as database:
        ledger = Ledger(database, ME)
        await ledger.add([fill(1)])
        with closing(sqlite3.connect(tmp_path / "records.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(RecordsError, match="held by another program"):
                await ledger.add([fill(2)])
            assert await ledger.count() == 1  # reading goes on
            other.execute("ROLLBACK")
        await ledger.add([fill(2)])
        assert await ledger.count() == 2


async def test_a_folder_that_cant_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    async with Database(tmp_path / "taken" / "records.db") as database:
        with pytest.raises(RecordsError, match=r"records\.db can't be"):
            await Ledger(database, ME).count()


FULL = """
import asyncio, sys
from pathlib import Path
from tests.records.test_database import ME, fill
from prediction_mcp.records.database import Database
from prediction_mcp.records.errors import RecordsError
from prediction_mcp.records.ledger import Ledger
import resource, signal

async def main():
    async with Database(Path(sys.argv[1])) as database:
        ledger = Ledger(database, ME)
        await ledger.add([fill(0)])
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, resource.RLIM_INFINITY))
        try:
            await ledger.add([fill(n) for n in range(1, 30_000)])
        except RecordsError as error:
            print(error)
        print(await ledger.count())
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await ledger.add([fill(n) for n in range(30_000)])
        print(await ledger.count())
asyncio.run(main())
"""


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_FSIZE)[1] != resource.RLIM_INFINITY, reason="files are limited")
def test_a_full_disk_is_said_and_caught_up(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "records.db")], capture_output=True, text=True, check=False,
        cwd=Path(__file__).parents[2], env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    said = ran.stdout.splitlines()
    assert said[1:] == ["1", "30000"], ran.stderr
    assert "records.db" in said[0]


async def test_the_file_is_its_owners(tmp_path: Path) -> None:
    async with Database(tmp_path / "new" / "records.db") as database:
        await Ledger(database, ME).add([fill(1)])
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "new").rglob("*"))
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0


async def test_no_password_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prediction_mcp.records.database.PATIENCE_S", 2)
    async with Database("postgresql://someone:hunter2@127.0.0.1:1/x") as database:
        assert "hunter2" not in database.where
        with pytest.raises(RecordsError, match="doesn't answer") as told:
            await Ledger(database, ME).count()
    assert "hunter2" not in str(told.value)


async def test_settings_of_accounts_are_rows(database: Database) -> None:
    async with database.writing() as connection:
        values = insert(Account).values(platform="kalshi", environment="paper", key_hash="x", created=NOW)
        account = (await connection.execute(values.returning(Account.id))).scalar_one()
        await connection.execute(insert(Setting).values(account_id=account, name="lots", value="hifo"))
    async with database.reading() as connection:
        assert (await connection.execute(select(Setting.value))).scalars().all() == ["hifo"]


async def test_an_amount_that_has_no_units_leaves_nothing(database: Database) -> None:
    ledger = Ledger(database, ME)
    with pytest.raises(RecordsError, match="can't be kept"):
        await ledger.add([fill(1), fill(2, fee=Decimal("0.00000001"))], {"fill": NOW})
    assert (await ledger.count(), await ledger.progress()) == (0, {})
