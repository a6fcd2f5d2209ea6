"""Attacks on the records, on both databases: lies of an exchange, numbers past the columns, files cut, moved, changed
beneath, a second process that chooses otherwise between two lines.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, select

from prediction_mcp.desk.kalshi.records import lots, reading, syncing, tax
from prediction_mcp.desk.kalshi.records.home import History
from prediction_mcp.desk.kalshi.records.reading import fill_entry
from prediction_mcp.kalshi.errors import InvalidRequestError
from prediction_mcp.kalshi.models.portfolio import Fill
from prediction_mcp.records.beliefs import Belief, Beliefs
from prediction_mcp.records.columns import to_micros
from prediction_mcp.records.database import Database
from prediction_mcp.records.entries import Entry, MoneyEntry, SettlementEntry
from prediction_mcp.records.errors import RecordsError
from prediction_mcp.records.ledger import Identity, Ledger
from prediction_mcp.records.shelf import Shelf
from prediction_mcp.records.tables import Base, Closing, Lot, Transaction
from prediction_mcp.records.worth import Worth, Worths
from prediction_mcp.settings import SettingsError, load_settings
from tests.records.test_database import ME, NOW, fill


def history_of(database: Database) -> History:
    account = SimpleNamespace(environment="paper")
    return cast("History", SimpleNamespace(database=database, ledger=Ledger(database, ME), account=account))


# -- an exchange that lies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lie",
    [
        fill(2, contracts="1e15"),
        fill(2, contracts="1e400000"),
        fill(2, price="1e30"),
        fill(2, fee=Decimal("-1e25")),
        fill(2, fee=Decimal("NaN")),
        fill(2, contracts="0.00000001"),
        MoneyEntry("deposit", "d", NOW, Decimal(10) ** 18),
        SettlementEntry("s", NOW, "KXL", Decimal(1), Decimal(10) ** 12, Decimal(0)),
    ],
)
async def test_numbers_past_the_columns_leave_nothing(database: Database, lie: Entry) -> None:
    ledger = Ledger(database, ME)
    with pytest.raises(RecordsError):
        await ledger.add([fill(1), lie], {"fill": NOW}, NOW + timedelta(days=1))
    assert (await ledger.count(), await ledger.progress()) == (0, {})
    await ledger.add([fill(1)], {"fill": NOW})
    assert await ledger.count() == 1


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "'; DROP TABLE transactions; --", "x" * 5_000])
async def test_names_that_are_no_names(database: Database, text: str) -> None:
    """Kept as they are or refused in a sentence; the next request is answered."""
    ledger = Ledger(database, ME)
    try:
        await ledger.add([fill(1)._replace(ticker=text, exchange_id=text)])
    except RecordsError:
        assert await ledger.count() == 0
    else:
        (row,) = await ledger.page()
        assert row.ticker == text
    await ledger.add([fill(2)])
    assert (await ledger.page(limit=1))[0].exchange_id == "f2"


async def test_one_id_for_both_halves_of_a_trade_between_two_subaccounts(database: Database) -> None:
    ledger = Ledger(database, ME)
    await ledger.add([fill(1), fill(1, contracts="-10", subaccount=1)])
    assert await ledger.sums() == {0: Decimal("-4.02"), 1: Decimal("-6.02")}


async def test_a_settlement_told_twice_with_other_words_is_one(database: Database) -> None:
    ledger = Ledger(database, ME)
    end = SettlementEntry("KXA@1", NOW, "KXA-1-X", Decimal(1), Decimal(10), Decimal(0))
    await ledger.add([fill(1), end])
    await ledger.add([replace(end, value=Decimal(0), yes=Decimal(99))])
    assert await ledger.sums() == {0: Decimal("5.98")}


async def test_a_time_that_jumps_back_moves_no_mark(database: Database) -> None:
    ledger = Ledger(database, ME)
    await ledger.add([], {"fill": NOW})
    await ledger.add([fill(1, at=NOW - timedelta(days=900))], {"fill": NOW - timedelta(days=900)})
    assert await ledger.progress() == {"fill": NOW}


# -- lots, and who chooses between two lines -----------------------------------------------------------------------


async def test_a_method_chosen_between_reading_and_writing_is_the_one_that_holds(database: Database) -> None:
    """The mark was 0 before and is 0 after: who works by the old method has to see that all the same."""
    ledger, other = Ledger(database, ME), Shelf(Ledger(database, ME))
    await ledger.add([fill(1, price="0.4"), fill(2, price="0.6", at=NOW + timedelta(1))])
    await ledger.add([fill(3, contracts="-10", price="0.7", at=NOW + timedelta(2))])
    shelf = Shelf(ledger)
    work = await shelf.work()
    assert work is not None
    stale = lots._rows(work, "fifo", {})
    await other.choose("hifo")
    assert not await shelf.replace(work, *stale)
    (lot,) = await (await lots.refresh(history_of(database))).open_lots()
    assert lot.key == "f1"  # the dearer one was sold


async def test_two_processes_that_work_the_same_lots_out_make_them_once(database: Database) -> None:
    ledger = Ledger(database, ME)
    await ledger.add([fill(n, ticker=f"KX{n % 7}") for n in range(40)])
    await asyncio.gather(*(lots.refresh(history_of(database)) for _ in range(5)))
    async with database.reading() as connection:
        assert len((await connection.execute(select(Lot.id))).all()) == 40


async def test_closings_of_a_settlement_belong_to_their_own_subaccount(database: Database) -> None:
    """One end of a market for two subaccounts: one name, two rows."""
    ledger = Ledger(database, ME)
    end = SettlementEntry("KXA@1", NOW + timedelta(1), "KXA-1-X", Decimal(1), Decimal(10), Decimal(4))
    await ledger.add([fill(1), fill(2, contracts="-4", subaccount=1), end])
    await lots.refresh(history_of(database))
    async with database.reading() as connection:
        query = select(Closing.subaccount, Transaction.subaccount, Transaction.kind).join(
            Transaction, Transaction.id == Closing.transaction_id
        )
        found = sorted((await connection.execute(query)).all())
    assert [tuple(row) for row in found] == [(0, 0, "settlement"), (1, 1, "settlement")]


@pytest.mark.parametrize("method", ["", "FIFO", "best", "fifo; DROP TABLE lots"])
async def test_a_method_that_there_is_not_changes_nothing(database: Database, method: str) -> None:
    with pytest.raises(InvalidRequestError, match="method must be one of"):
        lots.known_method(method)
    assert await Shelf(Ledger(database, ME)).method() == "fifo"


# -- beliefs and snapshots -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("category", ["%", "_", "\\", "100%\\", "' OR 1=1 --"])
async def test_a_category_is_no_pattern(database: Database, category: str) -> None:
    beliefs = Beliefs(Ledger(database, ME))
    await beliefs.add(Belief("KX-1", "t", "Sports", NOW, Decimal("0.5"), None, None, "", ""))
    assert await beliefs.list(category=category) == []
    assert len(await beliefs.list(category="sPORTS")) == 1


async def test_a_belief_is_settled_once(database: Database) -> None:
    """What a market paid stays, whatever is said of it later."""
    beliefs = Beliefs(Ledger(database, ME))
    await beliefs.add(Belief("KX-1", "t", "", NOW, Decimal("0.5"), None, None, "", ""))
    assert await beliefs.settle({"KX-1": (Decimal(1), NOW)}) == 1
    assert await beliefs.settle({"KX-1": (Decimal(0), NOW)}) == 0
    assert (await beliefs.list())[0].value == 1


async def test_a_year_of_snapshots_is_thinned_where_it_lies(database: Database) -> None:
    """First and last stay, none twice, in their sequence; the same moment twice, and a gap of months."""
    worths = Worths(Ledger(database, ME))
    hours = [0, 0, *range(1, 400), *range(4_000, 4_200)]
    for hour in hours:
        await worths.add(Worth(NOW + timedelta(hours=hour), Decimal(hour), Decimal(0), None, None, Decimal(0)), [])
    for points in (2, 3, 24, 500):
        count, found = await worths.since(NOW, points)
        times = [one.time for one in found]
        assert count == len(hours)
        assert times == sorted(times)
        assert (times[0], times[-1]) == (NOW, NOW + timedelta(hours=4_199))
        assert len(set(times)) <= points
    assert (await worths.since(NOW + timedelta(days=900), 24)) == (0, [])
    assert (await worths.last()) is not None


# -- files ---------------------------------------------------------------------------------------------------------


async def filled(file: Path) -> None:
    async with Database(file) as database:
        await Ledger(database, ME).add([fill(n) for n in range(3_000)])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
async def test_a_file_cut_in_half_is_said(tmp_path: Path, share: float) -> None:
    file = tmp_path / "records.db"
    await filled(file)
    os.truncate(file, int(file.stat().st_size * share))
    async with Database(file) as database:
        ledger = Ledger(database, ME)
        with pytest.raises(RecordsError, match=r"damaged|can't be used"):
            await ledger.page(limit=None)


async def test_a_file_moved_away_beneath_a_server_is_begun_anew(tmp_path: Path) -> None:
    """What was open would write into a file that nobody finds again."""
    file = tmp_path / "records.db"
    async with Database(file) as database:
        ledger = Ledger(database, ME)
        await ledger.add([fill(1), fill(2)])
        file.rename(tmp_path / "away.db")
        for end in ("-wal", "-shm"):
            (tmp_path / f"records.db{end}").unlink(missing_ok=True)
        again = Ledger(database, ME)
        assert await again.count() == 0
        await again.add([fill(3)])
        assert await again.count() == 1
    with closing(sqlite3.connect(file)) as found:
        assert found.execute("SELECT exchange_id FROM transactions").fetchall() == [("f3",)]


async def test_tables_taken_back_beneath_a_server_are_made_again(tmp_path: Path) -> None:
    async with Database(tmp_path / "records.db") as database, Database(tmp_path / "records.db") as other:
        await Ledger(database, ME).add([fill(1)])
        await other.migrate("base")
        with pytest.raises(RecordsError):
            await Ledger(database, ME).count()
        assert await Ledger(database, ME).count() == 0


async def test_the_same_ledger_goes_on_after_its_file_was_moved(tmp_path: Path) -> None:
    """It knew its account's row, which is gone with the file."""
    file = tmp_path / "records.db"
    async with Database(file) as database:
        ledger = Ledger(database, ME)
        await Ledger(database, Identity("kalshi", "demo", "another")).add([fill(1)])
        await ledger.add([fill(1)])
        assert await ledger.count() == 1
        for path in tmp_path.glob("records.db*"):
            path.rename(tmp_path / f"away{path.name}")
        await ledger.add([fill(2)])
        assert [row.exchange_id for row in await ledger.page()] == ["f2"]


