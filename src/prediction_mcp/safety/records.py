"""What this user's servers asked the exchange to do: a journal that is only ever added to, and its index.

``journal.jsonl`` is the truth: a line for each question, intent and outcome, on the disk (fdatasync) before a request
leaves and after its answer came. ``safety.db`` is its index, made right again from the journal at each start, and the
one place where a limit is checked and taken in one step, over all processes of a user: SQLite's write lock is held from
the check until the intent stands in the journal.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from .limits import Limits, Resting, Used
from .plan import Done, Kind, Stake, Terms
from .policy import RefusedError

MICROS = 1_000_000
BUSY_S = 10.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS intents (
  id TEXT PRIMARY KEY, at REAL NOT NULL, process TEXT NOT NULL, client TEXT NOT NULL, tool TEXT NOT NULL,
  kind TEXT NOT NULL, arguments TEXT NOT NULL, preview TEXT, answer TEXT, request TEXT NOT NULL,
  ticker TEXT NOT NULL, event TEXT NOT NULL, client_order_id TEXT NOT NULL, order_id TEXT NOT NULL DEFAULT '',
  reserved INTEGER, spent INTEGER NOT NULL DEFAULT 0, resting_cost INTEGER NOT NULL DEFAULT 0,
  resting TEXT NOT NULL DEFAULT '0', state TEXT NOT NULL, closed REAL, outcome TEXT,
  book_side TEXT NOT NULL, price TEXT NOT NULL, count TEXT NOT NULL, closing TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS intents_by_time ON intents (at);
CREATE INDEX IF NOT EXISTS intents_open ON intents (state) WHERE state IN ('open', 'unknown');
CREATE INDEX IF NOT EXISTS intents_by_order ON intents (order_id);
CREATE VIEW IF NOT EXISTS orders AS
  SELECT at, ticker, event, state, closed, book_side, price, count, closing,
         CASE WHEN state IN ('open', 'unknown') THEN coalesce(reserved, 0) ELSE spent END AS cost
  FROM intents WHERE kind != 'cancel';
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


_FACTS = {
    "halted": "halted",
    "resumed": "halted",
    "tightened": "tightened",
    "loosened": "tightened",
    "day": "day_start",
}
"""Lines of the journal that set a fact of the index."""


class HaltedError(RefusedError):
    """Somebody pulled the kill switch; a person has to let go of it."""


class JournalError(RefusedError):
    """The journal can't be written, and without it nothing leaves."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asked: the client's own name and version."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


@dataclass(frozen=True, slots=True)
class Intent:
    """A write whose outcome isn't known."""

    id: str
    at: float
    process: str
    tool: str
    kind: Kind
    request: dict[str, Any]
    ticker: str
    client_order_id: str


@dataclass(frozen=True, slots=True)
class Request:
    """A write about to leave, as the journal keeps it."""

    caller: Caller
    tool: str
    kind: Kind
    arguments: Mapping[str, Any]
    terms: Terms
    preview: str | None = None
    answer: str | None = None
    question: str | None = None


