"""Choices that several pieces of work share."""

from typing import Literal

Interval = Literal["1m", "1h", "1d"]
Period = Literal["day", "week", "month", "all"]
GroupBy = Literal["category", "event", "series", "expiry"]
