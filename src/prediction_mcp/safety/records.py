"""What this user's servers asked the exchange to do: a journal that is only ever added to, and its index.

``journal.jsonl`` is the truth: a line for each question, intent and outcome, on the disk (fdatasync) before a request
leaves and after its answer came. ``safety.db`` is its index, made right again from the journal at each start, and the
one place where a limit is checked and taken in one step, over all processes of a user: SQLite's write lock is held from
the check until the intent stands in the journal.
"""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from . import journal, usage
from .index import BUSY_S, QUICK_S, Index
from .intents import Intent, WriteRecord
from .journal import Journal, JournalError
from .limits import JOINS, Limits, Used
from .lines import UnreadableError, limits_from, typed
from .plan import Done, Stake
from .policy import RefusedError

NO_NAMES = frozenset[str]()


class HaltedError(RefusedError):
    """Somebody pulled the kill switch; a person has to let go of it."""


class Records:
    """The journal and its index in one folder; any number of processes may use it.

    Raises:
        JournalError: the folder or what is in it can't be used; the message says why.
    """

    def __init__(self, folder: Path, patience_s: float = BUSY_S) -> None:
        self.folder = journal.own_folder(folder)
        self.process = uuid.uuid4().hex
        self.since = time.monotonic()
        self._alive = FileLock(self._lock_of(self.process))
        self._halted: dict[str, str] | None = None
        self._quick = set[str]()
        """Cancels under way: nothing about them waits long for the disk."""
        self._journal: Journal | None = None
        try:
            self._alive.acquire(timeout=0)
            self._journal = Journal(folder)
            self.index = Index(folder, self._journal, patience_s)
        except (OSError, sqlite3.Error) as error:
            self._let_go()
            raise JournalError(f"The journal in {folder} can't be used ({error}).") from error
        except BaseException:
            self._let_go()
            raise

    @property
    def db(self) -> sqlite3.Connection:
        return self.index.db

    def close(self) -> None:
        self.index.close()
        self._let_go()

    def _let_go(self) -> None:
        if self._journal is not None:
            self._journal.close()
        self._alive.release()
        Path(self._lock_of(self.process)).unlink(missing_ok=True)

    # -- the journal -------------------------------------------------------------------------------------------

    def note(self, what: str, intent_id: str, *, quick: bool = False, **details: Any) -> None:
        """A line that changes no state: a question, an answer, a refusal."""
        with self.index.transaction(patience_s=QUICK_S if quick else BUSY_S):
            self._write({"what": what, "id": intent_id, **details}, sync=False)

    def lines(self) -> Iterator[dict[str, Any]]:
        """The whole journal, oldest first; what can't be read is left out (``damaged`` counts it)."""
        for line in self.file.lines():
            if line.content is not None:
                yield line.content

    @property
    def damaged(self) -> int:
        """Lines of the journal that can't be read."""
        return self.index.damaged

    @property
    def file(self) -> Journal:
        return self.index.journal

    def _write(self, content: dict[str, Any], *, sync: bool) -> None:
        """Add a line, apply it to the index, and remember how far the index goes. Inside a transaction."""
        if self.file.size != int(self.index.fact("journal_bytes") or 0):
            self.index.catch_up()  # a line was written whose transaction was not
        line = journal.stamped(content)
        try:
            meaning = typed(line)
        except UnreadableError as error:  # what can't be read back is never written
            raise JournalError(f"The journal doesn't take a line ({error}): nothing was sent.") from error
        self.file.add(line, sync=sync)
        self.index.apply(meaning)
        self.index.remember("journal_bytes", self.file.size)

    # -- intents -----------------------------------------------------------------------------------------------

    def open(self, request: WriteRecord, stake: Stake | None, check: Callable[[Stake], None] | None = None) -> str:
        """Take a write in hand: ``check`` and the intent are one step; it is on the disk when this returns.

        Where other orders under way close what this one counted on closing, it counts as opening.

        Raises:
            HaltedError: the kill switch is on, and this isn't a cancel.
            RefusedError: what ``check`` raises.
            JournalError: it can't be written down; of a cancel that is said at once.
        """
        return self.open_all([request], [stake], [check])[0]

    def open_all(
        self,
        requests: Sequence[WriteRecord],
        stakes: Sequence[Stake | None],
        checks: Sequence[Callable[[Stake], None] | None],
    ) -> list[str]:
        """Take the parts of one write in hand, all or none; each is checked with those before it under way."""
        ids = [uuid.uuid4().hex for _ in requests]
        if all(request.kind == "cancel" for request in requests):
            self._quick.update(ids)
        with self.index.transaction(patience_s=self._patience(ids[0])):
            for line in self._checked(ids, requests, stakes, checks):
                self._write(line, sync=line["id"] == ids[-1])  # which brings those before it onto the disk too
        return ids

    def restate(self, intent_id: str, request: WriteRecord, stake: Stake | None) -> str:
        """A write in hand will be sent otherwise, and no larger, under a new intent. Raises JournalError."""
        new, said = uuid.uuid4().hex, "sent otherwise"
        with self.index.transaction():
            self._write({"what": "outcome", "id": intent_id, "state": "refused", "outcome": said}, sync=False)
            self._write(self._intent(new, request, stake), sync=True)
        return new

    def left(self, intent_id: str) -> None:
        """A write in hand leaves only now. Raises JournalError."""
        with self.index.transaction():
            self._write({"what": "left", "id": intent_id}, sync=True)

    def hold_all(
        self, requests: Sequence[WriteRecord], stakes: Sequence[Stake | None], checks: Sequence[Callable[[Stake], None]]
    ) -> None:
        """Hold the parts of a write against their checks, and write nothing. Raises as :meth:`open`."""
        with self.index.transaction():
            self._checked([uuid.uuid4().hex for _ in requests], requests, stakes, checks)

    def _checked(
        self,
        ids: Sequence[str],
        requests: Sequence[WriteRecord],
        stakes: Sequence[Stake | None],
        checks: Sequence[Callable[[Stake], None] | None],
    ) -> list[dict[str, Any]]:
        """The lines of intents that passed. What each is checked with is in the index for that long only."""
        lines = list[dict[str, Any]]()
        self.db.execute("SAVEPOINT parts")
        for intent_id, request, given, check in zip(ids, requests, stakes, checks, strict=True):
            if request.kind != "cancel":
                self.require_running()
            stake = given
            if stake is not None:
                if stake.closing > stake.closable - usage.closing_since(self.db, stake):
                    stake = replace(stake, cost=stake.cost_if_open, opening=stake.contracts)
                stake = self.weigh(stake)
                if check is not None:
                    check(stake)
            lines.append(self._intent(intent_id, request, stake))
            if len(requests) > 1:
                self.index.apply(typed(journal.stamped(lines[-1])))
        self.db.execute("ROLLBACK TO parts")
        self.db.execute("RELEASE parts")
        return lines

    def _intent(self, intent_id: str, request: WriteRecord, stake: Stake | None) -> dict[str, Any]:
        shown = stake and {
            "ticker": stake.ticker, "event": stake.event, "cost": _micros(stake.adds),
            "amount": _micros(stake.amount), "book_side": stake.book_side, "price": str(stake.yes_price),
            "count": str(stake.may_fill), "closing": str(stake.closing),
        }  # fmt: skip
        return {
            "what": "intent", "id": intent_id, "process": self.process, "client": str(request.caller),
            "tool": request.tool, "kind": request.kind, "arguments": dict(request.arguments),
            "preview": request.preview, "answer": request.answer, "question": request.question,
            "request": dict(request.terms), "stake": shown,
        }  # fmt: skip

    def weigh(self, stake: Stake) -> Stake:
        """An order that takes another's place: what that one was weighed with, as far as it was weighed here."""
        return usage.weighed(self.db, stake)

    def done(self, intent_id: str, done: Done, response: object = None) -> None:
        """It is known what became of it; ``response`` is what the tool answers, as JSON has it."""
        amended = done.amended and {
            "order_id": done.amended.order_id, "was": str(done.amended.was), "now": str(done.amended.now),
            "kept": str(done.amended.kept),
        }  # fmt: skip
        with self.index.transaction(patience_s=self._patience(intent_id)):
            self._write(
                {
                    "what": "outcome", "id": intent_id, "state": "done", "outcome": done.said,
                    "order_id": done.order_id, "spent": _micros(done.spent),
                    "resting_cost": _micros(done.resting_cost), "resting": str(done.resting),
                    "released": [[order_id, str(contracts)] for order_id, contracts in done.released],
                    "amended": amended, "response": response,
                },
                sync=True,
            )  # fmt: skip

    def refused(self, intent_id: str, text: str) -> None:
        """The exchange refused it, or it never got there: nothing was spent."""
        self._ended(intent_id, "refused", text)

    def unknown(self, intent_id: str, text: str) -> None:
        """No answer told its fate: it stays reserved until the exchange was asked."""
        self._ended(intent_id, "unknown", text)

    def _patience(self, intent_id: str) -> float:
        return QUICK_S if intent_id in self._quick else BUSY_S

    def _ended(self, intent_id: str, state: str, text: str, **more: Any) -> None:
        with self.index.transaction(patience_s=self._patience(intent_id)):
            self._write({"what": "outcome", "id": intent_id, "state": state, "outcome": text, **more}, sync=True)

    def let_go(self, prefix: str, by: str) -> Intent:
        """A person looked at a write of unknown fate and takes it off the list: it counts at its worst.

        Raises:
            LookupError: no open write has such an id, or several do.
        """
        found = [intent for intent in self.unsettled() if prefix and intent.id.startswith(prefix.lower())]
        if len(found) != 1:
            raise LookupError(f"{len(found) or 'No'} writes of unknown fate have an id that begins with {prefix!r}.")
        (reserved,) = self.db.execute(
            "SELECT coalesce(reserved, 0) FROM intents WHERE id = ?", (found[0].id,)
        ).fetchone()
        self._ended(found[0].id, "done", f"let go of by {by}: counted at its worst", spent=reserved)
        return found[0]

    def unsettled(self) -> list[Intent]:
        """Writes without a known outcome that nobody is at work on: their process died, or never got an answer."""
        found = list[Intent]()
        for row in self.db.execute(
            "SELECT id, at, mono, process, tool, kind, request, ticker, client_order_id, state FROM intents"
            " WHERE state IN ('open', 'unknown') ORDER BY at"
        ).fetchall():
            at_work = row[9] == "open" and (row[3] == self.process or self._lives(row[3]))
            if not at_work:
                id_, at, mono, process, tool, kind, request, ticker, client_order_id, _ = row
                found.append(Intent(id_, at, mono, process, tool, kind, json.loads(request), ticker, client_order_id))
        return found

    def any_since(self, at: float) -> bool:
        """Whether an order of ours is under way or ended since a time (Unix seconds)."""
        row = self.db.execute(
            "SELECT 1 FROM orders WHERE state IN ('open', 'unknown') OR closed > ? LIMIT 1", (at,)
        ).fetchone()
        return row is not None

    def under_way(self) -> int:
        """Orders that left or are about to, in any living process."""
        rows = self.db.execute(
            "SELECT process FROM intents WHERE state = 'open' AND kind IN ('order', 'change', 'deal')"
        ).fetchall()
        return sum(process == self.process or self._lives(process) for (process,) in rows)

    def _lives(self, process: str) -> bool:
        """Whether a process still holds its lock, which ends with it."""
        path = Path(self._lock_of(process))
        if not process.isalnum() or not path.exists():
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

    # -- limits ------------------------------------------------------------------------------------------------

    def used(self, event: str, as_of: float, window_s: float = 0.0) -> Used:
        """What was used of the limits; see :func:`.usage.used`."""
        return usage.used(self.db, event, as_of, window_s)

    def closers(self) -> dict[str, dict[str, Decimal]]:
        """Orders that were taken as closing and may rest: {market: {order id: dollars they were weighed with}}."""
        return usage.closers(self.db)

    def over(self, order_ids: list[str], as_of: float) -> None:
        """Orders that the exchange was read to hold no more; those placed since ``as_of`` may only not show yet."""
        with self.index.transaction():
            self.index.over(order_ids, as_of)

    def tightened(self) -> Limits:
        """What was made tighter at run time; it holds until a person lets go of it."""
        return limits_from(json.loads(self.index.fact("tightened") or "{}"))

    def tighten(self, limits: Limits) -> Limits:
        """Add to what was made tighter; returns all of it."""
        with self.index.transaction():
            now = self.tightened().tightened(limits)
            kept = {name: _kept(value) for name in JOINS if (value := getattr(now, name)) not in (None, NO_NAMES)}
            if now.allow_series is not None:
                kept["allow_series"] = sorted(now.allow_series)  # none at all is a limit, too
            self._write({"what": "tightened", "id": "", "value": kept}, sync=True)
        return now

    def loosen(self) -> None:
        """Back to the settings; for a person at the command line."""
        with self.index.transaction():
            self._write({"what": "loosened", "id": "", "value": {}}, sync=True)

    def day_start(self, made: Decimal, of: str = "kalshi") -> Decimal:
        """What the account had made at a platform (dollars) at the first look today (UTC); this, if there was none."""
        where = "" if of == "kalshi" else f" at {of}"
        day = datetime.now(UTC).date().isoformat()
        with self.index.transaction():
            kept = json.loads(self.index.fact(f"day_start{where}") or "{}")
            if kept.get("day") != day:
                kept = {"day": day, "made": str(made)}
                self._write({"what": f"day{where}", "id": "", "value": kept}, sync=False)
        return Decimal(kept["made"])

    # -- the kill switch ---------------------------------------------------------------------------------------

    def halt(self, by: str) -> str | None:
        """Pull the switch: a file in the folder and a line in the journal, of which either holds.

        Returns what couldn't be written. Raises JournalError where neither could: then it holds in this process only.
        """
        value = {"by": by, "at": journal.now()}
        problems = list[str]()
        try:
            journal.set_switch(self.folder, **value)
        except OSError as error:
            problems.append(f"{journal.SWITCH} can't be written ({error.strerror})")
        try:
            with self.index.transaction(patience_s=QUICK_S):
                self._write({"what": "halted", "id": "", "value": value}, sync=True)
        except JournalError as error:
            problems.append(str(error))
        if len(problems) > 1:
            self._halted = value
            raise JournalError(" ".join(problems))
        return problems[0] if problems else None

    def resume(self, by: str) -> bool:
        """Let go of the kill switch; False if it wasn't on."""
        with self.index.transaction():
            was = self.halted() is not None
            self._write({"what": "resumed", "id": "", "value": None, "by": by}, sync=True)
            self._halted = None
        journal.clear_switch(self.folder)  # after the line: a crash between leaves it on
        return was

    def halted(self) -> dict[str, str] | None:
        """{by, at} while the kill switch is on. Raises JournalError where that can't be read."""
        try:
            kept: dict[str, str] | None = json.loads(self.index.fact("halted") or "null")
        except sqlite3.Error as error:
            raise JournalError(f"Whether trading is halted can't be read in {self.folder} ({error}).") from error
        return self._halted or kept or journal.switch(self.folder)

    def require_running(self) -> None:
        """Raises HaltedError while the kill switch is on."""
        if (halted := self.halted()) is not None:
            raise HaltedError(
                f"Trading was halted by {halted['by']} at {halted['at']}: cancels still go, and the person in charge "
                "resumes with “prediction-mcp resume”."
            )


def _kept(value: object) -> object:
    """A limit as the journal has it."""
    return sorted(value) if isinstance(value, frozenset) else str(value)


def _micros(dollars: Decimal) -> int:
    return int(dollars * usage.MICROS)
