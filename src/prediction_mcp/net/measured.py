"""What requests came to and how long they took, counted as they happen; whoever publishes figures reads them here."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter, defaultdict
from email.utils import parsedate_to_datetime

from .errors import NotAnswered, PlatformError, TooMany

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends, in seconds, of the classes in which times are counted; above them is one more."""


class Measured:
    """Tries of requests by name, like ``GET /markets``; each try of a request counts."""

    def __init__(self) -> None:
        self.outcomes: Counter[tuple[str, str]] = Counter()
        """By (name, outcome): ok, refused, too_many, lost."""
        self.times: dict[str, list[int]] = defaultdict(lambda: [0] * (len(BOUNDS) + 1))
        self.seconds: dict[str, float] = defaultdict(float)
        self._heard: tuple[str, float] | None = None

    def heard(self, date: str | None) -> None:
        """An answer came with this Date header."""
        if date is not None:
            self._heard = date, time.time()

    @property
    def ahead_s(self) -> float | None:
        """By how many seconds our clock is ahead of theirs, to about one; None where no answer said."""
        if self._heard is None:
            return None
        text, ours = self._heard
        try:
            theirs = parsedate_to_datetime(text).timestamp()
        except (ValueError, OverflowError):
            return None
        return ours - theirs - 0.5  # a Date is cut off to its second

    def note(self, name: str, error: PlatformError | None, seconds: float) -> None:
        """A try ended; ``error`` is what went wrong."""
        self.outcomes[name, outcome_of(error)] += 1
        self.times[name][bisect_left(BOUNDS, seconds)] += 1
        self.seconds[name] += seconds


def outcome_of(error: PlatformError | None) -> str:
    if error is None:
        return "ok"
    if isinstance(error, TooMany):
        return "too_many"
    return "lost" if isinstance(error, NotAnswered) else "refused"
