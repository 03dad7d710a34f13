"""What is asked of a service in a week against what its offers promise, the warning, and what it opens.

Paper C: bookings 30% over capacity raise a warning, and the warning opens a merchant subsidy of 50% of the
coins. Two counters, ``supply`` for each service and ``demand`` for each service and business week, so that a
request reads two rows. A subsidy is one case for service and week and ends with that week.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import cast

from chain.canonical import JsonValue
from chain.types import ChapterCode
from gateway.cases.case import Case
from gateway.cases.filling import fill, read_text
from gateway.cases.pools import MERCHANT_SUBSIDY, SUBSIDY, find_pool
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import Draft
from gateway.rules.availability import week_of
from gateway.rules.calendar import day_start_seconds, format_timestamp
from gateway.rules.parameters import value_on
from gateway.rules.service import SERVICE_TERMS, CapacityWarning, ServiceKind, judge_capacity
from gateway.timebank.records import concerning

DEMAND, SUPPLY, SUBSIDY_CASE = "demand", "supply", "subsidy"
COUNTED, OVER, WARNED = "counted", "over", "warned"
OPEN, ENDED = "open", "ended"


def week_key(chapter: str, service: str, monday: date) -> str:
    """Return the key of a service's demand and subsidy in one business week."""
    return f"{chapter}:{service}:{monday.isoformat()}"


def change_supply(world: World, service: str, change: int) -> None:
    """Count an offer's bookings a week in, or out again."""
    key = f"{world.chapter_text}:{service}"
    case = world.find(SUPPLY, key) or Case(SUPPLY, key, world.chapter, "counted", document={"capacity": 0})
    world.put(replace(case, document={"capacity": case.number("capacity") + change}))


def count_request(world: World, service: str, kind: ServiceKind, starts_at: int) -> None:
    """Count a request in the week it is for; when that is too many, the clock records the warning."""
    monday = week_of(starts_at)
    key = week_key(world.chapter_text, service, monday)
    supply = world.find(SUPPLY, f"{world.chapter_text}:{service}")
    capacity = 0 if supply is None else supply.number("capacity")
    case = world.find(DEMAND, key) or Case(DEMAND, key, world.chapter, COUNTED, document={"requests": 0})
    requests = case.number("requests") + 1
    document: dict[str, JsonValue] = {
        "service": service,
        "kind": kind.value,
        "week": monday.isoformat(),
        "requests": requests,
        "capacity": capacity,
    }
    case = replace(case, document=document)
    if case.state == COUNTED and _warning(world, case) is not None:
        case = replace(case, state=OVER, due_at=world.now)
    world.put(case)


def count_cancelled(world: World, service: str, starts_at: int) -> None:
    """Count a cancelled request out; one that was answered by nobody stays counted."""
    case = world.find(DEMAND, week_key(world.chapter_text, service, week_of(starts_at)))
    if case is None:
        return
    case = replace(case, document={**case.document, "requests": max(0, case.number("requests") - 1)})
    if case.state == OVER and _warning(world, case) is None:
        case = replace(case, state=COUNTED, due_at=None)
    world.put(case)


def _warning(world: World, case: Case) -> CapacityWarning | None:
    terms = value_on(SERVICE_TERMS, world.today)
    return judge_capacity(case.text("service"), case.number("requests"), case.number("capacity"), terms)


def warn_capacity(world: World) -> Draft:
    """Record that a week's requests are over capacity; for value-added services it opens the subsidy.

    Raises:
        Refusal: ``case.unknown`` and ``case.wrong_state`` where no warning waits.
    """
    draft = world.draft
    service, week = read_text(draft, "service"), date.fromisoformat(read_text(draft, "week"))
    key = week_key(world.chapter_text, service, week)
    case = world.require(DEMAND, key, "public.service", OVER)
    warning = _warning(world, case)
    if warning is None:
        raise TypeError("demand over capacity without a warning")
    world.put(replace(case, state=WARNED, due_at=None))
    until = day_start_seconds(week + timedelta(days=7)) * 1000
    opens = case.text("kind") == ServiceKind.VALUE_ADDED and world.now < until
    pool = MERCHANT_SUBSIDY if find_pool(world, MERCHANT_SUBSIDY) is not None else SUBSIDY
    if opens:
        document: dict[str, JsonValue] = {
            "service": service,
            "week": week.isoformat(),
            "pool": pool,
            "basis_points": warning.subsidy_bp,
        }
        world.open(SUBSIDY_CASE, key, Case(SUBSIDY_CASE, key, world.chapter, OPEN, None, until, document))
    completed = fill(
        draft,
        requests=warning.bookings,
        capacity=warning.capacity,
        excess=warning.excess_bp,
        basis_points=warning.subsidy_bp if opens else 0,
        pool=pool if opens else None,
        until=format_timestamp(until) if opens else None,
    )
    return concerning(completed, [])


def open_subsidy(world: World, service: str, starts_at: int) -> Case | None:
    """Return the subsidy that stands for a service in the week of a booking, None where there is none."""
    case = world.find(SUBSIDY_CASE, week_key(world.chapter_text, service, week_of(starts_at)))
    return case if case is not None and case.state == OPEN else None


def end_subsidy(world: World) -> Draft:
    """Close a subsidy when its week is over.

    Raises:
        Refusal: ``case.*``; ``service.not_due`` before.
    """
    draft = world.draft
    week = date.fromisoformat(read_text(draft, "week"))
    key = week_key(world.chapter_text, read_text(draft, "service"), week)
    case = world.require(SUBSIDY_CASE, key, "public.service", OPEN)
    if case.due_at is None or world.now < case.due_at:
        raise Refusal("service.not_due")
    world.put(replace(case, state=ENDED, due_at=None))
    return concerning(draft, [])


def warning_due(case: Case) -> Draft:
    """Return the warning that follows where a week is over capacity."""
    return _draft("service.capacity_warned", case)


def subsidy_due(case: Case) -> Draft:
    """Return the end of a subsidy whose week is over."""
    return _draft("service.subsidy_ended", case)


def _draft(type_name: str, case: Case) -> Draft:
    chapter = cast("ChapterCode", case.key.split(":")[0])
    public = {"service": case.text("service"), "week": case.text("week")}
    return Draft(type_name, chapter, None, (), public=public)


CAPACITY_RULES = {"service.capacity_warned": warn_capacity, "service.subsidy_ended": end_subsidy}
CAPACITY_DUE = {DEMAND: warning_due, SUBSIDY_CASE: subsidy_due}
