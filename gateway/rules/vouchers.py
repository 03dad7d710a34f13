"""Cross-store vouchers [C]: spend 50 CNY at A, get 5 CNY off at B without threshold. Pure.

RULES. A voucher is never sold: it is free to the member and paid by one named sponsor, who shares its cost
with the shops by a split table (requirement C2). It is used once, at another shop, by its holder, until its
last day. Refund of the order it was used for gives it back; refund of the order it came from takes it back,
and what was used already is owed out of that refund. Amounts in fen, days are business dates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from chain.errors import FormatError
from gateway.rules.refusals import RuleRefusal, check_amount
from gateway.rules.splits import Legs, SplitTable, split


@dataclass(frozen=True, slots=True)
class VoucherTerms:
    """One version: ``threshold`` and ``value`` in fen, ``valid_days`` with the day of issue as the first.

    ``cost_table`` is the code of the split table that shares the cost.
    """

    id: str
    version: int
    effective_from: date
    threshold: int
    value: int
    valid_days: int
    cost_table: str
    source: str

    def __post_init__(self) -> None:
        check_amount(self.threshold, "threshold", least=1)
        check_amount(self.value, "value", least=1)
        if self.valid_days < 1 or self.value > self.threshold:
            raise FormatError("voucher_terms", "no day to use it, or worth more than its threshold")


VOUCHER_TERMS = (
    # The paper names no last day; ninety days are the product's choice.
    VoucherTerms("cross_store_voucher", 1, date(2025, 1, 1), 5_000, 500, 90, "voucher_cost", "C"),
)
"""The versions that ship."""


class VoucherState(StrEnum):
    """Where a voucher stands. Only an open one can be used; used ones can come back."""

    OPEN = "open"
    USED = "used"
    EXPIRED = "expired"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Voucher:
    """One voucher. ``last_day`` is the last business date it can be used on.

    ``order`` is the order it came from; ``used_order``, ``discount`` and ``cost`` (legs of the discount) are
    of its use and empty before.
    """

    holder: str
    sponsor: str
    issuing_shop: str
    order: str
    value: int
    threshold: int
    last_day: date
    state: VoucherState = VoucherState.OPEN
    used_order: str = ""
    discount: int = 0
    cost: Legs = ()


@dataclass(frozen=True, slots=True)
class Use:
    """A voucher at the till: ``discount`` and what is left ``to_pay`` sum to the bill exactly (rule 32)."""

    voucher: Voucher
    discount: int
    to_pay: int


@dataclass(frozen=True, slots=True)
class Return:
    """What a refund does to a voucher.

    ``cost``: what each payer of the discount gets back; ``owed``: what the holder owes out of the refund for
    a voucher that was used and should not have been issued; ``returned``: what he owed and gets back.
    """

    voucher: Voucher
    cost: Legs = ()
    owed: int = 0
    returned: int = 0


def issue_voucher(
    holder: str, sponsor: str, shop: str, order: str, paid: int, day: date, terms: VoucherTerms
) -> Voucher | None:
    """Return the voucher for an order of which ``paid`` was paid in money, None below the threshold."""
    check_amount(paid, "paid")
    if paid < terms.threshold:
        return None
    last_day = day + timedelta(days=terms.valid_days - 1)
    return Voucher(holder, sponsor, shop, order, terms.value, terms.threshold, last_day)


def use_voucher(
    voucher: Voucher, holder: str, shop: str, order: str, bill: int, day: date, cost_table: SplitTable
) -> Use:
    """Use a voucher on a bill, which it lowers by its value or to nothing.

    1. It is open: ``voucher.not_open``. 2. Its last day is not over: ``voucher.expired``.
    3. Its holder asks: ``voucher.not_holder``. 4. At another shop: ``voucher.same_shop``.

    Raises RuleRefusal; FormatError for a bill of nothing.
    """
    check_amount(bill, "bill", least=1)
    if voucher.state is not VoucherState.OPEN:
        raise RuleRefusal("voucher.not_open", state=voucher.state.value)
    if day > voucher.last_day:
        raise RuleRefusal("voucher.expired", day=voucher.last_day.isoformat())
    if holder != voucher.holder:
        raise RuleRefusal("voucher.not_holder")
    if shop == voucher.issuing_shop:
        raise RuleRefusal("voucher.same_shop")
    discount = min(voucher.value, bill)
    used = replace(
        voucher,
        state=VoucherState.USED,
        used_order=order,
        discount=discount,
        cost=split(discount, cost_table),
    )
    return Use(used, discount, bill - discount)


def expire_voucher(voucher: Voucher, day: date) -> Voucher:
    """Return the voucher as it stands on a business date: an open one is expired after its last day."""
    if voucher.state is VoucherState.OPEN and day > voucher.last_day:
        return replace(voucher, state=VoucherState.EXPIRED)
    return voucher


def return_use(voucher: Voucher, order: str, bill: int, refunded: int, day: date) -> Return:
    """Return what a refund of the order a voucher was used for does (rule 10).

    Only a whole refund (``refunded`` in all equals ``bill``, the sum before the discount) gives it back: open
    again, or expired when its last day is over, and every payer of the discount gets his part. Where the
    holder paid the discount himself, because the first order was refunded before, he gets that. A part refund
    changes nothing: the bill that is left still used it. Raises RuleRefusal ``refund.exceeds_original``.
    """
    check_amount(refunded, "refunded")
    if refunded > bill:
        raise RuleRefusal("refund.exceeds_original", left=bill)
    if not voucher.discount or voucher.used_order != order or refunded < bill:
        return Return(voucher)
    unused = replace(voucher, used_order="", discount=0, cost=())
    if voucher.state is VoucherState.VOID:
        return Return(unused, returned=voucher.discount)
    open_again = replace(unused, state=VoucherState.OPEN)
    return Return(expire_voucher(open_again, day), cost=voucher.cost)


def return_issue(voucher: Voucher, paid: int, refunded: int) -> Return:
    """Return what a refund of the order a voucher came from does (rule 10).

    While what is left of ``paid`` reaches the threshold, nothing. Below it the voucher is void, and if it was
    used its holder owes the discount, once, to those who paid it.
    Raises RuleRefusal ``refund.exceeds_original``.
    """
    check_amount(refunded, "refunded")
    if refunded > paid:
        raise RuleRefusal("refund.exceeds_original", left=paid)
    if paid - refunded >= voucher.threshold or voucher.state is VoucherState.VOID:
        return Return(voucher)
    return Return(replace(voucher, state=VoucherState.VOID), cost=voucher.cost, owed=voucher.discount)
