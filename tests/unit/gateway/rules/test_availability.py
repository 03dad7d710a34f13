"""Availability codes: what they stand for on a day in Asia/Shanghai, and what is none."""

from __future__ import annotations

from datetime import date

import pytest

from chain.errors import FormatError
from gateway.rules.availability import free_spans, parse_availability, week_of
from gateway.rules.calendar import day_start_seconds
from gateway.rules.matching import Span

SUNDAY = date(2026, 11, 22)
MIDNIGHT = 1_795_276_800
"""Sunday 2026-11-22 00:00 at UTC+8 is Saturday 16:00 UTC."""
HOUR = 3_600


@pytest.mark.parametrize(
    ("code", "parsed"),
    [
        ("sat.09:00-12:30", ("sat", 9 * HOUR, 12 * HOUR + 1_800)),
        ("daily.00:00-24:00", ("daily", 0, 24 * HOUR)),
        ("2026-11-22.23:59-24:00", ("2026-11-22", 24 * HOUR - 60, 24 * HOUR)),
    ],
)
def test_a_code_says_when(code: str, parsed: tuple[str, int, int]) -> None:
    assert parse_availability(code) == parsed


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("", "not <day>.<HH:MM>-<HH:MM>"),
        ("sat", "not <day>.<HH:MM>-<HH:MM>"),
        ("sat.9:00-12:00", "not <day>.<HH:MM>-<HH:MM>"),
        ("sat.24:00-24:00", "not <day>.<HH:MM>-<HH:MM>"),
        ("sat.09:00-24:01", "not <day>.<HH:MM>-<HH:MM>"),
        ("Sat.09:00-12:00", "not <day>.<HH:MM>-<HH:MM>"),
        ("sat.09:00-12:00\n", "not <day>.<HH:MM>-<HH:MM>"),
        ("sat.12:00-12:00", "ends before it starts"),
        ("2026-02-30.09:00-12:00", "names no day"),
    ],
)
def test_what_is_no_code(code: str, reason: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_availability(code)
    assert (caught.value.where, caught.value.reason) == ("availability", reason)


def test_free_times_of_a_day_are_those_of_shanghai() -> None:
    assert day_start_seconds(SUNDAY) == MIDNIGHT
    codes = ("sun.09:00-12:00", "sat.09:00-12:00", "2026-11-22.11:00-14:00", "daily.20:00-24:00")
    assert free_spans(codes, SUNDAY) == (
        Span(MIDNIGHT + 9 * HOUR, MIDNIGHT + 14 * HOUR),
        Span(MIDNIGHT + 20 * HOUR, MIDNIGHT + 24 * HOUR),
    )
    assert free_spans(codes, date(2026, 11, 20)) == (
        Span(MIDNIGHT - 2 * 24 * HOUR + 20 * HOUR, MIDNIGHT - 24 * HOUR),
    )
    assert free_spans(("mon.09:00-12:00",), SUNDAY) == ()


@pytest.mark.parametrize(
    ("second", "monday"),
    [
        (MIDNIGHT, date(2026, 11, 16)),
        (MIDNIGHT + 24 * HOUR - 1, date(2026, 11, 16)),
        (MIDNIGHT + 24 * HOUR, date(2026, 11, 23)),
    ],
)
def test_a_week_begins_on_monday_in_shanghai(second: int, monday: date) -> None:
    assert week_of(second) == monday
