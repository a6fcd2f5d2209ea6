"""How the work goes that nobody watches: workers, jobs, what waits, what reaches whom."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from prediction_mcp.desk.results import Answer, Result, Second
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.safety.journal import JournalError
from prediction_mcp.settings import SettingsError
from prediction_mcp.settings.accounts import account_files, load_account

from .alerts.service import works
from .desk import Desk
from .standing.service import NOBODY

if TYPE_CHECKING:
    from pathlib import Path

    from .crew import Open

ALIVE = timedelta(minutes=3)


class WorkerLine(Result):
    name: str
    within: str
    started: Second
    seen: Second


class JobLine(Result):
    """``failures`` in a row, ``failed`` of all ``runs``; ``took_ms`` the last time."""

    name: str
    runs: int
    failed: int | None = None
    failures: int | None = None
    last: Second | None = None
    last_done: Second | None = None
    took_ms: int
    problem: str | None = None


class ChannelLine(Result):
    name: str
    waiting: int | None = None
    delivered: int | None = None
    given_up: int | None = None


class WorkerStatus(Answer):
    runs: bool
    workers: list[WorkerLine]
    jobs: list[JobLine]
    active_alerts: int
    active_standing_orders: int
    halted: str | None = None
    channels: list[ChannelLine] | None = None
    note: str | None = None


class ChannelList(Answer):
    channels: list[ChannelLine]
    note: str | None = None


async def channels_now(desk: Desk) -> ChannelList:
    """The channels by name, with what waits for each."""
    found = channels(desk.channels, await desk.outbox.counts())
    note = None if desk.channels else "None is set: see NOTIFY_URLS in docs/automation.md."
    return ChannelList(source=desk.environment, channels=found, note=note)


async def status(desk: Desk) -> WorkerStatus:
    """Everything about workers and jobs, from the database."""
    now = desk.clock()
    alive = [w for w in await desk.workers.all() if now - w.seen < ALIVE]
    jobs, counts = await desk.workers.jobs(), await desk.outbox.counts()
    runs = await works(desk)
    return WorkerStatus(
        source=desk.environment,
        runs=runs,
        workers=[WorkerLine(name=w.name, within=w.within, started=w.started, seen=w.seen) for w in alive],
        jobs=[
            JobLine(
                name=job.name, runs=job.runs, failed=job.failed or None, failures=job.failures or None, last=job.ended,
                last_done=job.done if job.failures else None, took_ms=job.took, problem=job.said or None,
            )
            for job in jobs
        ],
        active_alerts=len(await desk.alerts.active()),
        active_standing_orders=len(await desk.rules.active()),
        halted=desk.account.halted_by(),
        channels=channels(desk.channels, counts) or None,
        note=None if runs else NOBODY,
    )  # fmt: skip


def channels(names: tuple[str, ...], counts: dict[tuple[str, str], int]) -> list[ChannelLine]:
    """Each channel that is set or has messages, by name alone."""
    known = dict.fromkeys([*names, *(channel for channel, _ in counts)])
    return [
        ChannelLine(
            name=name,
            waiting=(counts.get((name, "waiting"), 0) + counts.get((name, "sending"), 0)) or None,
            delivered=counts.get((name, "delivered")),
            given_up=counts.get((name, "given_up")),
        )
        for name in known
    ]


class AccountLine(Result):
    """``problem``: why its settings or its records can't be used, or what fails of its jobs."""

    name: str
    mode: str | None = None
    runs: bool = False
    alerts: int | None = None
    standing: int | None = None
    waiting: int | None = None
    halted: str | None = None
    problem: str | None = None


class CrewStatus(Answer):
    accounts: list[AccountLine]
    note: str | None = None


async def crew_status(folder: Path, opened: Open) -> CrewStatus:
    """How the work of each account of a folder goes, from its database. Raises SettingsError for the folder."""
    lines = [await _line(name, path, opened) for name, path in account_files(folder).items()]
    note = None if lines else f"No account is in {folder}: each is a file like alice.env there."
    return CrewStatus(source="worker", accounts=lines, note=note)


async def _line(name: str, path: Path, opened: Open) -> AccountLine:
    try:
        settings = load_account(path)
        async with opened(settings) as account:
            found = await status(Desk(account))
    except (PlatformError, JournalError, SettingsError) as error:
        return AccountLine(name=name, problem=str(error))
    failing = [f"{job.name}: {job.problem}" for job in found.jobs if job.failures]
    return AccountLine(
        name=name, mode=settings.env, runs=found.runs, alerts=found.active_alerts,
        standing=found.active_standing_orders,
        waiting=sum(line.waiting or 0 for line in found.channels or ()) or None, halted=found.halted,
        problem="; ".join(failing) or None,
    )  # fmt: skip
