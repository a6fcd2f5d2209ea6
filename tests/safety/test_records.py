"""The journal and its index: what a crash, a power cut or another process leaves is read rightly."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from prediction_mcp.safety.intents import Caller, WriteRecord
from prediction_mcp.safety.limits import Limits
from prediction_mcp.safety.plan import Carried as Rested
from prediction_mcp.safety.plan import Done, Stake
from prediction_mcp.safety.records import HaltedError, Records

COST = Decimal("5.2")
STAKE = Stake("A-1-X", "A-1", "A", "bid", Decimal(10), Decimal(10), COST, COST, COST, Decimal("0.5"))
CALLER = Caller("tester", "1.0")


def request(number: int = 1, kind: Any = "order") -> WriteRecord:
    return WriteRecord(
        CALLER, "kalshi_create_order", kind, {"count": "10"}, {"client_order_id": f"c-{number}", "ticker": "A-1-X"}
    )


def opened(records: Records, number: int = 1, kind: Any = "order") -> str:
    return records.open(request(number, kind), STAKE)


def index(records: Records) -> list[Any]:
    return records.db.execute(
        "SELECT id, state, reserved, spent, order_id, resting FROM intents ORDER BY at"
    ).fetchall()


def test_a_write_is_two_lines_and_a_row(tmp_path: Path) -> None:
    records = Records(tmp_path)
    intent = opened(records)
    records.done(intent, Done("filled", "o-1", Decimal("5.1"), Decimal(0), Decimal(0)))
    first, second = list(records.lines())
    assert (first["what"], first["client"], first["request"]["client_order_id"]) == ("intent", "tester 1.0", "c-1")
    assert (second["what"], second["state"], second["order_id"]) == ("outcome", "done", "o-1")
    assert index(records) == [(intent, "done", 5_200_000, 5_100_000, "o-1", "0")]
    for name in ("journal.jsonl", "safety.db"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_it_is_on_the_disk_before_the_request_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records, synced = Records(tmp_path), list[int]()
    real = os.fdatasync

    def watched(fd: int) -> None:
        real(fd)
        synced.append(os.fstat(fd).st_size)

    monkeypatch.setattr(os, "fdatasync", watched)
    intent = opened(records)
    assert synced == [(tmp_path / "journal.jsonl").stat().st_size]
    records.done(intent, Done("filled"))
    assert len(synced) == 2


def test_the_index_is_made_anew_from_the_journal(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.done(opened(records, 1), Done("rests", "o-1", Decimal("5.2"), Decimal("5.2"), Decimal(10)))
    records.done(opened(records, 2, "cancel"), Done("cancelled", released=(("o-1", Decimal(4)),)))
    records.refused(opened(records, 3), "no")
    opened(records, 4)
    records.tighten(Limits(day_orders=7))
    records.halt("me")
    before = index(records), records.tightened(), records.halted()
    assert before[0][0][3] == 3_120_000  # 4 of 10 contracts won't be paid for
    records.close()
    for name in ("safety.db", "safety.db-wal", "safety.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    again = Records(tmp_path)
    assert (index(again), again.tightened(), again.halted()) == before


def test_a_line_without_its_row_is_caught_up_with(tmp_path: Path) -> None:
    """Killed between the journal and the commit: an intent that the index never saw."""
    records = Records(tmp_path)
    opened(records, 1)
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(tmp_path / "safety.db", copy)
    for extra in ("safety.db-wal", "safety.db-shm"):
        if (tmp_path / extra).exists():
            shutil.copy(tmp_path / extra, copy)
    second = opened(records, 2)
    shutil.copy(tmp_path / "journal.jsonl", copy)
    with (copy / "journal.jsonl").open("a") as file:
        file.write('{"what":"outcome","id":"' + second)  # and a line cut short
    again = Records(copy)
    assert [row[1] for row in index(again)] == ["open", "open"]
    assert [i.client_order_id for i in again.unsettled()] == ["c-1", "c-2"]
    again.refused(second, "no")
    assert list(again.lines())[-1]["state"] == "refused"
    assert [i.client_order_id for i in again.unsettled()] == ["c-1"]


def test_a_row_that_could_not_be_written_follows_later(tmp_path: Path) -> None:
    """The line stands in the journal, its transaction fails: the next write applies it first."""
    records = Records(tmp_path)
    intent = opened(records, 1)

    def breaks(line: Any) -> None:
        raise RuntimeError("disk")

    whole, records.index.apply = records.index.apply, breaks  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        records.done(intent, Done("filled", "o-1"))
    records.index.apply = whole  # type: ignore[method-assign]
    assert index(records)[0][1] == "open"
    opened(records, 2)
    assert [row[1] for row in index(records)] == ["done", "open"]


def test_a_dead_process_leaves_its_intents_and_a_living_one_keeps_them(tmp_path: Path) -> None:
    code = (
        "import sys, os; from pathlib import Path; from tests.safety.test_records import *;"
        "r = Records(Path(sys.argv[1])); opened(r, 9); print('open', flush=True); sys.stdin.read(); os._exit(9)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert other.stdout is not None
    assert other.stdout.readline() == "open\n"
    records = Records(tmp_path)
    opened(records, 1)
    assert records.unsettled() == []
    assert records.under_way() == 2
    other.kill()
    other.wait()
    assert [intent.client_order_id for intent in records.unsettled()] == ["c-9"]
    assert records.under_way() == 1


def test_the_switch_lets_cancels_through_and_nothing_else(tmp_path: Path) -> None:
    records, other = Records(tmp_path), Records(tmp_path)
    other.halt("ann")
    with pytest.raises(HaltedError, match="by ann at"):
        opened(records, 1)
    with pytest.raises(HaltedError):
        opened(records, 2, "change")
    opened(records, 3, "cancel")
    assert other.resume("bob")
    assert not other.resume("bob")
    opened(records, 4)
    assert [line["what"] for line in records.lines()] == ["halted", "intent", "resumed", "resumed", "intent"]


def test_what_is_refused_by_a_limit_leaves_no_line(tmp_path: Path) -> None:
    records = Records(tmp_path)

    def no(_: Stake) -> None:
        raise HaltedError("no")

    with pytest.raises(HaltedError):
        records.open(request(), STAKE, no)
    assert list(records.lines()) == []
    assert index(records) == []


def test_what_others_close_first_cannot_be_closed_twice(tmp_path: Path) -> None:
    """Ten are held. A sale of seven closes; a second one beside it counts as opening, until the first is refused."""
    records, now = Records(tmp_path), time.time()
    seven, cost = Decimal(7), Decimal(3)
    sale = Stake(
        "A-1-X", "A-1", "A", "ask", seven, Decimal(0), Decimal(0), cost, cost, COST, closable=Decimal(10), as_of=now
    )
    first = records.open(request(1), sale)
    second = records.open(request(2), sale)
    reserved = dict(records.db.execute("SELECT id, reserved FROM intents").fetchall())
    assert (reserved[first], reserved[second]) == (0, 3_000_000)
    records.refused(first, "no")
    records.refused(second, "no")
    third = records.open(request(3), sale)
    assert dict(records.db.execute("SELECT id, reserved FROM intents").fetchall())[third] == 0


def test_a_day_is_one_of_utc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At 0:30 the orders of 23:50 are yesterday's, though within 24 hours; those of 0:10 aren't."""
    midnight = 1_795_478_400.0
    assert midnight % 86_400 == 0
    records, clock = Records(tmp_path), [midnight - 600]
    monkeypatch.setattr("prediction_mcp.safety.records.time.time", lambda: clock[0])
    monkeypatch.setattr("prediction_mcp.safety.journal.time.time", lambda: clock[0])
    opened(records, 1)
    clock[0] = midnight + 600
    opened(records, 2)
    clock[0] = midnight + 1_800
    used = records.used("A-1", 0.0, 3_600)
    assert (used.day_orders, used.day_spent, used.minute_orders) == (1, COST, 0)
    assert used.unasked == 2 * COST
    assert records.used("A-1", 0.0, 1_500).unasked == COST
    clock[0] = midnight + 630
    assert records.used("A-1", 0.0).minute_orders == 1


