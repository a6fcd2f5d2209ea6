"""Lots and their closings as they lie in the database: worked out from the transactions, so they can be made again.

A mark says up to which transaction they are worked out, and by which method; both change with the lots, in one
transaction, so a process that dies leaves lots that fit their mark.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, delete, func, insert, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from .columns import from_moment
from .errors import UnknownRecordError
from .ledger import Ledger
from .tables import Closing, Lot, NamedLot, Setting, Transaction, in_units

_LOTS, _CLOSINGS = in_units(Lot), in_units(Closing)
METHOD, MARK = "lots.method", "lots.mark"
DEFAULT = "fifo"
AT_ONCE = 500
"""Markets in one statement."""


@dataclass(frozen=True, slots=True)
class Trade:
    """A fill or settlement in millionths, as the arithmetic of lots takes it."""

    id: int
    key: str
    is_settlement: bool
    ticker: str
    subaccount: int
    time: datetime
    contracts: int
    price: int
    fee: int
    cash: int


@dataclass(frozen=True, slots=True)
class KeptLot:
    """What is open of a lot: contracts and what they cost with fees."""

    key: str
    ticker: str
    subaccount: int
    side: str
    acquired: datetime
    contracts: Decimal
    basis: Decimal


class KeptClosing(NamedTuple):
    """A part of a lot that was closed; ``acquired`` is None where no fill is known for it.

    In the database's units (microseconds since 1970, millionths), for a report may have a hundred thousand.
    """

    ticker: str
    subaccount: int
    side: str
    acquired: int | None
    disposed: int
    contracts: int
    proceeds: int
    basis: int
    fees: int

    @property
    def gain(self) -> int:
        return self.proceeds - self.basis


@dataclass(frozen=True, slots=True)
class Work:
    """What isn't worked out yet: the markets' whole histories, and the mark it brings the lots to."""

    trades: list[Trade]
    tickers: list[str]
    before: str | None
    mark: int


class Shelf:
    """The lots of one account."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.database = ledger.database

    # -- what a person chose -------------------------------------------------------------------------------------

    async def method(self) -> str:
        """How lots are chosen: fifo unless something else was said."""
        async with self.database.reading() as connection:
            account = await self.ledger.account_id(connection, make=False)
            return await _setting(connection, account, METHOD) or DEFAULT

    async def choose(self, method: str) -> None:
        """Change the method; all lots are worked out anew."""
        async with self.database.writing() as connection:
            account = await self.ledger.account_id(connection)
            await _set(connection, account, METHOD, method)
            await _set(connection, account, MARK, _anew())

    async def named(self) -> dict[str, dict[str, int]]:
        """Millionths of contracts by the closing's id at the exchange and the opening's."""
        async with self.database.reading() as connection:
            account = await self.ledger.account_id(connection, make=False)
            count = type_coerce(NamedLot.contracts, BigInteger)
            query = select(NamedLot.closing, NamedLot.opening, count).where(NamedLot.account_id == account)
            found: dict[str, dict[str, int]] = {}
            for closing, opening, contracts in await connection.execute(query.order_by(NamedLot.id)):
                found.setdefault(closing, {})[opening] = contracts
            return found

    async def name(self, closing: str, opening: str, contracts: Decimal) -> None:
        """Of this closing so many contracts come out of that lot; 0 takes it back.

        Raises:
            UnknownRecordError: one of them is no transaction of this account.
        """
        async with self.database.writing() as connection:
            account = await self.ledger.account_id(connection)
            for name in (closing, opening):
                query = select(Transaction.id).where(Transaction.account_id == account, Transaction.exchange_id == name)
                if (await connection.execute(query)).first() is None:
                    raise UnknownRecordError(f"There is no transaction {name}: see prediction-mcp transactions.")
            await connection.execute(
                delete(NamedLot).where(
                    NamedLot.account_id == account, NamedLot.closing == closing, NamedLot.opening == opening
                )
            )
            if contracts:
                values = {"account_id": account, "closing": closing, "opening": opening, "contracts": contracts}
                await connection.execute(insert(NamedLot).values(values))
            await _set(connection, account, MARK, _anew())

    # -- working them out ----------------------------------------------------------------------------------------

    async def work(self) -> Work | None:
        """The trades of every market in which something isn't worked out yet; None where nothing is left."""
        async with self.database.reading() as connection:
            account = await self.ledger.account_id(connection, make=False)
            before = await _setting(connection, account, MARK)
            known = int((before or "0").partition("/")[0])
            mine = (Transaction.account_id == account, Transaction.kind.in_(("fill", "settlement")))
            query = select(func.max(Transaction.id)).where(*mine)
            mark = (await connection.execute(query)).scalar() or 0
            if mark <= known:
                return None
            fresh = select(Transaction.ticker).where(*mine, Transaction.id > known).distinct()
            tickers = sorted((await connection.execute(fresh)).scalars())
            trades = list[Trade]()
            for begin in range(0, len(tickers), AT_ONCE):
                some = _TRADES.where(*mine, Transaction.ticker.in_(tickers[begin : begin + AT_ONCE]))
                trades += await _read(connection, some)
            return Work(trades, tickers, before, mark)

    async def trades(self, until: datetime) -> list[Trade]:
        """Every fill and settlement before a moment, in the sequence of their cash."""
        async with self.database.reading() as connection:
            account = await self.ledger.account_id(connection, make=False)
            mine = (Transaction.account_id == account, Transaction.kind.in_(("fill", "settlement")))
            return await _read(connection, _TRADES.where(*mine, Transaction.time < until))

    async def is_last(self, until: datetime) -> bool:
        """Whether nothing was traded from a moment on."""
        async with self.database.reading() as connection:
            account = await self.ledger.account_id(connection, make=False)
            mine = (Transaction.account_id == account, Transaction.kind.in_(("fill", "settlement")))
            query = select(Transaction.id).where(*mine, Transaction.time >= until).limit(1)
            return (await connection.execute(query)).first() is None

    async def replace(self, work: Work, lots: Sequence[tuple[Any, ...]], closings: Sequence[tuple[Any, ...]]) -> bool:
        """Put worked-out lots in the place of those of the same markets; False where another process was faster.

        Rows have the tables' columns after the account, in the units of the database.
        """
        async with self.database.writing() as connection:
            account = await self.ledger.account_id(connection)
            await self.ledger.lock(connection, account)
            if await _setting(connection, account, MARK) != work.before:
                return False
            for table in (Lot, Closing):
                for begin in range(0, len(work.tickers), AT_ONCE):
                    some = work.tickers[begin : begin + AT_ONCE]
                    await connection.execute(delete(table).where(table.account_id == account, table.ticker.in_(some)))
            await self.database.pour(connection, _LOTS, [(account, *lot) for lot in lots])
            await self.database.pour(connection, _CLOSINGS, [(account, *one) for one in closings])
            await _set(connection, account, MARK, str(work.mark))
            return True

    # -- reading them --------------------------------------------------------------------------------------------

    async def open_lots(self, ticker: str | None = None) -> list[KeptLot]:
        """What is open, oldest first."""
        async with self.database.reading() as connection:
            account = await self.ledger.account_id(connection, make=False)
            query = (
                select(
                    Transaction.exchange_id, Lot.ticker, Lot.subaccount, Lot.side, Lot.acquired, Lot.left,
                    Lot.left_basis,
                )
                .join(Transaction, Transaction.id == Lot.transaction_id)
                .where(Lot.account_id == account)
            )  # fmt: skip
            if ticker is not None:
                query = query.where(Lot.ticker == ticker)
            return [KeptLot(*row) for row in await connection.execute(query.order_by(Lot.acquired, Lot.id))]

    async def closings(self, since: datetime, until: datetime) -> list[KeptClosing]:
        """What was closed from ``since`` on and before ``until``, in the sequence of time."""
        async with self.database.reading() as connection:
            account = await self.ledger.account_id(connection, make=False)
            query = (
                select(
                    Closing.ticker, Closing.subaccount, Closing.side, type_coerce(Closing.acquired, BigInteger),
                    type_coerce(Closing.disposed, BigInteger), type_coerce(Closing.contracts, BigInteger),
                    type_coerce(Closing.proceeds, BigInteger), type_coerce(Closing.basis, BigInteger),
                    type_coerce(Closing.fees, BigInteger),
                )
                .where(Closing.account_id == account, Closing.disposed >= since, Closing.disposed < until)
                .order_by(Closing.disposed, Closing.id)
            )  # fmt: skip
            return [KeptClosing(*row) for row in (await connection.execute(query)).all()]


