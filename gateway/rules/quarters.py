"""Quarters of the business calendar, as ``YYYY-Qn``. Pure."""

from __future__ import annotations

import re
from datetime import date

from chain.errors import FormatError

_QUARTER = re.compile(r"(20[0-9]{2})-Q([1-4])\Z")


def quarter_of(day: date) -> str:
    """Return the quarter a business date falls into."""
    return f"{day.year:04d}-Q{(day.month + 2) // 3}"


def quarter_end(quarter: str) -> date:
    """Return the first business date after a quarter. Raises FormatError."""
    match = _QUARTER.match(quarter)
    if match is None:
        raise FormatError("quarter", "not YYYY-Qn")
    year, number = int(match[1]), int(match[2])
    return date(year + number // 4, number % 4 * 3 + 1, 1)
