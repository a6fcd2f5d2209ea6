"""Keeping a platform's catalogue full and fresh, in the background, within the client's rate budget.

One process fills, others wait for it and read. What is read, and in which requests, is the platform's affair.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from loguru import logger

from prediction_mcp.catalogue.index import Index, Part
from prediction_mcp.net.deadline import background
from prediction_mcp.net.errors import PlatformError

C = TypeVar("C")
FRESH_S = 60.0
"""Younger than this the catalogue isn't looked after."""
WHOLE_AGAIN_S = 6 * 3_600.0
"""How often everything is read again, for volumes and quotes."""
COMBOS_AGAIN_S = 1_800.0
"""How often combos are read again while somebody asks for them: they come and go within hours."""
OVERLAP_S = 120.0
"""How far a refresh looks back before the last one: clocks differ."""
PATIENCE_S = 60.0
"""A filling that was silent for this long has died with its process."""
WAIT_S = 3.0
"""How long a question waits for a catalogue that isn't there yet."""

Progress = Callable[[int, int | None], Awaitable[None]]
"""Told (markets known, expected or None)."""


class Keeper(ABC, Generic[C]):
    """An index and the tasks that fill it with what a client reads."""

    fresh_s: ClassVar[float] = FRESH_S

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._index: Index | None = None
        self._tasks: dict[Part, asyncio.Task[None]] = {}

    @property
    def index(self) -> Index:
        """The index; opened by the first question."""
        if self._index is None:
            self._index = Index(self._path)
        return self._index

    async def ready(self, client: C, progress: Progress | None = None, *, combos: bool = False) -> None:
        """Look after the catalogue, and wait a moment for one that isn't complete; it goes on filling meanwhile.

        Raises:
            PlatformError: there is nothing yet and the platform can't be asked.
        """
        parts: tuple[Part, ...] = ("markets", "combos") if combos else ("markets",)
        for part in parts:
            self._start(client, part)
        tasks = {self._tasks[part] for part in parts}
        deadline = time.monotonic() + WAIT_S
        while not all(task.done() for task in tasks) and time.monotonic() < deadline:
            if progress is not None:
                await progress(sum(self.index.coverage(part).markets for part in parts), None)
            await asyncio.wait(tasks, timeout=0.25)
        task = self._tasks["markets"]
        if task.done() and not self.index.coverage().markets and (error := task.exception()):
            raise error

    def _start(self, client: C, part: Part) -> None:
        """Have a part looked after, unless somebody is at it. Raises what a try that left nothing failed with."""
        before = self._tasks.get(part)
        if before is not None and not before.done():
            return
        failed = before.exception() if before is not None and not before.cancelled() else None
        task = self._tasks[part] = background(self._look_after(client, part))
        task.add_done_callback(_report)
        if failed is not None and not self.index.coverage(part).markets:
            raise failed

    async def _look_after(self, client: C, part: Part) -> None:
        coverage, now = self.index.coverage(part), time.time()
        age = now - coverage.as_of.timestamp() if coverage.as_of else WHOLE_AGAIN_S
        if coverage.complete and age < (self.fresh_s if part == "markets" else COMBOS_AGAIN_S):
            return
        if not self.index.claim(PATIENCE_S, part):
            return  # another process is at it
        finished = refreshed = False
        try:
            if part == "combos" or not coverage.complete or age >= WHOLE_AGAIN_S:
                await self._fill(client, part)
                finished = True
            else:
                await self._refresh(client, int(now - age - OVERLAP_S))
                refreshed = True
        finally:
            self.index.release(part, finished=finished, refreshed=refreshed)

    @abstractmethod
    async def _fill(self, client: C, part: Part) -> None:
        """Read everything that is open, from where a filling broke off."""

    @abstractmethod
    async def _refresh(self, client: C, since: int) -> None:
        """Read what changed since a time in Unix seconds."""

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, PlatformError):
                await task
        if self._index is not None:
            self._index.close()


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        logger.warning("the catalogue can't be filled now: {}", error)
