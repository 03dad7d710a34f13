"""The life of a granted seat: renewal, notice, release with appeal, breach of exclusivity. Pure.

Papers [C, D]: the bottom fifth of a quarter is released; a voluntary exit needs 90 days' notice; a breach of
exclusivity costs 100,000 CNY, which is a record: money moves at the bank alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from gateway.rules.refusals import RuleRefusal
from gateway.rules.seats import SeatActor, SeatTerms
from gateway.rules.transitions import Machine


class SeatState(StrEnum):
    """Where a seat stands; ended is final, the next holder gets a new one."""

    HELD = "held"
    LEAVING = "leaving"
    RELEASE_PROPOSED = "release_proposed"
    RELEASE_APPEALED = "release_appealed"
    ENDED = "ended"


class SeatStep(StrEnum):
    """What can happen to a seat."""

    RENEW = "renew"
    EXPIRE = "expire"
    GIVE_NOTICE = "give_notice"
    WITHDRAW_NOTICE = "withdraw_notice"
    LEAVE = "leave"
    PROPOSE_RELEASE = "propose_release"
    APPEAL = "appeal"
    KEEP = "keep"
    RELEASE = "release"


class ReleaseReason(StrEnum):
    """Why a chapter may propose a release."""

    BOTTOM_SCORE = "bottom_score"
    REFERRAL_DUTY = "referral_duty"
    PROMISES = "promises"
    EXCLUSIVITY = "exclusivity"
    COMPLAINTS = "complaints"


_MERCHANT = frozenset({SeatActor.MERCHANT})
_CLOCK = frozenset({SeatActor.CLOCK})
_CHAPTER = frozenset({SeatActor.CHAPTER})
_PRESIDENT = frozenset({SeatActor.PRESIDENT})

SEAT_MACHINE: Machine[SeatState, SeatStep, SeatActor] = Machine(
    "seat",
    {
        (SeatState.HELD, SeatStep.RENEW): (SeatState.HELD, _PRESIDENT),
        (SeatState.HELD, SeatStep.EXPIRE): (SeatState.ENDED, _CLOCK),
        (SeatState.HELD, SeatStep.GIVE_NOTICE): (SeatState.LEAVING, _MERCHANT),
        (SeatState.LEAVING, SeatStep.WITHDRAW_NOTICE): (SeatState.HELD, _MERCHANT),
        (SeatState.LEAVING, SeatStep.LEAVE): (SeatState.ENDED, _CLOCK),
        (SeatState.HELD, SeatStep.PROPOSE_RELEASE): (SeatState.RELEASE_PROPOSED, _CHAPTER),
        (SeatState.LEAVING, SeatStep.PROPOSE_RELEASE): (SeatState.RELEASE_PROPOSED, _CHAPTER),
        (SeatState.RELEASE_PROPOSED, SeatStep.APPEAL): (SeatState.RELEASE_APPEALED, _MERCHANT),
        (SeatState.RELEASE_PROPOSED, SeatStep.RELEASE): (SeatState.ENDED, _CLOCK),
        (SeatState.RELEASE_APPEALED, SeatStep.KEEP): (SeatState.HELD, _PRESIDENT),
        (SeatState.RELEASE_APPEALED, SeatStep.RELEASE): (SeatState.ENDED, _PRESIDENT),
    },
)
ALSO_TO = {(SeatState.RELEASE_APPEALED, SeatStep.KEEP): frozenset({SeatState.LEAVING})}
"""A seat that is kept after notice was given is still being left."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One seat and its holder. All dates are business dates; ``leaves_on`` is the end of the notice."""

    id: str
    chapter: str
    industry: str
    merchant: str
    granted_on: date
    certified_until: date
    state: SeatState = SeatState.HELD
    leaves_on: date | None = None
    reason: ReleaseReason | None = None
    proposed_by: str | None = None
    appeal_by: date | None = None
    ended_on: date | None = None


@dataclass(frozen=True, slots=True)
class SeatEvent:
    """One step by ``person`` on a business date; ``reason`` belongs to a proposed release."""

    step: SeatStep
    actor: SeatActor
    person: str
    day: date
    reason: ReleaseReason | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """Money a merchant owes the chapter by rule, in fen: a record, paid and kept by the custodian bank."""

    merchant: str
    amount_fen: int
    reason: ReleaseReason
    day: date


def advance_seat(seat: Seat, event: SeatEvent, terms: SeatTerms) -> Seat:
    """Return the seat after a step.

    Raises RuleRefusal ``seat.wrong_state``, ``.wrong_actor``, ``.no_reason``, ``.too_early``, ``.too_late``
    (both with the deciding day) and ``.own_decision``.
    """
    state = SEAT_MACHINE.step(seat.state, event.step, event.actor)
    _check_person(seat, event)
    after = replace(seat, state=state)
    ended = replace(after, ended_on=event.day)
    match event.step:
        case SeatStep.RENEW:
            begin = max(event.day, seat.certified_until)
            return replace(after, certified_until=begin + timedelta(days=terms.certificate_days))
        case SeatStep.EXPIRE:
            _check_reached(seat.certified_until, event.day)
            return ended
        case SeatStep.GIVE_NOTICE:
            return replace(after, leaves_on=event.day + timedelta(days=terms.notice_days))
        case SeatStep.WITHDRAW_NOTICE:
            return replace(after, leaves_on=None)
        case SeatStep.LEAVE:
            _check_reached(seat.leaves_on, event.day)
            return ended
        case SeatStep.PROPOSE_RELEASE:
            if event.reason is None:
                raise RuleRefusal("seat.no_reason")
            appeal_by = event.day + timedelta(days=terms.appeal_days)
            return replace(after, reason=event.reason, proposed_by=event.person, appeal_by=appeal_by)
        case SeatStep.APPEAL:
            if seat.appeal_by is not None and event.day >= seat.appeal_by:
                raise RuleRefusal("seat.too_late", day=seat.appeal_by.isoformat())
            return after
        case SeatStep.KEEP:
            back = SeatState.HELD if seat.leaves_on is None else SeatState.LEAVING
            return replace(after, state=back, reason=None, proposed_by=None, appeal_by=None)
        case SeatStep.RELEASE:
            if event.actor is SeatActor.CLOCK:
                _check_reached(seat.appeal_by, event.day)
            return ended


def claim_exclusivity(seat: Seat, day: date, terms: SeatTerms) -> Claim:
    """Return the claim for a breach of exclusivity (100,000 CNY [D]). Does not judge whether it happened."""
    return Claim(seat.merchant, terms.exclusivity_fen, ReleaseReason.EXCLUSIVITY, day)


def _check_person(seat: Seat, event: SeatEvent) -> None:
    if event.actor is SeatActor.CLOCK:
        return
    if (event.person == seat.merchant) != (event.actor is SeatActor.MERCHANT):
        raise RuleRefusal("seat.wrong_actor", step=event.step.value)
    if seat.state is SeatState.RELEASE_APPEALED and event.person == seat.proposed_by:
        raise RuleRefusal("seat.own_decision")


def _check_reached(deadline: date | None, day: date) -> None:
    if deadline is not None and day < deadline:
        raise RuleRefusal("seat.too_early", day=deadline.isoformat())
