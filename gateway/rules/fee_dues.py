"""What becomes of a fee: whether referrals waive it, and what of it comes back. Pure.

RULES. Fees are money that is only recorded here. What is left of a fee is always computed from the fee and
the date, by days, rounded down (rule 31). Every fee that no custodian holds is split by the papers' one pair
of fee tables, see ``gateway.members.fee_splits``. Amounts in fen; the fees are in ``gateway.rules.fees``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from chain.errors import FormatError
from gateway.rules.refusals import check_amount
from gateway.rules.split_tables import ALLIANCE, TRIAL
from gateway.rules.versions import pick_table


@dataclass(frozen=True, slots=True)
class FeeUse:
    """One version of whether referrals may waive a year of a kind's fee."""

    id: str
    version: int
    effective_from: date
    waivable: bool
    source: str


@dataclass(frozen=True, slots=True)
class FeeRefundTerms:
    """Days after payment in which an unused membership is refunded whole (rules of 2025-05-01, C4)."""

    id: str
    version: int
    effective_from: date
    cooling_days: int
    source: str


FEE_USES = (
    FeeUse("ordinary", 1, TRIAL, True, "C"),
    FeeUse("trial", 1, TRIAL, False, "D"),
    FeeUse("co_creation", 1, TRIAL, False, "D"),
    FeeUse("refundable", 1, TRIAL, False, "B"),
    FeeUse("merchant", 1, TRIAL, False, "C"),
    FeeUse("merchant", 2, ALLIANCE, False, "D"),
)
"""The versions that ship."""

FEE_REFUND_TERMS = (FeeRefundTerms("fee_refund", 1, TRIAL, 7, "C4"),)


@dataclass(frozen=True, slots=True)
class Validity:
    """Valid on ``first``, on ``last`` and on every business date between."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise FormatError("validity", "ends before it starts")

    @property
    def days(self) -> int:
        """All days of the membership."""
        return (self.last - self.first).days + 1

    def days_left(self, day: date) -> int:
        """Days from ``day`` on, ``day`` included; all of them before the first, 0 after the last."""
        return max(0, (self.last - max(day, self.first)).days + 1)


class RefundBasis(StrEnum):
    """By which rule a fee is refunded."""

    CUSTODY = "custody"
    COOLING_OFF = "cooling_off"
    UNUSED_DAYS = "unused_days"


@dataclass(frozen=True, slots=True)
class FeeRefund:
    """What is refunded, in fen, and by which rule."""

    amount: int
    basis: RefundBasis


def pick_fee_use(kind: str, day: date, version: int | None = None) -> FeeUse:
    """Return what is done with a kind's fee on a business date. Raises RuleRefusal ``rule.not_in_force``."""
    return pick_table(FEE_USES, kind, day, version)


def refund_fee(
    paid: int, paid_on: date, validity: Validity, day: date, services_used: int, rules: FeeRefundTerms
) -> FeeRefund:
    """Return what leaving on a business date refunds of a fee that no custodian holds.

    An upgrade is a fee of its own. Its split is reversed with ``gateway.rules.splits.refund``.

    1. Within the cooling-off days, the day of payment not counted, and nothing used: all that was paid.
    2. Else the part for the days left, rounded down; nothing where none is left.
    """
    check_amount(paid, "paid")
    check_amount(services_used, "services_used")
    if day <= paid_on + timedelta(days=rules.cooling_days) and services_used == 0:
        return FeeRefund(paid, RefundBasis.COOLING_OFF)
    return FeeRefund(paid * validity.days_left(day) // validity.days, RefundBasis.UNUSED_DAYS)
