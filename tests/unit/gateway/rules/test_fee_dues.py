"""What becomes of fees: whose year is waived, and what comes back of a fee, by the day."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.fee_dues import (
    FEE_REFUND_TERMS,
    FEE_USES,
    FeeRefund,
    RefundBasis,
    Validity,
    pick_fee_use,
    refund_fee,
)
from gateway.rules.fees import FEES, pick_fee
from gateway.rules.split_tables import pick_split
from gateway.rules.splits import refund, split

YEAR = Validity(date(2026, 3, 1), date(2027, 2, 28))
RULES = FEE_REFUND_TERMS[0]
DAY = date(2026, 3, 1)


def due(paid: int, day: date, used: int = 0) -> FeeRefund:
    return refund_fee(paid, YEAR.first, YEAR, day, used, RULES)


@pytest.mark.parametrize(
    ("kind", "day", "amount", "source"),
    [
        ("ordinary", date(2025, 1, 1), 9_900, "C"),
        ("trial", date(2025, 1, 1), 10_000, "D"),
        ("co_creation", date(2025, 1, 1), 100_000, "D"),
        ("refundable", date(2025, 1, 1), 100_000, "B"),
        ("merchant", date(2025, 12, 31), 200_000, "C"),
        ("merchant", date(2026, 1, 1), 100_000, "D"),
    ],
)
def test_fees_of_the_papers(kind: str, day: date, amount: int, source: str) -> None:
    terms, use = pick_fee(kind, day), pick_fee_use(kind, day)
    assert (terms.amount, terms.source, use.source) == (amount, source, source)


def test_only_the_ordinary_year_is_waived() -> None:
    assert {(fee.id, fee.version) for fee in FEES} == {(use.id, use.version) for use in FEE_USES}
    assert [use.id for use in FEE_USES if use.waivable] == ["ordinary"]


def test_first_and_last_day_are_valid() -> None:
    assert (YEAR.days, YEAR.days_left(date(2025, 1, 1)), YEAR.days_left(date(2027, 2, 28))) == (365, 365, 1)
    assert YEAR.days_left(date(2027, 3, 1)) == 0
    with pytest.raises(FormatError):
        Validity(date(2026, 3, 1), date(2026, 2, 28))


@pytest.mark.parametrize(
    ("day", "used", "refunded"),
    [
        (date(2026, 3, 8), 0, FeeRefund(9_900, RefundBasis.COOLING_OFF)),
        (date(2026, 3, 8), 1, FeeRefund(9_710, RefundBasis.UNUSED_DAYS)),
        (date(2026, 3, 9), 0, FeeRefund(9_683, RefundBasis.UNUSED_DAYS)),
        (date(2027, 2, 28), 0, FeeRefund(27, RefundBasis.UNUSED_DAYS)),
        (date(2027, 3, 1), 0, FeeRefund(0, RefundBasis.UNUSED_DAYS)),
    ],
)
def test_what_leaving_refunds(day: date, used: int, refunded: FeeRefund) -> None:
    assert due(9_900, day, used) == refunded


@given(st.integers(0, 364), st.integers(0, 364))
def test_rule_31_what_is_left_follows_from_fee_and_date_alone(first: int, second: int) -> None:
    early, late = (YEAR.first + timedelta(days=days) for days in sorted((first, second)))
    assert due(9_900, late, 1).amount == 9_900 * (365 - (late - YEAR.first).days) // 365
    assert due(9_900, early, 1).amount >= due(9_900, late, 1).amount
    # A fee paid in parts never gives back more than one paid at once.
    assert due(9_900, late, 1).amount + due(90_100, late, 1).amount <= due(100_000, late, 1).amount


def test_rule_10_a_refunded_fee_reverses_its_split() -> None:
    legs = split(100_000, pick_split("first_year_fee", DAY))
    back = due(100_000, date(2026, 8, 31), 1)
    assert back.amount == 49_863
    assert refund(back.amount, 100_000, legs) == (
        ("chapter_fund", 4_986),
        ("chapter_holding", 19_946),
        ("platform", 4_986),
        ("referring_shop", 19_945),
    )
