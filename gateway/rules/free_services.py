"""The free services of a membership year: so many basic services, counted down and given back. Pure.

Paper C: the ordinary membership of 99 CNY includes ten free services a year. Basic services are the free
ones; what is asked for after the last of them has the price of its hours, which the member pays in coins. A
membership that is paid ahead has two years, each with its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from chain.errors import FormatError


@dataclass(frozen=True, slots=True)
class FreeYear:
    """One year of membership, both days included: ``used`` of ``included`` free services are taken."""

    since: date
    until: date
    included: int
    used: int = 0

    def __post_init__(self) -> None:
        if self.until < self.since or not 0 <= self.used or self.included < 0:
            raise FormatError("free_year", "out of range")

    @property
    def left(self) -> int:
        """How many are left; none where an upgrade left fewer than were taken."""
        return max(0, self.included - self.used)


def find_year(years: Iterable[FreeYear], day: date) -> FreeYear | None:
    """Return the year that a business date lies in, None where nothing is counted on it."""
    return next((year for year in years if year.since <= day <= year.until), None)


def add_year(
    years: Iterable[FreeYear], since: date, until: date, included: int | None, day: date
) -> tuple[FreeYear, ...]:
    """Return the years with one more, without those that are over on ``day``; None: it is not counted."""
    kept = tuple(year for year in years if year.until >= day)
    return kept if included is None else (*kept, FreeYear(since, until, included))


def change_terms(years: Iterable[FreeYear], included: int | None) -> tuple[FreeYear, ...]:
    """Return the years under another kind's terms: never fewer than before; none where it counts none."""
    if included is None:
        return ()
    return tuple(replace(year, included=max(included, year.included)) for year in years)


def count_service(years: Iterable[FreeYear], since: date, change: int) -> tuple[FreeYear, ...]:
    """Return the years with a service more or less taken in the year that began on ``since``."""
    return tuple(
        replace(year, used=max(0, year.used + change)) if year.since == since else year for year in years
    )
