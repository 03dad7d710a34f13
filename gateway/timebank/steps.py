"""Rules of the time bank: offers, requests, bookings, services, payment codes: by entry type."""

from __future__ import annotations

from gateway.cases.book import DueRule, Rule
from gateway.timebank.capacity import CAPACITY_DUE, CAPACITY_RULES
from gateway.timebank.certified import CERTIFIED_RULES
from gateway.timebank.due import booking_due
from gateway.timebank.holding import HOLDING_RULES
from gateway.timebank.offers import OFFER_DECISIONS, OFFER_RULES
from gateway.timebank.paycodes import PAYCODE_DUE, PAYCODE_RULES
from gateway.timebank.payout import PAYOUT_RULES
from gateway.timebank.records import BOOKING
from gateway.timebank.requests import REQUEST_RULES
from gateway.timebank.services import SERVICE_DECISIONS, SERVICE_RULES

RULES: dict[str, Rule] = {
    **OFFER_RULES,
    **CAPACITY_RULES,
    **REQUEST_RULES,
    **HOLDING_RULES,
    **SERVICE_RULES,
    **CERTIFIED_RULES,
    **PAYOUT_RULES,
    **PAYCODE_RULES,
}

DECISIONS: frozenset[str] = OFFER_DECISIONS | SERVICE_DECISIONS
"""Types that need the scope ``cases:decide``."""

DUE: dict[str, DueRule] = {BOOKING: booking_due, **CAPACITY_DUE, **PAYCODE_DUE}
"""What follows when a case's time has come, by kind of case."""
