"""Penalties with public notice, and the red and black list, each entry with reason, expiry and appeal. Pure.

Papers [C, D]: coin penalty and public notice for breaches; red/black list with reasons. Nobody stays on a
list for ever, and nobody is listed without a way to appeal; a lifted entry stays in the record.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from chain.errors import FormatError
from gateway.rules.parameters import ship
from gateway.rules.refusals import RuleRefusal, check_amount
from gateway.rules.transitions import Machine


class Colour(StrEnum):
    """Red praises, black warns."""

    RED = "red"
    BLACK = "black"


class ListingState(StrEnum):
    """Where an entry of a list stands; lifted and expired are final."""

    LISTED = "listed"
    APPEALED = "appealed"
    LIFTED = "lifted"
    EXPIRED = "expired"


class ListingStep(StrEnum):
    """What can happen to an entry."""

    APPEAL = "appeal"
    UPHOLD = "uphold"
    LIFT = "lift"
    EXPIRE = "expire"


class ListingActor(StrEnum):
    """Who acts; the clock when the expiry has come."""

    SUBJECT = "subject"
    CHAPTER = "chapter"
    CLOCK = "clock"


LISTING_MACHINE: Machine[ListingState, ListingStep, ListingActor] = Machine(
    "listing",
    {
        (ListingState.LISTED, ListingStep.APPEAL): (
            ListingState.APPEALED,
            frozenset({ListingActor.SUBJECT}),
        ),
        (ListingState.LISTED, ListingStep.LIFT): (ListingState.LIFTED, frozenset({ListingActor.CHAPTER})),
        (ListingState.LISTED, ListingStep.EXPIRE): (ListingState.EXPIRED, frozenset({ListingActor.CLOCK})),
        (ListingState.APPEALED, ListingStep.UPHOLD): (
            ListingState.LISTED,
            frozenset({ListingActor.CHAPTER}),
        ),
        (ListingState.APPEALED, ListingStep.LIFT): (ListingState.LIFTED, frozenset({ListingActor.CHAPTER})),
        # An appeal that nobody decided does not keep anybody on the list.
        (ListingState.APPEALED, ListingStep.EXPIRE): (ListingState.EXPIRED, frozenset({ListingActor.CLOCK})),
    },
)


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason code: its list (None: penalty only), how long it stands, and the coins it costs.

    ``coins`` in hundredths; None where not set: then the penalty is the public notice alone.
    """

    code: str
    colour: Colour | None
    listed_days: int
    notice_days: int = 30
    coins: int | None = None

    def __post_init__(self) -> None:
        if min(self.listed_days, self.notice_days) < 1:
            raise FormatError("reason", "stands for no day")
        if self.coins is not None:
            check_amount(self.coins, "coins")


@dataclass(frozen=True, slots=True)
class ListingTerms:
    """The chapter's reasons and how many days an appeal is possible."""

    reasons: tuple[Reason, ...]
    appeal_days: int = 15

    def __post_init__(self) -> None:
        if len({reason.code for reason in self.reasons}) != len(self.reasons) or self.appeal_days < 1:
            raise FormatError("listing_terms", "a reason is twice, or there is no time to appeal")

    def find(self, code: str) -> Reason:
        """Return the reason of a code. Raises RuleRefusal ``listing.unknown_reason``."""
        for reason in self.reasons:
            if reason.code == code:
                return reason
        raise RuleRefusal("listing.unknown_reason")


LISTING_TERMS = ship(
    "listing_terms",
    ListingTerms(
        (
            Reason("top_score", Colour.RED, 92),
            Reason("public_benefit", Colour.RED, 365),
            Reason("promise_broken", Colour.BLACK, 92),
            Reason("exclusivity_breach", Colour.BLACK, 365),
            Reason("complaint_verified", Colour.BLACK, 92),
            Reason("service_refused", None, 30),
        )
    ),
    "[C] coin penalty and public notice, no figure; [D] red and black list with reasons",
)


@dataclass(frozen=True, slots=True)
class Listing:
    """One entry: ``subject`` is listed from ``since`` up to and without ``expires_on``."""

    id: str
    colour: Colour
    subject: str
    reason: str
    since: date
    expires_on: date
    appeal_by: date
    listed_by: str
    state: ListingState = ListingState.LISTED
    appealed: bool = False
    ended_on: date | None = None


@dataclass(frozen=True, slots=True)
class ListingEvent:
    """One step by ``person`` on a business date."""

    step: ListingStep
    actor: ListingActor
    person: str
    day: date


@dataclass(frozen=True, slots=True)
class Penalty:
    """Coins to burn and a notice shown from a business date up to and without ``notice_until``."""

    subject: str
    reason: str
    coins: int
    notice_from: date
    notice_until: date
    appeal_by: date


@dataclass(frozen=True, slots=True)
class Burn:
    """A penalty's coins in two parts: ``burned`` now, ``owed`` as a recorded receivable (rule 12)."""

    burned: int
    owed: int


def list_subject(
    listing_id: str, subject: str, reason: str, listed_by: str, day: date, terms: ListingTerms
) -> Listing:
    """Return a new entry. Raises RuleRefusal ``listing.unknown_reason``, ``.own_decision``, ``.no_list``."""
    found = terms.find(reason)
    if found.colour is None:
        raise RuleRefusal("listing.no_list")
    if listed_by == subject:
        raise RuleRefusal("listing.own_decision")
    expires, appeal = day + timedelta(found.listed_days), day + timedelta(terms.appeal_days)
    return Listing(listing_id, found.colour, subject, reason, day, expires, appeal, listed_by)


def advance_listing(listing: Listing, event: ListingEvent) -> Listing:
    """Return the entry after a step.

    Raises RuleRefusal ``listing.wrong_state``, ``.wrong_actor``, ``.too_late`` (appeal), ``.too_early``
    (expiry) and ``.own_decision``: an appeal is decided by another person than who listed.
    """
    state = LISTING_MACHINE.step(listing.state, event.step, event.actor)
    own = event.person == listing.subject
    if event.actor is not ListingActor.CLOCK and own != (event.actor is ListingActor.SUBJECT):
        raise RuleRefusal("listing.wrong_actor", step=event.step.value)
    after = replace(listing, state=state)
    match event.step:
        case ListingStep.APPEAL:
            if listing.appealed or event.day >= listing.appeal_by:
                raise RuleRefusal("listing.too_late", day=listing.appeal_by.isoformat())
            return replace(after, appealed=True)
        case ListingStep.UPHOLD | ListingStep.LIFT:
            if listing.state is ListingState.APPEALED and event.person == listing.listed_by:
                raise RuleRefusal("listing.own_decision")
            return replace(after, ended_on=event.day) if state is ListingState.LIFTED else after
        case ListingStep.EXPIRE:
            if event.day < listing.expires_on:
                raise RuleRefusal("listing.too_early", day=listing.expires_on.isoformat())
            return replace(after, ended_on=listing.expires_on)


def impose_penalty(subject: str, reason: str, day: date, terms: ListingTerms) -> Penalty:
    """Return the penalty of a reason. Raises RuleRefusal ``listing.unknown_reason``."""
    found = terms.find(reason)
    until, appeal = day + timedelta(found.notice_days), day + timedelta(terms.appeal_days)
    return Penalty(subject, reason, found.coins or 0, day, until, appeal)


def burn_penalty(penalty: Penalty, available: int) -> Burn:
    """Return what a penalty burns of ``available`` coins; no account goes below zero."""
    check_amount(available, "available")
    burned = min(available, penalty.coins)
    return Burn(burned, penalty.coins - burned)
