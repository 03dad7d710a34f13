"""A booked service: both sides check in and out, then it is confirmed, done in part, disputed or did not
happen. Each end pays out what is held, once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from gateway.alliance.standing import require_not_suspended
from gateway.cases.filling import fill
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import Draft
from gateway.rules.booking import Event
from gateway.rules.booking_table import Actor, BookingState, Step
from gateway.rules.calendar import format_timestamp
from gateway.timebank.agenda import free
from gateway.timebank.capacity import count_cancelled
from gateway.timebank.payout import settle
from gateway.timebank.records import advance, concerning, event_of, keep_booking, open_case
from gateway.timebank.suspension import require_providing

CHAPTER_OWNER, CITY_OWNER = "chapter", "city"
"""Who must decide a dispute, and who is told when the time for it has passed."""


def check_in(world: World) -> Draft:
    """One side has come, at the time of the entry.

    Raises:
        Refusal: ``case.*``, ``booking.*``; ``service.provider_suspended`` and ``merchant.suspended`` for a
            provider who may not serve.
    """
    case, booking = open_case(world)
    event = event_of(world, booking, Step.CHECK_IN)
    after, _ = advance(world, case, booking, event)
    if event.actor is Actor.PROVIDER:
        require_providing(world, str(booking.provider))
        require_not_suspended(world, str(booking.provider))
    keep_booking(world, case, after)
    draft = fill(world.draft, both=after.state is BookingState.CHECKED_IN)
    return concerning(draft, [booking.member, booking.provider])


def check_out(world: World) -> Draft:
    """One side has gone; with the second one the sheet says how long both were there. Raises Refusal."""
    case, booking = open_case(world)
    after, _ = advance(world, case, booking, event_of(world, booking, Step.CHECK_OUT))
    keep_booking(world, case, after)
    both = after.state is BookingState.CHECKED_OUT
    draft = fill(world.draft, both=both, minutes=after.minutes_present if both else None)
    return concerning(draft, [booking.member, booking.provider])


def confirm(world: World) -> Draft:
    """The member, or the clock after three days, confirms: the provider is paid. Raises Refusal."""
    return _end(world, Step.CONFIRM)


def complete_partly(world: World) -> Draft:
    """The provider did less than was booked and is paid for that; the rest goes back. Raises Refusal."""
    return _end(world, Step.COMPLETE_PARTLY)


def decide(world: World) -> Draft:
    """The chapter decides a dispute by the minutes that count. Raises Refusal."""
    return _end(world, Step.DECIDE, Actor.CHAPTER)


def report_absent(world: World) -> Draft:
    """Somebody did not come in time. Raises Refusal."""
    return _end(world, Step.REPORT_ABSENT)


def cancel(world: World) -> Draft:
    """Either side or the chapter calls it off, by the time rules. Raises Refusal."""
    return _end(world, Step.CANCEL)


def _end(world: World, step: Step, actor: Actor | None = None) -> Draft:
    case, booking = open_case(world)
    event = event_of(world, booking, step, actor)
    after, _ = advance(world, case, booking, _with_minutes(world, event))
    if step is Step.CANCEL:
        count_cancelled(world, booking.quote.code, booking.starts_at)
    if step in (Step.CANCEL, Step.REPORT_ABSENT) and booking.provider is not None:
        free(world, booking.provider, case.key)
    draft = world.draft
    if step in (Step.CONFIRM, Step.COMPLETE_PARTLY, Step.DECIDE):
        draft = fill(draft, minutes=after.minutes_done)
    return settle(world, draft, case, after, [booking.member, booking.provider])


def _with_minutes(world: World, event: Event) -> Event:
    minutes = world.draft.public.get("minutes")
    wanted = event.step in (Step.COMPLETE_PARTLY, Step.DECIDE)
    return replace(event, minutes=cast("int", minutes)) if wanted else event


def dispute(world: World) -> Draft:
    """One side does not agree; nothing is paid before the chapter has decided. Raises Refusal."""
    case, booking = open_case(world)
    after, _ = advance(world, case, booking, event_of(world, booking, Step.DISPUTE))
    keep_booking(world, case, after)
    until = format_timestamp((after.due_at or 0) * 1000)
    draft = fill(world.draft, owner=CHAPTER_OWNER, until=until)
    return concerning(draft, [booking.member, booking.provider])


def report_overdue(world: World) -> Draft:
    """Nobody decided a dispute in its time: the city is named instead, once; it can still be decided.

    Raises:
        Refusal: ``case.*``; ``service.not_due`` before.
    """
    case, booking = open_case(world, BookingState.DISPUTED)
    if case.due_at is None or world.now < case.due_at:
        raise Refusal("service.not_due")
    world.put(replace(case, due_at=None))
    return concerning(fill(world.draft, owner=CITY_OWNER), [booking.member, booking.provider])


SERVICE_RULES = {
    "service.checked_in": check_in,
    "service.checked_out": check_out,
    "service.confirmed": confirm,
    "service.part_done": complete_partly,
    "service.disputed": dispute,
    "service.decided": decide,
    "service.overdue": report_overdue,
    "service.cancelled": cancel,
    "service.no_show": report_absent,
}
SERVICE_DECISIONS = frozenset({"service.decided"})
