"""Standing orders and their runs: a run is claimed before its order leaves, and ended in one step with its rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, and_, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .ledger import Ledger
from .outbox import Message, put
from .tables import StandingOrder, StandingRun

ACTIVE, PAUSED, DONE, CANCELLED = "active", "paused", "done", "cancelled"
LIVE = (ACTIVE, PAUSED)
CLAIMED = "claimed"
"""The state of a run that somebody works on; all others are ends."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A standing order as it lies in the database."""

    id: int
    key: str
    kind: str
    ticker: str
    spec: dict[str, Any]
    state: str
    created: datetime
    until: datetime | None
    version: int
    runs: int
    due: datetime | None
    spent: Decimal
    filled: Decimal
    seen: dict[str, Any]
    said: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a rule, due at ``time``."""

    id: int
    rule_id: int
    number: int
    time: datetime
    state: str
    client_order_id: str
    worker: str
    held_until: datetime
    ended: datetime | None = None
    order_id: str = ""
    spent: Decimal = Decimal(0)
    filled: Decimal = Decimal(0)
    said: str = ""


@dataclass(frozen=True, slots=True)
class End:
    """What a run came to: ``done``, ``skipped`` or ``refused``, in words. ``whole``: all of its order was filled."""

    state: str
    said: str
    order_id: str = ""
    spent: Decimal = Decimal(0)
    filled: Decimal = Decimal(0)
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that is the caller's now. ``fresh``: nobody had it before, so its order can't have left."""

    run: Run
    fresh: bool


_RULE = (
    StandingOrder.id, StandingOrder.key, StandingOrder.kind, StandingOrder.ticker, StandingOrder.spec,
    StandingOrder.state, StandingOrder.created, StandingOrder.until, StandingOrder.version, StandingOrder.runs,
    StandingOrder.due, StandingOrder.spent, StandingOrder.filled, StandingOrder.seen, StandingOrder.said,
)  # fmt: skip
_RUN = (
    StandingRun.id, StandingRun.standing_order_id, StandingRun.number, StandingRun.time, StandingRun.state,
    StandingRun.client_order_id, StandingRun.worker, StandingRun.held_until, StandingRun.ended, StandingRun.order_id,
    StandingRun.spent, StandingRun.filled, StandingRun.said,
)  # fmt: skip


