"""Matching of requests with offers in one residential compound, the same for any order of the input. Pure.

Order of requests: compound, skill, start, id. Of the offers that fit, the first by: least free time left over
(long free times stay whole), least load, id. Must not look at who asks: nobody goes first by rank or balance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from chain.errors import FormatError

NO_ONE: Mapping[str, frozenset[str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open time in Unix seconds."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise FormatError("span", "ends before it starts")

    def covers(self, other: Span) -> bool:
        """Whether ``other`` lies inside."""
        return self.start <= other.start and other.end <= self.end

    def touches(self, other: Span) -> bool:
        """Whether both share a moment."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class HelpRequest:
    """A member of ``compound`` asks for ``skill`` during ``span``."""

    id: str
    member: str
    compound: str
    skill: str
    span: Span


@dataclass(frozen=True, slots=True)
class HelpOffer:
    """A provider's skill and free times; ``load`` are bookings he has, ``busy`` their times."""

    id: str
    provider: str
    compound: str
    skill: str
    free: tuple[Span, ...]
    load: int = 0
    busy: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """Request and offer that go together; ``offer`` and ``provider`` are None where nobody fits."""

    request: str
    offer: str | None
    provider: str | None


def match_requests(
    requests: Iterable[HelpRequest],
    offers: Iterable[HelpOffer],
    passed_over: Mapping[str, frozenset[str]] = NO_ONE,
) -> tuple[Match, ...]:
    """Return one match for each request, in the order they are served.

    ``passed_over``: request id -> providers who declined or did not answer. A provider gets no two requests
    at one time and never his own; what he gets here counts as load for the next. Requires unique ids.
    """
    by_place: dict[tuple[str, str], list[HelpOffer]] = {}
    for offer in offers:
        by_place.setdefault((offer.compound, offer.skill), []).append(offer)
    taken: dict[str, list[Span]] = {}
    found = []
    for request in sorted(requests, key=lambda r: (r.compound, r.skill, r.span.start, r.id)):
        refused = passed_over.get(request.id, frozenset())
        ranked = []
        for offer in by_place.get((request.compound, request.skill), ()):
            given = taken.get(offer.provider, [])
            if offer.provider in refused or offer.provider == request.member:
                continue
            slack = _left_over(offer, given, request.span)
            if slack is not None:
                ranked.append((slack, offer.load + len(given), offer.id, offer.provider))
        if not ranked:
            found.append(Match(request.id, None, None))
            continue
        _, _, offer_id, provider = min(ranked)
        taken.setdefault(provider, []).append(request.span)
        found.append(Match(request.id, offer_id, provider))
    return tuple(found)


def _left_over(offer: HelpOffer, given: list[Span], span: Span) -> int | None:
    """Seconds the tightest free time keeps, or None where none covers ``span``."""
    if any(other.touches(span) for other in (*offer.busy, *given)):
        return None
    left = [free.end - free.start - (span.end - span.start) for free in offer.free if free.covers(span)]
    return min(left, default=None)
