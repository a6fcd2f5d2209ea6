"""The exchange's time: as it is, faster, or standing still until it is stepped."""

from __future__ import annotations

import time

MAX_TIME_S = 253_402_300_799
"""The end of the year 9999 in Unix seconds, the last that can be written down; today's milliseconds lie beyond."""
FURTHEST_MS = 7_258_118_400_000
"""The year 2200, where this clock ends."""
MAX_SPEED = 3_600.0
"""An hour a second; beyond that a market's life is over between two steps of the crowd."""


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


def _checked(speed: float) -> float:
    if not 0 <= speed <= MAX_SPEED:
        raise ValueError(f"the speed lies between 0 and {MAX_SPEED:g}")
    return speed


class Clock:
    """Unix milliseconds of the simulation; never goes back.

    Args:
        start_ms: simulated time at the start; now, if none.
        speed: simulated seconds a real second; 0 stands still until :meth:`step`.
    """

    def __init__(self, start_ms: int | None = None, speed: float = 1.0) -> None:
        self._since = wall_clock_ms()
        self._origin = self._since if start_ms is None else start_ms
        self._last = self._origin
        self._speed = _checked(speed)

    def __call__(self) -> int:
        return self._at(wall_clock_ms())

    def _at(self, wall_ms: int) -> int:
        now = self._origin + int((wall_ms - self._since) * self._speed)
        self._last = max(self._last, min(now, FURTHEST_MS))
        return self._last

    @property
    def speed(self) -> float:
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        """Raises ValueError for a speed outside 0 to :data:`MAX_SPEED`."""
        speed, wall = _checked(speed), wall_clock_ms()  # one look: what passed between two would be lost for good
        self._origin, self._since, self._speed = self._at(wall), wall, speed

    def step(self, milliseconds: int) -> None:
        """Let this much time pass at once. Raises ValueError for a negative time."""
        if milliseconds < 0:
            raise ValueError("time doesn't go back")
        if self() + milliseconds > FURTHEST_MS:
            raise ValueError("the paper exchange's time ends with the year 2199")
        self._origin = self() + milliseconds
        self._since = wall_clock_ms()