_TRADES = select(
    Transaction.id, Transaction.exchange_id, Transaction.kind, Transaction.ticker, Transaction.subaccount,
    type_coerce(Transaction.time, BigInteger), *(
        type_coerce(column, BigInteger)
        for column in (Transaction.contracts, Transaction.price, Transaction.fee, Transaction.cash)
    ),
)  # fmt: skip


async def _read(connection: AsyncConnection, query: Any) -> list[Trade]:
    rows = await connection.execute(query.order_by(Transaction.id))
    return [
        Trade(id, key, kind == "settlement", ticker, number, from_moment(time), contracts, price, fee, cash)
        for id, key, kind, ticker, number, time, contracts, price, fee, cash in rows  # noqa: A001 - the column's name
    ]


async def _setting(connection: AsyncConnection, account: int, name: str) -> str | None:
    query = select(Setting.value).where(Setting.account_id == account, Setting.name == name)
    return (await connection.execute(query)).scalar()


async def _set(connection: AsyncConnection, account: int, name: str, value: str) -> None:
    await connection.execute(delete(Setting).where(Setting.account_id == account, Setting.name == name))
    await connection.execute(insert(Setting).values(account_id=account, name=name, value=value))


def _anew() -> str:
    """A mark before everything, like no other: who works from an older one sees that something was chosen since."""
    return f"0/{uuid.uuid4().hex}"


def groups(trades: Iterable[Trade]) -> Iterable[tuple[str, Trade]]:
    """Each with the name of its book: a market in a subaccount."""
    return ((f"{trade.subaccount}/{trade.ticker}", trade) for trade in trades)
