"""Applications for a seat: three reviews, the grant with its certificate, rejection and appeal.

A step names its officer as actor, since nobody decides on himself or on an appeal against his own decision.
"""

from __future__ import annotations

from collections.abc import Mapping

from chain.canonical import JsonValue
from chain.types import AccountId
from gateway.alliance.appeals import DISMISSED, LAPSED, UPHELD, close_appeal, is_upheld, open_appeal
from gateway.alliance.bonds import put_bond, read_bond
from gateway.alliance.forms import (
    acting,
    after_days,
    choice,
    complete,
    due_draft,
    in_force,
    officer,
    own_merchant,
    show_clock,
    terms,
)
from gateway.alliance.lists import standing_entries
from gateway.alliance.records import pack, unpack
from gateway.alliance.seats import check_industry, grant_seat
from gateway.alliance.standing import DEPOSIT, SEAT, seat_held, seat_key
from gateway.cases.book import DueRule, Rule
from gateway.cases.case import Case, holder_of
from gateway.cases.filling import read_text
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import Draft
from gateway.rules.calendar import day_start
from gateway.rules.deposits import DepositState
from gateway.rules.listings import Colour
from gateway.rules.seat_life import SeatState
from gateway.rules.seats import (
    SEAT_TERMS,
    STAGES,
    Application,
    ApplicationEvent,
    ApplicationState,
    ApplicationStep,
    SeatActor,
    advance_application,
    check_vacant,
)

APPLICATION = "seat_application"
REVIEWS: Mapping[str, tuple[ApplicationState, SeatActor]] = {
    "credentials": (ApplicationState.APPLIED, SeatActor.SECRETARY),
    "reputation": (ApplicationState.CREDENTIALS_REVIEWED, SeatActor.CHAPTER),
    "referral_ability": (ApplicationState.REPUTATION_REVIEWED, SeatActor.COMMITTEE),
    "grant": (ApplicationState.REFERRAL_REVIEWED, SeatActor.PRESIDENT),
}
"""Stages of the review: the state in which each is next, and whose it is. The grant itself can only fail."""


def apply_for_seat(world: World) -> Draft:
    """Open a merchant's application for a vacant seat, one at a time.

    Raises:
        Refusal: ``seat.taken``; ``seat.merchant_has_one``; ``seat.blacklisted``; ``seat.applied_already``.
    """
    merchant = own_merchant(world).account
    industry = read_text(world.draft, "industry")
    check_industry(industry)
    _check_free(world, merchant, industry)
    if has_open_application(world, merchant):
        raise Refusal("seat.applied_already")
    application = Application(world.entry_id, world.chapter_text, industry, merchant)
    case = _case(world, application)
    world.open(APPLICATION, world.entry_id, case)
    return complete(world, [merchant], **show_clock(terms(world).review, case.due_at or 0))


_CLOSED = (ApplicationState.GRANTED, ApplicationState.REFUSED, ApplicationState.WITHDRAWN)


def has_open_application(world: World, merchant: str) -> bool:
    """Say whether a merchant has applied for a seat and the matter is not closed, an appeal included."""
    return any(case.state not in _CLOSED for case in world.list(APPLICATION, holder=merchant))


def _check_free(world: World, merchant: str, industry: str) -> None:
    """Check that the seat has no holder, the merchant no seat, and neither stands on the black list."""
    seat = world.find(SEAT, seat_key(world, industry))
    taken = seat is not None and seat.state != SeatState.ENDED
    check_vacant([(world.chapter_text, industry)] if taken else [], world.chapter_text, industry)
    held = seat_held(world, merchant)
    if held is not None:
        raise Refusal("seat.merchant_has_one", industry=held.text("industry"))
    if standing_entries(world, merchant, Colour.BLACK):
        raise Refusal("seat.blacklisted")


def review(world: World) -> Draft:
    """Pass or fail the stage that is next. Raises Refusal ``seat.wrong_stage``."""
    case = world.about(APPLICATION)
    stage = choice(world, "stage", *REVIEWS)
    state, actor = REVIEWS[stage]
    result = (
        choice(world, "result", "passed", "failed") if stage != "grant" else choice(world, "result", "failed")
    )
    if case.state in STAGES and case.state != state:
        raise Refusal("seat.wrong_stage", stage=stage, state=case.state)
    step = ApplicationStep.PASS if result == "passed" else ApplicationStep.REJECT
    after = _advance(world, case, step, actor, officer(world))
    shown: dict[str, JsonValue] = {"state": after.state}
    if result == "passed":
        shown |= show_clock(terms(world).review, after.due_at or 0)
    else:
        shown["appeal_until"] = after.text("appeal_by")
    industry = case.text("industry")
    return complete(world, [holder_of(case)], case, merchant=holder_of(case), industry=industry, **shown)


