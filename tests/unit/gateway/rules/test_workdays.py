"""Working days and hours: weekends, holidays, make-up days, and the hour the business day ends."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.calendar import SHANGHAI
from gateway.rules.workdays import (
    WORK_CALENDAR,
    WorkCalendar,
    add_working_days,
    days_deadline,
    hours_deadline,
    is_working_day,
)

PLAIN = WORK_CALENDAR[0].value
# Thursday 2026-10-01 off, Saturday 2026-10-10 worked for it.
AUTUMN = WorkCalendar((date(2026, 10, 1), date(2026, 10, 2)), (date(2026, 10, 10),))
HOUR = 3_600


def at(month: int, day: int, hour: int, minute: int = 0) -> int:
    """Unix seconds of a time in Shanghai in 2026."""
    return int(datetime(2026, month, day, hour, minute, tzinfo=SHANGHAI).timestamp())


def test_weekends_holidays_and_make_up_days() -> None:
    days = [date(2026, 9, 30) + timedelta(n) for n in range(11)]
    worked = [day.day for day in days if is_working_day(day, AUTUMN)]
    assert worked == [30, 5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize(("count", "day"), [(0, 30), (1, 5), (5, 9), (6, 10), (7, 12)])
def test_working_days_are_counted_after_the_day(count: int, day: int) -> None:
    assert add_working_days(date(2026, 9, 30), count, AUTUMN).day == day


def test_a_deadline_in_days_ends_with_the_business_day() -> None:
    # Friday evening: the next working day is Monday, over at its midnight in Shanghai.
    assert days_deadline(at(11, 20, 23, 30), 1, PLAIN) == at(11, 24, 0)
    # Half past midnight in Shanghai is the 23rd there, though still the 22nd in UTC.
    assert days_deadline(at(11, 23, 0, 30), 1, PLAIN) == at(11, 25, 0)


@pytest.mark.parametrize(
    ("begin", "hours", "end"),
    [
        (at(11, 20, 10), 4, at(11, 20, 14)),
        (at(11, 20, 10), 8, at(11, 20, 18)),
        (at(11, 20, 17), 2, at(11, 23, 10)),
        (at(11, 20, 20), 1, at(11, 23, 10)),
        (at(11, 21, 12), 1, at(11, 23, 10)),
        (at(11, 20, 3), 1, at(11, 20, 10)),
        (at(11, 20, 9), 24, at(11, 24, 15)),
        (at(11, 20, 18), 0, at(11, 23, 9)),
    ],
)
def test_working_hours(begin: int, hours: int, end: int) -> None:
    assert hours_deadline(begin, hours * HOUR, PLAIN) == end


@given(st.integers(1_700_000_000, 1_900_000_000), st.integers(0, 60), st.integers(0, 60))
def test_clocks_add_up(begin: int, first: int, second: int) -> None:
    half = hours_deadline(begin, first * HOUR, PLAIN)
    assert half >= begin
    assert hours_deadline(half, second * HOUR, PLAIN) >= half
    if first and second:
        assert hours_deadline(half, second * HOUR, PLAIN) == hours_deadline(
            begin, (first + second) * HOUR, PLAIN
        )
    day = date(2026, 1, 1) + timedelta(begin % 700)
    assert add_working_days(add_working_days(day, first, AUTUMN), second, AUTUMN) == add_working_days(
        day, first + second, AUTUMN
    )


def test_what_makes_no_sense_is_refused() -> None:
    for bad, where in (
        (lambda: WorkCalendar(opens=9, closes=9), "hours"),
        (lambda: WorkCalendar((date(2026, 1, 1),), (date(2026, 1, 1),)), "holidays"),
        (lambda: add_working_days(date(2026, 1, 1), -1, PLAIN), "count"),
        (lambda: add_working_days(date(2026, 1, 1), 401, PLAIN), "count"),
        (lambda: hours_deadline(0, -1, PLAIN), "seconds"),
    ):
        with pytest.raises(FormatError) as caught:
            bad()
        assert caught.value.where == where
