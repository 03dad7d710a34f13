"""Yearly fees by kind of membership, as versioned tables, and the year they pay for. Pure.

Papers [B, C, D]: ordinary 99, trial 100, co-creation 1000, refundable 1000 held by a custodian, merchants
2000 [C] and later 1000 [D]. A year is counted in business dates: the last day is the day before the same
date of the next year.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from chain.errors import FormatError
from gateway.rules.refusals import check_amount
from gateway.rules.split_tables import ALLIANCE, TRIAL
from gateway.rules.versions import pick_table


@dataclass(frozen=True, slots=True)
class FeeTerms:
    """One version of a kind's yearly fee: ``amount`` in fen.

    ``held``: a custodian holds it, it is refundable and nobody gets a share. ``rank``: kinds with one may be
    upgraded to those of a higher one, 0: neither from nor to. ``free_services``: how many basic services a
    year are free, None: not counted, they are free to every member [C].
    """

    id: str
    version: int
    effective_from: date
    amount: int
    source: str
    merchant: bool = False
    held: bool = False
    rank: int = 0
    free_services: int | None = None

    def __post_init__(self) -> None:
        check_amount(self.amount, "amount", least=1)
        if self.rank < 0 or (self.free_services is not None and self.free_services < 0):
            raise FormatError("fee", "negative")


FEES = (
    FeeTerms("ordinary", 1, TRIAL, 9_900, "C", rank=1, free_services=10),
    FeeTerms("trial", 1, TRIAL, 10_000, "D", rank=2),
    FeeTerms("co_creation", 1, TRIAL, 100_000, "D", rank=3),
    FeeTerms("refundable", 1, TRIAL, 100_000, "B", held=True),
    FeeTerms("merchant", 1, TRIAL, 200_000, "C", merchant=True),
    FeeTerms("merchant", 2, ALLIANCE, 100_000, "D", merchant=True),
)
"""What ships; a chapter may stay on an earlier version by naming it."""

FEE_KINDS = tuple(dict.fromkeys(terms.id for terms in FEES))
"""Codes of the kinds of membership."""


def pick_fee(kind: str, day: date, version: int | None = None) -> FeeTerms:
    """Return the fee in force on a business date. Raises RuleRefusal ``rule.not_in_force``."""
    return pick_table(FEES, kind, day, version)


def year_end(since: date) -> date:
    """Return the last day of the year that begins on ``since``: from 29 February to 28 February."""
    try:
        return since.replace(year=since.year + 1) - timedelta(days=1)
    except ValueError:
        return date(since.year + 1, 2, 28)