class Records:
    """The journal and its index in one folder; any number of processes may use it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder = folder
        self.process = uuid.uuid4().hex
        self._alive = FileLock(self._lock_of(self.process))
        self._alive.acquire(timeout=0)
        self._journal = os.open(folder / "journal.jsonl", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self.db = sqlite3.connect(folder / "safety.db", isolation_level=None, timeout=BUSY_S)
        (folder / "safety.db").chmod(0o600)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")  # the journal is what is synced; this is made right from it
        self.db.executescript(SCHEMA)
        with self._transaction():
            self._catch_up()

    def close(self) -> None:
        self.db.close()
        os.close(self._journal)
        self._alive.release()
        Path(self._lock_of(self.process)).unlink(missing_ok=True)

    # -- the journal -------------------------------------------------------------------------------------------

    def note(self, what: str, intent_id: str, **details: Any) -> None:
        """A line that changes no state: a question, an answer, a refusal."""
        with self._transaction():
            self._write({"what": what, "id": intent_id, **details}, sync=False)

    def lines(self) -> Iterator[dict[str, Any]]:
        """The whole journal, oldest first; a line that a crash cut short is left out."""
        with (self.folder / "journal.jsonl").open(encoding="utf-8") as file:
            for text in file:
                if (line := _parsed(text)) is not None:
                    yield line

    def _write(self, line: dict[str, Any], *, sync: bool) -> None:
        """Add a line, apply it to the index, and remember how far the index goes. Inside a transaction."""
        if os.fstat(self._journal).st_size != int(self._fact("journal_bytes") or 0):
            self._catch_up()  # a line was written whose transaction was not
        line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "ts": time.time(), **line}
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        if os.write(self._journal, text) != len(text):  # what is cut short is passed over by the next one
            raise OSError("the disk is full")
        if sync:
            os.fdatasync(self._journal) if hasattr(os, "fdatasync") else os.fsync(self._journal)
        self._apply(line)
        self._remember("journal_bytes", os.fstat(self._journal).st_size)

    def _catch_up(self) -> None:
        """Apply what the journal holds and the index doesn't: after a power cut, or a kill between the two."""
        size, known = os.fstat(self._journal).st_size, int(self._fact("journal_bytes") or 0)
        if known > size:  # another journal than the index was made of: begin again
            self.db.execute("DELETE FROM intents")
            self.db.execute("DELETE FROM facts")
            known = 0
        tail = os.pread(self._journal, size - known, known)
        for text in tail.decode(errors="replace").splitlines():
            if (line := _parsed(text)) is not None:
                self._apply(line)
        if tail and not tail.endswith(b"\n"):
            os.write(self._journal, b"\n")
        self._remember("journal_bytes", os.fstat(self._journal).st_size)

    def _apply(self, line: dict[str, Any]) -> None:
        if line["what"] == "intent":
            stake = line.get("stake") or {}
            self.db.execute(
                "INSERT OR IGNORE INTO intents (id, at, process, client, tool, kind, arguments, preview, answer,"
                " request, ticker, event, client_order_id, reserved, book_side, price, count, closing, state)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open')",
                (
                    line["id"], line["ts"], line["process"], line["client"], line["tool"], line["kind"],
                    json.dumps(line["arguments"]), line.get("preview"), line.get("answer"), json.dumps(line["request"]),
                    stake.get("ticker", line["request"].get("ticker") or ""), stake.get("event", ""),
                    line["request"].get("client_order_id") or "", stake.get("cost"), stake.get("book_side", ""),
                    stake.get("price", "0"), stake.get("count", "0"), stake.get("closing", "0"),
                ),
            )  # fmt: skip
        elif line["what"] == "outcome":
            self.db.execute(
                "UPDATE intents SET state = ?, closed = ?, outcome = ?, order_id = ?,"
                # what was reserved is the worst case: of a sale that closes the fills say more than it costs
                " spent = min(?, coalesce(reserved, ?)), resting_cost = min(?, coalesce(reserved, ?)), resting = ?"
                " WHERE id = ?",
                (
                    line["state"], line["ts"], line["outcome"], line.get("order_id", ""),
                    *[line.get("spent", 0)] * 2, *[line.get("resting_cost", 0)] * 2, line.get("resting", "0"),
                    line["id"],
                ),
            )  # fmt: skip
            for order_id, contracts in line.get("released", ()):
                self._release(order_id, Decimal(contracts))
        elif line["what"] in _FACTS:
            self._remember(_FACTS[line["what"]], json.dumps(line["value"]))

    def _release(self, order_id: str, contracts: Decimal) -> None:
        """What a cancelled remainder would have cost isn't spent."""
        for row_id, cost, resting in self.db.execute(
            "SELECT id, resting_cost, resting FROM intents WHERE order_id = ? AND resting_cost > 0", (order_id,)
        ).fetchall():
            left = Decimal(resting)
            gone = min(contracts, left)
            freed = int(cost * gone / left) if left else 0
            self.db.execute(
                "UPDATE intents SET spent = spent - ?, resting_cost = resting_cost - ?, resting = ? WHERE id = ?",
                (freed, freed, str(left - gone), row_id),
            )

    # -- intents -----------------------------------------------------------------------------------------------

    def open(self, request: Request, stake: Stake | None, check: Callable[[Stake], None] | None = None) -> str:
        """Take a write in hand: ``check`` and the intent are one step; it is on the disk when this returns.

        Where other orders under way close what this one counted on closing, it counts as opening.

        Raises:
            HaltedError: the kill switch is on, and this isn't a cancel.
            RefusedError: what ``check`` raises.
        """
        intent_id = uuid.uuid4().hex
        with self._transaction():
            if request.kind != "cancel":
                self.require_running()
            shown = None
            if stake is not None:
                if stake.closing > stake.closable - self._closing_since(stake):
                    stake = replace(stake, cost=stake.cost_if_open, opening=stake.contracts)
                if check is not None:
                    check(stake)
                shown = {
                    "ticker": stake.ticker, "event": stake.event, "cost": _micros(stake.cost),
                    "book_side": stake.book_side, "price": str(stake.yes_price), "count": str(stake.contracts),
                    "closing": str(stake.closing),
                }  # fmt: skip
            self._write(
                {
                    "what": "intent", "id": intent_id, "process": self.process, "client": str(request.caller),
                    "tool": request.tool, "kind": request.kind, "arguments": dict(request.arguments),
                    "preview": request.preview, "answer": request.answer, "question": request.question,
                    "request": dict(request.terms), "stake": shown,
                },
                sync=True,
            )  # fmt: skip
        return intent_id

    def done(self, intent_id: str, done: Done, response: object = None) -> None:
        """It is known what became of it; ``response`` is what the tool answers, as JSON has it."""
        with self._transaction():
            self._write(
                {
                    "what": "outcome", "id": intent_id, "state": "done", "outcome": done.said,
                    "order_id": done.order_id, "spent": _micros(done.spent),
                    "resting_cost": _micros(done.resting_cost), "resting": str(done.resting),
                    "released": [[order_id, str(contracts)] for order_id, contracts in done.released],
                    "response": response,
                },
                sync=True,
            )  # fmt: skip

    def refused(self, intent_id: str, said: str) -> None:
        """The exchange refused it, or it never got there: nothing was spent."""
        with self._transaction():
            self._write({"what": "outcome", "id": intent_id, "state": "refused", "outcome": said}, sync=True)

    def unknown(self, intent_id: str, said: str) -> None:
        """No answer told its fate: it stays reserved until the exchange was asked."""
        with self._transaction():
            self._write({"what": "outcome", "id": intent_id, "state": "unknown", "outcome": said}, sync=True)

    def unsettled(self) -> list[Intent]:
        """Writes without a known outcome that nobody is at work on: their process died, or never got an answer."""
        found = list[Intent]()
        for row in self.db.execute(
            "SELECT id, at, process, tool, kind, request, ticker, client_order_id, state FROM intents"
            " WHERE state IN ('open', 'unknown') ORDER BY at"
        ).fetchall():
            at_work = row[8] == "open" and (row[2] == self.process or self._lives(row[2]))
            if not at_work:
                found.append(Intent(row[0], row[1], row[2], row[3], row[4], json.loads(row[5]), row[6], row[7]))
        return found

    def under_way(self) -> int:
        """Orders that left or are about to, in any living process."""
        rows = self.db.execute("SELECT process FROM intents WHERE state = 'open' AND kind != 'cancel'").fetchall()
        return sum(process == self.process or self._lives(process) for (process,) in rows)

    def _lives(self, process: str) -> bool:
        """Whether a process still holds its lock, which ends with it."""
        path = Path(self._lock_of(process))
        if not path.exists():
            return False
        try:
            with FileLock(path, timeout=0):
                pass
        except Timeout:
            return True
        path.unlink(missing_ok=True)
        return False

    def _lock_of(self, process: str) -> str:
        return str(self.folder / f"process-{process}.lock")

    def _closing_since(self, stake: Stake) -> Decimal:
        """Contracts of the same market and side that orders under way, or done since the stake was read, close."""
        rows = self.db.execute(
            "SELECT closing FROM orders WHERE ticker = ? AND book_side = ?"
            " AND (state IN ('open', 'unknown') OR (state = 'done' AND closed > ?))",
            (stake.ticker, stake.book_side, stake.as_of),
        )
        return sum((Decimal(closing) for (closing,) in rows), Decimal(0))

    # -- limits ------------------------------------------------------------------------------------------------

    def used(self, event: str, as_of: float) -> Used:
        """What was used of the limits. Orders since ``as_of`` aren't in the account's figures yet."""
        now = time.time()
        day = now - now % 86_400
        (minute,) = self.db.execute("SELECT count(*) FROM orders WHERE at > ?", (now - 60,)).fetchone()
        (number, spent) = self.db.execute(
            "SELECT count(*), coalesce(sum(cost), 0) FROM orders WHERE at >= ?", (day,)
        ).fetchone()
        rows = self.db.execute(
            "SELECT cost, event, ticker, book_side, price, count FROM orders"
            " WHERE (state IN ('open', 'unknown') OR (state = 'done' AND closed > ?)) AND book_side != ''",
            (as_of,),
        ).fetchall()
        pending = tuple((r[2], Resting(r[3], Decimal(r[4]), Decimal(r[5]))) for r in rows if r[1] == event)
        return Used(minute, number, Decimal(spent) / MICROS, Decimal(sum(r[0] for r in rows)) / MICROS, pending)

    def tightened(self) -> Limits:
        """What was made tighter at run time; it holds until a person lets go of it."""
        kept: dict[str, Any] = json.loads(self._fact("tightened") or "{}")
        for name, value in kept.items():
            if name in ("allow_series", "deny_series"):
                kept[name] = frozenset(value)
            else:
                kept[name] = int(value) if name.endswith("_orders") else Decimal(value)
        return Limits(**kept)

    def tighten(self, limits: Limits) -> Limits:
        """Add to what was made tighter; returns all of it."""
        with self._transaction():
            now = self.tightened().tightened(limits)
            kept: dict[str, Any] = {}
            for name in now.__slots__:
                value = getattr(now, name)
                if isinstance(value, frozenset):
                    if value or name == "allow_series":
                        kept[name] = sorted(value)
                elif value is not None:
                    kept[name] = str(value)
            self._write({"what": "tightened", "id": "", "value": kept}, sync=True)
        return now

    def loosen(self) -> None:
        """Back to the settings; for a person at the command line."""
        with self._transaction():
            self._write({"what": "loosened", "id": "", "value": {}}, sync=True)

    def day_start(self, made: Decimal) -> Decimal:
        """What the account had made (dollars) at the first look today (UTC), which this is if there was none."""
        day = datetime.now(UTC).date().isoformat()
        with self._transaction():
            kept = json.loads(self._fact("day_start") or "{}")
            if kept.get("day") != day:
                kept = {"day": day, "made": str(made)}
                self._write({"what": "day", "id": "", "value": kept}, sync=False)
        return Decimal(kept["made"])

    # -- the kill switch ---------------------------------------------------------------------------------------

    def halt(self, by: str) -> None:
        with self._transaction():
            at = datetime.now(UTC).isoformat(timespec="seconds")
            self._write({"what": "halted", "id": "", "value": {"by": by, "at": at}}, sync=True)

    def resume(self, by: str) -> bool:
        """Let go of the kill switch; False if it wasn't on."""
        with self._transaction():
            was = self.halted() is not None
            self._write({"what": "resumed", "id": "", "value": None, "by": by}, sync=True)
        return was

    def halted(self) -> dict[str, str] | None:
        """{by, at} while the kill switch is on."""
        kept: dict[str, str] | None = json.loads(self._fact("halted") or "null")
        return kept

    def require_running(self) -> None:
        """Raises HaltedError while the kill switch is on."""
        if (halted := self.halted()) is not None:
            raise HaltedError(
                f"Trading was halted by {halted['by']} at {halted['at']}: cancels still go, and the person in charge "
                "resumes with “prediction-mcp resume”."
            )

    # -- storage -----------------------------------------------------------------------------------------------

    def _fact(self, name: str) -> str | None:
        row = self.db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _remember(self, name: str, value: object) -> None:
        self.db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, str(value)))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing, alone. Raises JournalError where the disk doesn't take it."""
        try:
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise
        except (OSError, sqlite3.Error) as error:
            raise JournalError(
                f"The journal in {self.folder} can't be written ({error}), so nothing was sent: mend that first."
            ) from error


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except json.JSONDecodeError:
        return None
    return line if isinstance(line, dict) and "what" in line else None


def _micros(dollars: Decimal) -> int:
    return int(dollars * MICROS)
