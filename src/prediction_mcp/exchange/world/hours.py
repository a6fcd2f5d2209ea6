"""When trading pauses: the weekly maintenance (docs/kalshi.md, "Rate limits"), and windows that were announced."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/New_York")
THURSDAY = 3
WEEKLY_START, WEEKLY_END = time(3), time(5)


@dataclass(slots=True)
class Hours:
    """Open round the clock, but for what is set here.

    Args:
        weekly: pause on Thursdays from 03:00 to 05:00 Eastern time, as Kalshi does.
        windows: (start, end) of announced maintenance in Unix milliseconds.
    """

    weekly: bool = False
    windows: list[tuple[int, int]] = field(default_factory=list)

    def is_closed(self, now_ms: int) -> bool:
        """Whether trading pauses now."""
        if any(start <= now_ms < end for start, end in self.windows):
            return True
        local = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(EASTERN)
        return self.weekly and local.weekday() == THURSDAY and WEEKLY_START <= local.time() < WEEKLY_END
