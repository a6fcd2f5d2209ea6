"""What an account was worth, moment by moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, func, insert, select, type_coerce

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
        """The newest one."""
        async with self.database.reading() as connection:
            account = await self.ledger.account_id(connection, make=False)
            query = _RAW.where(Snapshot.account_id == account).order_by(Snapshot.time.desc(), Snapshot.id.desc())
            row = (await connection.execute(query.limit(1))).first()
            return None if row is None else _worth(row)

    async def since(self, moment: datetime | None, points: int) -> tuple[int, list[Worth]]:
        """How many there are from a moment on (ever, without one), and at most so many: the last of each stretch.

        The first is always among them. They are thinned where they lie: a year of hours isn't carried over for a line
        of some hundred dots.
        """
        async with self.database.reading() as connection:
            mine = [Snapshot.account_id == await self.ledger.account_id(connection, make=False)]
            time = type_coerce(Snapshot.time, BigInteger)
            if moment is not None:
                mine.append(time >= to_moment(moment))
            bounds = select(func.count(), func.min(time), func.max(time)).where(*mine)
            count, begin, end = (await connection.execute(bounds)).one()
            if count <= points:
                return count, [_worth(row) for row in await connection.execute(_RAW.where(*mine).order_by(time))]
            stretch = (end - begin) // (points - 1) + 1
            last = select(func.max(time)).where(*mine).group_by((time - begin + stretch - 1) // stretch)
            query = _RAW.where(*mine, time.in_(last)).order_by(time, Snapshot.id)
            return count, [_worth(row) for row in await connection.execute(query)]


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