@pytest.mark.parametrize(
    "address", ["postgresql://u@h:bad/x", "mysql://u@h/x", "postgresql//x", "redis://h:6379", "postgresql://h:99999/x"]
)
def test_addresses_that_are_none_are_settings_errors(address: str) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        load_settings(database_url=address)


async def test_other_parameters_of_an_address_are_named(postgres: str) -> None:
    async with Database(f"{postgres}?options=-c%20x") as database:
        with pytest.raises(RecordsError, match="may have sslmode"):
            await Ledger(database, ME).count()
    async with Database(f"{postgres}?sslmode=disable") as database:
        await database.migrate("head")
        assert await Ledger(database, ME).count() == 0


# -- times that can't be, and digits past what is kept -----------------------------------------------------------------


def told(created: str) -> Fill:
    return Fill.model_validate({
        "fill_id": f"f-{created}", "order_id": "o", "ticker": "KX-1", "outcome_side": "yes", "book_side": "bid",
        "count_fp": "10.00", "yes_price_dollars": "0.4000", "is_taker": True, "fee_cost": "0", "created_time": created,
    })  # fmt: skip


@pytest.mark.parametrize("created", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-03-01T12:00:00"])
@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Kiritimati"])
async def test_a_fill_of_no_possible_time_spoils_no_report(database: Database, created: str, zone: str) -> None:
    """Year 1 is how some programs say nothing, and it lies before the beginning of time in New York."""
    ledger, history = Ledger(database, ME), history_of(database)
    sold = fill(2, contracts="-10", price="0.7")
    await ledger.add([fill_entry(told(created))._replace(ticker=sold.ticker), sold])
    made = await tax.report(history, NOW.year, None, ZoneInfo(zone))
    (row,) = tax.rows(made)
    assert row[5:10] == ("10", "6.98", "4", "0.02", "2.98")
    assert tax.encode(made, "pdf").startswith(b"%PDF")


@pytest.mark.parametrize("seconds", [-1, -(10**18), 10**12, 10**30])
def test_seconds_that_are_no_moment_are_none(seconds: int) -> None:
    assert reading._moment(seconds) == reading.NEVER


@pytest.mark.parametrize("digits", [6, 26, 27, 28, 40, 200])
def test_no_digit_is_rounded_away(digits: int) -> None:
    with pytest.raises(ValueError, match="six decimals"):
        to_micros(Decimal("1." + "0" * digits + "1"))


def test_a_clock_of_theirs_that_runs_ahead_hides_nothing() -> None:
    """Everything before the mark counts as read, for good."""
    assert syncing.no_later(NOW - timedelta(hours=1), NOW) == NOW - timedelta(hours=1)
    assert syncing.no_later(NOW.replace(year=9000), NOW) == NOW + timedelta(days=1)


# -- tables of an empty file -------------------------------------------------------------------------------------------


async def test_a_death_while_tables_are_made_leaves_the_file_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, whole = tmp_path / "records.db", Base.metadata.create_all

    def dies(connection: Connection) -> None:
        whole(connection)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Base.metadata, "create_all", dies)
        with pytest.raises(KeyboardInterrupt):
            async with Database(file) as database, database.reading():
                pass
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    async with Database(file) as database:
        assert await Ledger(database, ME).count() == 0


async def test_tables_of_somebody_else_are_no_empty_file(tmp_path: Path) -> None:
    """A file that has one table of ours and no revision isn't taken for ours, and nothing is added to it."""
    file = tmp_path / "records.db"
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("CREATE TABLE accounts (name TEXT)")
    with pytest.raises(RecordsError):
        async with Database(file) as database, database.reading():
            pass
    with closing(sqlite3.connect(file)) as db:
        assert [name for (name,) in db.execute("SELECT name FROM sqlite_master")] == ["accounts"]
