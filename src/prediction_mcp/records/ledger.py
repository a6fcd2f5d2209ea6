"""The transactions of one account: added once each, read by page, summed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import and_, func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .columns import from_micros, to_micros, to_moment
from .database import Database
from .entries import (
    ZERO,
    Entry,
    FillEntry,
    Held,
    Kind,
    MoneyEntry,
    Row,
    SettlementEntry,
    fill_row,
    money_row,
    settlement_as_told,
    settlement_rows,
)
from .errors import RecordsError
from .tables import Account, Progress, Transaction, in_units

_TABLE = in_units(Transaction)
PATIENCE = timedelta(hours=1)
"""How long a settlement waits for fills that aren't listed yet; after that the exchange's own word stands."""
AT_ONCE = 5_000
"""Names in one statement; databases bound their number."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which account: the platform, paper, demo or live, and a hash of its key's id."""

    platform: str
    environment: str
    key_hash: str


@dataclass(frozen=True, slots=True)
class Added:
    """What a batch brought: rows that are new, and since when a settlement waits for its fills."""

    rows: int
    waiting: datetime | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """One transaction as it lies in the database."""

    id: int
    kind: str
    exchange_id: str
    subaccount: int
    time: datetime
    ticker: str
    contracts: Decimal
    price: Decimal | None
    fee: Decimal
    cash: Decimal
    order_id: str


