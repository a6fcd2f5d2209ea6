"""Days of a report are looked up among midnights: never another than the clock of the zone gives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_mcp.desk.kalshi.records.tax import Report
from prediction_mcp.records.columns import from_moment, to_moment
from prediction_mcp.records.shelf import KeptClosing

ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe",
         "Pacific/Apia", "America/Asuncion", "Asia/Beirut", "Africa/Cairo", "America/Havana"]  # fmt: skip
BEGIN, END = (to_moment(datetime(year, 1, 1, tzinfo=UTC)) for year in (2021, 2027))
moments = st.integers(BEGIN, END)


def dated(zone: ZoneInfo, pairs: Sequence[tuple[int | None, int]]) -> list[tuple[date | None, date]]:
    closings = [KeptClosing("T", 0, "yes", acquired, disposed, 1, 1, 1, 0) for acquired, disposed in pairs]
    made = Report(2026, "fifo", "paper", zone, datetime.now(UTC), closings, [])
    return [(acquired, disposed) for _, acquired, disposed in made.dated()]


@given(st.sampled_from(ZONES), st.lists(st.tuples(st.none() | moments, moments), max_size=20))
def test_a_day_is_what_the_zone_s_clock_shows(name: str, pairs: list[tuple[int | None, int]]) -> None:
    zone = ZoneInfo(name)

    def slow(moment: int | None) -> date | None:
        return None if moment is None else from_moment(moment).astimezone(zone).date()

    assert dated(zone, pairs) == [(slow(acquired), cast("date", slow(disposed))) for acquired, disposed in pairs]


@pytest.mark.parametrize("name", ZONES)
def test_every_half_hour_of_years_with_clocks_put_forward_and_back_at_midnight(name: str) -> None:
    zone, half = ZoneInfo(name), timedelta(minutes=30) // timedelta(microseconds=1)
    days = [(None, moment + second) for moment in range(BEGIN, END, half) for second in (-1, 0)]
    assert dated(zone, days) == [(None, from_moment(at).astimezone(zone).date()) for _, at in days]
