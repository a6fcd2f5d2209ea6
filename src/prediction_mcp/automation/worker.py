"""A worker: the jobs of an account on docket, in this process or shared by any number over Redis.

docket says who does a job when; that nothing is done twice is held by the database (``records/``), whoever works. So a
second worker without Redis does no harm either, only the same work.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from loguru import logger

from prediction_mcp.settings import SettingsError

from .attending import Attendant
from .desk import Desk
from .jobs import Job, Jobs

if TYPE_CHECKING:
    from docket import Docket
    from docket import Worker as DocketWorker

    from prediction_mcp.desk.kalshi.account import Account

    from .desk import Clock

CONCURRENCY = 16
CHECK = timedelta(seconds=2)
"""How often the queue is looked at where nothing wakes it; an idle worker should cost nothing that can be seen."""
REDELIVERED = timedelta(seconds=15)
"""When a job is another worker's whose worker died."""
HEARTBEAT = timedelta(seconds=10)
ANSWER_S = 5.0
"""How long Redis may take to answer before jobs are said to wait for it."""
SILENCE_S = 90
"""Seconds without an answer after which a connection to Redis is dead; docket's longest read takes 60."""
LAST_S = 10.0
"""How long jobs under way may take when a worker ends."""
EXTRA = "A worker needs the extra: install prediction-mcp[automation]."


def patient(url: str) -> str:
    """A Redis address with a limit to silence, which docket would wait out for ever."""
    if "socket_timeout=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}socket_timeout={SILENCE_S}"


class _ToLoguru(logging.Handler):
    """docket's words in our log, one line each and without what it was called with."""

    def emit(self, record: logging.LogRecord) -> None:
        logger.log("WARNING" if record.levelno >= logging.WARNING else "DEBUG", "docket: {}", record.getMessage())


def _listen() -> None:
    log = logging.getLogger("docket")
    if not any(isinstance(handler, _ToLoguru) for handler in log.handlers):
        log.addHandler(_ToLoguru())
        log.setLevel(logging.WARNING)
        log.propagate = False


def _worker_class() -> type[DocketWorker]:
    """docket's worker without its ear for cancellations: it asks ten times a second, and nobody cancels our jobs."""
    from docket import Worker as DocketWorker

    class Quiet(DocketWorker):
        async def _cancellation_listener(self) -> None:
            if (session := self._processing_session) is not None:
                session.cancellation_ready.set()
                await session.stopping.wait()

    return Quiet


class Worker:
    """One worker of one account.

    Args:
        account: open.
        within: where it lives: server or worker.
        clock: what time it is, for a simulation.
    """

    def __init__(self, account: Account, within: str = "worker", clock: Clock | None = None) -> None:
        self.desk = Desk(account) if clock is None else Desk(account, clock)
        self.attendant = Attendant(self.desk, self._kick)
        self.jobs = Jobs(self.desk, self.attendant, within)
        self._docket: Docket | None = None
        self._kicks = set[asyncio.Task[Any]]()

    @property
    def address(self) -> str:
        """Of the queue: Redis, or this process alone."""
        redis = self.desk.account.settings.redis_url
        return f"memory://{self.desk.name}" if redis is None else patient(redis.get_secret_value())

    @property
    def queue(self) -> str:
        """The queue's name: the same for all workers of an account."""
        identity = self.desk.account.history.ledger.identity
        return f"prediction-mcp-{identity.environment}-{identity.key_hash[:16]}"

    async def run(self) -> None:
        """Work until cancelled; then jobs under way end, and the worker says that it is gone.

        Raises:
            SettingsError: docket isn't installed, or a channel can't be read.
        """
        async with self._working() as docket_worker:
            work = asyncio.ensure_future(docket_worker.run_forever())
            try:
                await asyncio.shield(work)
            except asyncio.CancelledError:
                self.attendant.stop()
                work.cancel()
                with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                    await asyncio.wait_for(work, LAST_S)
                raise

    @asynccontextmanager
    async def _working(self) -> AsyncIterator[Any]:
        try:
            from docket import Docket
        except ModuleNotFoundError:
            raise SettingsError(EXTRA) from None
        _listen()
        await self._reached()
        try:
            async with Docket(self.queue, self.address, heartbeat_interval=HEARTBEAT) as docket:
                for job in self.jobs.all():
                    docket.register(self._task_of(job))
                self._docket = docket
                async with _worker_class()(
                    docket, self.desk.name, concurrency=CONCURRENCY, redelivery_timeout=REDELIVERED,
                    minimum_check_interval=CHECK, scheduling_resolution=CHECK,
                ) as worker:  # fmt: skip
                    yield worker
        finally:
            self._docket = None
            await self.attendant.close()
            with contextlib.suppress(Exception):
                await self.desk.workers.gone(self.desk.name)

    async def _reached(self) -> None:
        """Wait until Redis answers: docket would wait without a word."""
        from prediction_mcp.net.caching import answers

        redis = self.desk.account.settings.redis_url
        while redis is not None and not await answers(redis.get_secret_value(), ANSWER_S):
            logger.warning("no jobs run: Redis doesn't answer at REDIS_URL")
            await asyncio.sleep(ANSWER_S)

    def _task_of(self, job: Job) -> Callable[..., Coroutine[Any, Any, None]]:
        """A job as docket runs it: again and again, later after a failure."""
        from docket import Perpetual

        async def run(
            again: Perpetual = Perpetual(every=timedelta(seconds=job.every_s), automatic=True),  # noqa: B008 - docket's way
        ) -> None:
            again.after(timedelta(seconds=await self.jobs.carry_out(job)))

        run.__name__ = run.__qualname__ = job.name
        return run

    def _kick(self) -> None:
        """Fills or orders changed: the records catch up at once, and alerts on them are looked at."""
        if self._kicks:
            return
        task = asyncio.create_task(self._caught_up())
        self._kicks.add(task)
        task.add_done_callback(self._kicks.discard)

    async def _caught_up(self) -> None:
        await asyncio.sleep(1)  # fills come in bunches, and reads are a moment behind
        for name in ("transactions", "alerts"):
            job = next(job for job in self.jobs.all() if job.name == name)
            await self.jobs.carry_out(job)