class Ledger:
    """The transactions of one account in a database."""

    def __init__(self, database: Database, identity: Identity) -> None:
        self.database = database
        self.identity = identity
        self.listeners = list[Callable[[], None]]()
        """Called when an alert or a standing order was made, or its terms changed, in this process."""
        self._id = (0, 0)  # in which opening of the database it was learnt, and the number

    def tell(self) -> None:
        for listener in self.listeners:
            listener()

    async def account_id(self, connection: AsyncConnection, *, make: bool = True) -> int:
        """The account's row, made at the first need; 0 where it isn't there and isn't made."""
        opened, known = self._id
        if opened != self.database.opened or not known:
            named = asdict(self.identity)
            query = select(Account.id).filter_by(**named)
            found = (await connection.execute(query)).scalar()
            if found is None and make:
                if self.database.is_postgres:  # one of several processes makes it; SQLite has one writer anyway
                    await connection.execute(text("SELECT pg_advisory_xact_lock(7201706)"))
                    if (found := (await connection.execute(query)).scalar()) is not None:
                        return found
                values = insert(Account).values(**named, created=datetime.now(UTC)).returning(Account.id)
                return (await connection.execute(values)).scalar_one()  # kept by the next call, once it is committed
            if found is None:
                return 0
            known = found
            self._id = (self.database.opened, known)
        return known

    # -- in ------------------------------------------------------------------------------------------------------

    async def add(
        self, entries: Iterable[Entry], until: dict[Kind, datetime] | None = None, now: datetime | None = None
    ) -> Added:
        """Write what isn't there yet, and how far each kind is complete, in one transaction.

        A settlement whose fills aren't all here waits, and its kind's ``until`` with it.

        Args:
            entries: in any sequence; what was written before is left as it is.
            until: everything before these moments is here once this is written.

        Raises:
            RecordsError: nothing was written.
        """
        now = now or datetime.now(UTC)
        listed = sorted(entries, key=_sequence)
        reached = dict(until or {})
        async with self.database.writing() as connection:
            account = await self.account_id(connection)
            await self.lock(connection, account)
            fresh = await self._fresh(connection, account, listed)
            held = await self._held(connection, account, fresh)
            rows, waiting = _rows(fresh, held, now)
            await self.database.pour(connection, _TABLE, _units(account, rows))
            if waiting is not None and "settlement" in reached:
                reached["settlement"] = min(waiting, reached["settlement"])
            for kind, moment in reached.items():
                await self._reach(connection, account, kind, moment)
        return Added(len(rows), waiting)

    async def lock(self, connection: AsyncConnection, account: int) -> None:
        """One writer an account: what it reads before it writes has to stay so. SQLite has one writer anyway."""
        if self.database.is_postgres:
            await connection.execute(select(Account.id).where(Account.id == account).with_for_update())

    async def _fresh(self, connection: AsyncConnection, account: int, listed: Sequence[Entry]) -> list[Entry]:
        """Those that aren't written yet, each once."""
        names, kinds = sorted({entry.exchange_id for entry in listed}), sorted({_kind(entry) for entry in listed})
        there = set[tuple[str, str, int]]()
        for begin in range(0, len(names), AT_ONCE):
            columns = select(Transaction.kind, Transaction.exchange_id, Transaction.subaccount)
            some = columns.where(
                Transaction.account_id == account, Transaction.exchange_id.in_(names[begin : begin + AT_ONCE])
            )
            if not self.database.is_postgres:  # whose plan is the worse for it, while SQLite else looks at every row
                some = some.where(Transaction.kind.in_(kinds))
            there.update((kind, name, number) for kind, name, number in await connection.execute(some))
        settled = {name for kind, name, _ in there if kind == "settlement"}
        found = list[Entry]()
        for entry in listed:
            if isinstance(entry, SettlementEntry):
                known, key = entry.exchange_id in settled, ("settlement", entry.exchange_id, 0)
            else:
                key = (_kind(entry), entry.exchange_id, entry.subaccount)
                known = key in there
            if not known:
                there.add(key)
                if isinstance(entry, SettlementEntry):
                    settled.add(entry.exchange_id)
                found.append(entry)
        return found

    async def _held(self, connection: AsyncConnection, account: int, fresh: Sequence[Entry]) -> Held:
        """What is held, by what is written, in the markets that the entries name."""
        tickers = sorted({entry.ticker for entry in fresh if not isinstance(entry, MoneyEntry)})
        held: Held = {}
        for begin in range(0, len(tickers), AT_ONCE):
            query = (
                select(Transaction.ticker, Transaction.subaccount, func.sum(Transaction.contracts))
                .where(Transaction.account_id == account, Transaction.ticker.in_(tickers[begin : begin + AT_ONCE]))
                .group_by(Transaction.ticker, Transaction.subaccount)
            )
            for ticker, subaccount, count in await connection.execute(query):
                held[ticker, subaccount] = _exact(count)
        return held

    async def _reach(self, connection: AsyncConnection, account: int, kind: Kind, moment: datetime) -> None:
        """Move a kind's mark, forwards only."""
        before = await self._until(connection, account, kind)
        if before is None:
            await connection.execute(insert(Progress).values(account_id=account, kind=kind, until=moment))
        elif moment > before:
            change = update(Progress).where(Progress.account_id == account, Progress.kind == kind)
            await connection.execute(change.values(until=moment))

    async def _until(self, connection: AsyncConnection, account: int, kind: Kind) -> datetime | None:
        query = select(Progress.until).where(Progress.account_id == account, Progress.kind == kind)
        return (await connection.execute(query)).scalar()

    # -- out -----------------------------------------------------------------------------------------------------

    async def progress(self) -> dict[str, datetime]:
        """Up to when each kind is complete; kinds that were never read are missing."""
        async with self.database.reading() as connection:
            account = await self.account_id(connection, make=False)
            query = select(Progress.kind, Progress.until).where(Progress.account_id == account)
            return dict((await connection.execute(query)).all())

    async def sums(self) -> dict[int, Decimal]:
        """Dollars of cash that the rows add up to, by subaccount."""
        async with self.database.reading() as connection:
            account = await self.account_id(connection, make=False)
            query = (
                select(Transaction.subaccount, func.sum(Transaction.cash))
                .where(Transaction.account_id == account)
                .group_by(Transaction.subaccount)
            )
            return {number: _exact(total) for number, total in await connection.execute(query)}

    async def count(self) -> int:
        async with self.database.reading() as connection:
            account = await self.account_id(connection, make=False)
            query = select(func.count()).select_from(Transaction).where(Transaction.account_id == account)
            return (await connection.execute(query)).scalar_one()

    async def page(
        self,
        *,
        since: datetime | None = None,
        kind: Kind | None = None,
        ticker: str | None = None,
        before: tuple[datetime, int] | None = None,
        limit: int | None = 20,
    ) -> list[Kept]:
        """Transactions, newest first; ``before`` is time and id of the last one of the page before."""
        async with self.database.reading() as connection:
            account = await self.account_id(connection, make=False)
            query = select(*_COLUMNS).where(Transaction.account_id == account)
            if since is not None:
                query = query.where(Transaction.time >= since)
            if kind is not None:
                query = query.where(Transaction.kind == kind)
            if ticker is not None:
                query = query.where(Transaction.ticker == ticker)
            if before is not None:
                moment, last = before
                older = and_(Transaction.time == moment, Transaction.id < last)
                query = query.where(or_(Transaction.time < moment, older))
            query = query.order_by(Transaction.time.desc(), Transaction.id.desc())
            query = query if limit is None else query.limit(limit)
            return [Kept(*row) for row in await connection.execute(query)]

    async def after(self, row_id: int, limit: int = 1_000) -> list[Kept]:
        """Rows that came later than one, in the sequence in which they came."""
        async with self.database.reading() as connection:
            account = await self.account_id(connection, make=False)
            query = select(*_COLUMNS).where(Transaction.account_id == account, Transaction.id > row_id)
            return [Kept(*row) for row in await connection.execute(query.order_by(Transaction.id).limit(limit))]

    async def last_row(self) -> int:
        """The id of the row that came last; 0 where there is none."""
        async with self.database.reading() as connection:
            account = await self.account_id(connection, make=False)
            query = select(func.coalesce(func.max(Transaction.id), 0)).where(Transaction.account_id == account)
            return int((await connection.execute(query)).scalar_one())


