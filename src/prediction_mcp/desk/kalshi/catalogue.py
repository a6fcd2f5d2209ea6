"""Keeping the catalogue full and fresh, in the background, within the client's rate budget.

The whole open listing is read page by page in the fewest requests the exchange allows: all series in one, then a
thousand markets a page. Afterwards only what changed is asked for. Combos are many times as many, so they are read
once somebody asks for them, and then as a whole again: the exchange doesn't tell which of them changed. One process
fills, others wait for it and read.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Literal

from loguru import logger

from prediction_mcp.catalogue.index import Index, Listed, ListedSeries, Part
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.errors import KalshiError
from prediction_mcp.kalshi.models.markets import Market
from prediction_mcp.kalshi.models.series import Series

PAGE = 1_000
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


class Catalogue:
    """An index and the tasks that fill it."""

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

    async def ready(self, kalshi: KalshiClient, progress: Progress | None = None, *, combos: bool = False) -> None:
        """Look after the catalogue, and wait a moment for one that isn't complete; it goes on filling meanwhile.

        Raises:
            KalshiError: there is nothing yet and the exchange can't be asked.
        """
        parts: tuple[Part, ...] = ("markets", "combos") if combos else ("markets",)
        for part in parts:
            self._start(kalshi, part)
        tasks = {self._tasks[part] for part in parts}
        deadline = time.monotonic() + WAIT_S
        while not all(task.done() for task in tasks) and time.monotonic() < deadline:
            if progress is not None:
                await progress(sum(self.index.coverage(part).markets for part in parts), None)
            await asyncio.wait(tasks, timeout=0.25)
        task = self._tasks["markets"]
        if task.done() and not self.index.coverage().markets and (error := task.exception()):
            raise error

    def _start(self, kalshi: KalshiClient, part: Part) -> None:
        """Have a part looked after, unless somebody is at it. Raises what a try that left nothing failed with."""
        before = self._tasks.get(part)
        if before is not None and not before.done():
            return
        failed = before.exception() if before is not None and not before.cancelled() else None
        task = self._tasks[part] = asyncio.create_task(self._look_after(kalshi, part))
        task.add_done_callback(_report)
        if failed is not None and not self.index.coverage(part).markets:
            raise failed

    async def _look_after(self, kalshi: KalshiClient, part: Part) -> None:
        coverage, now = self.index.coverage(part), time.time()
        age = now - coverage.as_of.timestamp() if coverage.as_of else WHOLE_AGAIN_S
        if coverage.complete and age < (FRESH_S if part == "markets" else COMBOS_AGAIN_S):
            return
        if not self.index.claim(PATIENCE_S, part):
            return  # another process is at it
        finished = refreshed = False
        try:
            if part == "combos" or not coverage.complete or age >= WHOLE_AGAIN_S:
                await self._fill(kalshi, part)
                finished = True
            else:
                await self._refresh(kalshi, int(now - age - OVERLAP_S))
                refreshed = True
        finally:
            self.index.release(part, finished=finished, refreshed=refreshed)

    async def _fill(self, kalshi: KalshiClient, part: Part) -> None:
        """Everything that is open, from where a filling broke off."""
        kind: Literal["only", "exclude"] = "exclude"
        if part == "markets":
            self.index.put_series(map(listed_series, await kalshi.series.list()))
        else:
            kind = "only"
        cursor = self.index.resume_cursor(part)
        while True:
            page = await kalshi.markets.list(status="open", mve_filter=kind, limit=PAGE, cursor=cursor)
            self.index.put_markets(map(listed, page.markets))
            cursor = page.cursor or None
            self.index.still_filling(cursor, part)
            if cursor is None:
                return
            await asyncio.sleep(0)  # a page takes some 20 ms to index: let others have their turn

    async def _refresh(self, kalshi: KalshiClient, since: int) -> None:
        """What changed since a time in Unix seconds: new markets, and those whose state or wording changed."""
        cursor = None
        while True:
            page = await kalshi.markets.list(min_updated_ts=since, mve_filter="exclude", limit=PAGE, cursor=cursor)
            self.index.put_markets(map(listed, page.markets))
            cursor = page.cursor or None
            if cursor is None:
                return
            self.index.still_filling(None)

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, KalshiError):
                await task
        if self._index is not None:
            self._index.close()


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        logger.warning("the catalogue can't be filled now: {}", error)


def listed_series(series: Series) -> ListedSeries:
    return ListedSeries(series.ticker, series.title, series.category, " ".join(series.tags or []))


def listed(market: Market) -> Listed:
    """A market as the index takes it."""

    def seconds(moment: datetime | None) -> int | None:
        return None if moment is None else int(moment.timestamp())

    return Listed(
        market.ticker, market.event_ticker, market.series_ticker, market.title, market.yes_sub_title, market.status,
        seconds(market.close_time), seconds(market.open_time), bool(market.mve_selected_legs),
        int(market.volume_24h_fp * 100), int(market.open_interest_fp * 100), int(market.yes_bid_dollars * 10_000),
        int(market.yes_ask_dollars * 10_000), int(market.last_price_dollars * 10_000),
        int(market.previous_price_dollars * 10_000),
    )  # fmt: skip
