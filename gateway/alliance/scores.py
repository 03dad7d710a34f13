"""Quarterly scores of seats: residents' ratings, the chapter's re-check, and the release of the bottom part.

A rating names its resident only by account. Ratings of a seat are kept as a count for each score, which is
all that the score needs; that a resident rated once a quarter is a case of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import cast

from chain.canonical import JsonValue
from gateway.alliance.forms import complete, in_force, officer, read_count
from gateway.alliance.records import unpack
from gateway.alliance.seats import propose_release, show_appeal_by
from gateway.alliance.standing import SEAT, seat_key
from gateway.cases.book import Rule
from gateway.cases.case import Case, changed, holder_of
from gateway.cases.filling import read_text
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft
from gateway.members.register import require_active
from gateway.rules.quarters import quarter_end, quarter_of
from gateway.rules.seat_life import ReleaseReason, Seat, SeatState
from gateway.rules.seat_scores import SCORE_TERMS, TOP_SCORE, SeatRatings, score_quarter

RATING = "seat_rating"
SCORE = "seat_score"
QUARTER = "seat_quarter"
SHOWN_RELEASES = 32
"""Industries that the entry itself lists; of a longer list it says the length, and the case lists all."""

RELEASABLE = (SeatState.HELD, SeatState.LEAVING)


def rate(world: World) -> Draft:
    """Record a resident's rating of a seat for this quarter, once.

    Raises:
        Refusal: ``rating.not_a_resident``; ``membership.required`` without a membership in force.
    """
    industry = read_text(world.draft, "industry")
    seat = world.require(SEAT, seat_key(world, industry), "public.industry", *RELEASABLE)
    resident = world.own(read_text(world.draft, "resident"), "public.resident")
    if resident.kind != AccountKind.MEMBER:
        raise Refusal("rating.not_a_resident", field="public.resident")
    require_active(world, resident.account, "public.resident")
    quarter = quarter_of(world.today)
    score = read_count(world, "score", TOP_SCORE)
    key = f"{quarter}:{seat.key}"
    world.open(RATING, f"{key}:{resident.account}", Case(RATING, "", world.chapter, "given"))
    case = _score_case(world, seat, quarter)
    counts = _counts(case)
    counts[str(score)] = counts.get(str(score), 0) + 1
    world.put(changed(case, counts=cast("JsonValue", counts)))
    return complete(world, [resident.account], merchant=holder_of(seat), quarter=quarter)


def recheck(world: World) -> Draft:
    """Record the chapter's own score of a seat for a quarter that is not closed, once."""
    industry = read_text(world.draft, "industry")
    seat = world.require(SEAT, seat_key(world, industry), "public.industry", *RELEASABLE)
    quarter = read_text(world.draft, "quarter")
    day = world.today
    if quarter not in (quarter_of(day), quarter_of(_first_day(quarter_of(day)) - timedelta(days=1))):
        raise Refusal("quarter.not_open", quarter=quarter)
    if world.find(QUARTER, _quarter_key(world, quarter)) is not None:
        raise Refusal("quarter.not_open", quarter=quarter)
    if officer(world) == holder_of(seat):
        raise Refusal("rating.own_seat")
    case = _score_case(world, seat, quarter)
    if case.document["recheck"] is not None:
        raise Refusal("case.exists", kind=SCORE)
    world.put(changed(case, recheck=read_count(world, "recheck", TOP_SCORE)))
    return complete(world, [holder_of(seat)], merchant=holder_of(seat), ratings=sum(_counts(case).values()))


def close_quarter(world: World) -> Draft:
    """Rank the seats of a quarter that is over and propose to release the bottom part, with appeals.

    Seats that have no re-check or too few ratings are not ranked. Raises ``profit.quarter_open``.
    """
    quarter = read_text(world.draft, "quarter")
    if world.today < quarter_end(quarter):
        raise Refusal("quarter.not_over", quarter=quarter, day=quarter_end(quarter).isoformat())
    person = officer(world)
    held = [case for case in world.list(SEAT) if case.state in RELEASABLE]
    rated = {case.key: _ratings(world, case, quarter) for case in held}
    score_terms = in_force(world, SCORE_TERMS)
    result = score_quarter([one for one in rated.values() if one is not None], score_terms)
    by_key = {case.key: case for case in held}
    released: list[JsonValue] = []
    merchants: list[str] = []
    until: str | None = None
    for row in result.ranked:
        case = world.require(SCORE, f"{quarter}:{row.seat}", "public.quarter")
        world.put(
            replace(changed(case, score=row.score_bp, rank=row.rank, bottom=row.bottom), state="ranked")
        )
        if row.bottom:
            seat = propose_release(world, by_key[row.seat], ReleaseReason.BOTTOM_SCORE, person)
            until = show_appeal_by(seat)
            released.append(seat.industry)
            merchants.append(seat.merchant)
    document: dict[str, JsonValue] = {"seats": len(held), "scored": len(result.ranked), "released": released}
    key = _quarter_key(world, quarter)
    world.open(QUARTER, key, Case(QUARTER, "", world.chapter, "closed", None, None, document))
    return complete(
        world,
        merchants,
        seats=len(held),
        scored=len(result.ranked),
        released=released if len(released) <= SHOWN_RELEASES else None,
        out=len(released),
        appeal_until=until,
    )


def _ratings(world: World, seat: Case, quarter: str) -> SeatRatings | None:
    case = world.find(SCORE, f"{quarter}:{seat.key}")
    if case is None or case.holder != seat.holder or case.document["recheck"] is None:
        return None
    counts = _counts(case)
    residents = tuple(int(score) for score in sorted(counts) for _ in range(counts[score]))
    return SeatRatings(seat.key, unpack(Seat, seat).granted_on, residents, case.number("recheck"))


def _score_case(world: World, seat: Case, quarter: str) -> Case:
    """Return the score of a seat's present holder; a new holder in a quarter begins anew."""
    key = f"{quarter}:{seat.key}"
    case = world.find(SCORE, key)
    if case is not None and case.holder == seat.holder:
        return case
    document: dict[str, JsonValue] = {"industry": seat.text("industry"), "counts": {}, "recheck": None}
    opened = case.opened_index if case is not None else 0
    return Case(SCORE, key, world.chapter, "open", holder_of(seat), None, document, opened)


def _counts(case: Case) -> dict[str, int]:
    return dict(cast("Mapping[str, int]", case.document["counts"]))


def _quarter_key(world: World, quarter: str) -> str:
    return f"{world.chapter_text}:{quarter}"


def _first_day(quarter: str) -> date:
    return date(int(quarter[:4]), int(quarter[-1]) * 3 - 2, 1)


SCORE_RULES: dict[str, Rule] = {
    "seat.rated": rate,
    "seat.scored": recheck,
    "seat.quarter_closed": close_quarter,
}
