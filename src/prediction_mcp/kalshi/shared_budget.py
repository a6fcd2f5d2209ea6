"""One account, several processes of this machine: its token buckets lie in a file that all of them take from.

A request takes its tokens when it becomes the next of its process and is told how long to wait until they are there. So
each process has one request in line at a time, whoever asks first is next, and none can be starved. A process that dies
while it waits has taken one request's worth, no more. Cancels have a part of the bucket of their own and wait behind
nobody else; the others pay it back.
"""

from __future__ import annotations

import asyncio
import math
import os
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from loguru import logger

_STATE = struct.Struct("<ddd")
PATIENCE_S = 0.25
"""How long the file is waited for: whoever holds it does so for microseconds, or was stopped in the midst of it."""


@dataclass(slots=True)
class Level:
    """Tokens left for all, tokens left for cancels alone, and when that was right (the machine's monotonic clock)."""

    tokens: float
    spare: float
    at: float

    def until(self, now: float, rate: float, capacity: float, reserve: float) -> None:
        """Refill up to a moment. What can't be (a clock before the machine's start, noise) begins anew, full."""
        known = all(map(math.isfinite, (self.tokens, self.spare, self.at)))
        if not known or self.at > now or min(self.tokens, self.spare) < -100 * capacity:
            self.tokens, self.spare = capacity - reserve, reserve
        else:
            gained = (now - self.at) * rate
            self.tokens = min(self.tokens + gained, capacity - reserve)
            self.spare = min(self.spare + gained, reserve)
        self.at = now

    def take(self, cost: float, rate: float, capacity: float, reserve: float, *, urgent: bool) -> float:
        """Take tokens that may still have to come; returns the seconds until they are there."""
        if urgent and reserve:
            wait = (min(cost, reserve) - self.spare) / rate
            self.spare -= cost
        else:
            wait = (min(cost, capacity - reserve) - self.tokens) / rate
        self.tokens -= cost
        return max(wait, 0.0)


class SharedBucket:
    """A token bucket in a file, with the same face as :class:`~prediction_mcp.net.buckets.TokenBucket`.

    Args:
        path: the file, one a bucket; made if need be.
        rate, capacity, reserve: as for a bucket of one process.
        clock: seconds, monotonic and the same for all processes.
    """

    def __init__(
        self, path: Path, rate: float, capacity: float, reserve: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rate, self.capacity, self.reserve = rate, capacity, reserve
        self._path, self._clock = path, clock
        self._lock = FileLock(f"{path}.lock", timeout=PATIENCE_S, mode=0o600)
        self._turn, self._urgent_turn = asyncio.Lock(), asyncio.Lock()
        self._ahead = 0.0
        self._own = Level(capacity - reserve, reserve, clock())
        """Used where the file can't be: then this process counts alone, as it would without others."""

    @property
    def tokens(self) -> float:
        """Tokens there are now, those for cancels included."""
        return self._change(lambda level: level.tokens + max(level.spare, 0.0))

    def configure(self, rate: float, capacity: float, reserve: float) -> None:
        """Take over new limits; what was spent stays spent."""
        self.rate, self.capacity, self.reserve = rate, capacity, reserve

    def drain(self) -> None:
        """The exchange said 429: somebody else spends too, so all processes start from empty."""

        def empty(level: Level) -> float:
            level.tokens, level.spare = min(level.tokens, 0.0), min(level.spare, 0.0)
            return 0.0

        self._change(empty)

    def expected_wait(self, cost: float) -> float:
        """Seconds a normal request would wait if it were asked for now."""
        needed = self._ahead + min(cost, self.capacity - self.reserve)
        return max((needed - self._change(lambda level: level.tokens)) / self.rate, 0.0)

    async def acquire(self, cost: float, *, urgent: bool = False) -> None:
        """Wait until ``cost`` tokens are ours."""
        self._ahead += cost
        try:
            async with self._urgent_turn if urgent else self._turn:
                wait = self._take(cost, urgent)
                if wait:
                    try:
                        await asyncio.sleep(wait)
                    except asyncio.CancelledError:
                        self._give(cost, urgent)  # never used
                        raise
        finally:
            self._ahead -= cost

    def _take(self, cost: float, urgent: bool) -> float:
        return self._change(lambda level: level.take(cost, self.rate, self.capacity, self.reserve, urgent=urgent))

    def _give(self, cost: float, urgent: bool) -> None:
        def back(level: Level) -> float:
            level.tokens += cost
            level.spare += cost if urgent and self.reserve else 0.0
            return 0.0

        self._change(back)

    def _change(self, work: Callable[[Level], float]) -> float:
        try:
            with self._lock:
                handle = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
                try:
                    text = os.read(handle, _STATE.size)
                    full = (self.capacity - self.reserve, self.reserve, self._clock())
                    level = Level(*(_STATE.unpack(text) if len(text) == _STATE.size else full))
                    answer = self._on(level, work)
                    os.lseek(handle, 0, os.SEEK_SET)
                    os.write(handle, _STATE.pack(level.tokens, level.spare, level.at))
                finally:
                    os.close(handle)
        except (OSError, Timeout) as error:
            logger.debug("the shared budget can't be used, this process counts alone: {}", error)
            return self._on(self._own, work)
        self._own = Level(level.tokens, level.spare, level.at)
        return answer

    def _on(self, level: Level, work: Callable[[Level], float]) -> float:
        level.until(self._clock(), self.rate, self.capacity, self.reserve)
        return work(level)
