"""Applications for a seat: three reviews, certificate, rejection and appeal. Pure.

Papers [A-D]: one merchant per industry per chapter; credentials, reputation and ability to refer are reviewed
in this order and give the certificate 社区信任商家认证 [D]. That a seat has one holder at most is enforced on
chain; :func:`check_vacant` spares the refusal there. A granted seat's life is in ``gateway.rules.seat_life``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from types import MappingProxyType

from chain.errors import FormatError
from gateway.rules.parameters import ship
from gateway.rules.refusals import RuleRefusal, check_amount
from gateway.rules.transitions import Machine


class ApplicationState(StrEnum):
    """Where an application stands; granted, withdrawn and refused are final."""

    APPLIED = "applied"
    CREDENTIALS_REVIEWED = "credentials_reviewed"
    REPUTATION_REVIEWED = "reputation_reviewed"
    REFERRAL_REVIEWED = "referral_reviewed"
    GRANTED = "granted"
    REJECTED = "rejected"
    APPEALED = "appealed"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class ApplicationStep(StrEnum):
    """What can happen to an application."""

    PASS = "pass"  # noqa: S105  a review that is passed
    GRANT = "grant"
    REJECT = "reject"
    APPEAL = "appeal"
    OVERTURN = "overturn"
    UPHOLD = "uphold"
    LAPSE = "lapse"
    WITHDRAW = "withdraw"


class SeatActor(StrEnum):
    """In which office somebody acts; the clock acts when a deadline has passed."""

    MERCHANT = "merchant"
    SECRETARY = "secretary"
    CHAPTER = "chapter"
    COMMITTEE = "committee"
    PRESIDENT = "president"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class SeatTerms:
    """Days are calendar days; ``exclusivity_fen`` is the penalty for breaching exclusivity, in fen."""

    appeal_days: int = 15
    certificate_days: int = 365
    notice_days: int = 90
    exclusivity_fen: int = 10_000_000

    def __post_init__(self) -> None:
        check_amount(self.exclusivity_fen, "exclusivity_fen")
        if min(self.appeal_days, self.certificate_days, self.notice_days) < 1:
            raise FormatError("seat_terms", "a time is not positive")


SEAT_TERMS = ship("seat_terms", SeatTerms(), "[D] 90 days' notice; exclusivity breach 100,000 CNY")

STAGES = (
    ApplicationState.APPLIED,
    ApplicationState.CREDENTIALS_REVIEWED,
    ApplicationState.REPUTATION_REVIEWED,
    ApplicationState.REFERRAL_REVIEWED,
)
"""States in which an application waits for the next review or the grant, in order."""

_REVIEWERS = (SeatActor.SECRETARY, SeatActor.CHAPTER, SeatActor.COMMITTEE, SeatActor.PRESIDENT)


def _build_rows() -> dict[
    tuple[ApplicationState, ApplicationStep], tuple[ApplicationState, frozenset[SeatActor]]
]:
    rows = {}
    for number, (stage, reviewer) in enumerate(zip(STAGES, _REVIEWERS, strict=True)):
        last = number == len(STAGES) - 1
        forward = ApplicationStep.GRANT if last else ApplicationStep.PASS
        target = ApplicationState.GRANTED if last else STAGES[number + 1]
        rows[stage, forward] = (target, frozenset({reviewer}))
        rows[stage, ApplicationStep.REJECT] = (ApplicationState.REJECTED, frozenset({reviewer}))
        rows[stage, ApplicationStep.WITHDRAW] = (
            ApplicationState.WITHDRAWN,
            frozenset({SeatActor.MERCHANT}),
        )
    merchant, president = frozenset({SeatActor.MERCHANT}), frozenset({SeatActor.PRESIDENT})
    rejected, appealed = ApplicationState.REJECTED, ApplicationState.APPEALED
    rows[rejected, ApplicationStep.APPEAL] = (appealed, merchant)
    rows[rejected, ApplicationStep.LAPSE] = (ApplicationState.REFUSED, frozenset({SeatActor.CLOCK}))
    rows[appealed, ApplicationStep.UPHOLD] = (ApplicationState.REFUSED, president)
    # An overturned rejection goes back to where it was rejected, see RETURNS_TO.
    rows[appealed, ApplicationStep.OVERTURN] = (ApplicationState.APPLIED, president)
    return rows


APPLICATION_MACHINE: Machine[ApplicationState, ApplicationStep, SeatActor] = Machine(
    "seat_application", MappingProxyType(_build_rows())
)
RETURNS_TO: Mapping[tuple[ApplicationState, ApplicationStep], frozenset[ApplicationState]] = MappingProxyType(
    {(ApplicationState.APPEALED, ApplicationStep.OVERTURN): frozenset(STAGES)}
)
"""States a step may lead to besides the table's."""


