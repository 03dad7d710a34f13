"""What the alliance's other tables leave open: who looks at what by when, and the coins of penalties. Pure.

The papers name these steps and no figures; what they leave open is set here, in the open, and a later version
changes it from a date on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from chain.errors import FormatError
from gateway.rules.listings import LISTING_TERMS, ListingTerms
from gateway.rules.parameters import amend, ship


@dataclass(frozen=True, slots=True)
class Clock:
    """Who must act (a code) within how many days."""

    owner: str
    days: int

    def __post_init__(self) -> None:
        if self.days < 1:
            raise FormatError("clock", "no time to act")


@dataclass(frozen=True, slots=True)
class AllianceTerms:
    """Clocks of a seat's review, of appeals, of claims and of refunds of deposits."""

    review: Clock = Clock("committee", 30)
    appeal: Clock = Clock("president", 15)
    claim: Clock = Clock("platform", 60)
    refund: Clock = Clock("platform", 15)


ALLIANCE_TERMS = ship("alliance_terms", AllianceTerms(), "no paper sets them")

PENALTY_COINS = {"promise_broken": 20_000, "complaint_verified": 10_000, "service_refused": 5_000}
"""Hundredths of a coin by reason; a reason without is a public notice alone."""


def _with_coins(terms: ListingTerms) -> ListingTerms:
    return replace(
        terms, reasons=tuple(replace(one, coins=PENALTY_COINS.get(one.code)) for one in terms.reasons)
    )


LISTINGS = amend(
    LISTING_TERMS,
    _with_coins(LISTING_TERMS[-1].value),
    date(2026, 1, 1),
    "[C] coin penalty and public notice; the coins are set by the product",
)
"""Reasons of lists and penalties; from 2026 on with coins."""
