"""Complaints and their clocks: an owner, a deadline, a decision, compensation first, one appeal. Pure.

Papers [C, D]: a verified complaint is paid first from the merchant's deposit. It is paid within its clock and
the merchant may appeal afterwards: so the member waits for no dispute. Amounts are fen and records alone.
Must not read a clock: every event carries its time in Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from chain.errors import FormatError
from gateway.rules.parameters import ship
from gateway.rules.refusals import RuleRefusal, check_amount
from gateway.rules.transitions import Machine
from gateway.rules.workdays import WorkCalendar, days_deadline, hours_deadline


class ComplaintState(StrEnum):
    """Where a complaint stands; closed is final."""

    FILED = "filed"
    ASSIGNED = "assigned"
    VERIFIED = "verified"
    DISMISSED = "dismissed"
    COMPENSATED = "compensated"
    APPEALED = "appealed"
    OWED_BACK = "owed_back"
    CLOSED = "closed"


class ComplaintStep(StrEnum):
    """What can happen to a complaint."""

    ASSIGN = "assign"
    VERIFY = "verify"
    DISMISS = "dismiss"
    PAY = "pay"
    APPEAL = "appeal"
    UPHOLD = "uphold"
    OVERTURN = "overturn"
    BRING_BACK = "bring_back"
    CLOSE = "close"
    WITHDRAW = "withdraw"


class ComplaintActor(StrEnum):
    """Who acts; the owner is the person a complaint is assigned to, the clock acts after a deadline."""

    COMPLAINANT = "complainant"
    MERCHANT = "merchant"
    OWNER = "owner"
    CHAPTER = "chapter"
    CLOCK = "clock"


def _who(text: str) -> frozenset[ComplaintActor]:
    return frozenset(ComplaintActor(name) for name in text.split())


_STATE, _STEP = ComplaintState, ComplaintStep
COMPLAINT_MACHINE: Machine[ComplaintState, ComplaintStep, ComplaintActor] = Machine(
    "complaint",
    {
        (_STATE.FILED, _STEP.ASSIGN): (_STATE.ASSIGNED, _who("chapter")),
        (_STATE.FILED, _STEP.WITHDRAW): (_STATE.CLOSED, _who("complainant")),
        (_STATE.ASSIGNED, _STEP.ASSIGN): (_STATE.ASSIGNED, _who("chapter")),
        (_STATE.ASSIGNED, _STEP.WITHDRAW): (_STATE.CLOSED, _who("complainant")),
        (_STATE.ASSIGNED, _STEP.VERIFY): (_STATE.VERIFIED, _who("owner")),
        (_STATE.ASSIGNED, _STEP.DISMISS): (_STATE.DISMISSED, _who("owner")),
        (_STATE.VERIFIED, _STEP.PAY): (_STATE.COMPENSATED, _who("chapter")),
        (_STATE.COMPENSATED, _STEP.APPEAL): (_STATE.APPEALED, _who("merchant")),
        (_STATE.COMPENSATED, _STEP.CLOSE): (_STATE.CLOSED, _who("clock")),
        (_STATE.DISMISSED, _STEP.APPEAL): (_STATE.APPEALED, _who("complainant")),
        (_STATE.DISMISSED, _STEP.CLOSE): (_STATE.CLOSED, _who("clock")),
        (_STATE.APPEALED, _STEP.UPHOLD): (_STATE.CLOSED, _who("chapter")),
        # A dismissal overturned is verified and paid; a payment overturned is owed back until it is brought
        # back, and closed where the platform alone had paid.
        (_STATE.APPEALED, _STEP.OVERTURN): (_STATE.VERIFIED, _who("chapter")),
        (_STATE.OWED_BACK, _STEP.BRING_BACK): (_STATE.CLOSED, _who("chapter")),
    },
)
ALSO_TO = {(_STATE.APPEALED, _STEP.OVERTURN): frozenset({_STATE.OWED_BACK, _STATE.CLOSED})}
"""States a step may lead to besides the table's."""


@dataclass(frozen=True, slots=True)
class ComplaintTerms:
    """Clocks in working days, and working hours for the payment; ``largest_fen`` None: not set."""

    assign_hours: int = 8
    decide_days: int = 7
    pay_hours: int = 24
    appeal_days: int = 15
    appeal_decision_days: int = 15
    return_days: int = 15
    largest_fen: int | None = None

    def __post_init__(self) -> None:
        days = (self.decide_days, self.appeal_days, self.appeal_decision_days, self.return_days)
        if min(self.assign_hours, self.pay_hours, *days) < 1:
            raise FormatError("complaint_terms", "a clock is not positive")
        if self.largest_fen is not None:
            check_amount(self.largest_fen, "largest_fen")


COMPLAINT_TERMS = ship("complaint_terms", ComplaintTerms(), "[C, D] paid first, within a clock; no figure")


@dataclass(frozen=True, slots=True)
class Complaint:
    """One complaint. ``due_at``: until when the next step is due, by ``owner`` where there is one.

    ``awarded_fen`` is the compensation decided on, ``from_deposit_fen`` and ``from_reserve_fen`` paid of it,
    ``short_fen`` still owed by the merchant, ``owed_back_fen`` what the platform brings back to deposit and
    reserve of an overturned payment.
    """

    id: str
    complainant: str
    merchant: str
    state: ComplaintState
    due_at: int | None
    last_at: int
    owner: str | None = None
    awarded_fen: int = 0
    from_deposit_fen: int = 0
    from_reserve_fen: int = 0
    short_fen: int = 0
    owed_back_fen: int = 0
    appealed: bool = False


