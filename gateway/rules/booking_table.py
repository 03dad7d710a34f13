"""The booking's state machine and its parameters, as data. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from chain.errors import FormatError
from gateway.rules.parameters import check_share, ship
from gateway.rules.transitions import Machine


class BookingState(StrEnum):
    """Where a booking stands."""

    REQUESTED = "requested"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    BOOKED = "booked"
    CHECKED_IN = "checked_in"
    CHECKED_OUT = "checked_out"
    DISPUTED = "disputed"
    CONFIRMED = "confirmed"
    PARTLY_COMPLETED = "partly_completed"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"


class Actor(StrEnum):
    """In which part somebody acts; the clock acts when a deadline has passed."""

    MEMBER = "member"
    PROVIDER = "provider"
    CHAPTER = "chapter"
    CLOCK = "clock"


class Step(StrEnum):
    """What can happen to a booking."""

    OFFER = "offer"
    ACCEPT = "accept"
    DECLINE = "decline"
    EXPIRE = "expire"
    LAPSE = "lapse"
    BOOK = "book"
    CANCEL = "cancel"
    CHECK_IN = "check_in"
    CHECK_OUT = "check_out"
    REPORT_ABSENT = "report_absent"
    CONFIRM = "confirm"
    COMPLETE_PARTLY = "complete_partly"
    DISPUTE = "dispute"
    DECIDE = "decide"


def _who(text: str) -> frozenset[Actor]:
    return frozenset(Actor(name) for name in text.split())


BOOKING_MACHINE: Machine[BookingState, Step, Actor] = Machine(
    "booking",
    {
        (BookingState.REQUESTED, Step.OFFER): (BookingState.OFFERED, _who("chapter clock")),
        (BookingState.REQUESTED, Step.CANCEL): (BookingState.CANCELLED, _who("member chapter")),
        (BookingState.REQUESTED, Step.LAPSE): (BookingState.CANCELLED, _who("clock")),
        (BookingState.OFFERED, Step.ACCEPT): (BookingState.ACCEPTED, _who("provider")),
        (BookingState.OFFERED, Step.DECLINE): (BookingState.REQUESTED, _who("provider")),
        (BookingState.OFFERED, Step.EXPIRE): (BookingState.REQUESTED, _who("clock")),
        (BookingState.OFFERED, Step.CANCEL): (BookingState.CANCELLED, _who("member chapter")),
        # Coins are held by a step of the member's own side, never by the provider's answer.
        (BookingState.ACCEPTED, Step.BOOK): (BookingState.BOOKED, _who("member chapter")),
        (BookingState.ACCEPTED, Step.DECLINE): (BookingState.REQUESTED, _who("provider")),
        (BookingState.ACCEPTED, Step.CANCEL): (BookingState.CANCELLED, _who("member chapter")),
        (BookingState.ACCEPTED, Step.LAPSE): (BookingState.CANCELLED, _who("clock")),
        (BookingState.BOOKED, Step.CANCEL): (BookingState.CANCELLED, _who("member provider chapter")),
        # One side's check-in leaves the state as it is; the second one's moves it on.
        (BookingState.BOOKED, Step.CHECK_IN): (BookingState.CHECKED_IN, _who("member provider")),
        (BookingState.BOOKED, Step.REPORT_ABSENT): (
            BookingState.NO_SHOW,
            _who("member provider chapter clock"),
        ),
        (BookingState.CHECKED_IN, Step.CHECK_OUT): (BookingState.CHECKED_OUT, _who("member provider")),
        (BookingState.CHECKED_IN, Step.DISPUTE): (BookingState.DISPUTED, _who("member provider clock")),
        (BookingState.CHECKED_OUT, Step.CONFIRM): (BookingState.CONFIRMED, _who("member clock")),
        (BookingState.CHECKED_OUT, Step.COMPLETE_PARTLY): (
            BookingState.PARTLY_COMPLETED,
            _who("provider"),
        ),
        (BookingState.CHECKED_OUT, Step.DISPUTE): (BookingState.DISPUTED, _who("member provider clock")),
        # A decision over all, some or no minutes ends as confirmed, partly completed or cancelled.
        (BookingState.DISPUTED, Step.DECIDE): (BookingState.CONFIRMED, _who("chapter")),
    },
)

ALSO_TO: Mapping[tuple[BookingState, Step], frozenset[BookingState]] = MappingProxyType(
    {
        (BookingState.BOOKED, Step.CHECK_IN): frozenset({BookingState.BOOKED}),
        (BookingState.CHECKED_IN, Step.CHECK_OUT): frozenset({BookingState.CHECKED_IN}),
        (BookingState.CHECKED_OUT, Step.CONFIRM): frozenset(
            {BookingState.PARTLY_COMPLETED, BookingState.CANCELLED}
        ),
        (BookingState.DISPUTED, Step.DECIDE): frozenset(
            {BookingState.PARTLY_COMPLETED, BookingState.CANCELLED}
        ),
    }
)
"""States a step may lead to besides the table's: only one side has checked in or out, another decision, or a
confirmed service that ended with its provider's suspension."""

