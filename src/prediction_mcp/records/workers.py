"""Who works while nobody looks, and how their jobs go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update

from .ledger import Ledger
from .tables import Job, Worker


@dataclass(frozen=True, slots=True)
class JobRow:
    """How one job goes: ``failures`` in a row, ``failed`` in all, ``took`` milliseconds the last time."""

    name: str
    runs: int
    failed: int
    failures: int
    ended: datetime | None
    done: datetime | None
    took: int
    worker: str
    said: str


@dataclass(frozen=True, slots=True)
class WorkerRow:
    name: str
    within: str
    version: str
    started: datetime
    seen: datetime


_JOB = (Job.name, Job.runs, Job.failed, Job.failures, Job.ended, Job.done, Job.took, Job.worker, Job.said)
_WORKER = (Worker.name, Worker.within, Worker.version, Worker.started, Worker.seen)


class Workers:
    """The workers of one account."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.database = ledger.database

    async def alive(self, name: str, within: str, version: str, now: datetime, forget: datetime) -> None:
        """A worker says that it is there; those not seen since ``forget`` are dropped."""
        async with self.database.writing() as connection:
            account = await self.ledger.account_id(connection)
            await self.ledger.lock(connection, account)
            mine = (Worker.account_id == account, Worker.name == name)
            if not (await connection.execute(update(Worker).where(*mine).values(seen=now))).rowcount:
                values = {
                    "account_id": account, "name": name, "within": within, "version": version, "started": now,
                    "seen": now,
                }  # fmt: skip
                await connection.execute(insert(Worker).values(values))
            await connection.execute(delete(Worker).where(Worker.account_id == account, Worker.seen < forget))

    async def gone(self, name: str) -> None:
        async with self.database.writing() as connection:
            account = await self.ledger.account_id(connection)
            await connection.execute(delete(Worker).where(Worker.account_id == account, Worker.name == name))

    async def ended(self, job: str, worker: str, now: datetime, took: int, problem: str | None, runs: int = 1) -> int:
        """A job was run so many times since it was last told, the last time like this; how often it failed in a row."""
        async with self.database.writing() as connection:
            account = await self.ledger.account_id(connection)
            await self.ledger.lock(connection, account)
            mine = (Job.account_id == account, Job.name == job)
            values = {"ended": now, "took": took, "worker": worker, "runs": Job.runs + runs, "said": problem or ""}
            if problem is None:
                values |= {"done": now, "failures": 0}
            else:
                values |= {"failed": Job.failed + 1, "failures": Job.failures + 1}
            change = update(Job).where(*mine).values(values).returning(Job.failures)
            if (failures := (await connection.execute(change)).scalar()) is not None:
                return failures
            first = {
                "account_id": account, "name": job, "runs": runs, "failed": int(problem is not None),
                "failures": int(problem is not None), "ended": now, "done": now if problem is None else None,
                "took": took, "worker": worker, "said": problem or "",
            }  # fmt: skip
            await connection.execute(insert(Job).values(first))
            return int(problem is not None)

    async def jobs(self) -> list[JobRow]:
        async with self.database.reading() as connection:
            account = await self.ledger.account_id(connection, make=False)
            query = select(*_JOB).where(Job.account_id == account).order_by(Job.name)
            return [JobRow(*row) for row in await connection.execute(query)]

    async def all(self) -> list[WorkerRow]:
        async with self.database.reading() as connection:
            account = await self.ledger.account_id(connection, make=False)
            query = select(*_WORKER).where(Worker.account_id == account).order_by(Worker.started)
            return [WorkerRow(*row) for row in await connection.execute(query)]
