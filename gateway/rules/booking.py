"""The life of one booking, from request to settlement, as a pure transition function.

Papers [B, C]: dispatch with a 30-minute answer window, coins held when booked, check-in and check-out by
both sides, confirmation, dispute, partial completion, cancellation, no-show.
Invariants: ``held + paid + returned`` is what was held at booking, in every state; coins move (or are issued)
once, with the step into a final state, and a final state has no further step.
Must not read a clock: every event carries its time in Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from chain.errors import FormatError
from gateway.rules.booking_table import (
    BOOKING_MACHINE,
    FINAL,
    Actor,
    BookingState,
    BookingTerms,
    Step,
)
from gateway.rules.refusals import RuleRefusal
from gateway.rules.service import WHOLE, Funding, Quote


class Outcome(StrEnum):
    """Why a booking ended."""

    COMPLETED = "completed"
    PARTLY_COMPLETED = "partly_completed"
    CANCELLED = "cancelled"
    UNANSWERED = "unanswered"
    MEMBER_ABSENT = "member_absent"
    PROVIDER_ABSENT = "provider_absent"
    BOTH_ABSENT = "both_absent"
    DECIDED = "decided"


@dataclass(frozen=True, slots=True)
class Booking:
    """One booking. Times in Unix seconds, amounts in hundredths of a coin.

    ``amount`` is the full price; ``held``, ``paid`` and ``returned`` are coins of the member or pool,
    ``issued`` are new coins of a service funded by issuance. ``due_at`` is the deadline of the present state.
    ``stopped_at`` is when the provider was suspended while he served.
    """

    id: str
    member: str
    quote: Quote
    starts_at: int
    state: BookingState = BookingState.REQUESTED
    provider: str | None = None
    passed_over: tuple[str, ...] = ()
    due_at: int | None = None
    held: int = 0
    paid: int = 0
    returned: int = 0
    issued: int = 0
    member_in: int | None = None
    provider_in: int | None = None
    member_out: int | None = None
    provider_out: int | None = None
    minutes_done: int | None = None
    outcome: Outcome | None = None
    last_at: int = 0
    stopped_at: int | None = None

    @property
    def ends_at(self) -> int:
        """Agreed end."""
        return self.starts_at + self.quote.minutes * 60

    @property
    def minutes_present(self) -> int:
        """Whole minutes during which both were checked in, at most the booked ones; 0 until both are out."""
        if None in (self.member_in, self.provider_in, self.member_out, self.provider_out):
            return 0
        began = max(self.member_in or 0, self.provider_in or 0)
        ended = min(self.member_out or 0, self.provider_out or 0)
        return min(max(0, ended - began) // 60, self.minutes_payable)

    @property
    def minutes_payable(self) -> int:
        """Minutes that count at most: the booked ones, or those before the service was stopped."""
        if self.stopped_at is None:
            return self.quote.minutes
        began = max(self.member_in or 0, self.provider_in or 0)
        return min(max(0, self.stopped_at - began) // 60, self.quote.minutes)


@dataclass(frozen=True, slots=True)
class Event:
    """One step asked for: who in which part, when, and what the step needs.

    ``party`` is the account that acts, for steps of the member or provider. ``provider`` names whom an offer
    goes to, ``available`` what the payer can spend (pending holds subtracted already, rule 4),
    ``minutes`` what was done, for a partial completion or a decision.
    """

    step: Step
    actor: Actor
    at: int
    party: str | None = None
    provider: str | None = None
    available: int | None = None
    minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What moves, once: ``paid`` from payer to provider, ``returned`` to the payer, ``issued`` new coins."""

    paid: int
    returned: int
    issued: int


def open_booking(booking_id: str, member: str, quote: Quote, starts_at: int, at: int) -> Booking:
    """Return a new request. Raises RuleRefusal ``booking.too_late`` when it would start before ``at``."""
    if starts_at < at:
        raise RuleRefusal("booking.too_late", step="request")
    return Booking(booking_id, member, quote, starts_at, due_at=starts_at, last_at=at)


def advance_booking(booking: Booking, event: Event, terms: BookingTerms) -> tuple[Booking, Settlement | None]:
    """Return the booking after ``event``, with its settlement exactly when it became final.

    In order: the table has the step for this state and actor; the acting account is the one in that part;
    time does not run backwards; the step's own conditions. Raises RuleRefusal, and then nothing has changed.
    """
    BOOKING_MACHINE.step(booking.state, event.step, event.actor)
    _check_party(booking, event)
    if event.at < booking.last_at:
        raise RuleRefusal("booking.out_of_order", step=event.step.value)
    after = replace(_STEPS[event.step](booking, event, terms), last_at=event.at)
    if after.state not in FINAL:
        return after, None
    return replace(after, due_at=None), Settlement(after.paid, after.returned, after.issued)


