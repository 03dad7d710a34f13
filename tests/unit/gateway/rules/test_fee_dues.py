"""What fees come to: years in business dates, waived years, upgrades and refunds by the day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

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
    begin_validity,
    fee_due,
    pick_fee_use,
    refund_fee,
    upgrade_price,
)
from gateway.rules.fees import FEES, FeeTerms, pick_fee
from gateway.rules.refusals import RuleRefusal
from gateway.rules.split_tables import pick_split
from gateway.rules.splits import refund, split

YEAR = Validity(date(2026, 3, 1), date(2027, 2, 28))
RULES = FEE_REFUND_TERMS[0]
DAY = date(2026, 3, 1)


def terms_of(kind: str) -> FeeTerms:
    return pick_fee(kind, DAY)


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
    assert fee_due(terms, use, waived=False) == amount


def test_every_fee_has_its_use_and_its_splits_exist() -> None:
    assert {(fee.id, fee.version) for fee in FEES} == {(use.id, use.version) for use in FEE_USES}
    for use in FEE_USES:
        for table in filter(None, (use.first_split, use.renewal_split)):
            assert pick_split(table, use.effective_from).source == use.source


def test_only_the_ordinary_year_is_waived() -> None:
    waived = [use.id for use in FEE_USES if fee_due(terms_of(use.id), use, waived=True) == 0]
    assert waived == ["ordinary"]
    with pytest.raises(FormatError) as caught:
        fee_due(terms_of("trial"), pick_fee_use("ordinary", DAY), waived=True)
    assert caught.value.where == "use"


def test_a_year_starts_on_the_business_date_of_its_payment() -> None:
    # 23:30 UTC on 28 February is 1 March in Shanghai.
    paid_at = int(datetime(2026, 2, 28, 23, 30, tzinfo=UTC).timestamp())
    assert begin_validity(paid_at) == YEAR
    assert begin_validity(paid_at, YEAR) == Validity(date(2027, 3, 1), date(2028, 2, 29))
    assert begin_validity(paid_at, Validity(date(2025, 3, 1), date(2026, 2, 28))) == YEAR


def test_first_and_last_day_are_valid() -> None:
    assert (YEAR.covers(date(2026, 3, 1)), YEAR.covers(date(2027, 2, 28))) == (True, True)
    assert (YEAR.covers(date(2026, 2, 28)), YEAR.covers(date(2027, 3, 1))) == (False, False)
    assert (YEAR.days, YEAR.days_left(date(2025, 1, 1)), YEAR.days_left(date(2027, 2, 28))) == (365, 365, 1)
    with pytest.raises(FormatError):
        Validity(date(2026, 3, 1), date(2026, 2, 28))


def test_an_upgrade_costs_the_difference_for_the_days_left() -> None:
    ordinary, trial, co_creation = map(terms_of, ("ordinary", "trial", "co_creation"))
    assert upgrade_price(ordinary, co_creation, YEAR, date(2026, 3, 1)) == 90_100
    assert upgrade_price(ordinary, co_creation, YEAR, date(2027, 2, 28)) == 246
    assert upgrade_price(trial, co_creation, YEAR, date(2026, 8, 31)) == 44_876
    assert upgrade_price(ordinary, trial, YEAR, date(2026, 3, 1)) == 100


@pytest.mark.parametrize(
    ("have", "want"),
    [
        ("co_creation", "ordinary"),
        ("ordinary", "merchant"),
        ("ordinary", "refundable"),
        ("refundable", "co_creation"),
        ("trial", "trial"),
    ],
)
def test_other_upgrades_are_refused(have: str, want: str) -> None:
    with pytest.raises(RuleRefusal) as caught:
        upgrade_price(terms_of(have), terms_of(want), YEAR, date(2026, 4, 1))
    assert caught.value == RuleRefusal("fee.no_upgrade", have=have, want=want)


def test_an_upgrade_needs_a_valid_membership_and_a_dearer_kind() -> None:
    trial, co_creation = terms_of("trial"), terms_of("co_creation")
    with pytest.raises(RuleRefusal) as caught:
        upgrade_price(trial, co_creation, YEAR, date(2027, 3, 1))
    assert caught.value == RuleRefusal("fee.not_valid", day="2027-03-01")
    with pytest.raises(RuleRefusal) as caught:
        upgrade_price(trial, replace(co_creation, amount=10_000), YEAR, date(2026, 4, 1))
    assert caught.value.code == "fee.no_upgrade"


@pytest.mark.parametrize(
    ("kind", "day", "used", "refunded"),
    [
        ("ordinary", date(2026, 3, 8), 0, FeeRefund(9_900, RefundBasis.COOLING_OFF)),
        ("ordinary", date(2026, 3, 8), 1, FeeRefund(9_710, RefundBasis.UNUSED_DAYS)),
        ("ordinary", date(2026, 3, 9), 0, FeeRefund(9_683, RefundBasis.UNUSED_DAYS)),
        ("ordinary", date(2027, 2, 28), 0, FeeRefund(27, RefundBasis.UNUSED_DAYS)),
        ("refundable", date(2027, 2, 28), 9, FeeRefund(100_000, RefundBasis.CUSTODY)),
    ],
)
def test_what_leaving_refunds(kind: str, day: date, used: int, refunded: FeeRefund) -> None:
    terms = terms_of(kind)
    assert refund_fee(terms, RULES, terms.amount, YEAR.first, YEAR, day, used) == refunded


@pytest.mark.parametrize(("paid", "day"), [(9_900, date(2027, 3, 1)), (0, date(2026, 3, 2))])
def test_nothing_left_is_refused(paid: int, day: date) -> None:
    with pytest.raises(RuleRefusal) as caught:
        refund_fee(terms_of("ordinary"), RULES, paid, YEAR.first, YEAR, day, 0)
    assert caught.value == RuleRefusal("fee.nothing_left", day=day.isoformat())


@given(st.integers(0, 364), st.integers(0, 364))
def test_rule_31_what_is_left_follows_from_fee_and_date_alone(first: int, second: int) -> None:
    early, late = sorted((first, second))
    ordinary, co_creation = terms_of("ordinary"), terms_of("co_creation")

    def left(terms: FeeTerms, days: int) -> int:
        day = YEAR.first + timedelta(days=days)
        return refund_fee(terms, RULES, terms.amount, YEAR.first, YEAR, day, 1).amount

    assert left(ordinary, late) == 9_900 * (365 - late) // 365
    assert left(ordinary, early) >= left(ordinary, late)
    # Upgraded and left on one day: never more back than was paid in all.
    day = YEAR.first + timedelta(days=late)
    paid = 9_900 + upgrade_price(ordinary, co_creation, YEAR, day)
    assert refund_fee(co_creation, RULES, paid, YEAR.first, YEAR, day, 1).amount <= paid


def test_rule_10_a_refunded_fee_reverses_its_split() -> None:
    terms = terms_of("co_creation")
    legs = split(terms.amount, pick_split(pick_fee_use("co_creation", DAY).first_split, DAY))
    back = refund_fee(terms, RULES, terms.amount, YEAR.first, YEAR, date(2026, 8, 31), 1)
    assert back.amount == 49_863
    assert refund(back.amount, terms.amount, legs) == (
        ("chapter_fund", 4_986),
        ("chapter_holding", 19_946),
        ("platform", 4_986),
        ("referring_shop", 19_945),
    )
