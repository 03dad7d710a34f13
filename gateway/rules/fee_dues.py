"""What a fee comes to: the year it pays for, waived years, upgrades, refunds, and who splits it. Pure.

RULES. Fees are money that is only recorded here. A year runs from a business date (Asia/Shanghai) to the day
before the same date of the next one. What is left of a fee is always computed from the fee and the date, by
days, rounded down (rule 31). Amounts in fen; the fees themselves are in ``gateway.rules.fees``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from chain.errors import FormatError
from gateway.rules.calendar import business_date
from gateway.rules.fees import FeeTerms, year_end
from gateway.rules.refusals import RuleRefusal, check_amount
from gateway.rules.split_tables import ALLIANCE, TRIAL
from gateway.rules.versions import pick_table


@dataclass(frozen=True, slots=True)
class FeeUse:
    """One version of what is done with a kind's fee.

    ``waivable``: referrals may waive the year. ``first_split`` and ``renewal_split`` are codes of split
    tables, empty where no paper splits the fee; a fee in custody is nobody's to split.
    """

    id: str
    version: int
    effective_from: date
    waivable: bool
    first_split: str
    renewal_split: str
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
    FeeUse("ordinary", 1, TRIAL, True, "", "", "C"),
    FeeUse("trial", 1, TRIAL, False, "", "", "D"),
    FeeUse("co_creation", 1, TRIAL, False, "first_year_fee", "renewal_fee", "D"),
    FeeUse("refundable", 1, TRIAL, False, "", "", "B"),
    FeeUse("merchant", 1, TRIAL, False, "", "", "C"),
    FeeUse("merchant", 2, ALLIANCE, False, "first_year_fee", "renewal_fee", "D"),
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

    def covers(self, day: date) -> bool:
        """Say whether the membership is valid on a business date."""
        return self.first <= day <= self.last

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
    """What is refunded, in fen, and by which rule; from custody against the custodian's receipt."""

    amount: int
    basis: RefundBasis


def pick_fee_use(kind: str, day: date, version: int | None = None) -> FeeUse:
    """Return what is done with a kind's fee on a business date. Raises RuleRefusal ``rule.not_in_force``."""
    return pick_table(FEE_USES, kind, day, version)


def fee_due(terms: FeeTerms, use: FeeUse, *, waived: bool) -> int:
    """Return what a year costs: the fee, or nothing where it is waivable and waived.

    Whether it is waived is ``gateway.rules.referral.waives_year``. Raises FormatError for another kind's use.
    """
    if terms.id != use.id:
        raise FormatError("use", "of another kind")
    return 0 if waived and use.waivable else terms.amount


def begin_validity(paid_at: int, current: Validity | None = None) -> Validity:
    """Return the year a payment at ``paid_at`` (Unix seconds) buys.

    From the payment's business date, or from the day after a membership that is still valid then.
    """
    first = business_date(paid_at)
    if current is not None and current.last >= first:
        first = current.last + timedelta(days=1)
    return Validity(first, year_end(first))


def upgrade_price(have: FeeTerms, want: FeeTerms, validity: Validity, day: date) -> int:
    """Return what an upgrade costs: the fees' difference for the days left; the validity stays.

    ``difference * days left / days``, rounded down. Raises RuleRefusal ``fee.no_upgrade`` unless both kinds
    have a rank and the wanted one's is higher and its fee dearer, ``fee.not_valid`` outside the validity.
    """
    if not 0 < have.rank < want.rank or want.amount <= have.amount:
        raise RuleRefusal("fee.no_upgrade", have=have.id, want=want.id)
    if not validity.covers(day):
        raise RuleRefusal("fee.not_valid", day=day.isoformat())
    return (want.amount - have.amount) * validity.days_left(day) // validity.days


def refund_fee(
    terms: FeeTerms,
    rules: FeeRefundTerms,
    paid: int,
    paid_on: date,
    validity: Validity,
    day: date,
    services_used: int,
) -> FeeRefund:
    """Return what leaving on a business date refunds of the ``paid`` fee, upgrades included.

    The membership ends with it. Its split is reversed with ``gateway.rules.splits.refund``.

    1. Custody: all that was paid, whatever was used [B].
    2. Within the cooling-off days, the day of payment not counted, and nothing used: all that was paid.
    3. Else the part of the kind's fee for the days left, rounded down, at most what was paid.

    Raises RuleRefusal ``fee.nothing_left`` where that is nothing.
    """
    check_amount(paid, "paid")
    check_amount(services_used, "services_used")
    if terms.held:
        refund = FeeRefund(paid, RefundBasis.CUSTODY)
    elif day <= paid_on + timedelta(days=rules.cooling_days) and services_used == 0:
        refund = FeeRefund(paid, RefundBasis.COOLING_OFF)
    else:
        left = terms.amount * validity.days_left(day) // validity.days
        refund = FeeRefund(min(paid, left), RefundBasis.UNUSED_DAYS)
    if refund.amount == 0:
        raise RuleRefusal("fee.nothing_left", day=day.isoformat())
    return refund
