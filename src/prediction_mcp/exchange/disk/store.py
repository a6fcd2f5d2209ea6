"""The exchange on disk, so that paper money survives a restart or a ``kill -9``, and memory stays flat.

Whatever a step changed is written in one transaction before anybody hears of the step (:meth:`Store.commit`): a process
that dies has either done and written all of it, or none. What is over (orders, fills, settlements) then leaves memory
and is read back by :mod:`.archive`.

A store without a file keeps only that archive, in a temporary database that goes with the process. One with a file
holds everything and belongs to one process at a time: SQLite's own lock, which no crash leaves behind.

SQLite's WAL with ``synchronous=NORMAL``: a killed process loses nothing; a machine that loses power may lose its last
moments, never its consistency. The schema with its units is schema.sql.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from ..engine.changes import Changes
from ..engine.engine import Engine
from ..engine.groups import OrderGroup
from ..engine.ledger import Account, Holding, Lot, TokenHolding
from ..engine.matching import Order
from ..engine.rfq import Rfq
from ..world.listed import Catalogue
from .catalogue_json import pack_event, pack_market, pack_series
from .rfq_json import pack_rfq
from .upgrades import UPGRADES, VERSION

ORDER_COLUMNS = (
    "seq", "order_id", "account_id", "owner", "ticker", "side", "price", "initial", "remaining", "filled", "status",
    "created_ms", "updated_ms", "client_order_id", "time_in_force", "stp", "expires_ms", "cancel_on_pause", "group_id",
    "accumulator", "fee_hold", "slack", "notional", "fee_total", "taker_cost", "maker_cost", "taker_fees", "maker_fees",
    "queued", "sells",
)  # fmt: skip
POSITION_FIELDS = ("position", "cost", "realized", "fees", "contracts", "traded", "updated_ms")


class StoreError(Exception):
    """The file can't be used; the message is one sentence that says why."""


class UnstorableError(Exception):
    """What changed holds something that no disk can keep: a defect, and whoever asked for the change is refused."""


class StoreBusyError(StoreError):
    """Another process has the file."""


def _put(table: str, columns: int) -> str:
    return f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * columns)})"


