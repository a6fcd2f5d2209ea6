"""Tasks that send writes: each outlives the call that waits for it, so that no outcome is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from loguru import logger

from prediction_mcp.net import deadline
from prediction_mcp.net.errors import PlatformError

R = TypeVar("R")
LAST_CALL_S = 2.0
"""Seconds to wait for writes under way at shutdown; what is unknown then is settled at the next start."""
NOTHING_SENT = "This took too long and was stopped before anything was sent: try again."
UNDER_WAY = (
    "The write is on its way and its outcome isn't known yet; it will be in the journal. Read your orders before you "
    "try again."
)


class UnderWayError(PlatformError):
    """A call's time is over while its write is being sent; the write goes on and is journaled when it ends."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.maybe_done = True


class SendTasks:
    """The writes of one guard that are being sent."""

    def __init__(self) -> None:
        self._tasks = set[asyncio.Task[Any]]()

    async def wait(self, work: Coroutine[Any, Any, R], sentence: str = UNDER_WAY) -> R:
        """Run a write in a task and wait for it; the task goes on where the caller is cancelled.

        Raises:
            UnderWayError: the caller's time is over before the write is, with ``sentence``.
        """
        with deadline.sending():
            left = deadline.left()
            patience = None if left is None else left + deadline.LIMITS.answer / 2  # its last request ends first
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._finished)
            await asyncio.wait({task}, timeout=patience)
        if not task.done():
            raise UnderWayError(sentence)
        return task.result()

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.debug("a write ended with: {!r}", error)

    async def close(self) -> None:
        """Wait a moment for the writes under way, so that their outcomes are journaled."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LAST_CALL_S)