def _check_party(booking: Booking, event: Event) -> None:
    want = {Actor.MEMBER: booking.member, Actor.PROVIDER: booking.provider}.get(event.actor)
    if event.actor in (Actor.MEMBER, Actor.PROVIDER) and event.party != want:
        raise RuleRefusal("booking.wrong_actor", step=event.step.value)


def _offer(booking: Booking, event: Event, terms: BookingTerms) -> Booking:
    if event.provider is None:
        raise FormatError("provider", "missing")
    if event.provider == booking.member:
        raise RuleRefusal("booking.self_service")
    if event.provider in booking.passed_over:
        raise RuleRefusal("booking.already_asked")
    if event.at >= booking.starts_at:
        raise RuleRefusal("booking.too_late", step=event.step.value)
    due = min(event.at + terms.answer_seconds, booking.starts_at)
    return replace(booking, state=BookingState.OFFERED, provider=event.provider, due_at=due)


def _accept(booking: Booking, event: Event, terms: BookingTerms) -> Booking:
    _before_due(booking, event)
    due = min(event.at + terms.answer_seconds, booking.starts_at)
    return replace(booking, state=BookingState.ACCEPTED, due_at=due)


def _book(booking: Booking, event: Event, terms: BookingTerms) -> Booking:
    _before_due(booking, event)
    hold = 0 if booking.quote.funding is Funding.ISSUE else booking.quote.coins.amount
    # Limits count when the coins are held, not at the request (rules 4 and 7).
    if hold and (event.available is None or event.available < hold):
        raise RuleRefusal("booking.insufficient")
    due = booking.starts_at + terms.grace_seconds
    return replace(booking, state=BookingState.BOOKED, held=hold, due_at=due)


def _pass_over(booking: Booking, event: Event, terms: BookingTerms) -> Booking:
    if event.step is Step.EXPIRE:
        _after_due(booking, event)
    asked = (*booking.passed_over, booking.provider or "")
    state = BookingState.REQUESTED
    return replace(booking, state=state, provider=None, passed_over=asked, due_at=booking.starts_at)


def _lapse(booking: Booking, event: Event, terms: BookingTerms) -> Booking:
    _after_due(booking, event)
    return _end(booking, BookingState.CANCELLED, Outcome.UNANSWERED, paid=0)


def _cancel(booking: Booking, event: Event, terms: BookingTerms) -> Booking:
    if booking.state is BookingState.BOOKED and event.at >= booking.starts_at + terms.grace_seconds:
        raise RuleRefusal("booking.too_late", step=event.step.value)
    fee = 0
    # Only the member's own coins bear a fee, and only when it is the member who cancels.
    if event.actor is Actor.MEMBER and booking.quote.funding is Funding.MEMBER:
        fee = booking.held * terms.cancellation_bp(booking.starts_at - event.at) // WHOLE
    return _end(booking, BookingState.CANCELLED, Outcome.CANCELLED, paid=fee)


def _check_in(booking: Booking, event: Event, terms: BookingTerms) -> Booking:
    early, late = booking.starts_at - terms.early_seconds, booking.starts_at + terms.grace_seconds
    if not early <= event.at < late:
        raise RuleRefusal("booking.outside_window", step=event.step.value)
    after = _stamp_in(booking, event)
    if after.member_in is not None and after.provider_in is not None:
        due = booking.ends_at + terms.check_out_seconds
        return replace(after, state=BookingState.CHECKED_IN, due_at=due)
    return after


def _check_out(booking: Booking, event: Event, terms: BookingTerms) -> Booking:
    _before_due(booking, event)
    after = _stamp_out(booking, event)
    if after.member_out is not None and after.provider_out is not None:
        due = None if terms.confirm_seconds is None else event.at + terms.confirm_seconds
        return replace(after, state=BookingState.CHECKED_OUT, due_at=due)
    return after


def _stamp_in(booking: Booking, event: Event) -> Booking:
    member = event.actor is Actor.MEMBER
    if (booking.member_in if member else booking.provider_in) is not None:
        raise RuleRefusal("booking.already_checked", step=event.step.value)
    return replace(booking, member_in=event.at) if member else replace(booking, provider_in=event.at)


def _stamp_out(booking: Booking, event: Event) -> Booking:
    member = event.actor is Actor.MEMBER
    if (booking.member_out if member else booking.provider_out) is not None:
        raise RuleRefusal("booking.already_checked", step=event.step.value)
    return replace(booking, member_out=event.at) if member else replace(booking, provider_out=event.at)


