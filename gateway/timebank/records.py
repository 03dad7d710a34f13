"""A booking as a case: its document, its state, who acts in which part, and its steps by the pure rules.

The document holds the whole of `gateway.rules.booking.Booking` and what this room adds: offer and compound,
``parts`` (whose coins are held), ``legs`` (what is still to be paid out) and the day whose terms are agreed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import cast

from chain.canonical import JsonValue
from chain.operation import ZERO_ADDRESS, account_id
from gateway.cases.case import Case
from gateway.cases.filling import concern, read_text
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import Draft
from gateway.members.stewards import check_chapter_side
from gateway.rules.booking import Booking, Event, Outcome, Settlement, advance_booking
from gateway.rules.booking_table import BOOKING_TERMS, Actor, BookingState, BookingTerms, Step
from gateway.rules.parameters import value_on
from gateway.rules.service import Funding, Quote, ServiceCoins, ServiceKind
from gateway.timebank.elders import is_guardian

BOOKING = "booking"
SETTLING = "settling"
"""State of a booking that has ended and still has coins to pay out, by its next steps."""

_TIMES = ("due", "member_in", "provider_in", "member_out", "provider_out", "minutes_done")


def read_booking(case: Case) -> Booking:
    """Return the booking of a case. Inverse: `keep_booking`."""
    document = case.document
    quote = Quote(
        case.text("service"),
        ServiceKind(case.text("kind")),
        case.number("minutes"),
        ServiceCoins(case.number("coins"), case.number("remainder")),
        Funding(case.text("funding")),
    )
    due, member_in, provider_in, member_out, provider_out, done = (
        cast("int | None", document[name]) for name in _TIMES
    )
    outcome = cast("str | None", document["outcome"])
    return Booking(
        case.key,
        str(case.holder),
        quote,
        case.number("starts"),
        BookingState(case.text("phase")),
        cast("str | None", document["provider"]),
        tuple(cast("list[str]", document["passed_over"])),
        due,
        case.number("held"),
        case.number("paid"),
        case.number("returned"),
        case.number("issued"),
        member_in,
        provider_in,
        member_out,
        provider_out,
        done,
        None if outcome is None else Outcome(outcome),
        case.number("last"),
        cast("int | None", document.get("stopped")),
    )


def write_booking(booking: Booking) -> dict[str, JsonValue]:
    """Return the members of a document that are the booking's own. Inverse: `read_booking`."""
    quote = booking.quote
    return {
        "service": quote.code,
        "kind": quote.kind.value,
        "minutes": quote.minutes,
        "coins": quote.coins.amount,
        "remainder": quote.coins.remainder,
        "funding": quote.funding.value,
        "starts": booking.starts_at,
        "phase": booking.state.value,
        "provider": booking.provider,
        "passed_over": list(booking.passed_over),
        "due": booking.due_at,
        "held": booking.held,
        "paid": booking.paid,
        "returned": booking.returned,
        "issued": booking.issued,
        "member_in": booking.member_in,
        "provider_in": booking.provider_in,
        "member_out": booking.member_out,
        "provider_out": booking.provider_out,
        "minutes_done": booking.minutes_done,
        "outcome": None if booking.outcome is None else booking.outcome.value,
        "last": booking.last_at,
        "stopped": booking.stopped_at,
    }


def keep_booking(world: World, case: Case, booking: Booking, **members: JsonValue) -> Case:
    """Put and return the case after a step that leaves nothing to pay out."""
    due = None if booking.due_at is None else booking.due_at * 1000
    document = {**case.document, **write_booking(booking), **members}
    after = replace(case, state=booking.state.value, due_at=due, document=document)
    world.put(after)
    return after


def open_case(world: World, *states: BookingState) -> tuple[Case, Booking]:
    """Return the booking that the step is about. Raises Refusal `case.unknown`, `case.wrong_state`."""
    case = world.about(BOOKING, *(state.value for state in states))
    if case.state == SETTLING:
        # Nothing else happens before the rest is paid out.
        raise Refusal("case.wrong_state", field="public.about", state=SETTLING, wanted="service.settled")
    return case, read_booking(case)


def terms_of(case: Case) -> BookingTerms:
    """Return the terms in force when the service was requested: later ones do not change it."""
    return value_on(BOOKING_TERMS, date.fromisoformat(case.text("agreed")))


def advance(world: World, case: Case, booking: Booking, event: Event) -> tuple[Booking, Settlement | None]:
    """Return the booking after the event by its own terms. Raises RuleRefusal."""
    return advance_booking(booking, event, terms_of(case))


def event_of(world: World, booking: Booking, step: Step, actor: Actor | None = None) -> Event:
    """Return the step as an event: by ``actor``, or by the side the entry names.

    Raises:
        Refusal: ``entry.bad_field`` for a side that is none; ``booking.wrong_actor`` where the entry's actor
            is neither the party of that side nor its guardian, or a party speaks for the chapter;
            ``steward.required`` where a member who is not the steward there speaks for it.
    """
    draft = world.draft
    if actor is None:
        side = read_text(draft, "side")
        if side not in [part.value for part in Actor]:
            raise Refusal("entry.bad_field", field="public.side", reason=f"not {' or '.join(Actor)}")
        actor = Actor(side)
    party = {Actor.MEMBER: booking.member, Actor.PROVIDER: booking.provider}.get(actor)
    if draft.actor is not None and not _speaks(world, booking, draft.actor, actor, party):
        raise Refusal("booking.wrong_actor", step=step.value)
    if actor is Actor.CHAPTER and step is not Step.DECIDE:
        check_chapter_side(world, booking.member, step.value)
    return Event(step, actor, world.now // 1000, party)


def _speaks(world: World, booking: Booking, who: str, part: Actor, party: str | None) -> bool:
    """Say whether an account may speak in a part: a party in its own alone, its guardian for it."""
    if who in (booking.member, booking.provider):
        return who == party
    return party is None or is_guardian(world, who, party)


def concerning(draft: Draft, accounts: Iterable[str | None]) -> Draft:
    """Return the draft about these accounts, and about nobody else but the parties of its operation.

    Raises:
        Refusal: ``entry.not_as_computed``, where the caller named somebody else.
    """
    named = [account for account in accounts if account is not None]
    allowed = set(named)
    if draft.operation is not None:
        for party in (draft.operation.sender, draft.operation.receiver):
            allowed.update([account_id(party)] if party != ZERO_ADDRESS else [])
    if not allowed.issuperset(draft.subjects):
        raise Refusal("entry.not_as_computed", field="subjects")
    return concern(draft, named)
