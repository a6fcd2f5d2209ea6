"""What requests came to and how long they took, counted as they happen; whoever publishes figures reads them here."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict

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
