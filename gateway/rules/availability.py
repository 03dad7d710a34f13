"""When a provider is free: availability codes and the times they stand for on a day. Pure.

A code is ``<when>.<HH:MM>-<HH:MM>`` in Asia/Shanghai; ``when`` is ``daily``, a weekday (``mon`` to ``sun``)
or one date (``2026-11-25``). ``24:00`` is the end of a day; a time over midnight is two codes. Codes are
public, so they say hours and never where somebody is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta

from chain.errors import FormatError
from gateway.rules.calendar import business_date, day_start_seconds
from gateway.rules.matching import Span

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CODE = re.compile(
    r"(daily|mon|tue|wed|thu|fri|sat|sun|[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"\.([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)\Z"
)
_DAY = 86_400


def parse_availability(code: str, where: str = "availability") -> tuple[str, int, int]:
    """Return what a code says: when, and from and to in seconds of the day. Raises FormatError."""
    match = _CODE.match(code)
    if match is None:
        raise FormatError(where, "not <day>.<HH:MM>-<HH:MM>")
    if match[1][0].isdigit():
        try:
            date.fromisoformat(match[1])
        except ValueError:
            raise FormatError(where, "names no day") from None
    begin = int(match[2]) * 3_600 + int(match[3]) * 60
    end = _DAY if match[4] is None else int(match[4]) * 3_600 + int(match[5]) * 60
    if end <= begin:
        raise FormatError(where, "ends before it starts")
    return match[1], begin, end


def free_spans(codes: Iterable[str], day: date) -> tuple[Span, ...]:
    """Return the free times on a business date, earliest first; those that touch are one.

    Raises FormatError for a code that is none.
    """
    midnight = day_start_seconds(day)
    names = ("daily", WEEKDAYS[day.weekday()], day.isoformat())
    found = sorted((begin, end) for when, begin, end in map(parse_availability, codes) if when in names)
    merged: list[tuple[int, int]] = []
    for begin, end in found:
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return tuple(Span(midnight + begin, midnight + end) for begin, end in merged)


def week_of(unix_seconds: int) -> date:
    """Return the Monday of the business week that contains the second."""
    day = business_date(unix_seconds)
    return day - timedelta(days=day.weekday())
