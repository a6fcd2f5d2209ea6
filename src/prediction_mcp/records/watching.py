"""Alerts and their firings: written so that two workers who see the same thing tell it once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, func, insert, select, update

from .ledger import Ledger
from .outbox import Message, put
from .tables import Alert, AlertFiring, StandingOrder

ACTIVE, DONE, DELETED, EXPIRED = "active", "done", "deleted", "expired"


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert as it lies in the database."""

    id: int
    kind: str
    ticker: str
    spec: dict[str, Any]
    state: str
    created: datetime
    until: datetime | None
    version: int
    fired: int
    last: datetime | None
    seen: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Firing:
    """A firing: when it became true, when that was found, and what was said."""

    alert_id: int
    number: int
    time: datetime
    found: datetime
    said: str


_COLUMNS = (
    Alert.id, Alert.kind, Alert.ticker, Alert.spec, Alert.state, Alert.created, Alert.until, Alert.version, Alert.fired,
    Alert.last, Alert.seen,
)  # fmt: skip
_FIRING = (AlertFiring.alert_id, AlertFiring.number, AlertFiring.time, AlertFiring.found, AlertFiring.said)


class Alerts:
    """The alerts of one account."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.database = ledger.database

    async def add(
        self,
        kind: str,
        ticker: str,
        spec: dict[str, Any],
        seen: dict[str, Any],
        until: datetime | None,
        now: datetime,
        most: int,
    ) -> int | None:
        """Keep one; its id, or None where ``most`` are active already. Raises RecordsError."""
        async with self.database.writing() as connection:
            account = await self.ledger.account_id(connection)
            await self.ledger.lock(connection, account)
            active = select(func.count()).where(Alert.account_id == account, Alert.state == ACTIVE)
            if (await connection.execute(active)).scalar_one() >= most:
                return None
            values = {
                "account_id": account, "kind": kind, "ticker": ticker, "spec": spec, "seen": seen, "until": until,
                "state": ACTIVE, "created": now,
            }  # fmt: skip
            made = (await connection.execute(insert(Alert).values(values).returning(Alert.id))).scalar_one()
        self.ledger.tell()
        return made

    def _query(self, account: int) -> Select[Any]:
        return select(*_COLUMNS).where(Alert.account_id == account)

    async def active(self) -> list[AlertRow]:
        """All that are watched."""
        async with self.database.reading() as connection:
            account = await self.ledger.account_id(connection, make=False)
            found = await connection.execute(self._query(account).where(Alert.state == ACTIVE).order_by(Alert.id))
            return [AlertRow(*row) for row in found]

    async def get(self, alert_id: int) -> AlertRow | None:
        async with self.database.reading() as connection:
            account = await self.ledger.account_id(connection, make=False)
            row = (await connection.execute(self._query(account).where(Alert.id == alert_id))).first()
            return None if row is None else AlertRow(*row)

    async def page(self, states: Sequence[str] | None, limit: int, before: int | None = None) -> list[AlertRow]:
        """Newest first; ``before`` is the id of the last one of the page before."""
        async with self.database.reading() as connection:
            query = self._query(await self.ledger.account_id(connection, make=False))
            if states is not None:
                query = query.where(Alert.state.in_(states))
            if before is not None:
                query = query.where(Alert.id < before)
            return [AlertRow(*row) for row in await connection.execute(query.order_by(Alert.id.desc()).limit(limit))]

    async def write(
        self,
        alert: AlertRow,
        seen: dict[str, Any],
        *,
        state: str = ACTIVE,
        firing: Firing | None = None,
        messages: Sequence[Message] = (),
        channels: Sequence[str] = (),
    ) -> AlertRow | None:
        """Write what was seen, and the firing with its messages, in one transaction.

        Returns the alert as it is now; None where somebody else wrote since it was read: then nothing was written.
        """
        values: dict[str, Any] = {"seen": seen, "state": state, "version": alert.version + 1}
        if firing is not None:
            values |= {"fired": firing.number, "last": firing.found}
        async with self.database.writing() as connection:
            account = await self.ledger.account_id(connection)
            change = update(Alert).where(
                Alert.account_id == account, Alert.id == alert.id, Alert.version == alert.version, Alert.state == ACTIVE
            )
            if (await connection.execute(change.values(values))).rowcount != 1:
                return None
            if firing is not None:
                row = {
                    "account_id": account, "alert_id": alert.id, "number": firing.number, "time": firing.time,
                    "found": firing.found, "said": firing.said,
                }  # fmt: skip
                await connection.execute(insert(AlertFiring).values(row))
                await put(connection, account, messages, channels, firing.found)
        return replace(alert, **values)

    async def delete(self, alert_id: int) -> bool:
        """End one; whether it was active."""
        async with self.database.writing() as connection:
            account = await self.ledger.account_id(connection)
            change = update(Alert).where(Alert.account_id == account, Alert.id == alert_id, Alert.state == ACTIVE)
            done = await connection.execute(change.values(state=DELETED, version=Alert.version + 1))
            return done.rowcount == 1

    async def firings(self, alert_ids: Sequence[int] | None, limit: int) -> list[Firing]:
        """Of these alerts, or of all: newest first."""
        async with self.database.reading() as connection:
            account = await self.ledger.account_id(connection, make=False)
            query = select(*_FIRING).where(AlertFiring.account_id == account)
            if alert_ids is not None:
                query = query.where(AlertFiring.alert_id.in_(alert_ids))
            found = await connection.execute(query.order_by(AlertFiring.id.desc()).limit(limit))
            return [Firing(*row) for row in found]

    async def show(self, now: datetime, limit: int) -> tuple[list[Firing], int]:
        """(firings that no conversation was told yet, oldest first; how many more there were): told with this."""
        async with self.database.reading() as connection:  # cheap: this is asked with each answer of a tool
            account = await self.ledger.account_id(connection, make=False)
            fresh = (AlertFiring.account_id == account, AlertFiring.shown.is_(None))
            if (await connection.execute(select(AlertFiring.id).where(*fresh).limit(1))).first() is None:
                return [], 0
        async with self.database.writing() as connection:
            told = update(AlertFiring).where(*fresh).values(shown=now).returning(AlertFiring.id, *_FIRING)
            rows = sorted((await connection.execute(told)).all())
        return [Firing(*row[1:]) for row in rows[-limit:]], max(len(rows) - limit, 0)


async def stamp(ledger: Ledger) -> tuple[int, ...]:
    """Another one wherever an alert or a standing order was made, changed or ended: asked often, so it is one query."""
    async with ledger.database.reading() as connection:
        account = await ledger.account_id(connection, make=False)
        return tuple((await connection.execute(_STAMP, {"account": account})).one())


_STAMP = select(
    *(
        select(func.coalesce(figure, 0)).where(table.account_id == bindparam("account")).scalar_subquery()
        for table in (Alert, StandingOrder)
        for figure in (func.max(table.id), func.sum(table.version))
    )
)