class Rules:
    """The standing orders of one account."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.database = ledger.database

    # -- rules -----------------------------------------------------------------------------------------------------

    async def add(
        self,
        key: str,
        kind: str,
        ticker: str,
        spec: dict[str, Any],
        seen: dict[str, Any],
        *,
        until: datetime | None,
        due: datetime | None,
        now: datetime,
    ) -> int:
        """Keep one; its id. A second time with the same key it is the one that is there. Raises RecordsError."""
        async with self.database.writing() as connection:
            account = await self.ledger.account_id(connection)
            await self.ledger.lock(connection, account)
            known = select(StandingOrder.id).where(StandingOrder.account_id == account, StandingOrder.key == key)
            if (found := (await connection.execute(known)).scalar()) is not None:
                return found
            values = {
                "account_id": account, "key": key, "kind": kind, "ticker": ticker, "spec": spec, "seen": seen,
                "until": until, "due": due, "state": ACTIVE, "created": now,
            }  # fmt: skip
            made = (
                await connection.execute(insert(StandingOrder).values(values).returning(StandingOrder.id))
            ).scalar_one()
        self.ledger.tell()
        return made

    async def by_key(self, key: str) -> Rule | None:
        return await self._one(StandingOrder.key == key)

    async def get(self, rule_id: int) -> Rule | None:
        return await self._one(StandingOrder.id == rule_id)

    async def _one(self, which: Any) -> Rule | None:
        async with self.database.reading() as connection:
            row = (await connection.execute((await self._query(connection)).where(which))).first()
            return None if row is None else Rule(*row)

    async def _query(self, connection: AsyncConnection) -> Select[Any]:
        account = await self.ledger.account_id(connection, make=False)
        return select(*_RULE).where(StandingOrder.account_id == account)

    async def active(self, due: datetime | None = None) -> list[Rule]:
        """All that are at work, or those of them that are due at a moment."""
        async with self.database.reading() as connection:
            query = (await self._query(connection)).where(StandingOrder.state == ACTIVE)
            if due is not None:
                query = query.where(StandingOrder.due <= due)
            return [Rule(*row) for row in await connection.execute(query.order_by(StandingOrder.id))]

    async def page(self, states: Sequence[str] | None, limit: int, before: int | None = None) -> list[Rule]:
        """Newest first; ``before`` is the id of the last one of the page before."""
        async with self.database.reading() as connection:
            query = await self._query(connection)
            if states is not None:
                query = query.where(StandingOrder.state.in_(states))
            if before is not None:
                query = query.where(StandingOrder.id < before)
            return [
                Rule(*row) for row in await connection.execute(query.order_by(StandingOrder.id.desc()).limit(limit))
            ]

    async def change(
        self,
        rule: Rule,
        *,
        messages: Sequence[Message] = (),
        channels: Sequence[str] = (),
        now: datetime,
        **values: Any,
    ) -> Rule | None:
        """Write columns of a rule that is still as it was read; None where it isn't: then nothing was written."""
        values |= {"version": rule.version + 1}
        async with self.database.writing() as connection:
            account = await self.ledger.account_id(connection)
            mine = and_(
                StandingOrder.account_id == account, StandingOrder.id == rule.id, StandingOrder.version == rule.version
            )
            if (await connection.execute(update(StandingOrder).where(mine).values(values))).rowcount != 1:
                return None
            await put(connection, account, messages, channels, now)
        if values.keys() & {"spec", "state"}:
            self.ledger.tell()
        return replace(rule, **values)

    # -- runs ------------------------------------------------------------------------------------------------------

    async def claim(
        self, rule: Rule, due: datetime, client_order_id: str, worker: str, now: datetime, until: datetime
    ) -> Claim | None:
        """Take the rule's next run in hand; None where it isn't to be run now, or somebody else has it.

        One transaction: the rule is still as it was read and at work, and the run is new or nobody holds it any more.
        """
        number = rule.runs + 1
        async with self.database.writing() as connection:
            account = await self.ledger.account_id(connection)
            there = select(StandingOrder.id).where(
                StandingOrder.account_id == account, StandingOrder.id == rule.id, StandingOrder.state == ACTIVE,
                StandingOrder.version == rule.version, StandingOrder.runs == rule.runs,
            )  # fmt: skip
            if (await connection.execute(there.with_for_update())).first() is None:
                return None
            known = select(*_RUN).where(StandingRun.standing_order_id == rule.id, StandingRun.number == number)
            if (row := (await connection.execute(known)).first()) is not None:
                run = Run(*row)
                if run.state != CLAIMED or (run.held_until > now and run.worker != worker):
                    return None
                taken = update(StandingRun).where(StandingRun.id == run.id).values(worker=worker, held_until=until)
                await connection.execute(taken)
                return Claim(replace(run, worker=worker, held_until=until), fresh=False)
            values = {
                "standing_order_id": rule.id, "number": number, "time": due, "state": CLAIMED,
                "client_order_id": client_order_id, "worker": worker, "held_until": until,
            }  # fmt: skip
            made = await connection.execute(insert(StandingRun).values(values).returning(StandingRun.id))
            run_id = made.scalar_one()
        return Claim(Run(run_id, rule.id, number, due, CLAIMED, client_order_id, worker, until), fresh=True)

    async def let_go(self, run: Run, again: datetime) -> None:
        """It couldn't be carried out now: whoever comes after a moment takes it up, knowing that it may have left."""
        async with self.database.writing() as connection:
            mine = (StandingRun.id == run.id, StandingRun.worker == run.worker, StandingRun.state == CLAIMED)
            await connection.execute(update(StandingRun).where(*mine).values(held_until=again))

    async def end(
        self,
        rule: Rule,
        run: Run,
        end: End,
        now: datetime,
        *,
        messages: Sequence[Message] = (),
        channels: Sequence[str] = (),
        **values: Any,
    ) -> Rule | None:
        """End a run and bring its rule forward, with what is told of it, in one transaction.

        ``values`` are columns of the rule. None where somebody else has ended it meanwhile: nothing was written then.
        """
        async with self.database.writing() as connection:
            account = await self.ledger.account_id(connection)
            ended = (
                update(StandingRun)
                .where(StandingRun.id == run.id, StandingRun.state == CLAIMED, StandingRun.worker == run.worker)
                .values(
                    state=end.state, ended=now, order_id=end.order_id, spent=end.spent, filled=end.filled, said=end.said
                )
            )
            if (await connection.execute(ended)).rowcount != 1:
                return None
            here = StandingOrder.id == rule.id
            query = select(*_RULE).where(here).with_for_update()
            current = Rule(*(await connection.execute(query)).one())  # a person may have paused or changed it meanwhile
            values = {
                **values, "version": current.version + 1, "runs": run.number, "spent": current.spent + end.spent,
                "filled": current.filled + end.filled,
            }  # fmt: skip
            if current.state not in LIVE or (current.state == PAUSED and values.get("state") == ACTIVE):
                values.pop("state", None)
            await connection.execute(update(StandingOrder).where(here).values(values))
            await put(connection, account, messages, channels, now)
            return replace(current, **values)

    async def runs(self, rule_ids: Sequence[int], limit: int) -> list[Run]:
        """Of these rules: newest first."""
        async with self.database.reading() as connection:
            query = select(*_RUN).where(StandingRun.standing_order_id.in_(rule_ids))
            return [Run(*row) for row in await connection.execute(query.order_by(StandingRun.id.desc()).limit(limit))]