FINAL = frozenset(
    {
        BookingState.CONFIRMED,
        BookingState.PARTLY_COMPLETED,
        BookingState.CANCELLED,
        BookingState.NO_SHOW,
    }
)
"""States without a further step: a booking is settled once, when it enters one."""


@dataclass(frozen=True, slots=True)
class CancellationBand:
    """A member who cancels at least ``seconds_before`` the start leaves ``fee_bp`` of the held coins."""

    seconds_before: int
    fee_bp: int


@dataclass(frozen=True, slots=True)
class BookingTerms:
    """Deadlines in seconds and fees in basis points.

    ``cancellation`` is sorted by falling ``seconds_before``; later than its last band costs ``late_bp``. It
    is () with ``late_bp`` 0 where no fee is set. ``confirm_seconds`` None: never without the member.
    ``missing_bp`` of the booked minutes may be missing from the sheet: with more, only the member's own coins
    are paid in full, and only by the member himself.
    """

    answer_seconds: int = 1_800
    early_seconds: int = 1_800
    grace_seconds: int = 1_800
    check_out_seconds: int = 7_200
    confirm_seconds: int | None = 259_200
    decide_seconds: int = 604_800
    cancellation: tuple[CancellationBand, ...] = ()
    late_bp: int = 0
    absent_bp: int = 0
    missing_bp: int = 1_000

    def __post_init__(self) -> None:
        spans = (self.answer_seconds, self.early_seconds, self.grace_seconds)
        more = (self.check_out_seconds, self.decide_seconds, self.confirm_seconds or 0)
        if min(*spans, *more) < 0 or self.answer_seconds == 0 or self.grace_seconds == 0:
            raise FormatError("booking_terms", "a time is negative or zero")
        check_share(self.late_bp, "late_bp")
        check_share(self.absent_bp, "absent_bp")
        check_share(self.missing_bp, "missing_bp")
        before = [band.seconds_before for band in self.cancellation]
        if before != sorted(set(before), reverse=True):
            raise FormatError("cancellation", "bands are not sorted by falling time")
        fees = [*(band.fee_bp for band in self.cancellation), self.late_bp]
        for fee in fees:
            check_share(fee, "cancellation")
        if fees != sorted(fees):
            raise FormatError("cancellation", "a later cancellation costs less")

    def cancellation_bp(self, seconds_before: int) -> int:
        """Return the fee of a cancellation ``seconds_before`` the start (negative: after it)."""
        for band in self.cancellation:
            if seconds_before >= band.seconds_before:
                return band.fee_bp
        return self.late_bp


BOOKING_TERMS = ship("booking_terms", BookingTerms(), "answer within 30 minutes; no paper sets a fee")
"""What ships: no paper sets a cancellation or absence fee, so none is taken until a chapter sets one."""
