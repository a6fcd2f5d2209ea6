"""Pairs of markets that a person has judged, kept in a file: which relation, and a hash of both texts as they were.

A judgement holds as long as both texts stay what they were; then it is only a memory, and says so.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from prediction_mcp.matching.verdict import Relation
from prediction_mcp.net.errors import MissingError, PlatformError

from ..shapes import Market

VERSION = 1
PATIENCE_S = 5.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS pairs (
  id TEXT PRIMARY KEY, one_platform TEXT NOT NULL, one_key TEXT NOT NULL, one_id TEXT NOT NULL,
  other_platform TEXT NOT NULL, other_key TEXT NOT NULL, other_id TEXT NOT NULL, relation TEXT NOT NULL,
  note TEXT NOT NULL, texts TEXT NOT NULL, at REAL NOT NULL,
  UNIQUE (one_platform, one_key, other_platform, other_key)
);
"""


class PairsError(PlatformError):
    """The file of pairs can't be used."""


class NoPairError(MissingError):
    """There is no such pair."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a person said of two markets: (platform, key, id) of each, the relation of their first sides."""

    id: str
    one: tuple[str, str, str]
    other: tuple[str, str, str]
    relation: Relation
    note: str
    texts: str
    at: float


def texts_of(one: Market, other: Market) -> str:
    """A hash of all that both markets say."""
    said = [
        [m.platform, m.key, m.listing.title, m.listing.option, m.listing.rules, *m.listing.outcomes]
        for m in (one, other)
    ]
    return hashlib.sha256(json.dumps(said, ensure_ascii=True).encode()).hexdigest()


class Pairs:
    """The file; without a path it lives in memory. Any number of processes may use it.

    Raises:
        PairsError: it can't be opened or written; the message says why.
    """

    def __init__(self, path: Path | None) -> None:
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(path or ":memory:", isolation_level=None, timeout=PATIENCE_S)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
        except (OSError, sqlite3.Error) as error:
            raise PairsError(f"The file of pairs can't be used ({error}).") from error

    def close(self) -> None:
        self._db.close()

    def put(self, one: Market, other: Market, relation: Relation, note: str) -> Judged:
        """Keep a judgement; an earlier one of the same two is replaced."""
        made = Judged(
            uuid.uuid4().hex[:8], (one.platform, one.key, one.id), (other.platform, other.key, other.id), relation,
            note, texts_of(one, other), time.time(),
        )  # fmt: skip
        self._do(
            "INSERT OR REPLACE INTO pairs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (made.id, *made.one, *made.other, relation, note, made.texts, made.at),
        )
        return made

    def all(self) -> list[Judged]:
        """Newest first."""
        return [_judged(row) for row in self._do("SELECT * FROM pairs ORDER BY at DESC, rowid DESC")]

    def of(self, one: Market, other: Market) -> Judged | None:
        """What was said of two markets."""
        rows = self._do(
            "SELECT * FROM pairs WHERE one_platform = ? AND one_key = ? AND other_platform = ? AND other_key = ?",
            (one.platform, one.key, other.platform, other.key),
        )
        return _judged(rows[0]) if rows else None

    def get(self, pair_id: str) -> Judged:
        rows = self._do("SELECT * FROM pairs WHERE id = ?", (pair_id,))
        if not rows:
            raise NoPairError("There is no pair with this id: get_market_pairs lists them.")
        return _judged(rows[0])

    def delete(self, pair_id: str) -> Judged:
        """Forget a judgement."""
        gone = self.get(pair_id)
        self._do("DELETE FROM pairs WHERE id = ?", (pair_id,))
        return gone

    def _do(self, statement: str, values: Iterable[object] = ()) -> list[tuple[object, ...]]:
        try:
            return self._db.execute(statement, tuple(values)).fetchall()
        except sqlite3.Error as error:
            raise PairsError(f"The file of pairs can't be used ({error}).") from error


def _judged(row: tuple[object, ...]) -> Judged:
    id_, *names, relation, note, texts, at = row
    one, other = (str(n) for n in names[:3]), (str(n) for n in names[3:])
    a, b, c = one
    d, e, f = other
    return Judged(str(id_), (a, b, c), (d, e, f), cast("Relation", relation), str(note), str(texts), float(str(at)))
