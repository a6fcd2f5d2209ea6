"""When a recurring order is due: every so often from its start, or by a cron line. All times are UTC."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from prediction_mcp.kalshi.errors import InvalidRequestError

_EVERY = re.compile(r"(\d{1,4})\s*(mo|m|h|d|w)")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_WORDS = {
    "minute": "1m", "hourly": "1h", "hour": "1h", "daily": "1d", "day": "1d", "weekly": "1w", "week": "1w",
    "monthly": "1mo", "month": "1mo",
}  # fmt: skip
SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(days=366)
WRONG = "every is like 1h, 2d, 1w, 1mo, or a cron line of five fields like “0 9 * * 1-5” (UTC)"


def checked(every: str) -> str:
    """The same in one spelling. Raises InvalidRequestError for what is no period."""
    text = " ".join(every.lower().split())
    text = _WORDS.get(text, text)
    if (found := _EVERY.fullmatch(text)) is not None:
        number, unit = int(found[1]), found[2]
        span = timedelta(days=28 * number) if unit == "mo" else number * _UNITS[unit]
        if not SHORTEST <= span <= LONGEST:
            raise InvalidRequestError(f"every lies between a minute and a year, not {every!r:.60}.")
        return f"{number}{unit}"
    if len(text.split()) != 5 or next(_cron(text, datetime(2026, 1, 1)), None) is None:  # noqa: DTZ001 - cron's own
        raise InvalidRequestError(f"{WRONG}, not {every!r:.60}.")
    return text


def _cron(line: str, after: datetime) -> Iterator[datetime]:
    """The times of a cron line, which are asked for one by one; none for a line that isn't one."""
    try:
        from cronsim import CronSim, CronSimError
    except ModuleNotFoundError:
        raise InvalidRequestError("A cron line needs the extra: install prediction-mcp[automation].") from None
    try:
        yield from CronSim(line, after)
    except CronSimError:
        return


def next_due(every: str, start: datetime, after: datetime) -> datetime | None:
    """The first time later than ``after``, of those that began with ``start``; None where a cron line has no more."""
    found = _EVERY.fullmatch(every)
    if found is None:
        base = max(after, start - timedelta(seconds=1))
        return next(_cron(every, base), None)
    if after < start:
        return start
    number, unit = int(found[1]), found[2]
    if unit != "mo":
        span = number * _UNITS[unit]
        return start + ((after - start) // span + 1) * span
    months = (after.year - start.year) * 12 + after.month - start.month
    step = max(months // number - 1, 0) * number
    while (due := _months_on(start, step)) <= after:
        step += number
    return due


def _months_on(start: datetime, months: int) -> datetime:
    """The same day of a later month, or its last where it is shorter."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return start.replace(year=year, month=month + 1, day=day)


def count_until(every: str, start: datetime, until: datetime, most: int) -> int:
    """How often it is due from its start until a moment; ``most`` where that is as many or more."""
    number, at = 0, start - timedelta(microseconds=1)
    while number < most:
        due = next_due(every, start, at)
        if due is None or due > until:
            break
        number, at = number + 1, due
    return number


def missed(every: str, start: datetime, due: datetime, since: datetime, most: int = 10_000) -> tuple[int, datetime]:
    """(how many times from ``due`` on lie before ``since``, the last of them); ``due`` is one of them."""
    number, last = 1, due
    while number < most:
        following = next_due(every, start, last)
        if following is None or following >= since:
            break
        number, last = number + 1, following
    return number, last
