"""The free services of a membership: kept in its case, taken by a request, given back where nothing was done.

A service is taken when it is asked for, so that ten requests at once are ten, and counts in the membership
year of the request. It comes back when the booking ends without a minute served, as long as that year's
count is still kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import cast

from chain.canonical import JsonValue
from gateway.cases.case import changed
from gateway.cases.world import World
from gateway.members.register import find_membership, is_active
from gateway.rules.free_services import FreeYear, count_service, find_year

YEARS = "free_years"
"""Member of a membership's document."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What a request for a basic service got: free or not, in which year, how many are left after it."""

    free: bool
    since: date
    left: int


def read_years(document: Mapping[str, JsonValue]) -> tuple[FreeYear, ...]:
    """Return the years of a membership's document. Inverse: `write_years`."""
    rows = cast("list[dict[str, JsonValue]]", document.get(YEARS, []))
    return tuple(
        FreeYear(
            date.fromisoformat(str(row["since"])),
            date.fromisoformat(str(row["until"])),
            cast("int", row["included"]),
            cast("int", row["used"]),
        )
        for row in rows
    )


def write_years(years: Iterable[FreeYear]) -> list[JsonValue]:
    """Return years as a document keeps them. Inverse: `read_years`."""
    return [
        {
            "since": year.since.isoformat(),
            "until": year.until.isoformat(),
            "included": year.included,
            "used": year.used,
        }
        for year in years
    ]


def take_service(world: World, account: str) -> Granted | None:
    """Take one of a member's free services, None where they are not counted; the last is not taken twice."""
    case = find_membership(world, account)
    if case is None or not is_active(world, account):
        return None
    years = read_years(case.document)
    year = find_year(years, world.today)
    if year is None:
        return None
    if not year.left:
        return Granted(False, year.since, 0)
    world.put(changed(case, **{YEARS: write_years(count_service(years, year.since, 1))}))
    return Granted(True, year.since, year.left - 1)


def give_back(world: World, account: str, since: str) -> None:
    """Give one back into the year that began on ``since``; without effect where it is no longer kept."""
    case = find_membership(world, account)
    if case is not None:
        years = count_service(read_years(case.document), date.fromisoformat(since), -1)
        world.put(changed(case, **{YEARS: write_years(years)}))