def test_what_was_closed_since_a_look_cannot_be_closed_again(tmp_path: Path) -> None:
    """Ten are held by a look at 100 s. A sale of seven that was done after it counts; one done before it doesn't."""
    records, cost = Records(tmp_path), Decimal(3)
    seven, none = Decimal(7), Decimal(0)
    sale = Stake(
        "A-1-X", "A-1", "A", "ask", seven, none, none, cost, cost, COST, closable=Decimal(10), as_of=time.time()
    )
    records.done(records.open(request(1), sale), Done("sold", "o-1"))
    late = records.open(request(2), sale)
    reserved = "SELECT reserved FROM intents WHERE id = ?"
    assert records.db.execute(reserved, (late,)).fetchone() == (3_000_000,)
    records.refused(late, "no")
    fresh = records.open(request(3), replace(sale, as_of=time.time()))
    assert records.db.execute(reserved, (fresh,)).fetchone() == (0,)


def test_amendments_keep_what_is_spent_to_the_cent(tmp_path: Path) -> None:
    """10 at 52¢ rest. Amended to 5: half is given back; to 5 at twice the price: half is added; cancelled: all goes."""
    records = Records(tmp_path)
    records.done(opened(records, 1), Done("rests", "o-1", Decimal("5.2"), Decimal("5.2"), Decimal(10)))

    def spent() -> Decimal:
        return records.used("", 0.0).day_spent

    def amended(number: int, was: int, now: int, before: str, after: str) -> None:
        stake = replace(STAKE, cost=Decimal(after), cost_if_open=Decimal(after), before=Decimal(before), replaces="o-1")
        more = max(Decimal(after) - Decimal(before), Decimal(0))
        kept = min(Decimal(after) / Decimal(before), Decimal(1))
        rests = Rested("o-1", Decimal(was), Decimal(now), kept)
        intent = records.open(request(number, "change"), stake)
        records.done(intent, Done("changed", "o-1", more, more, Decimal(now), amended=rests))

    amended(2, 10, 5, "5.2", "2.6")
    assert spent() == Decimal("2.6")
    amended(3, 5, 5, "2.6", "5.2")
    assert spent() == Decimal("5.2")
    amended(4, 5, 5, "5.2", "2.6")
    assert spent() == Decimal("2.6")
    records.done(opened(records, 5, "cancel"), Done("cancelled", released=(("o-1", Decimal(5)),)))
    assert spent() == 0


def test_an_amendment_of_what_was_weighed_as_closing_is_weighed(tmp_path: Path) -> None:
    """A sale that cost nothing when it was placed gives no credit to its amendment, whatever it would cost now."""
    records = Records(tmp_path)
    nothing = replace(STAKE, cost=Decimal(0), opening=Decimal(0), closable=Decimal(10), as_of=time.time())
    records.done(records.open(request(1), nothing), Done("rests", "o-1", Decimal(4), Decimal(4), Decimal(10)))
    amended = replace(STAKE, before=Decimal("5.2"), replaces="o-1")
    assert records.weigh(amended).adds == COST
    assert records.weigh(replace(amended, replaces="o-elsewhere")).adds == 0