class Store:
    """What one exchange leaves on disk.

    Args:
        path: the file, made if there is none; None keeps an archive that ends with the process.

    Raises:
        StoreBusyError: another process has the file.
        StoreError: it isn't a paper exchange, or of another version.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._opening: tuple[Any, ...] | None = None
        self.is_durable = path is not None
        # An empty name is SQLite's temporary database: in memory while small, on disk as it grows.
        try:
            self.db = sqlite3.connect("" if path is None else path, isolation_level=None, timeout=0)
        except sqlite3.OperationalError as error:
            raise StoreError(f"{path} can't be opened ({error}).") from None
        try:
            self.is_new = self._open()
        except BaseException as error:
            self.db.close()
            if not isinstance(error, sqlite3.Error):
                raise
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise StoreBusyError(f"{path} is in use by another process.") from None
            raise StoreError(f"{path} is not a paper exchange ({error}).") from None

    def _open(self) -> bool:
        if self.is_durable:
            self.db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute("PRAGMA synchronous = NORMAL")
            self.db.execute("BEGIN EXCLUSIVE")  # takes the lock, and keeps it
            self.db.execute("COMMIT")
        else:
            self.db.execute("PRAGMA journal_mode = MEMORY")  # a transaction that fails is undone here too
            self.db.execute("PRAGMA synchronous = OFF")
        (version,) = self.db.execute("PRAGMA user_version").fetchone()
        if version == 0 and not self.db.execute("SELECT 1 FROM sqlite_master").fetchone():
            schema = (files(__package__) / "schema.sql").read_text(encoding="utf-8")
            self.db.executescript(f"BEGIN; {schema} PRAGMA user_version = {VERSION}; COMMIT;")
            return True
        while (step := UPGRADES.get(version)) is not None:
            version += 1
            self.db.executescript(f"BEGIN; {step} PRAGMA user_version = {version}; COMMIT;")
        if version != VERSION:
            raise StoreError(f"The paper exchange on disk has version {version}, this program reads {VERSION}.")
        return not self.db.execute("SELECT 1 FROM exchange").fetchone()

    @property
    def last_ms(self) -> int:
        """The simulated time of the last commit; 0 for a new exchange."""
        row = self.db.execute("SELECT clock_ms FROM exchange").fetchone()
        return row[0] if row else 0

    def close(self) -> None:
        self.db.close()

    # -- writing -----------------------------------------------------------------------------------------------

    def commit(self, engine: Engine, catalogue: Catalogue, changes: Changes, now_ms: int) -> None:
        """Write all changes in one transaction, and let go of what is over."""
        self.db.execute("BEGIN")
        try:
            if self.is_durable:
                self._write_market_side(engine, catalogue, changes, now_ms)
            self._write_member_side(changes)
            self.db.execute("COMMIT")
        except Exception as error:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError):  # the disk: the next commit tries it all again
                raise StoreError(f"The paper exchange can't be written to disk ({error}).") from error
            raise UnstorableError(f"a change can't be kept ({error})") from error
        self._opening = None
        self._let_go(changes)

    @property
    def seed(self) -> int:
        """Of the exchange that is kept here."""
        return int(self.db.execute("SELECT seed FROM exchange").fetchone()[0])

    def heal(self, last_ms: int) -> int:
        """Cancel resting orders whose expiry lies beyond ``last_ms`` and strike it from all; returns how many.

        Earlier versions took a time in milliseconds for seconds, answered 500, and couldn't read the order any more.
        """
        self.db.execute("BEGIN")
        healed = self.db.execute(
            "UPDATE orders SET expires_ms = 0, fee_hold = 0, slack = 0,"
            " remaining = CASE status WHEN 'resting' THEN 0 ELSE remaining END,"
            " status = CASE status WHEN 'resting' THEN 'canceled' ELSE status END WHERE expires_ms > ?",
            (last_ms,),
        ).rowcount
        self.db.execute("COMMIT")
        return healed

    def holds_group(self, group_id: str) -> bool:
        return self.db.execute('SELECT 1 FROM "groups" WHERE group_id = ?', (group_id,)).fetchone() is not None

    def _write_member_side(self, changes: Changes) -> None:
        """Orders, fills, settlements, positions, money: of everybody on a durable store, else of members."""
        db, durable = self.db, self.is_durable
        kept = [o for o in changes.orders if o.account.keeps_history or (durable and o.status == "resting")]
        db.executemany(_put("orders", len(ORDER_COLUMNS)), map(_order_row, kept))
        if durable:
            gone = ((o.seq,) for o in changes.orders if not o.account.keeps_history and o.status != "resting")
            db.executemany("DELETE FROM orders WHERE seq = ?", gone)
        touched = {o.account: None for o in changes.orders} | {a: None for a, _ in changes.positions}
        members = {a.primary: None for a in (*touched, *changes.accounts) if a.keeps_history}
        for member in members:
            owner = member.account_id
            used = ((owner, client_order_id) for client_order_id in member.by_client_id)
            db.executemany("INSERT OR IGNORE INTO client_ids VALUES (?, ?)", used)
            db.executemany(_put("fills", 13), (
                (owner, f.seq, f.fill_id, f.account.account_id, f.order_id, f.client_order_id, f.ticker, f.side,
                 f.price, f.count, f.is_taker, f.fee, f.ts_ms) for f in member.fills
            ))  # fmt: skip
            db.executemany(_put("settlements", 11), (
                (owner, s.seq, s.account.account_id, s.ticker, s.result, s.value, s.position, s.cost, s.revenue, s.fees,
                 s.ts_ms) for s in member.settlements
            ))  # fmt: skip
        positions = {(o.account, o.ticker): None for o in changes.orders} | changes.positions
        self._write_positions(positions if durable else (p for p in positions if p[0].keeps_history))
        if durable:
            accounts = touched | changes.accounts
            db.executemany(_put("accounts", 11), (
                (a.account_id, a.primary.account_id, a.number, a.grid, a.keeps_history, a.cash, a.deposited,
                 a.updated_ms, a.netting, a.tokens, a.shard) for a in accounts
            ))  # fmt: skip
            self._write_returns(a for a in accounts if a.nets)
        self._write_groups(changes.groups)
        if durable:
            self._write_rfqs(changes.rfqs)
        struck = [which for which, body in changes.extras.items() if body is None]
        db.executemany("DELETE FROM extras WHERE kind = ? AND key = ?", struck)
        db.executemany(
            "INSERT INTO extras (kind, key, body) VALUES (?, ?, ?)"
            " ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body",
            ((kind, key, body) for (kind, key), body in changes.extras.items() if body is not None),
        )
        db.executemany(
            "INSERT INTO deposits (account_id, micros, ts_ms, status) VALUES (?, ?, ?, ?)",
            ((d.account.account_id, d.micros, d.ts_ms, d.status) for d in changes.deposits),
        )
        db.executemany(
            "INSERT INTO transfers (transfer_id, owner, source, target, micros, ts_ms, client_id)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (t.transfer_id, t.source.primary.account_id, t.source.account_id, t.target.account_id, t.micros,
                 t.ts_ms, t.client_id) for t in changes.transfers
            ),
        )  # fmt: skip

    def _write_positions(self, positions: Iterable[tuple[Account, str]]) -> None:
        rows, gone = [], []
        for account, ticker in positions:
            holding = account.holdings.get(ticker)
            settled = holding is None
            if holding is None:
                holding = account.settled.get(ticker)
            if holding is None or not holding.traded:
                gone.append((account.account_id, ticker))
            else:
                values = (getattr(holding, name) for name in POSITION_FIELDS)
                rows.append((account.account_id, ticker, settled, *values, _pack_lots(holding)))
        self.db.executemany(_put("positions", 4 + len(POSITION_FIELDS)), rows)
        self.db.executemany("DELETE FROM positions WHERE account_id = ? AND ticker = ?", gone)

    def _write_groups(self, groups: Iterable[OrderGroup]) -> None:
        for group in groups:
            if group.deleted:
                self.db.execute("DELETE FROM groups WHERE group_id = ?", (group.group_id,))
            else:
                trades = msgspec.json.encode(list(group.trades))
                row = (group.group_id, group.account.account_id, group.limit, group.triggered, trades)
                self.db.execute(_put("groups", 5), row)

    def _write_returns(self, accounts: Iterable[Account]) -> None:
        """What is left of collateral that was returned; nothing of an event that is over."""
        for account in accounts:
            self.db.execute("DELETE FROM returns WHERE account_id = ?", (account.account_id,))
            account.returns = {event: one for event, one in account.returns.items() if one.amount}
            rows = ((account.account_id, event, one.amount, one.decided) for event, one in account.returns.items())
            self.db.executemany(_put("returns", 4), rows)

    def _write_rfqs(self, rfqs: Iterable[Rfq]) -> None:
        gone = [(rfq.rfq_id,) for rfq in rfqs if rfq.forgotten]
        self.db.executemany("DELETE FROM rfqs WHERE rfq_id = ?", gone)
        kept = ((rfq.rfq_id, rfq.serial, pack_rfq(rfq)) for rfq in rfqs if not rfq.forgotten)
        self.db.executemany(_put("rfqs", 3), kept)

    def _write_market_side(self, engine: Engine, catalogue: Catalogue, changes: Changes, now_ms: int) -> None:
        db = self.db
        if self._opening is not None:
            db.execute(_put("exchange", 8), self._opening)
        db.execute(
            "UPDATE exchange SET clock_ms = ?, sequence = ?, fees_collected = ?, serial = ?",
            (now_ms, engine.sequence, engine.fees_collected, catalogue.serial),
        )
        tickers = {o.ticker: None for o in changes.orders} | changes.markets
        db.executemany(_put("trading", 6), (
            (t, s.is_open, s.pool, s.open_interest, s.volume, s.last_price)
            for t in tickers if (s := engine.markets.get(t)) is not None
        ))  # fmt: skip
        db.executemany(
            _put("trades", 7),
            ((t.seq, ticker, t.ts_ms, t.price, t.count, t.taker_side, t.is_block) for ticker, t in changes.trades),
        )
        events = [catalogue.events[t] for t in changes.events]
        db.executemany(
            _put("series", 2), {e.series.ticker: (e.series.ticker, pack_series(e.series)) for e in events}.values()
        )
        db.executemany(
            "INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?)",
            ((e.serial, e.ticker, e.series.ticker, pack_event(e)) for e in events),
        )
        db.executemany(
            "INSERT OR REPLACE INTO markets VALUES (?, ?, ?, ?)",
            (
                (m.serial, m.ticker, m.event.ticker, pack_market(m))
                for m in map(catalogue.markets.__getitem__, changes.listings)
            ),
        )

    @staticmethod
    def _let_go(changes: Changes) -> None:
        for order in changes.orders:
            account = order.account
            if account.keeps_history and order.status != "resting":
                account.orders.pop(order.order_id, None)
            if account.fills or account.by_client_id:
                account.fills.clear()
                account.by_client_id.clear()
        for account in changes.accounts:
            account.by_client_id.clear()
        for account, ticker in changes.positions:
            account.settlements.clear()
            account.settled.pop(ticker, None)

    # -- what only the start writes ----------------------------------------------------------------------------

    def begin(self, seed: int, scenario: str, now_ms: int) -> None:
        """A new exchange begins; with its first commit, so that there is never one without its listing."""
        self._opening = (1, seed, scenario, now_ms, now_ms, 0, 0, 0)

    def forget_markets(self, tickers: list[str], events: list[str]) -> None:
        """Markets that ended and that no member ever touched leave the listing for good."""
        self.db.execute("BEGIN")
        for table in ("markets", "trading", "trades"):
            self.db.executemany(f"DELETE FROM {table} WHERE ticker = ?", ((t,) for t in tickers))
        self.db.executemany("DELETE FROM events WHERE ticker = ?", ((e,) for e in events))
        self.db.execute("COMMIT")

    def forget_trades(self, ticker: str, keep: int) -> None:
        """Drop all but the newest trades of a market."""
        self.db.execute(
            "DELETE FROM trades WHERE ticker = ?1 AND seq NOT IN "
            "(SELECT seq FROM trades WHERE ticker = ?1 ORDER BY ts_ms DESC, seq DESC LIMIT ?2)",
            (ticker, keep),
        )

    def extras(self, kind: str, *, newest_first: bool = False) -> Iterator[tuple[str, bytes]]:
        """(key, body) of what a front keeps, in the sequence it came."""
        way = "DESC" if newest_first else "ASC"
        yield from self.db.execute(f"SELECT key, body FROM extras WHERE kind = ? ORDER BY id {way}", (kind,))

    def save_budget(self, account_id: str, tier: str) -> None:
        self.db.execute(_put("budgets", 2), (account_id, tier))

    def save_key(
        self, key_id: str, account_id: str, public_key: str, scopes: Iterable[str], name: str, subaccount: int | None
    ) -> None:
        """The public half of an API key; the private one is never written here."""
        row = (key_id, account_id, public_key, ",".join(sorted(scopes)), name, subaccount)
        self.db.execute(_put("keys", 6), row)

    def forget_key(self, key_id: str) -> None:
        self.db.execute("DELETE FROM keys WHERE key_id = ?", (key_id,))


def _order_row(order: Order) -> tuple[Any, ...]:
    account = order.account
    return (
        order.seq, order.order_id, account.account_id, account.primary.account_id, order.ticker, order.side,
        order.price, order.initial, order.remaining, order.filled, order.status, order.created_ms, order.updated_ms,
        order.client_order_id, order.time_in_force, order.stp, order.expires_ms, order.cancel_on_pause,
        order.group.group_id if order.group is not None else None, order.accumulator, order.fee_hold, order.slack,
        order.notional, order.fee_total, order.taker_cost, order.maker_cost, order.taker_fees, order.maker_fees,
        order.queued, order.sells,
    )  # fmt: skip


def _pack_lots(holding: Holding) -> bytes | None:
    return msgspec.json.encode((holding.yes, holding.no)) if isinstance(holding, TokenHolding) else None


def read_holding(row: tuple[Any, ...]) -> Holding:
    """A position from its columns :data:`POSITION_FIELDS` and ``lots``."""
    *values, lots = row
    holding = Holding() if lots is None else TokenHolding()
    for name, value in zip(POSITION_FIELDS, values, strict=True):
        setattr(holding, name, value)
    if isinstance(holding, TokenHolding):
        holding.yes, holding.no = msgspec.json.decode(lots, type=tuple[Lot, Lot])
    return holding
