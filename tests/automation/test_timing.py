"""When what recurs is due: laws, months by hand, cron by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_mcp.automation.standing.timing import checked, count_until, missed, next_due
from prediction_mcp.kalshi.errors import InvalidRequestError

START = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
PERIODS = st.sampled_from(["1m", "7m", "1h", "5h", "1d", "3d", "1w", "1mo", "3mo", "0 9 * * 1-5", "*/20 * * * *"])


@given(PERIODS, st.integers(0, 400 * 24 * 3600))
def test_the_next_is_the_first_one_later(every: str, seconds: int) -> None:
    at = START + timedelta(seconds=seconds)
    due = next_due(every, START, at)
    assert due is not None
    assert due > at
    assert due >= START
    before = next_due(every, START, due - timedelta(microseconds=1))
    assert before == due  # it is one of the times, and none lies between


@given(PERIODS, st.integers(1, 30))
def test_missed_ones_are_counted_one_by_one(every: str, number: int) -> None:
    first = next_due(every, START, START - timedelta(microseconds=1))
    assert first is not None
    times, at = [first], first
    for _ in range(number):
        following = next_due(every, START, at)
        assert following is not None
        times.append(following)
        at = following
    assert missed(every, START, first, times[-1]) == (number, times[-2])
    assert count_until(every, START, times[-1], 1_000) == number + 1


def test_months_keep_their_day_where_they_have_it() -> None:
    found, at = [], START
    for _ in range(5):
        due = next_due("1mo", START, at)
        assert due is not None
        found.append(f"{due:%m-%d %H:%M}")
        at = due
    assert found == ["02-28 09:30", "03-31 09:30", "04-30 09:30", "05-31 09:30", "06-30 09:30"]


def test_a_cron_line_of_working_days() -> None:
    friday = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
    assert next_due("0 9 * * 1-5", START, friday) == friday + timedelta(days=3)


@pytest.mark.parametrize(("said", "meant"), [("daily", "1d"), ("1 H", "1h"), ("2w", "2w"), ("0  9 * * 1", "0 9 * * 1")])
def test_periods_as_people_say_them(said: str, meant: str) -> None:
    assert checked(said) == meant


@pytest.mark.parametrize("said", ["", "0d", "30s", "2y", "99999h", "* * * *", "61 * * * *", "0 0 30 2 *", "x" * 500])
def test_what_is_no_period_is_refused(said: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"every"):
        checked(said)
