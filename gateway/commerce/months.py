"""Business months of Asia/Shanghai as spans of time. Pure."""

from __future__ import annotations

from datetime import date, timedelta

from gateway.rules.calendar import day_start


def month_span(period: int) -> tuple[int, int]:
    """Return the Unix milliseconds at which a month (yyyymm) begins and at which it is over."""
    return day_start(_first_day(period)), day_start(_next_month(period))


def last_day(period: int) -> date:
    """Return the last business date of a month (yyyymm)."""
    return _next_month(period) - timedelta(days=1)


def _first_day(period: int) -> date:
    return date(period // 100, period % 100, 1)


def _next_month(period: int) -> date:
    return (_first_day(period) + timedelta(days=31)).replace(day=1)