@dataclass(frozen=True, slots=True)
class ComplaintEvent:
    """One step by ``person``. ``owner`` belongs to an assignment, ``amount_fen`` to a decision for the
    complainant, ``deposit_fen`` and ``reserve_fen`` (what these have for it) to the payment.
    """

    step: ComplaintStep
    actor: ComplaintActor
    person: str
    at: int
    owner: str | None = None
    amount_fen: int | None = None
    deposit_fen: int | None = None
    reserve_fen: int = 0


def file_complaint(
    complaint_id: str, complainant: str, merchant: str, at: int, terms: ComplaintTerms, work: WorkCalendar
) -> Complaint:
    """Return a new complaint with the clock of its assignment. Raises ``complaint.self``."""
    if complainant == merchant:
        raise RuleRefusal("complaint.self")
    due = hours_deadline(at, terms.assign_hours * 3600, work)
    return Complaint(complaint_id, complainant, merchant, ComplaintState.FILED, due, at)


def advance_complaint(
    complaint: Complaint, event: ComplaintEvent, terms: ComplaintTerms, work: WorkCalendar
) -> Complaint:
    """Return the complaint after a step.

    Raises RuleRefusal ``complaint.wrong_state``, ``.wrong_actor``, ``.out_of_order``, ``.own_decision``,
    ``.too_late`` (a second or late appeal), ``.too_early``, ``.bad_award``. A missed deadline of the owner or
    the chapter refuses nothing: the step still has to be done, and the list of what is overdue shows it.
    """
    state = COMPLAINT_MACHINE.step(complaint.state, event.step, event.actor)
    _check_person(complaint, event)
    if event.at < complaint.last_at:
        raise RuleRefusal("complaint.out_of_order")
    after = replace(complaint, state=state, last_at=event.at)
    match event.step:
        case ComplaintStep.ASSIGN:
            return _assign(complaint, after, event, days_deadline(event.at, terms.decide_days, work))
        case ComplaintStep.VERIFY:
            return _award(after, event, terms, work)
        case ComplaintStep.DISMISS:
            return replace(after, due_at=days_deadline(event.at, terms.appeal_days, work))
        case ComplaintStep.PAY:
            return _pay(after, event, terms, work)
        case ComplaintStep.APPEAL:
            if complaint.appealed or event.at >= (complaint.due_at or 0):
                raise RuleRefusal("complaint.too_late")
            due = days_deadline(event.at, terms.appeal_decision_days, work)
            return replace(after, appealed=True, due_at=due)
        case ComplaintStep.OVERTURN:
            if complaint.awarded_fen == 0:
                return _award(after, event, terms, work)
            return _owe_back(after, days_deadline(event.at, terms.return_days, work))
        case ComplaintStep.CLOSE:
            if not complaint.appealed and event.at < (complaint.due_at or 0):
                raise RuleRefusal("complaint.too_early")
            return replace(after, due_at=None)
        case ComplaintStep.UPHOLD | ComplaintStep.WITHDRAW | ComplaintStep.BRING_BACK:
            return replace(after, due_at=None)


def _assign(complaint: Complaint, after: Complaint, event: ComplaintEvent, due: int) -> Complaint:
    if event.owner in (None, complaint.complainant, complaint.merchant):
        raise RuleRefusal("complaint.own_decision")
    # Another owner gets no more time than the first one had.
    again = complaint.state is ComplaintState.ASSIGNED
    return replace(after, owner=event.owner, due_at=complaint.due_at if again else due)


def _award(after: Complaint, event: ComplaintEvent, terms: ComplaintTerms, work: WorkCalendar) -> Complaint:
    amount = event.amount_fen
    if amount is None or amount < 1 or (terms.largest_fen is not None and amount > terms.largest_fen):
        raise RuleRefusal("complaint.bad_award", limit=terms.largest_fen or 2**63 - 1)
    check_amount(amount, "amount_fen")
    return replace(after, awarded_fen=amount, due_at=hours_deadline(event.at, terms.pay_hours * 3600, work))


def _pay(after: Complaint, event: ComplaintEvent, terms: ComplaintTerms, work: WorkCalendar) -> Complaint:
    """Pay from the deposit first, as far as it goes; the rest is a receivable against the merchant."""
    if event.deposit_fen is None:
        raise FormatError("deposit_fen", "missing")
    check_amount(event.deposit_fen, "deposit_fen")
    check_amount(event.reserve_fen, "reserve_fen")
    paid = min(event.deposit_fen, after.awarded_fen)
    short = after.awarded_fen - paid
    due = days_deadline(event.at, terms.appeal_days, work)
    reserve = min(event.reserve_fen, short)
    return replace(after, from_deposit_fen=paid, from_reserve_fen=reserve, short_fen=short, due_at=due)


def _owe_back(after: Complaint, due: int) -> Complaint:
    back = after.from_deposit_fen + after.from_reserve_fen
    state = ComplaintState.OWED_BACK if back else ComplaintState.CLOSED
    return replace(after, state=state, owed_back_fen=back, short_fen=0, due_at=due if back else None)


def _check_person(complaint: Complaint, event: ComplaintEvent) -> None:
    wanted = {
        ComplaintActor.COMPLAINANT: complaint.complainant,
        ComplaintActor.MERCHANT: complaint.merchant,
        ComplaintActor.OWNER: complaint.owner,
    }
    if event.actor in wanted and event.person != wanted[event.actor]:
        raise RuleRefusal("complaint.wrong_actor", step=event.step.value)
    if event.actor is ComplaintActor.CHAPTER:
        if event.person in (complaint.complainant, complaint.merchant):
            raise RuleRefusal("complaint.own_decision")
        # An appeal is decided by another person than who decided first.
        if complaint.state is ComplaintState.APPEALED and event.person == complaint.owner:
            raise RuleRefusal("complaint.own_decision")