_COLUMNS = (
    Transaction.id, Transaction.kind, Transaction.exchange_id, Transaction.subaccount, Transaction.time,
    Transaction.ticker, Transaction.contracts, Transaction.price, Transaction.fee, Transaction.cash,
    Transaction.order_id,
)  # fmt: skip


def _rows(fresh: Iterable[Entry], held: Held, now: datetime) -> tuple[list[Row], datetime | None]:
    """Rows for entries in their sequence, and the time of the first settlement that has to wait."""
    rows, waiting = list[Row](), None
    for entry in fresh:
        if isinstance(entry, FillEntry):
            rows.append(fill_row(entry, held))
        elif isinstance(entry, MoneyEntry):
            rows.append(money_row(entry))
        elif (settled := settlement_rows(entry, held)) is not None:
            rows += settled
        elif now - entry.time > PATIENCE:
            rows += settlement_as_told(entry, held)
        else:
            waiting = min(waiting or entry.time, entry.time)
    return rows, waiting


def _sequence(entry: Entry) -> tuple[datetime, int]:
    """A settlement comes after the fills of its moment."""
    return entry.time, isinstance(entry, SettlementEntry)


def _kind(entry: Entry) -> Kind:
    if isinstance(entry, SettlementEntry):
        return "settlement"
    return "fill" if isinstance(entry, FillEntry) else entry.kind


def _units(account: int, rows: Iterable[Row]) -> list[tuple[Any, ...]]:
    """Rows in the units of the database. Raises RecordsError for an amount that has no such units."""
    try:
        return [
            (
                account, kind, exchange_id, subaccount, to_moment(time), ticker, to_micros(contracts),
                None if price is None else to_micros(price), to_micros(fee), to_micros(cash), order_id,
            )
            for kind, exchange_id, subaccount, time, ticker, contracts, price, fee, cash, order_id in rows
        ]  # fmt: skip
    except ValueError as error:
        raise RecordsError(f"The exchange told an amount that can't be kept ({error}): nothing was written.") from None


def _exact(total: Any) -> Decimal:
    """A sum as the databases give it: of integers, typed or not."""
    return ZERO if total is None else total if isinstance(total, Decimal) else from_micros(int(total))
