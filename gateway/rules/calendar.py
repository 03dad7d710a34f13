"""The business calendar: China Standard Time, UTC+8 without daylight saving, the same as the contracts use.
Pure.

6.5% of real payments fall on another date in UTC+8 than in UTC, so every day and month here names its zone.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

from chain.errors import FormatError

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
"""Asia/Shanghai since 1991; a fixed offset, so that no zone data can change a past day."""

_OFFSET = 8 * 3600
_DAY = 86_400
_EPOCH = date(1970, 1, 1)


def business_day(unix_seconds: int) -> int:
    """Return the number of the business day since 1970-01-01 that contains the second."""
    return (unix_seconds + _OFFSET) // _DAY


def business_date(unix_seconds: int) -> date:
    """Return the business date that contains the second."""
    return datetime.fromtimestamp(unix_seconds, SHANGHAI).date()


def day_start(day: date) -> int:
    """Return when a business date begins, Unix milliseconds."""
    return ((day - _EPOCH).days * _DAY - _OFFSET) * 1000


def day_start_seconds(day: date) -> int:
    """Return the first second of a business date, Unix time."""
    return day_start(day) // 1000


def business_month(unix_seconds: int) -> int:
    """Return the business month as yyyymm."""
    day = business_date(unix_seconds)
    return day.year * 100 + day.month


def format_month(period: int) -> str:
    """Return a period yyyymm as ``YYYY-MM``. Inverse of :func:`parse_month`."""
    return f"{period // 100:04d}-{period % 100:02d}"


def parse_month(text: str) -> int:
    """Return ``YYYY-MM`` as yyyymm. Inverse of :func:`format_month`. Raises FormatError."""
    if len(text) == 7 and text.isascii() and text[4] == "-" and (text[:4] + text[5:]).isdigit():
        year, month = int(text[:4]), int(text[5:])
        if year >= 1970 and 1 <= month <= 12:
            return year * 100 + month
    raise FormatError("period", "not YYYY-MM")


def format_timestamp(unix_milliseconds: int) -> str:
    """Return RFC 3339 UTC with exactly three decimals (FORMATS.md section 1). Inverse:
    :func:`parse_timestamp`.
    """
    seconds, milliseconds = divmod(unix_milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"


def parse_timestamp(text: str) -> int:
    """Return Unix milliseconds of RFC 3339 UTC with exactly three decimals. Raises FormatError."""
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        raise FormatError("timestamp", "not RFC 3339 UTC") from None
    whole = int(moment.replace(microsecond=0).timestamp()) * 1000 + moment.microsecond // 1000
    if format_timestamp(whole) != text:
        raise FormatError("timestamp", "not RFC 3339 UTC with three decimals")
    return whole
