"""What an account was worth, moment by moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, insert, select, type_coerce

from .columns import from_micros, from_moment, to_moment
from .ledger import Ledger
from .tables import Snapshot, SnapshotPosition


@dataclass(frozen=True, slots=True)
class Held:
    """One position of a snapshot, all of it in dollars; a value is None where it has no price."""

    ticker: str
    subaccount: int
    contracts: Decimal
    at_bid: Decimal | None
    at_middle: Decimal | None
    at_cost: Decimal


@dataclass(frozen=True, slots=True)
class Worth:
    """An account at a moment, in dollars: free cash, what resting orders hold, positions valued three ways."""

    time: datetime
    cash: Decimal
    resting: Decimal
    at_bid: Decimal | None
    at_middle: Decimal | None
    at_cost: Decimal

    @property
    def total(self) -> Decimal | None:
        """At the bid: what selling everything now would bring, fees apart."""
        return None if self.at_bid is None else self.cash + self.resting + self.at_bid


class Worths:
    """The snapshots of one account."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.database = ledger.database

    async def add(self, worth: Worth, held: Sequence[Held]) -> None:
        """Keep a snapshot with its positions, whole. Raises RecordsError."""
        async with self.database.writing() as connection:
            account = await self.ledger.account_id(connection)
            values = insert(Snapshot).values(account_id=account, **asdict(worth)).returning(Snapshot.id)
            number = (await connection.execute(values)).scalar_one()
            if held:
                await connection.execute(
                    insert(SnapshotPosition), [{"snapshot_id": number, **asdict(one)} for one in held]
                )

    async def last(self) -> Worth | None:
        found = await self._read(None, newest=True)
        return found[0] if found else None

    async def since(self, moment: datetime | None) -> list[Worth]:
        """From a moment on, oldest first; all where none is named."""
        return await self._read(moment)

    async def _read(self, moment: datetime | None, *, newest: bool = False) -> list[Worth]:
        async with self.database.reading() as connection:
            account = await self.ledger.account_id(connection, make=False)
            query = _RAW.where(Snapshot.account_id == account)  # integers: a year of hours is read in a blink
            if moment is not None:
                query = query.where(type_coerce(Snapshot.time, BigInteger) >= to_moment(moment))
            if newest:
                query = query.order_by(Snapshot.time.desc(), Snapshot.id.desc()).limit(1)
            else:
                query = query.order_by(Snapshot.time, Snapshot.id)
            return [_worth(row) for row in await connection.execute(query)]


_RAW = select(
    *(
        type_coerce(column, BigInteger)
        for column in (
            Snapshot.time, Snapshot.cash, Snapshot.resting, Snapshot.at_bid, Snapshot.at_middle, Snapshot.at_cost
        )
    )
)  # fmt: skip


def _worth(row: Any) -> Worth:
    time, cash, resting, at_bid, at_middle, at_cost = row
    return Worth(
        from_moment(time), from_micros(cash), from_micros(resting), None if at_bid is None else from_micros(at_bid),
        None if at_middle is None else from_micros(at_middle), from_micros(at_cost),
    )  # fmt: skip
