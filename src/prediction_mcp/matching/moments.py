"""Times in texts: which day, until which deadline, in which month; with the time of day and its zone where said."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from .lexicon import MONTH, MONTHS, ZONES

Kind = Literal["by", "on", "month", "quarter", "year"]
DAY = rf"(?P<month>{MONTH}) (?P<day>[0-3]?\d)(?:st|nd|rd|th)?(?!\d)(?:,? (?P<year>20\d\d))?"
_TIME = (
    r"(?P<hour>[0-2]?\d)(?::(?P<minute>[0-5]\d))?(?::[0-5]\d)? ?(?P<half>[ap]\.?m\.?)?"
    rf"(?: in the)? ?\(?(?P<zone>{'|'.join(ZONES)})\b\)?"
)
_DAYS = (
    re.compile(rf"\b{DAY}", re.IGNORECASE),
    re.compile(rf"\b(?P<day>[0-3]?\d) (?P<month>{MONTH}) (?P<year>20\d\d)", re.IGNORECASE),
    re.compile(r"\b(?P<year>20\d\d)-(?P<month>[01]\d)-(?P<day>[0-3]\d)\b"),
)
_MONTH = re.compile(rf"\b(?P<month>{MONTH})(?:,? (?P<year>20\d\d))?\b(?! ?\d)", re.IGNORECASE)
_QUARTER = re.compile(r"\bq(?P<quarter>[1-4])(?: of)?,? (?P<year>20\d\d)\b", re.IGNORECASE)
_YEAR = re.compile(r"(?<![$\d,.])\b(?P<year>20[2-4]\d)\b(?![,.]?\d|%)")
TIME = re.compile(_TIME, re.IGNORECASE)
_UNTIL = re.compile(
    r"\b(by|before|until|till|through|no later than|prior to|on or before|and)(?: the)?(?: end of)?"
    rf"(?: {_TIME.replace('?P<', '?P<_')},?)?(?: on)? ?$",
    re.IGNORECASE,
)
_RANGE = re.compile(r"\bbetween\b[^.]{0,40}$", re.IGNORECASE)
_HALVES = re.compile(r"\b50 ?[-/] ?50\b")
NEW_YORK = ZoneInfo("America/New_York")
NEAR = 40
"""Characters after or before a day within which its time of day stands."""


@dataclass(frozen=True, slots=True)
class Window:
    """When it has to happen. ``end`` is the last day that counts; ``at`` the moment, where a time of day is known.

    ``start`` is the first day of what is said to lie between two.
    ``is_said`` is False for a moment that only the end of trading tells.
    """

    kind: Kind
    end: date
    at: datetime | None = None
    start: date | None = None
    is_said: bool = field(default=True, compare=False)

    @property
    def said(self) -> str:
        """In a few words."""
        if self.kind in ("by", "on"):
            when = f"{self.end:%Y-%m-%d}" if self.at is None else f"{self.at:%Y-%m-%d %H:%M} UTC"
            return f"{self.kind} {when}" if self.start is None else f"{self.start:%Y-%m-%d} to {when}"
        if self.kind == "month":
            return f"{self.end:%B %Y}"
        return f"{self.end.year}" if self.kind == "year" else f"Q{(self.end.month + 2) // 3} {self.end.year}"


def deadline(at: datetime) -> Window:
    """A deadline; one minute before midnight is midnight."""
    local = at.astimezone(NEW_YORK)
    if (local.hour, local.minute) == (23, 59):
        at = at.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return Window("by", (at - timedelta(minutes=1)).astimezone(NEW_YORK).date(), at)


def ends_with(day: date, closes: datetime) -> bool:
    """Whether a day ends in New York at this moment."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=NEW_YORK) + timedelta(days=1)
    return timedelta(minutes=-1) <= closes - midnight <= timedelta(minutes=1)


