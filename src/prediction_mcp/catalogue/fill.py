"""Keeping the catalogue full and fresh, in the background, within the client's rate budget.

The whole open listing is read page by page in the fewest requests the exchange allows: all series in one, then a
thousand markets a page, combos left out. Afterwards only what changed is asked for. One process fills, others wait for
it and read.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from loguru import logger

from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.errors import KalshiError

from .index import Index

PAGE = 1_000
FRESH_S = 60.0
"""Younger than this the catalogue isn't looked after."""
WHOLE_AGAIN_S = 6 * 3_600.0
"""How often everything is read again, for volumes and quotes."""
OVERLAP_S = 120.0
"""How far a refresh looks back before the last one: clocks differ."""
PATIENCE_S = 60.0
"""A filling that was silent for this long has died with its process."""
WAIT_S = 3.0
"""How long a question waits for a catalogue that isn't there yet."""

Progress = Callable[[int, int | None], Awaitable[None]]
"""Told (markets known, expected or None)."""


class Catalogue:
    """An index and the task that fills it."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._index: Index | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def index(self) -> Index:
        """The index; opened by the first question."""
        if self._index is None:
            self._index = Index(self._path)
        return self._index

    async def ready(self, kalshi: KalshiClient, progress: Progress | None = None) -> None:
        """Look after the catalogue, and wait a moment for one that isn't complete; it goes on filling meanwhile.

        Raises:
            KalshiError: there is nothing yet and the exchange can't be asked.
        """
        if self._task is None or self._task.done():
            failed = self._task.exception() if self._task is not None and not self._task.cancelled() else None
            self._task = asyncio.create_task(self._look_after(kalshi))
            self._task.add_done_callback(_report)
            if failed is not None and not self.index.coverage().markets:
                raise failed
        deadline = time.monotonic() + WAIT_S
        while not self._task.done() and time.monotonic() < deadline:
            if progress is not None:
                await progress(self.index.coverage().markets, None)
            await asyncio.wait({self._task}, timeout=0.25)
        if self._task.done() and not self.index.coverage().markets and (error := self._task.exception()):
            raise error

    async def _look_after(self, kalshi: KalshiClient) -> None:
        coverage, now = self.index.coverage(), time.time()
        age = now - coverage.as_of.timestamp() if coverage.as_of else WHOLE_AGAIN_S
        if coverage.complete and age < FRESH_S:
            return
        if not self.index.claim(PATIENCE_S):
            return  # another process is at it
        finished = refreshed = False
        try:
            if not coverage.complete or age >= WHOLE_AGAIN_S:
                await self._fill(kalshi)
                finished = True
            else:
                await self._refresh(kalshi, int(now - age - OVERLAP_S))
                refreshed = True
        finally:
            self.index.release(finished=finished, refreshed=refreshed)

    async def _fill(self, kalshi: KalshiClient) -> None:
        """Everything that is open, from where a filling broke off."""
        self.index.put_series(await kalshi.series.list())
        cursor = self.index.resume_cursor
        while True:
            page = await kalshi.markets.list(status="open", mve_filter="exclude", limit=PAGE, cursor=cursor)
            self.index.put_markets(page.markets)
            cursor = page.cursor or None
            self.index.still_filling(cursor)
            if cursor is None:
                return
            await asyncio.sleep(0)  # a page takes some 20 ms to index: let others have their turn

    async def _refresh(self, kalshi: KalshiClient, since: int) -> None:
        """What changed since a time in Unix seconds: new markets, and those whose state or wording changed."""
        cursor = None
        while True:
            page = await kalshi.markets.list(min_updated_ts=since, mve_filter="exclude", limit=PAGE, cursor=cursor)
            self.index.put_markets(page.markets)
            cursor = page.cursor or None
            if cursor is None:
                return
            self.index.still_filling(None)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError, KalshiError):
                await self._task
        if self._index is not None:
            self._index.close()


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        logger.warning("the catalogue can't be filled now: {}", error)
