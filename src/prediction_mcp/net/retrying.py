"""Ask again for what came wrong or not at all: with growing pauses, a limit, and a reason that can be shown.

Every feed repairs its books, channels and missed messages through :class:`Retrier`, so that no frame, however wrong
and however often repeated, makes it send more than :data:`PROMPT` requests for one fault.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from loguru import logger

from .deadline import background
from .errors import PlatformError

PROMPT = 2
"""Requests that one fault may cost while it is fresh."""
FIRST_S, LONGEST_S = 1.0, 30.0
"""Pause before the second request, and before the first one of faults that follow each other: 1, 2, 4 … 30 s."""
ANSWER_S = 10.0
"""How long an answer to a request is waited for."""
CALM_S = 30.0
"""A key that was right for this long has no faults behind it."""
LATER_S, LATEST_S = 60.0, 600.0
"""Items that :data:`PROMPT` requests didn't repair are asked for again after 1, 2, 4, 8, 10, 10 … minutes."""


@dataclass(slots=True)
class _Fault:
    reason: str
    due: float
    in_a_row: int
    tries: int = 0
    given_up: bool = False


class Retrier:
    """Requests what is wrong, key by key, until it is right.

    Args:
        ask: requests some keys. A PlatformError that it raises counts as a wrong answer for all of them.
        on_giving_up: called with (key, reason) when the prompt requests of a fault are spent.
    """

    def __init__(
        self, ask: Callable[[list[str]], Awaitable[None]], on_giving_up: Callable[[str, str], None] | None = None
    ) -> None:
        self._ask = ask
        self._on_giving_up = on_giving_up
        self._faults: dict[str, _Fault] = {}
        self._past: dict[str, tuple[int, float]] = {}  # faults in a row that took a request, and when it helped
        self._task: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()

    def need(self, key: str, reason: str, *, after_s: float = 0.0) -> None:
        """Report that a key is wrong, or still is: its request is sent when it is due, ``after_s`` at the earliest."""
        now = time.monotonic()
        fault = self._faults.get(key)
        if fault is None:
            in_a_row, repaired = self._past.get(key, (0, now))
            if now - repaired > CALM_S:
                in_a_row = 0
            wait = _doubled(FIRST_S, in_a_row - 1, LONGEST_S) if in_a_row else 0.0
            self._faults[key] = _Fault(reason, now + max(wait, after_s), in_a_row)
        else:
            fault.reason = reason
            if fault.tries:
                self._answered_wrong(key, fault, now)
        if self._task is None or self._task.done():
            self._task = background(self._run())
        self._woken.set()

    def right(self, key: str) -> None:
        """Report that a key is right: it isn't asked for any more."""
        fault = self._faults.pop(key, None)
        if fault is not None and fault.tries:
            self._past[key] = (fault.in_a_row + 1, time.monotonic())
        self._woken.set()

    def drop(self, key: str) -> None:
        """Drop the fault of a key that can't be asked for now; what is remembered of the key stays."""
        self._faults.pop(key, None)
        self._woken.set()

    def drop_all(self) -> None:
        """Drop all faults, since there is no connection to ask on."""
        self._faults.clear()
        self._woken.set()

    def forget(self, key: str) -> None:
        """Drop a key that isn't wanted any more, with what is remembered of it."""
        self._past.pop(key, None)
        self.drop(key)

    def failures(self) -> dict[str, str]:
        """Return the reason of each key whose prompt requests didn't repair it."""
        return {key: fault.reason for key, fault in self._faults.items() if fault.given_up}

    async def close(self) -> None:
        self._faults.clear()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _answered_wrong(self, key: str, fault: _Fault, now: float) -> None:
        if fault.tries < PROMPT:
            fault.due = min(fault.due, now + FIRST_S)
        elif not fault.given_up:
            self._give_up(key, fault, now)

    def _give_up(self, key: str, fault: _Fault, now: float) -> None:
        fault.given_up, fault.due = True, now + LATER_S
        logger.warning("{} is wrong still after {} requests: {}", key, fault.tries, fault.reason)
        if self._on_giving_up is not None:
            self._on_giving_up(key, fault.reason)

    async def _run(self) -> None:
        """Send what is due until nothing is wrong: one request at a time."""
        while self._faults:
            self._woken.clear()
            now = time.monotonic()
            due: list[str] = []
            for key, fault in list(self._faults.items()):
                if fault.due > now:
                    continue
                if fault.tries == PROMPT and not fault.given_up:  # the last answer didn't come
                    self._give_up(key, fault, now)
                    continue
                fault.tries += 1
                fault.due = now + max(ANSWER_S, _doubled(LATER_S, fault.tries - PROMPT, LATEST_S) * fault.given_up)
                due.append(key)
            if due:
                await self._send(due)
                continue
            left = min(fault.due for fault in self._faults.values()) - now
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), max(left, 0.0))

    async def _send(self, keys: list[str]) -> None:
        try:
            await self._ask(keys)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other faults are still to be repaired
            if not isinstance(error, PlatformError):
                logger.opt(exception=error).error("a request for what is wrong failed inside")
            for key in keys:
                if (fault := self._faults.get(key)) is not None:
                    fault.reason = error.message if isinstance(error, PlatformError) else type(error).__name__
                    self._answered_wrong(key, fault, time.monotonic())


def _doubled(first_s: float, times: int, longest_s: float) -> float:
    return min(first_s * float(1 << min(max(times, 0), 30)), longest_s)
