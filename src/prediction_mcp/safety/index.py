"""The index of the journal: made of it, made anew from it whenever it is damaged, older, or of another journal."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from loguru import logger

from . import journal
from .journal import Journal, JournalError, Line
from .lines import AmendedLine, IntentLine, LeftLine, OutcomeLine, UnreadableError, typed

NAME = "safety.db"
VERSION = 3
NAMES = frozenset({"intents", "orders", "facts", "damaged"})
BUSY_S = 10.0
QUICK_S = 0.3
"""How long what takes risk away waits for the index: it goes without."""
SCHEMA = (
    """CREATE TABLE intents (
      id TEXT PRIMARY KEY, at REAL NOT NULL, mono REAL, process TEXT NOT NULL, client TEXT NOT NULL, tool TEXT NOT NULL,
      kind TEXT NOT NULL, arguments TEXT NOT NULL, preview TEXT, answer TEXT, request TEXT NOT NULL,
      ticker TEXT NOT NULL, event TEXT NOT NULL, client_order_id TEXT NOT NULL, order_id TEXT NOT NULL DEFAULT '',
      reserved INTEGER, spent INTEGER NOT NULL DEFAULT 0, resting_cost INTEGER NOT NULL DEFAULT 0,
      resting TEXT NOT NULL DEFAULT '0', state TEXT NOT NULL, closed REAL, outcome TEXT, amount INTEGER NOT NULL,
      book_side TEXT NOT NULL, price TEXT NOT NULL, count TEXT NOT NULL, closing TEXT NOT NULL)""",
    "CREATE INDEX intents_by_time ON intents (at)",
    "CREATE INDEX intents_open ON intents (state) WHERE state IN ('open', 'unknown')",
    "CREATE INDEX intents_by_order ON intents (order_id)",
    "CREATE INDEX intents_that_close ON intents (ticker) WHERE resting != '0' AND closing != '0'",
    """CREATE VIEW orders AS
      SELECT kind, at, ticker, event, state, closed, book_side, price, count, closing, order_id, amount, answer,
             CASE WHEN state IN ('open', 'unknown') THEN coalesce(reserved, 0) ELSE spent END AS cost
      FROM intents WHERE kind IN ('order', 'change', 'deal')""",
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE damaged (start INTEGER PRIMARY KEY, length INTEGER NOT NULL)",
)


@dataclass
class Index:
    """``safety.db``, and the one lock over all processes of a user: the journal is only added to inside of it."""

    folder: Path
    journal: Journal
    patience_s: float = BUSY_S

    def __post_init__(self) -> None:
        self.db = _open(self.folder / NAME, self.patience_s)
        with self.transaction(patience_s=self.patience_s):
            if not self._is_ours():
                self._make()
            self.catch_up()

    def close(self) -> None:
        self.db.close()

    @contextmanager
    def transaction(self, *, patience_s: float = BUSY_S) -> Iterator[None]:
        """All or nothing, alone. Raises JournalError where the disk doesn't take it, or others don't let go of it."""
        try:
            self.db.execute(f"PRAGMA busy_timeout = {int(patience_s * 1000)}")
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

    # -- from the journal --------------------------------------------------------------------------------------

    def _is_ours(self) -> bool:
        names = {name for (name,) in self.db.execute("SELECT name FROM sqlite_master")}
        return self.db.execute("PRAGMA user_version").fetchone() == (VERSION,) and names >= NAMES

    def _make(self) -> None:
        """Tables as this version has them, empty. What stood in older ones stands in the journal."""
        for kind, name in self.db.execute(
            "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
        ).fetchall():
            self.db.execute(f'DROP {kind} "{name.replace(chr(34), chr(34) * 2)}"')
        for statement in SCHEMA:
            self.db.execute(statement)
        self.db.execute(f"PRAGMA user_version = {VERSION}")

    def catch_up(self) -> None:
        """Take what the journal holds and the index doesn't: after a power cut, or a kill between the two."""
        known, halted = int(self.fact("journal_bytes") or 0), self.fact("halted")
        cut = not self.journal.whole_until(known)
        if cut:  # another journal than this was made of
            self._make()
            known = 0
        for line in self.journal.lines(known):
            self.take(line)
        if cut:
            logger.warning("the journal in {} isn't the one it was: trading is halted", self.folder)
            self.remember("halted", halted if halted not in (None, "null") else _doubt("a journal that was cut short"))
        self.journal.end_line()
        self.remember("journal_bytes", self.journal.size)

    def take(self, line: Line) -> None:
        """Apply a line; one that can't be read is set aside, and counts as the kill switch where it may be that."""
        try:
            if line.content is None:
                raise UnreadableError("it is no line of this journal")
            self.apply(typed(line.content))
        except UnreadableError as error:
            logger.warning("the journal's line at byte {} can't be read and is set aside: {}", line.start, error)
            self.db.execute("INSERT OR IGNORE INTO damaged VALUES (?, ?)", (line.start, len(line.raw)))
            if line.may_restrain:
                self.remember("halted", _doubt("a damaged line of the journal"))

    def apply(self, line: IntentLine | OutcomeLine | LeftLine | tuple[str, Any] | None) -> None:
        """Raises UnreadableError for what no table takes."""
        try:
            if isinstance(line, IntentLine):
                self._intent(line)
            elif isinstance(line, OutcomeLine):
                self._outcome(line)
            elif isinstance(line, LeftLine):
                self.db.execute("UPDATE intents SET at = ?, mono = ? WHERE id = ?", (line.ts, line.mono, line.id))
            elif line is not None:
                self.remember(line[0], json.dumps(line[1]))
        except (sqlite3.IntegrityError, OverflowError) as error:
            raise UnreadableError(str(error)) from None

    def _intent(self, line: IntentLine) -> None:
        stake, request = line.stake, line.request
        self.db.execute(
            "INSERT OR IGNORE INTO intents (id, at, mono, process, client, tool, kind, arguments, preview, answer,"
            " request, ticker, event, client_order_id, reserved, amount, book_side, price, count, closing, state)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open')",
            (
                _text(line.id), line.ts, line.mono, _text(line.process), _text(line.client), _text(line.tool),
                line.kind, json.dumps(line.arguments), _text(line.preview), _text(line.answer), json.dumps(request),
                _text(stake.ticker if stake else str(request.get("ticker") or "")), _text(stake.event if stake else ""),
                _text(str(request.get("client_order_id") or "")), stake.cost if stake else None,
                stake.amount if stake else 0, _text(stake.book_side if stake else ""),
                *(str(n) for n in ((stake.price, stake.count, stake.closing) if stake else (0, 0, 0))),
            ),
        )  # fmt: skip

    def _outcome(self, line: OutcomeLine) -> None:
        self.db.execute(
            "UPDATE intents SET state = ?, closed = ?, outcome = ?, order_id = ?,"
            # what was reserved is the worst case: of a sale that closes the fills say more than it costs
            " spent = min(?, coalesce(reserved, ?)), resting_cost = min(?, coalesce(reserved, ?)), resting = ?"
            " WHERE id = ?",
            (
                line.state, line.ts, _text(line.outcome), _text(line.order_id),
                line.spent, line.spent, line.resting_cost, line.resting_cost, _plain(line.resting), _text(line.id),
            ),
        )  # fmt: skip
        for order_id, contracts in line.released:
            self._release(order_id, contracts)
        if line.amended is not None:
            self._amend(line.amended, line.id)

    def _release(self, order_id: str, contracts: Decimal) -> None:
        """What a cancelled remainder would have cost isn't spent."""
        for row_id, cost, resting in self._resting(order_id):
            left = Decimal(resting)
            gone = min(contracts, left)
            freed = int(cost * gone / left) if left else 0
            self._keep(row_id, freed, cost - freed, left - gone)

    def _amend(self, line: AmendedLine, intent_id: str) -> None:
        """An order's earlier rows keep their share of what it may still cost; what it adds stands in its own row."""
        for row_id, cost, resting in self._resting(line.order_id):
            if row_id == intent_id:
                continue
            left = Decimal(resting)
            open_cost = int(cost * min(line.was, left) / left) if left else 0  # the rest of it was filled
            kept = int(open_cost * min(line.kept, Decimal(1)))
            self._keep(row_id, open_cost - kept, kept, line.now)

    def _resting(self, order_id: str) -> list[tuple[str, int, str]]:
        return self.db.execute(
            "SELECT id, resting_cost, resting FROM intents WHERE order_id = ? AND resting != '0'", (_text(order_id),)
        ).fetchall()

    def _keep(self, row_id: str, freed: int, cost: int, resting: Decimal) -> None:
        self.db.execute(
            "UPDATE intents SET spent = max(spent - ?, 0), resting_cost = ?, resting = ? WHERE id = ?",
            (freed, cost, _plain(resting), row_id),
        )

    def over(self, order_ids: list[str], as_of: float) -> None:
        """Orders known by then that don't rest any more: what they cost is spent."""
        self.db.executemany(
            "UPDATE intents SET resting = '0', resting_cost = 0 WHERE order_id = ? AND closed <= ?",
            [(order_id, as_of) for order_id in order_ids],
        )

    # -- facts -------------------------------------------------------------------------------------------------

    def fact(self, name: str) -> str | None:
        row = self.db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def remember(self, name: str, value: object) -> None:
        self.db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, str(value)))

    @property
    def damaged(self) -> int:
        """Lines of the journal that can't be read."""
        (number,) = self.db.execute("SELECT count(*) FROM damaged").fetchone()
        return int(number)


