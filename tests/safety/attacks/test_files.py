"""Files that were damaged, replaced, opened to others, locked or full: nothing is believed, and halt always works."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from prediction_mcp.desk.kalshi.guarded import Guarded
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.safety.halt import cancel_everything, pull
from prediction_mcp.safety.index import BUSY_S, QUICK_S, Index
from prediction_mcp.safety.intents import Caller, WriteRecord
from prediction_mcp.safety.journal import NAME, SWITCH, JournalError
from prediction_mcp.safety.limits import Limits
from prediction_mcp.safety.plan import Done, Stake
from prediction_mcp.safety.records import Records
from tests.conftest import Served, account_of
from tests.safety.conftest import ORDER, Open
from tests.safety.test_guard import home

FREE = {"confirm": "never"}
ONE = Decimal(1)
STAKE = Stake("A-1", "A", "A", "bid", ONE, ONE, ONE, ONE, ONE, ONE / 2)
TEXTS = st.text(st.characters(), max_size=40)  # lone surrogates, separators and control characters included


def request(text: str = "c-1", client: str = "t") -> WriteRecord:
    return WriteRecord(
        Caller(client, "1"), "tool", "order", {"a": text}, {"client_order_id": text, "ticker": "A-1"}, text
    )


def without_index(folder: Path) -> None:
    for extra in ("", "-wal", "-shm"):
        (folder / f"safety.db{extra}").unlink(missing_ok=True)


# -- text that ends lines ----------------------------------------------------------------------------------------


@hypothesis_settings(max_examples=60)
@given(TEXTS, TEXTS, TEXTS)
def test_any_text_in_any_field_comes_back(
    tmp_path_factory: pytest.TempPathFactory, order_id: str, client: str, said: str
) -> None:
    folder = tmp_path_factory.mktemp("text")
    records = Records(folder)
    lost = records.open(request(order_id, client), STAKE)
    done = records.open(request(said, client), STAKE)
    records.done(done, Done(said, said, ONE, ONE, ONE), {"said": said})
    records.note("asked", "q", preview=said, client=client)
    records.halt(client)
    before = [i.id for i in records.unsettled()], records.under_way(), records.used("A", 0.0)
    records.close()
    without_index(folder)
    (folder / SWITCH).unlink()
    again = Records(folder)
    assert [i.id for i in again.unsettled()] == [lost]
    assert again.halted() is not None
    assert (again.used("A", 0.0).day_spent, again.damaged) == (before[2].day_spent, 0)
    again.close()


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\r", "\n", "\r\n"])
def test_a_separator_hides_no_intent_and_no_switch(tmp_path: Path, separator: str) -> None:
    records = Records(tmp_path)
    records.open(request(f"a{separator}b"), STAKE)
    records.halt(f"me{separator}")
    records.open(WriteRecord(Caller("t", "1"), "tool", "cancel", {}, {"x": separator}), None)
    records.close()
    without_index(tmp_path)
    (tmp_path / SWITCH).unlink()
    again = Records(tmp_path)
    assert len(again.unsettled()) == 2
    assert again.halted() is not None
    assert again.used("A", 0.0).day_spent == ONE


# -- damaged lines -------------------------------------------------------------------------------------------------

LINE = {"at": "2026-11-24T10:00:00.000+00:00", "ts": 1795500000.0, "mono": 1.0}
DAMAGE: dict[str, bytes] = {
    "a halt that lost its end": json.dumps({**LINE, "what": "halted", "id": "", "value": {"by": "ann"}}).encode()[:-6],
    "a halt without its value": json.dumps({**LINE, "what": "halted"}).encode(),
    "a halt of another type": json.dumps({**LINE, "what": "halted", "value": ["ann"]}).encode(),
    "noise": os.urandom(200).replace(b"\n", b" "),
    "zeros of a power cut": b"\x00" * 300,
    "a limit that can't be read": json.dumps({**LINE, "what": "tightened", "value": {"order_cost": "x"}}).encode(),
    "a limit that there isn't": json.dumps({**LINE, "what": "tightened", "value": {"all": "1"}}).encode(),
    "not utf-8": b'{"at":"\xff\xfe","what":"halted"}',
    "nested": b"[" * 200_000,
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_journal_that_cannot_be_read_whole_is_halted(tmp_path: Path, name: str) -> None:
    records = Records(tmp_path)
    records.open(request(), STAKE)
    records.close()
    with (tmp_path / NAME).open("ab") as file:
        file.write(DAMAGE[name] + b"\n")
    without_index(tmp_path)
    again = Records(tmp_path)
    assert again.halted() is not None
    assert again.damaged == 1
    assert len(again.unsettled()) == 1
    assert again.resume("ann")  # a person who looked
    again.open(request("c-2"), STAKE)
    again.close()
    without_index(tmp_path)
    assert Records(tmp_path).halted() is None


HARMLESS: dict[str, bytes] = {
    "an order without a price": json.dumps({**LINE, "what": "intent", "id": "x"}).encode(),
    "an order of another type": json.dumps({**LINE, "what": "intent", "id": 5, "stake": "much"}).encode(),
    "an outcome with words for money": json.dumps({**LINE, "what": "outcome", "id": "x", "spent": "all"}).encode(),
    "an outcome beyond the database": json.dumps(
        {**LINE, "what": "outcome", "id": "x", "state": "done", "outcome": "", "spent": 2**70}
    ).encode(),
    "a count with a huge exponent": json.dumps(
        {**LINE, "what": "outcome", "id": "x", "state": "done", "outcome": "", "resting": "1e99999999"}
    ).encode(),
    "not a number of dollars": json.dumps({**LINE, "what": "day", "value": {"day": "x", "made": "NaN"}}).encode(),
    "a line cut short": json.dumps({**LINE, "what": "outcome", "id": "x", "state": "done"}).encode()[:-9],
}


@pytest.mark.parametrize("name", HARMLESS)
def test_a_damaged_line_is_set_aside_with_a_word(tmp_path: Path, name: str) -> None:
    records = Records(tmp_path)
    records.open(request(), STAKE)
    records.close()
    with (tmp_path / NAME).open("ab") as file:
        file.write(HARMLESS[name] + b"\n")
    again = Records(tmp_path)
    assert (again.damaged, again.halted()) == (1, None)
    again.open(request("c-2"), STAKE)
    assert again.used("A", 0.0).day_spent == 2
    assert pull(tmp_path, "ann")[1] is None


def test_a_line_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with Records(tmp_path).file.path.open("ab") as file:
        file.write(json.dumps({**LINE, "what": "invented", "value": 1}).encode() + b"\n")
    again = Records(tmp_path)
    assert (again.damaged, again.halted()) == (0, None)


@pytest.mark.parametrize("name", ["cut in half", "emptied", "deleted", "replaced"])
def test_a_journal_that_lost_lines_is_halted(tmp_path: Path, name: str) -> None:
    records = Records(tmp_path)
    for number in range(4):
        records.open(request(f"c-{number}"), STAKE)
    records.close()
    path, text = tmp_path / NAME, (tmp_path / NAME).read_bytes()
    if name == "deleted":
        path.unlink()
    else:
        path.write_bytes({"cut in half": text[: len(text) // 2], "emptied": b"", "replaced": b"x" * len(text)}[name])
    again = Records(tmp_path)
    assert again.halted() is not None
    assert again.resume("ann")
    again.open(request("new"), STAKE)


@pytest.mark.parametrize("keep_index", [True, False])
def test_the_switch_survives_an_index_made_anew(tmp_path: Path, keep_index: bool) -> None:
    records = Records(tmp_path)
    records.halt("ann")
    records.close()
    with (tmp_path / NAME).open("ab") as file:
        file.write(b'{"at":"x\n')
    if not keep_index:
        without_index(tmp_path)
    assert Records(tmp_path).halted() is not None


def test_limits_that_would_freeze_are_none(tmp_path: Path) -> None:
    records = Records(tmp_path)
    with records.file.path.open("ab") as file:
        value = {"order_cost": "1e10000000", "day_spent": "7"}
        file.write(json.dumps({**LINE, "what": "tightened", "value": value}).encode() + b"\n")
    records.close()
    again = Records(tmp_path)
    assert again.tightened() == Limits(day_spent=Decimal(7))


# -- the index -----------------------------------------------------------------------------------------------------

INDEX: dict[str, Callable[[Path], Any]] = {
    "noise": lambda p: p.write_bytes(os.urandom(8_192)),
    "empty": lambda p: p.write_bytes(b""),
    "half of it": lambda p: p.write_bytes(p.read_bytes()[: p.stat().st_size // 2]),
    "another program's": lambda p: sqlite3.connect(p).execute("DROP TABLE facts"),
    "an older version": lambda p: sqlite3.connect(p, isolation_level=None).execute("PRAGMA user_version = 1"),
    "a newer version": lambda p: sqlite3.connect(p, isolation_level=None).execute("PRAGMA user_version = 99"),
    "a page of zeros": lambda p: p.write_bytes(p.read_bytes()[:4096] + b"\x00" * 4096 + p.read_bytes()[8192:]),
}


@pytest.mark.parametrize("name", INDEX)
def test_an_index_that_is_damaged_or_older_is_made_anew(tmp_path: Path, name: str) -> None:
    records = Records(tmp_path)
    for number in range(30):
        records.open(request(f"c-{number}"), STAKE)
    records.tighten(Limits(day_orders=40))
    records.close()
    for extra in ("-wal", "-shm"):
        (tmp_path / f"safety.db{extra}").unlink(missing_ok=True)
    INDEX[name](tmp_path / "safety.db")
    again = Records(tmp_path)
    assert len(again.unsettled()) == 30
    assert again.tightened().day_orders == 40
    assert again.used("A", 0.0).day_spent == 30


# -- what others may write to --------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o707, 0o755])
def test_a_folder_open_to_others_is_closed(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    folder.chmod(mode)
    (folder / NAME).touch()
    (folder / NAME).chmod(0o666)
    Records(folder).close()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX's")
@pytest.mark.parametrize("name", ["journal", "folder", "index", "hard link", "pipe"])
def test_a_link_in_its_place_is_refused(tmp_path: Path, name: str) -> None:
    folder, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    elsewhere.mkdir()
    if name == "folder":
        folder.symlink_to(elsewhere)
    else:
        folder.mkdir()
        (elsewhere / "file").touch()
        if name == "hard link":
            os.link(elsewhere / "file", folder / NAME)
        elif name == "pipe":
            (folder / NAME).symlink_to("/dev/null")
        else:
            (folder / (NAME if name == "journal" else "safety.db")).symlink_to(elsewhere / "file")
    with pytest.raises(JournalError):
        Records(folder)


# -- halt and cancels on any disk ------------------------------------------------------------------------------------


@contextmanager
def full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def write(handle: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        yield


@contextmanager
def locked_index(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    other = sqlite3.connect(folder / "safety.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    yield
    other.execute("ROLLBACK")
    other.close()


@contextmanager
def damaged_journal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with (folder / NAME).open("ab") as file:
        file.write(os.urandom(50).replace(b"\n", b"") + b'\n{"what":"intent"}\n{"what":"halted","value":7}\n')
    yield


@contextmanager
def lost_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    aside = folder.with_name("aside")
    folder.rename(aside)
    folder.symlink_to(aside)
    yield
    folder.unlink()
    aside.rename(folder)


DISKS = [full_disk, locked_index, damaged_journal, lost_folder]


@pytest.mark.parametrize("disk", DISKS)
@pytest.mark.parametrize("fresh", [True, False], ids=["a new server", "a running server"])
async def test_cancels_go_on_any_disk(
    desk: Open,
    served: Served,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    patience: list[float],
    disk: Any,
    fresh: bool,
) -> None:
    folder = home(served, tmp_path)
    async with desk([], **FREE) as before:
        ids = [(await before.call("kalshi_create_order", **ORDER | {"price": p}))["order_id"] for p in (1, 2, 3, 4)]
        if not fresh:
            with disk(folder, monkeypatch):
                await _cancel_in_all_ways(before, ids, patience)
    if fresh:
        with disk(folder, monkeypatch):
            async with desk([], **FREE) as after:
                await _cancel_in_all_ways(after, ids, patience)
    assert not [o for o in served.member.orders.values() if o.status == "resting"]


async def _cancel_in_all_ways(at: Any, ids: list[str], patience: list[float]) -> None:
    del patience[:]
    await at.call("kalshi_cancel_order", order_id=ids[0])
    await at.call("kalshi_batch_cancel_orders", order_ids=ids[1:2])
    await at.call("kalshi_batch_cancel_orders", ticker=ORDER["ticker"])
    halted = await at.call("kalshi_halt_trading")
    assert halted["halted"]
    assert max(patience, default=0) <= QUICK_S  # a cancel waits for no disk
    assert await at.error("kalshi_create_order", **ORDER)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the index was to be waited for, each time; here it never is for more than half a second."""
    asked, real = list[float](), Index.transaction

    def impatient(self: Index, *, patience_s: float = BUSY_S) -> Any:
        asked.append(patience_s)
        return real(self, patience_s=min(patience_s, 0.5))

    monkeypatch.setattr(Index, "transaction", impatient)
    return asked