def grant(world: World) -> Draft:
    """Grant the seat for a year: every review is passed, seat and merchant are free, the deposit is complete.

    Raises:
        Refusal: ``seat_application.*``; ``seat.taken``; ``seat.merchant_has_one``; ``seat.blacklisted``;
            ``seat.no_deposit``.
    """
    case = world.about(APPLICATION)
    merchant, industry = holder_of(case), case.text("industry")
    after = _advance(world, case, ApplicationStep.GRANT, SeatActor.PRESIDENT, officer(world))
    _check_free(world, merchant, industry)
    deposit = world.find(DEPOSIT, merchant)
    if deposit is None or deposit.state != DepositState.ACTIVE:
        raise Refusal("seat.no_deposit")
    put_bond(world, merchant, read_bond(deposit), None)
    return grant_seat(world, unpack(Application, after), case)


def appeal(world: World) -> Draft:
    """Appeal against a rejection, once and in time."""
    case = world.about(APPLICATION)
    _advance(world, case, ApplicationStep.APPEAL, SeatActor.MERCHANT, acting(world, holder_of(case)))
    return complete(world, [holder_of(case)], case, merchant=holder_of(case), **open_appeal(world, case))


def decide(world: World) -> Draft:
    """Send a rejected application back to the stage that failed, or refuse it for good."""
    case = world.about(APPLICATION, ApplicationState.APPEALED)
    upheld = is_upheld(world)
    step = ApplicationStep.OVERTURN if upheld else ApplicationStep.UPHOLD
    after = _advance(world, case, step, SeatActor.PRESIDENT, officer(world))
    close_appeal(world, case, UPHELD if upheld else DISMISSED)
    return complete(world, [holder_of(case)], case, merchant=holder_of(case), state=after.state)


def withdraw(world: World) -> Draft:
    """Withdraw an application that was not decided."""
    case = world.about(APPLICATION)
    _advance(world, case, ApplicationStep.WITHDRAW, SeatActor.MERCHANT, acting(world, holder_of(case)))
    return complete(world, [holder_of(case)], case, merchant=holder_of(case))


def lapse(world: World) -> Draft:
    """Refuse for good what was rejected and not appealed in time."""
    case = world.about(APPLICATION)
    _advance(world, case, ApplicationStep.LAPSE, SeatActor.CLOCK, "")
    close_appeal(world, case, LAPSED)
    return complete(world, [holder_of(case)], case, merchant=holder_of(case))


def _advance(world: World, case: Case, step: ApplicationStep, actor: SeatActor, person: str) -> Case:
    reason = world.draft.public.get("reason")
    event = ApplicationEvent(step, actor, person, world.today, reason if isinstance(reason, str) else None)
    after = advance_application(unpack(Application, case), event, in_force(world, SEAT_TERMS))
    appeal: JsonValue = world.entry_id if step is ApplicationStep.APPEAL else case.document.get("appeal")
    changed = _case(world, after, case.opened_index, appeal)
    world.put(changed)
    return changed


def _case(world: World, application: Application, opened: int = 0, appeal: JsonValue = None) -> Case:
    due = None
    if application.state in STAGES:
        due = after_days(world, terms(world).review.days)
    elif application.state is ApplicationState.REJECTED and application.appeal_by is not None:
        due = day_start(application.appeal_by)
    document = {**pack(application), "appeal": appeal, "owner": terms(world).review.owner}
    merchant = AccountId(application.merchant)
    return Case(
        APPLICATION, application.id, world.chapter, application.state, merchant, due, document, opened
    )


def _due(case: Case) -> Draft | None:
    """Only a rejection lapses by itself; a review that is late waits for its owner."""
    if case.state != ApplicationState.REJECTED:
        return None
    return due_draft(case, "seat.application_lapsed", about=case.key)


APPLICATION_RULES: dict[str, Rule] = {
    "seat.applied": apply_for_seat,
    "seat.reviewed": review,
    "seat.granted": grant,
    "seat.rejection_appealed": appeal,
    "seat.rejection_decided": decide,
    "seat.application_withdrawn": withdraw,
    "seat.application_lapsed": lapse,
}
APPLICATION_DUE: dict[str, DueRule] = {APPLICATION: _due}