def _absent(booking: Booking, event: Event, terms: BookingTerms) -> Booking:
    _after_due(booking, event)
    if booking.provider_in is None:
        both = booking.member_in is None
        outcome = Outcome.BOTH_ABSENT if both else Outcome.PROVIDER_ABSENT
        return _end(booking, BookingState.NO_SHOW, outcome, paid=0)
    own = booking.quote.funding is Funding.MEMBER
    fee = booking.held * terms.absent_bp // WHOLE if own else 0
    return _end(booking, BookingState.NO_SHOW, Outcome.MEMBER_ABSENT, paid=fee)


def _confirm(booking: Booking, event: Event, terms: BookingTerms) -> Booking:
    if event.actor is Actor.CLOCK:
        _after_due(booking, event)
    own = event.actor is Actor.MEMBER and booking.quote.funding is Funding.MEMBER
    if not own and is_short(booking, terms):
        present, whole = booking.minutes_present, booking.quote.minutes
        raise RuleRefusal("booking.sheet_short", minutes=present, booked=whole)
    minutes = booking.minutes_payable
    is_whole = minutes == booking.quote.minutes
    return _pay_minutes(booking, minutes, Outcome.COMPLETED if is_whole else Outcome.PARTLY_COMPLETED)


def is_short(booking: Booking, terms: BookingTerms) -> bool:
    """Say whether more of the booked minutes are missing from the sheet than ``missing_bp`` allows."""
    return booking.minutes_present * WHOLE < booking.quote.minutes * (WHOLE - terms.missing_bp)


def _complete_partly(booking: Booking, event: Event, terms: BookingTerms) -> Booking:
    # Only the provider may say that less was done than booked; a member who thinks so disputes.
    minutes, limit = event.minutes, min(booking.quote.minutes - 1, booking.minutes_payable)
    if minutes is None or not 1 <= minutes <= limit:
        raise RuleRefusal("booking.bad_minutes", limit=limit)
    return _pay_minutes(booking, minutes, Outcome.PARTLY_COMPLETED)


def _dispute(booking: Booking, event: Event, terms: BookingTerms) -> Booking:
    if event.actor is Actor.CLOCK:
        _after_due(booking, event)
    return replace(booking, state=BookingState.DISPUTED, due_at=event.at + terms.decide_seconds)


def _decide(booking: Booking, event: Event, terms: BookingTerms) -> Booking:
    minutes, limit = event.minutes, booking.minutes_payable
    if minutes is None or not 0 <= minutes <= limit:
        raise RuleRefusal("booking.bad_minutes", limit=limit)
    return _pay_minutes(booking, minutes, Outcome.DECIDED)


def _pay_minutes(booking: Booking, minutes: int, outcome: Outcome) -> Booking:
    """Pay ``floor(coins * minutes / booked)``; the rest of what is held goes back, to the hundredth."""
    whole = booking.quote.minutes
    share = booking.quote.coins.amount * minutes // whole
    state = BookingState.CONFIRMED if minutes == whole else BookingState.PARTLY_COMPLETED
    if minutes == 0:
        state = BookingState.CANCELLED
    ended = replace(booking, minutes_done=minutes)
    if booking.quote.funding is Funding.ISSUE:
        return _end(replace(ended, issued=share), state, outcome, paid=0)
    return _end(ended, state, outcome, paid=share)


def _end(booking: Booking, state: BookingState, outcome: Outcome, *, paid: int) -> Booking:
    back = booking.held - paid
    return replace(booking, state=state, outcome=outcome, held=0, paid=paid, returned=back)


def _before_due(booking: Booking, event: Event) -> None:
    if booking.due_at is not None and event.at >= booking.due_at:
        raise RuleRefusal("booking.too_late", step=event.step.value)


def _after_due(booking: Booking, event: Event) -> None:
    if booking.due_at is None or event.at < booking.due_at:
        raise RuleRefusal("booking.too_early", step=event.step.value)


_STEPS = {
    Step.OFFER: _offer,
    Step.ACCEPT: _accept,
    Step.DECLINE: _pass_over,
    Step.EXPIRE: _pass_over,
    Step.LAPSE: _lapse,
    Step.BOOK: _book,
    Step.CANCEL: _cancel,
    Step.CHECK_IN: _check_in,
    Step.CHECK_OUT: _check_out,
    Step.REPORT_ABSENT: _absent,
    Step.CONFIRM: _confirm,
    Step.COMPLETE_PARTLY: _complete_partly,
    Step.DISPUTE: _dispute,
    Step.DECIDE: _decide,
}
