"""The catalogue's index: markets with their words in SQLite's FTS5, in a file that several processes may share.

Combos have an index of their own: of Kalshi's 252,000 open markets 231,000 were combos, and few people look for one.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from .rows import Coverage, Found, Listed, ListedSeries
from .words import plain, terms

VERSION = 2
CANDIDATES = 300
"""Best matches by words that are ranked again by volume and time."""
BROAD = 1_500
"""Matches beyond which words are no use for ranking any more."""
NEWEST_COMBOS = 5_000
WEIGHTS = "6.0, 4.0, 3.0, 1.0"
"""Of title, outcome, ticker, and series with its category and tags."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS series (ticker TEXT PRIMARY KEY, title TEXT, category TEXT, tags TEXT);
CREATE TABLE IF NOT EXISTS markets (
  id INTEGER PRIMARY KEY, ticker TEXT NOT NULL UNIQUE, event TEXT NOT NULL, series TEXT NOT NULL, title TEXT NOT NULL,
  outcome TEXT NOT NULL, status TEXT NOT NULL, closes INTEGER, opened INTEGER, combo INTEGER NOT NULL,
  volume_24h INTEGER NOT NULL, open_interest INTEGER NOT NULL, bid INTEGER NOT NULL, ask INTEGER NOT NULL,
  last INTEGER NOT NULL, day_ago INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS markets_by_event ON markets (event);
CREATE INDEX IF NOT EXISTS markets_by_kind ON markets (combo);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(
  title, outcome, ticker, about, tokenize='porter unicode61', prefix='2 3'
);
CREATE VIRTUAL TABLE IF NOT EXISTS combo_words USING fts5(
  title, outcome, ticker, about, tokenize='porter unicode61'
);
CREATE VIRTUAL TABLE IF NOT EXISTS vocabulary USING fts5vocab(words, row);
CREATE TABLE IF NOT EXISTS filling (
  id INTEGER PRIMARY KEY CHECK (id IN (1, 2)), started REAL, finished REAL, refreshed REAL, cursor TEXT
);
INSERT OR IGNORE INTO filling (id) VALUES (1), (2);
"""


ORDERS: dict[str, tuple[str, str]] = {
    "volume": ("m.volume_24h > 0", "m.volume_24h DESC"),
    "movers": ("m.day_ago > 0 AND m.last > 0", "abs(m.last - m.day_ago) DESC, m.volume_24h DESC"),
    "spread": ("m.bid > 0 AND m.ask < 10000", "m.ask - m.bid DESC, m.volume_24h DESC"),
    "closing_soon": ("m.closes > unixepoch()", "m.closes, m.volume_24h DESC"),
    "new": ("1", "m.opened DESC, m.volume_24h DESC"),
    "open_interest": ("m.open_interest > 0", "m.open_interest DESC"),
    "featured": ("m.bid > 0 AND m.ask < 10000", "m.volume_24h * (10000 - abs(m.bid + m.ask - 10000)) DESC"),
}
"""What a scan sorts by: (condition, order). Spread: the widest first. Featured: much traded and still undecided."""


Part = Literal["markets", "combos"]
_PARTS: dict[Part, int] = {"markets": 1, "combos": 2}
"""The two listings that are filled apart, by their row in ``filling``."""


class Index:
    """The catalogue's file; without a path it lives in memory.

    Any number of processes may read and write: each write is one short transaction.
    """

    def __init__(self, path: Path | None = None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self.db = sqlite3.connect(path or ":memory:", isolation_level=None, timeout=10)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = OFF")  # a cache: what is lost is read again
        (version,) = self.db.execute("PRAGMA user_version").fetchone()
        if version not in (0, VERSION):
            self._drop()
        self.db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
        self._vocabulary: tuple[int, list[str]] = (-1, [])

    def _drop(self) -> None:
        """A cache of another version is made anew."""
        for (name,) in self.db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN"
            " ('series', 'markets', 'words', 'combo_words', 'vocabulary', 'filling')"
        ).fetchall():
            self.db.execute(f'DROP TABLE "{name}"')

    def close(self) -> None:
        self.db.close()

    # -- writing -----------------------------------------------------------------------------------------------

    def put_series(self, series: Iterable[ListedSeries]) -> None:
        with self._transaction():
            self.db.executemany("INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?)", series)

    def series(self) -> set[str]:
        """Tickers of all series that were put in."""
        return {ticker for (ticker,) in self.db.execute("SELECT ticker FROM series")}

    def put_markets(self, markets: Iterable[Listed]) -> None:
        """Add or renew markets."""
        about = {
            t: f"{title} {category} {tags}" for t, title, category, tags in self.db.execute("SELECT * FROM series")
        }
        with self._transaction():
            for market in markets:
                words = "combo_words" if market.combo else "words"
                old = self.db.execute("SELECT id FROM markets WHERE ticker = ?", (market.ticker,)).fetchone()
                if old is not None:
                    self.db.execute(f"DELETE FROM {words} WHERE rowid = ?", old)
                    self.db.execute("DELETE FROM markets WHERE id = ?", old)
                made = self.db.execute(
                    "INSERT INTO markets (ticker, event, series, title, outcome, status, closes, opened, combo,"
                    " volume_24h, open_interest, bid, ask, last, day_ago)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    market,
                )
                texts = (market.title, market.outcome, market.ticker, about.get(market.series, ""))
                self.db.execute(
                    f"INSERT INTO {words} (rowid, title, outcome, ticker, about) VALUES (?, ?, ?, ?, ?)",
                    (made.lastrowid, *map(plain, texts)),
                )

    def keep_open(self, tickers: Iterable[str]) -> None:
        """Of the markets that count as open only these still are: for a listing that doesn't tell which closed."""
        with self._transaction():
            self.db.execute("CREATE TEMP TABLE IF NOT EXISTS still (ticker TEXT PRIMARY KEY)")
            self.db.execute("DELETE FROM still")
            self.db.executemany("INSERT OR IGNORE INTO still VALUES (?)", ((ticker,) for ticker in tickers))
            self.db.execute(
                "UPDATE markets SET status = 'closed' WHERE status = 'active' AND NOT combo"
                " AND ticker NOT IN (SELECT ticker FROM still)"
            )

    def open_markets(self) -> Iterator[tuple[str, str, str, str, int | None, int, int]]:
        """(ticker, title, outcome, category, closes, bid, ask) of all that is open, combos left out."""
        yield from self.db.execute(
            "SELECT m.ticker, m.title, m.outcome, coalesce(s.category, ''), m.closes, m.bid, m.ask FROM markets m"
            " LEFT JOIN series s ON s.ticker = m.series WHERE m.status = 'active' AND NOT m.combo"
        )

    def _transaction(self) -> _Transaction:
        return _Transaction(self.db)

    # -- filling -----------------------------------------------------------------------------------------------

    def coverage(self, part: Part = "markets") -> Coverage:
        (markets,) = self.db.execute("SELECT count(*) FROM markets WHERE combo = ?", (part == "combos",)).fetchone()
        finished, refreshed = self._filling("finished, refreshed", part)
        latest = refreshed or finished
        return Coverage(markets, finished is not None, datetime.fromtimestamp(latest, UTC) if latest else None)

    def claim(self, patience_s: float, part: Part = "markets") -> bool:
        """Whether this process shall fill: nobody has begun, or whoever did has been silent for too long."""
        now = time.time()
        done = self.db.execute(
            "UPDATE filling SET started = ? WHERE id = ? AND (started IS NULL OR started < ?)",
            (now, _PARTS[part], now - patience_s),
        )
        return done.rowcount == 1

    def still_filling(self, cursor: str | None, part: Part = "markets") -> None:
        """A page was read: others keep waiting, and a filling that breaks off goes on here."""
        self.db.execute("UPDATE filling SET started = ?, cursor = ? WHERE id = ?", (time.time(), cursor, _PARTS[part]))

    def release(self, part: Part = "markets", *, finished: bool, refreshed: bool = False) -> None:
        now, row = time.time(), _PARTS[part]
        self.db.execute("UPDATE filling SET started = NULL WHERE id = ?", (row,))
        if finished:
            self.db.execute(
                "UPDATE filling SET finished = ?, refreshed = ?, cursor = NULL WHERE id = ?", (now, now, row)
            )
        elif refreshed:
            self.db.execute("UPDATE filling SET refreshed = ? WHERE id = ?", (now, row))

    def resume_cursor(self, part: Part = "markets") -> str | None:
        return self._filling("cursor", part)[0] or None

    def _filling(self, columns: str, part: Part) -> Any:
        return self.db.execute(f"SELECT {columns} FROM filling WHERE id = ?", (_PARTS[part],)).fetchone()

    # -- searching ---------------------------------------------------------------------------------------------

    def search(
        self,
        query: str,
        *,
        category: str | None = None,
        statuses: Sequence[str] = ("active",),
        closes_before: datetime | None = None,
        min_volume: float = 0,
        combos: bool = False,
        limit: int = 20,
        now: datetime | None = None,
    ) -> list[Found]:
        """Markets that fit, best first: by words, then by how much they trade. Misspelt words are mended."""
        at = now or datetime.now(UTC)
        marks = ", ".join("?" * len(statuses))
        where, values = [f"m.status IN ({marks})"], list[object](statuses)
        if category is not None:
            where.append("s.category = ? COLLATE NOCASE")
            values.append(category)
        if closes_before is not None:
            where.append("m.closes < ?")
            values.append(closes_before.timestamp())
        if min_volume:
            where.append("m.volume_24h >= ?")
            values.append(min_volume * 100)
        rows = self._by_ticker(query, where, values, limit)
        if not rows:
            groups = [self._mended(group) for group in terms(query, at.date())]
            tables = ("words", "combo_words") if combos else ("words",)
            for table in tables if groups else ():
                rows += self._by_words(table, groups, where, values)
        return [_found(row) for row in sorted(rows, key=_rank)[:limit]]

    def scan(
        self, by: str, *, category: str | None = None, closes_within_h: float | None = None, limit: int = 20
    ) -> list[Found]:
        """Open markets in one of the orders of :data:`ORDERS`, combos left out."""
        where, values = ["m.status = 'active'", "NOT m.combo"], list[object]()
        if category is not None:
            where.append("s.category = ? COLLATE NOCASE")
            values.append(category)
        if closes_within_h is not None:
            where.append("m.closes < ?")
            values.append(time.time() + closes_within_h * 3_600)
        condition, order = ORDERS[by]
        rows = self.db.execute(
            f"{_SELECT}, 0 FROM markets m LEFT JOIN series s ON s.ticker = m.series"
            f" WHERE {' AND '.join([*where, condition])} ORDER BY {order} LIMIT ?",
            (*values, limit),
        )
        return [_found(row) for row in rows]

    def tickers(self, beginning: str, limit: int) -> list[str]:
        """Open markets whose ticker begins like this, the most traded first; combos left out."""
        name = beginning.strip().upper()
        rows = self.db.execute(
            "SELECT ticker FROM markets WHERE ticker >= ? AND ticker < ? AND status = 'active' AND NOT combo"
            " ORDER BY volume_24h DESC LIMIT ?",
            (name, name + "\U0010ffff", limit),
        )
        return [ticker for (ticker,) in rows]

    def categories(self, beginning: str, limit: int) -> list[str]:
        """Categories that begin like this, in any case of letters."""
        rows = self.db.execute(
            "SELECT DISTINCT category FROM series WHERE substr(category, 1, length(?)) = ? COLLATE NOCASE"
            " AND category != '' ORDER BY category LIMIT ?",
            (beginning, beginning, limit),
        )
        return [category for (category,) in rows]

    def _by_ticker(self, query: str, where: list[str], values: list[object], limit: int) -> list[tuple[object, ...]]:
        """A query that is the beginning of a ticker is one."""
        name = query.strip().upper()
        if (
            " " in name
            or len(name) < 4
            or (not any(c.isdigit() or c == "-" for c in name) and not name.startswith("KX"))
        ):
            return []
        return self.db.execute(
            f"{_SELECT}, -m.volume_24h FROM markets m LEFT JOIN series s ON s.ticker = m.series"
            f" WHERE m.ticker >= ? AND m.ticker < ? AND {' AND '.join(where)} ORDER BY m.volume_24h DESC LIMIT ?",
            (name, name + "\U0010ffff", *values, limit),
        ).fetchall()

    def _by_words(
        self, table: str, groups: list[tuple[str, ...]], where: list[str], values: list[object]
    ) -> list[tuple[object, ...]]:
        """Matches of all groups; where nothing has them all, of any."""
        for glue in (" AND ", " OR "):
            match = glue.join("(" + " OR ".join(_quoted(word) for word in group) + ")" for group in groups)
            (hits,) = self.db.execute(
                f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {table} MATCH ? LIMIT {BROAD + 1})", (match,)
            ).fetchone()
            if hits > BROAD:
                return self._broad(table, match, where, values)
            found = self.db.execute(
                f"{_SELECT}, w.score FROM (SELECT rowid, bm25({table}, {WEIGHTS}) AS score FROM {table}"
                f" WHERE {table} MATCH ? ORDER BY score LIMIT {CANDIDATES}) w JOIN markets m ON m.id = w.rowid"
                f" LEFT JOIN series s ON s.ticker = m.series WHERE {' AND '.join(where)}",
                (match, *values),
            ).fetchall()
            if found:
                return [(*row[:-1], float(row[-1]) * (1 + 0.25 * math.log10(1 + row[7] / 100))) for row in found]
        return []

    def _broad(self, table: str, match: str, where: list[str], values: list[object]) -> list[tuple[object, ...]]:
        """Words that thousands of markets have tell them apart no more: what trades most comes first.

        Of combos the newest are looked at; their words are those of a few games, and there are hundreds of thousands.
        """
        some = f" ORDER BY rowid DESC LIMIT {NEWEST_COMBOS}" if table == "combo_words" else ""
        return self.db.execute(
            f"{_SELECT}, -m.volume_24h FROM (SELECT rowid FROM {table} WHERE {table} MATCH ?{some}) w"
            " JOIN markets m ON m.id = w.rowid LEFT JOIN series s ON s.ticker = m.series"
            f" WHERE {' AND '.join(where)} ORDER BY m.volume_24h DESC LIMIT {CANDIDATES}",
            (match, *values),
        ).fetchall()

    def _mended(self, group: tuple[str, ...]) -> tuple[str, ...]:
        """A word that no market has becomes the nearest that some has."""
        word = group[0]
        if len(word) < 4 or " " in word or word[0].isdigit() or self._is_known(word):
            return group
        from rapidfuzz import process  # only misspelt words need it, and it takes a while to load
        from rapidfuzz.distance import DamerauLevenshtein

        near = process.extractOne(
            word, self._words(), scorer=DamerauLevenshtein.distance, score_cutoff=1 if len(word) < 6 else 2
        )
        return (*group, near[0]) if near else group

    def _is_known(self, word: str) -> bool:
        found = self.db.execute("SELECT 1 FROM words WHERE words MATCH ? LIMIT 1", (_quoted(word),))
        return found.fetchone() is not None

    def _words(self) -> list[str]:
        """The words of the index, kept until it grows."""
        (newest,) = self.db.execute("SELECT coalesce(max(id), 0) FROM markets").fetchone()
        if newest != self._vocabulary[0]:
            words = [word for (word,) in self.db.execute("SELECT term FROM vocabulary WHERE length(term) > 3")]
            self._vocabulary = (newest, [word for word in words if not word[0].isdigit()])
        return self._vocabulary[1]


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        self._db.execute("ROLLBACK" if kind else "COMMIT")


def _rank(row: tuple[object, ...]) -> float:
    return float(str(row[-1]))


_SELECT = "SELECT m.ticker, m.event, m.title, m.outcome, m.status, coalesce(s.category, ''), m.closes, m.volume_24h"


def _quoted(word: str) -> str:
    """A word, or several that stand together, as FTS5 takes them; the last may go on."""
    return '"' + word.replace('"', "") + '"' + ("" if word[:1].isdigit() else " *")


def _found(row: tuple[object, ...]) -> Found:
    ticker, event, title, outcome, status, category, closes, volume, _ = row
    return Found(
        str(ticker), str(event), str(title), str(outcome), str(status), str(category),
        datetime.fromtimestamp(int(str(closes)), UTC) if closes is not None else None, int(str(volume)) / 100,
    )  # fmt: skip
