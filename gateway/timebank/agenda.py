"""Providers' agendas: which times are taken, by which booking of which offer, kept until their week is over.

One case for each provider, so that judging a dispatch reads one row however many bookings there were.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import cast

from chain.canonical import JsonValue
from chain.types import AccountId
from gateway.cases.case import Case
from gateway.cases.world import World
from gateway.rules.availability import week_of
from gateway.rules.matching import Span

AGENDA = "agenda"


@dataclass(frozen=True, slots=True)
class Taken:
    """One time of a provider: half-open, Unix seconds; ``earns``: hundredths he may be credited with."""

    booking: str
    offer: str
    start: int
    end: int
    earns: int = 0

    @property
    def span(self) -> Span:
        """The time alone."""
        return Span(self.start, self.end)


def read_agenda(document: Mapping[str, JsonValue] | None) -> tuple[Taken, ...]:
    """Return the times of an agenda's document; none where there is no agenda yet."""
    rows = cast("list[list[JsonValue]]", [] if document is None else document["times"])
    return tuple(
        Taken(str(booking), str(offer), cast("int", start), cast("int", end), cast("int", earns))
        for booking, offer, start, end, earns in rows
    )


def agenda_of(world: World, provider: str) -> tuple[Taken, ...]:
    """Return the times that are taken of a provider."""
    case = world.find(AGENDA, provider)
    return read_agenda(None if case is None else case.document)


def bookings_in_week(times: Iterable[Taken], offer: str, monday: date) -> int:
    """Return how many bookings an offer has in the business week from ``monday``."""
    return sum(taken.offer == offer and week_of(taken.start) == monday for taken in times)


def take(world: World, provider: str, taken: Taken) -> None:
    """Put a time into a provider's agenda; times of past weeks leave it."""
    now = week_of(world.now // 1000)
    kept = [other for other in agenda_of(world, provider) if week_of(other.end) >= now]
    _put(world, provider, [*kept, taken])


def free(world: World, provider: str, booking: str) -> None:
    """Take a booking's time out of a provider's agenda."""
    _put(world, provider, [other for other in agenda_of(world, provider) if other.booking != booking])


def _put(world: World, provider: str, times: list[Taken]) -> None:
    rows: list[JsonValue] = [[time.booking, time.offer, time.start, time.end, time.earns] for time in times]
    case = world.find(AGENDA, provider) or Case(AGENDA, provider, world.chapter, "kept", AccountId(provider))
    world.put(replace(case, document={"times": rows}))