@pytest.mark.parametrize("disk", DISKS)
async def test_halt_works_on_any_disk(
    served: Served, kalshi: KalshiClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: Any, desk: Open
) -> None:
    folder = home(served, tmp_path)
    async with desk([], **FREE) as at:
        await at.call("kalshi_create_order", **ORDER | {"price": 1})
    with disk(folder, monkeypatch):
        try:
            records, _ = pull(folder, "ann")
        except JournalError:
            assert disk in (full_disk, lost_folder)
            records = None
        done = await cancel_everything(Guarded(account_of(kalshi)), records)
        if records is not None:
            records.close()
    assert (done.cancelled, done.left) == (1, 0)


async def test_a_cancel_that_went_without_the_journal_is_written_down_later(
    desk: Open, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home(served, tmp_path)
    async with desk([], **FREE) as at:
        order_id = (await at.call("kalshi_create_order", **ORDER | {"price": 1}))["order_id"]
        with full_disk(folder, monkeypatch):
            await at.call("kalshi_cancel_order", order_id=order_id)
        await at.call("kalshi_create_order", **ORDER | {"price": 1})
    lines = [json.loads(line) for line in (folder / NAME).read_bytes().split(b"\n") if line]
    assert [line["tool"] for line in lines if line["what"] == "intent"] == [
        "kalshi_create_order", "kalshi_cancel_order", "kalshi_create_order",
    ]  # fmt: skip


async def test_a_switch_without_a_disk_holds_in_this_server_and_is_written_later(
    desk: Open, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home(served, tmp_path)
    async with desk([], **FREE) as at:
        await at.call("kalshi_create_order", **ORDER | {"price": 1})
        with full_disk(folder, monkeypatch):
            assert "Only this server" in (await at.call("kalshi_halt_trading"))["note"]
            await at.error("kalshi_create_order", **ORDER)
        assert "halted by the assistant" in await at.error("kalshi_create_order", **ORDER)
    assert Records(folder).halted() is not None


@pytest.mark.parametrize("text", [b"", b"noise", b'{"by":1}', b'{"by":"x","at":"y"}', b"[" * 100_000])
def test_the_file_of_the_switch_counts_whatever_is_in_it(tmp_path: Path, text: bytes) -> None:
    records = Records(tmp_path)
    (tmp_path / SWITCH).write_bytes(text)
    assert records.halted() is not None
    assert records.resume("ann")
    assert records.halted() is None
