"""Working days and hours of a chapter, for clocks of complaints and appeals. Pure.

Holidays and make-up working days are announced each year, so they are data; what ships knows weekends only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from chain.errors import FormatError
from gateway.rules.calendar import business_date
from gateway.rules.parameters import ship

_DAY = 86_400
_OFFSET = 8 * 3600
_SATURDAY = 5
LONGEST = 400
"""Working days a clock may run at most."""


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """``holidays`` on weekdays, ``extra`` working days on weekends; hours are seconds of the business day."""

    holidays: tuple[date, ...] = ()
    extra: tuple[date, ...] = ()
    opens: int = 9 * 3600
    closes: int = 18 * 3600

    def __post_init__(self) -> None:
        if not 0 <= self.opens < self.closes <= _DAY:
            raise FormatError("hours", "do not open before they close")
        if set(self.holidays) & set(self.extra):
            raise FormatError("holidays", "a day is also an extra working day")


WORK_CALENDAR = ship("work_calendar", WorkCalendar(), "weekends; holidays as announced each year")


def is_working_day(day: date, calendar: WorkCalendar) -> bool:
    """Say whether a business date is worked on."""
    if day in calendar.extra:
        return True
    return day.weekday() < _SATURDAY and day not in calendar.holidays


def add_working_days(day: date, count: int, calendar: WorkCalendar) -> date:
    """Return the ``count``-th working day after ``day``, which itself does not count."""
    if not 0 <= count <= LONGEST:
        raise FormatError("count", f"not 0 to {LONGEST}")
    while count:
        day += timedelta(days=1)
        count -= is_working_day(day, calendar)
    return day


def days_deadline(at: int, count: int, calendar: WorkCalendar) -> int:
    """Return the end (Unix seconds) of the ``count``-th working day after the business date of ``at``."""
    return _begin(add_working_days(business_date(at), count, calendar)) + _DAY


def hours_deadline(at: int, seconds: int, calendar: WorkCalendar) -> int:
    """Return the moment when ``seconds`` of working hours have passed since ``at``."""
    if not 0 <= seconds <= LONGEST * (calendar.closes - calendar.opens):
        raise FormatError("seconds", "longer than any clock runs")
    day, left = business_date(at), seconds
    while True:
        if is_working_day(day, calendar):
            opens, closes = _begin(day) + calendar.opens, _begin(day) + calendar.closes
            start = max(at, opens)
            if start + left <= closes and start < closes:
                return start + left
            left -= max(0, closes - start)
        day += timedelta(days=1)


def _begin(day: date) -> int:
    """Unix seconds of a business date's midnight."""
    return (day - date(1970, 1, 1)).days * _DAY - _OFFSET
