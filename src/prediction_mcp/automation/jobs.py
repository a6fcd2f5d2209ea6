"""The jobs of a worker: what each does, how often, and how long it may take. Nothing here knows who calls them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from loguru import logger

from prediction_mcp import __version__
from prediction_mcp.desk.kalshi.records import forecasts
from prediction_mcp.desk.kalshi.records.syncing import sync
from prediction_mcp.desk.kalshi.records.worth import snapshot
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.records.keeping import Keeping
from prediction_mcp.safety.journal import JournalError
from prediction_mcp.settings import SettingsError

from .alerts import states
from .notices.sending import deliver

if TYPE_CHECKING:
    from .attending import Attendant
    from .desk import Desk

GAP = timedelta(seconds=90)
"""Where nobody looked for so long, alerts are looked back at."""
BACKOFF = 2
LONGEST_S, LONGEST_PERIODS = 3_600.0, 10
"""Between two tries of a job that fails: what looks often must not be away for long."""
TOLD_S = 30.0
"""How often it is written that a job goes well."""
ATTENDED_S = 60.0
"""How long one worker attends to the feed before any of them may."""
EXPECTED = (PlatformError, JournalError, SettingsError)
"""What a job may meet: said in a sentence. Anything else is a fault of ours, said with its kind."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job: seconds between its runs, and how long one may take before it is cut off."""

    name: str
    every_s: float
    limit_s: float
    work: Callable[[], Awaitable[object]]


class Jobs:
    """The jobs of one account, over one attendant.

    Args:
        within: where the worker lives: server or worker.
    """

    def __init__(self, desk: Desk, attendant: Attendant, within: str) -> None:
        self.desk, self.attendant, self.within = desk, attendant, within
        self._looked_back = False
        self._told = dict[str, float]()
        """When it was written that a job went well, by a clock that only goes on."""
        self._untold: Counter[str] = Counter()
        self._priced = True

    def all(self) -> list[Job]:
        """With their periods from the settings."""
        s = self.desk.account.settings
        return [
            Job("watch", 0.0, ATTENDED_S + 60, self._watch),
            Job("alerts", s.alerts_every, 300, self._alerts),
            *(
                [Job("standing", s.standing_every, 300, self._standing)]
                if self.desk.account.policy.writes_allowed
                else []
            ),
            Job("messages", 5.0, 120, self._messages),
            Job("prices", s.prices_every, 60, self._prices),
            Job("transactions", s.transactions_every, 600, self._transactions),
            Job("snapshots", s.snapshots_every, 300, self._snapshots),
            Job("forecasts", s.forecasts_every, 300, self._forecasts),
            Job("catalogue", s.catalogue_every, 900, self._catalogue),
            Job("cleanup", s.cleanup_every, 300, self._cleanup),
        ]

    async def carry_out(self, job: Job) -> float:
        """Run a job, whatever comes of it, and write that down; returns seconds until its next run."""
        begun, problem = time.monotonic(), None
        try:
            async with asyncio.timeout(job.limit_s):
                await job.work()
        except TimeoutError:
            problem = f"it took longer than {job.limit_s:.0f} s and was cut off"
        except EXPECTED as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 - a job that fails must not end the others
            logger.exception("the job {} failed", job.name)
            problem = f"it failed: {type(error).__name__}"
        took = time.monotonic() - begun
        if problem is not None:
            logger.warning("the job {} can't be done now: {}", job.name, problem)
        failures = await self._noted(job, int(took * 1000), problem)
        if not failures:
            return max(job.every_s - took, 0.0)
        return float(min(max(job.every_s, 1.0) * min(BACKOFF ** min(failures - 1, 12), LONGEST_PERIODS), LONGEST_S))

    async def _noted(self, job: Job, took: int, problem: str | None) -> int:
        """How often it failed in a row. That it goes well is written now and then, for an idle worker costs nothing."""
        now = time.monotonic()
        self._untold[job.name] += 1
        if problem is None and now - self._told.get(job.name, -TOLD_S) < TOLD_S:
            return 0
        try:
            failures = await self.desk.workers.ended(
                job.name, self.desk.name, self.desk.clock(), took, problem, self._untold[job.name]
            )
        except PlatformError as error:
            logger.warning("how the job {} went can't be written down: {}", job.name, error)
            return 1
        self._untold[job.name] = 0
        if problem is None:
            self._told[job.name] = now
        else:
            self._told.pop(job.name, None)
        return failures

    # -- what they do ----------------------------------------------------------------------------------------------

    async def alive(self) -> None:
        """Say that this worker is there."""
        now = self.desk.clock()
        await self.desk.workers.alive(self.desk.name, self.within, __version__, now, now - timedelta(minutes=10))

    async def _watch(self) -> None:
        await self.alive()
        await self.attendant.attend(ATTENDED_S)

    async def _alerts(self) -> None:
        if not self._looked_back:
            last = next((job.done for job in await self.desk.workers.jobs() if job.name == "alerts"), None)
            await self.attendant.look_back(last, GAP)
            self._looked_back = True
        await self.attendant.look()
        problems = await states.look(self.desk, await self.desk.alerts.active())
        if problems:
            raise PlatformError("; ".join(dict.fromkeys(problems)))

    async def _standing(self) -> None:
        await self.attendant.refresh()
        await self.attendant.runner.run_due()

    async def _messages(self) -> None:
        await deliver(self.desk)

    async def _prices(self) -> None:
        """The last prices of what is watched, for whoever asks while nothing else runs."""
        quoted = self.attendant.quoted
        if quoted or self._priced:  # nothing in the place of nothing needs no writing
            await Keeping(self.desk.account.history.ledger).prices(quoted, self.desk.clock())
        self._priced = bool(quoted)

    async def _transactions(self) -> None:
        await sync(self.desk.account.history)

    async def _snapshots(self) -> None:
        await snapshot(self.desk.account.history)

    async def _forecasts(self) -> None:
        await forecasts.settle(self.desk.account.history)

    async def _catalogue(self) -> None:
        account = self.desk.account
        await account.catalogue.ready(account.kalshi, account.report)

    async def _cleanup(self) -> None:
        settings, now = self.desk.account.settings, self.desk.clock()
        await Keeping(self.desk.account.history.ledger).clean(now - timedelta(days=settings.data_retention_days))