@dataclass(frozen=True, slots=True)
class Application:
    """A merchant's application for one seat; ``decided_by`` are the persons who reviewed it so far."""

    id: str
    chapter: str
    industry: str
    merchant: str
    state: ApplicationState = ApplicationState.APPLIED
    decided_by: tuple[str, ...] = ()
    rejected_at: ApplicationState | None = None
    reason: str | None = None
    appeal_by: date | None = None
    appealed: bool = False
    certified_until: date | None = None


@dataclass(frozen=True, slots=True)
class ApplicationEvent:
    """One step by ``person`` on a business date; ``reason`` is the code of a rejection or decision."""

    step: ApplicationStep
    actor: SeatActor
    person: str
    day: date
    reason: str | None = None


def check_vacant(held: Iterable[tuple[str, str]], chapter: str, industry: str) -> None:
    """Check that no holder has the seat; ``held`` are (chapter, industry). Raises ``seat.taken``."""
    if (chapter, industry) in set(held):
        raise RuleRefusal("seat.taken", industry=industry)


def advance_application(application: Application, event: ApplicationEvent, terms: SeatTerms) -> Application:
    """Return the application after a step.

    In order: the table has the step for this state and office; nobody decides on his own application and
    nobody on an appeal against himself; a rejection names its reason; appeals come in time, once. Raises
    RuleRefusal ``seat_application.*``. Does not check that the seat is vacant (:func:`check_vacant`).
    """
    state = APPLICATION_MACHINE.step(application.state, event.step, event.actor)
    _check_person(application, event)
    after = replace(application, state=state)
    match event.step:
        case ApplicationStep.PASS:
            return replace(after, decided_by=(*application.decided_by, event.person))
        case ApplicationStep.GRANT:
            until = event.day + timedelta(days=terms.certificate_days)
            decided = (*application.decided_by, event.person)
            return replace(after, decided_by=decided, certified_until=until)
        case ApplicationStep.REJECT:
            if not event.reason:
                raise RuleRefusal("seat_application.no_reason")
            return replace(
                after,
                decided_by=(*application.decided_by, event.person),
                rejected_at=application.state,
                reason=event.reason,
                appeal_by=event.day + timedelta(days=terms.appeal_days),
            )
        case ApplicationStep.APPEAL:
            if application.appealed or event.day >= _appeal_by(application):
                raise RuleRefusal("seat_application.too_late", day=_appeal_by(application).isoformat())
            return replace(after, appealed=True)
        case ApplicationStep.LAPSE:
            if not application.appealed and event.day < _appeal_by(application):
                raise RuleRefusal("seat_application.too_early", day=_appeal_by(application).isoformat())
            return after
        case ApplicationStep.OVERTURN:
            back = application.rejected_at or state
            return replace(after, state=back, rejected_at=None, reason=None, appeal_by=None)
        case ApplicationStep.UPHOLD | ApplicationStep.WITHDRAW:
            return after


def _check_person(application: Application, event: ApplicationEvent) -> None:
    if event.actor is SeatActor.CLOCK:
        return
    own = event.person == application.merchant
    if own != (event.actor is SeatActor.MERCHANT):
        raise RuleRefusal("seat_application.wrong_actor", step=event.step.value)
    deciding = event.step in (ApplicationStep.OVERTURN, ApplicationStep.UPHOLD)
    if deciding and event.person == application.decided_by[-1]:
        raise RuleRefusal("seat_application.own_decision")


def _appeal_by(application: Application) -> date:
    return application.appeal_by or date.min
