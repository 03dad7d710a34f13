"""Rules of the alliance: seats, reviews, scores, penalties, lists, deposits, complaints: by entry type."""

from __future__ import annotations

from gateway.alliance.applications import APPLICATION_DUE, APPLICATION_RULES
from gateway.alliance.claims import CLAIM_RULES
from gateway.alliance.complaints import COMPLAINT_DUE, COMPLAINT_RULES
from gateway.alliance.deposits import DEPOSIT_RULES
from gateway.alliance.duty import DUTY_RULES
from gateway.alliance.lists import LIST_DUE, LIST_RULES
from gateway.alliance.penalties import PENALTY_DUE, PENALTY_RULES
from gateway.alliance.promises import PROMISE_RULES
from gateway.alliance.scores import SCORE_RULES
from gateway.alliance.seats import SEAT_DUE, SEAT_RULES
from gateway.cases.book import DueRule, Rule

RULES: dict[str, Rule] = {
    **APPLICATION_RULES,
    **SEAT_RULES,
    **SCORE_RULES,
    **DUTY_RULES,
    **PROMISE_RULES,
    **PENALTY_RULES,
    **LIST_RULES,
    **CLAIM_RULES,
    **DEPOSIT_RULES,
    **COMPLAINT_RULES,
}

DECISIONS: frozenset[str] = frozenset(
    {
        "seat.reviewed",
        "seat.granted",
        "seat.rejection_decided",
        "seat.renewed",
        "seat.release_proposed",
        "seat.release_decided",
        "seat.scored",
        "seat.quarter_closed",
        "seat.duty_checked",
        "penalty.ordered",
        "penalty.appeal_decided",
        "list.entered",
        "list.decided",
        "list.lifted",
        "claim.recorded",
        "claim.settled",
        "claim.withdrawn",
        "deposit.lodged",
        "deposit.topped_up",
        "deposit.forfeited",
        "deposit.refunded",
        "deposit.compensated",
        "deposit.restored",
        "complaint.assigned",
        "complaint.verified",
        "complaint.rejected",
        "complaint.decided",
    }
)
"""Types that need the scope ``cases:decide``."""

DUE: dict[str, DueRule] = {
    **APPLICATION_DUE,
    **SEAT_DUE,
    **PENALTY_DUE,
    **LIST_DUE,
    **COMPLAINT_DUE,
}
"""What follows when a case's time has come, by kind of case."""