def with_time(window: Window, rules: str) -> Window:
    """A day with the time of day of the rules, where they name a single one."""
    times = {match[0].lower(): match for match in TIME.finditer(rules)}
    if window.kind not in ("by", "on") or len(times) != 1:
        return window
    at = _moment(next(iter(times.values())), window.end)
    return replace(window, at=at if window.kind == "on" or at is None else deadline(at).at)


def without(text: str) -> str:
    """The text less its days, times, months and years, and less the halves that are paid where nothing takes place."""
    for pattern in (_HALVES, *_DAYS, TIME, _QUARTER, _MONTH, _YEAR):
        text = pattern.sub(" ", text)
    return text


def window(texts: tuple[str, ...], near: date | None) -> Window | None:
    """The window that the first of the texts names that names any; days before months before years.

    ``near`` is a day near it, for those whose year isn't said.
    """
    for finds in (_day, _coarse):
        for text in texts:
            found = finds(text, near)
            if found is not None:
                return found
    return None


def _day(text: str, near: date | None) -> Window | None:
    found = list[Window]()
    for pattern in _DAYS:
        last: date | None = None
        for match in pattern.finditer(text):
            day = _date(match, near)
            if day is None:
                continue
            before = text[: match.start()].lower()
            until, at = _UNTIL.search(before), _time(text, match, day)
            start = last if until is not None and until[1] == "and" and _RANGE.search(before) else None
            if start is None and until is not None and until[1] == "and":
                until = None
            if start is not None and start > day:  # its year isn't said
                year = day.year if (start.month, start.day) <= (day.month, day.day) else day.year - 1
                start = date(year, start.month, min(start.day, 28) if start.month == 2 else start.day)
            last = day
            if until is None:
                found.append(Window("on", day, at))
            elif until[1] in ("before", "until", "till", "prior to") and at is None:
                found.append(Window("by", day - timedelta(days=1)))
            else:
                found.append(replace(Window("by", day) if at is None else deadline(at), start=start))
    deadlines = [w for w in found if w.kind == "by"]
    return max(deadlines, key=lambda w: w.end) if deadlines else found[0] if found else None


def _coarse(text: str, near: date | None) -> Window | None:
    if match := _QUARTER.search(text):
        month = int(match["quarter"]) * 3
        return Window("quarter", _last(int(match["year"]), month))
    if match := _MONTH.search(text):
        month = _month(match["month"])
        year = int(match["year"]) if match["year"] else _year(near, month, 1)
        if year is not None:
            return Window("month", _last(year, month))
    if match := _YEAR.search(text):
        return Window("year", date(int(match["year"]), 12, 31))
    return None


def _date(match: re.Match[str], near: date | None) -> date | None:
    month = _month(match["month"])
    year = int(match["year"]) if match["year"] else _year(near, month, int(match["day"]))
    try:
        return None if year is None else date(year, month, int(match["day"]))
    except ValueError:
        return None


def _month(text: str) -> int:
    return int(text) if text.isdigit() else next(i for i, m in enumerate(MONTHS, 1) if m.startswith(text[:3].lower()))


def _year(near: date | None, month: int, day: int) -> int | None:
    """The year in which a day lies nearest to another."""
    if near is None:
        return None

    def away(year: int) -> int:
        return abs((date(year, month, min(day, 28)) - near).days)

    return min((near.year - 1, near.year, near.year + 1), key=away)


def _time(text: str, match: re.Match[str], day: date) -> datetime | None:
    """The time of day that stands beside a day."""
    after = TIME.search(text[match.end() : match.end() + NEAR])
    before = [*TIME.finditer(text[max(match.start() - NEAR, 0) : match.start()])]
    found = before[-1] if before else after
    return None if found is None else _moment(found, day)


def _moment(found: re.Match[str], day: date) -> datetime | None:
    hour, minute = int(found["hour"]), int(found["minute"] or 0)
    if found["half"]:
        hour = hour % 12 + (12 if found["half"][0].lower() == "p" else 0)
    if hour > 23:
        return None
    zone = ZoneInfo(ZONES[found["zone"].lower()])
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC)


def _last(year: int, month: int) -> date:
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