def _open(path: Path, patience_s: float) -> sqlite3.Connection:
    """The file, or a new one in the place of one that is damaged. Raises JournalError where neither can be had."""
    if path.is_symlink():
        raise JournalError(f"{path} is a link, which the journal's index never is: look where it points.")
    try:
        try:
            return _connect(path, patience_s)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            aside = path.with_name(f"{NAME}.damaged-{time.time_ns()}")
            logger.warning("{} is damaged ({}): it is set aside as {} and made anew", path, error, aside.name)
            path.rename(aside)
            for extra in ("-wal", "-shm"):
                path.with_name(NAME + extra).unlink(missing_ok=True)
            return _connect(path, patience_s)
    except (OSError, sqlite3.Error) as error:
        raise JournalError(f"The journal's index {path} can't be opened ({error}).") from error


def _connect(path: Path, patience_s: float) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, timeout=patience_s)
    try:
        path.chmod(0o600)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")  # the journal is what is synced; this is made right from it
        found = db.execute("PRAGMA quick_check(1)").fetchone()
        if found != ("ok",):
            raise sqlite3.DatabaseError(str(found[0]))
    except BaseException:
        with suppress(sqlite3.Error):
            db.close()
        raise
    return db


def _doubt(by: str) -> str:
    return json.dumps({"by": by, "at": journal.now()})


def _plain(number: Decimal) -> str:
    """ "0" and nothing else is none."""
    return f"{number:f}" if number else "0"


def _text(value: str | None) -> Any:
    """A text as SQLite takes it: a lone surrogate is none of UTF-8's characters."""
    return None if value is None else value.encode(errors="replace").decode()
