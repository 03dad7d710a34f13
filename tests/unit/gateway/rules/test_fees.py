"""Yearly fees by version, and the business dates of a year."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from chain.errors import FormatError
from gateway.rules.calendar import SHANGHAI, business_date, day_start
from gateway.rules.fees import FEE_KINDS, FeeTerms, pick_fee, year_end
from gateway.rules.refusals import RuleRefusal

DAY = date(2026, 11, 18)


def test_the_papers_fees_in_fen() -> None:
    found = {kind: pick_fee(kind, DAY).amount for kind in FEE_KINDS}
    assert found == {
        "ordinary": 9_900, "trial": 10_000, "co_creation": 100_000, "refundable": 100_000,
        "merchant": 100_000,
    }  # fmt: skip
    assert pick_fee("merchant", date(2025, 12, 31)).amount == 200_000
    assert pick_fee("merchant", DAY, 1).amount == 200_000
    assert [kind for kind in FEE_KINDS if pick_fee(kind, DAY).held] == ["refundable"]


def test_no_fee_before_the_trial_year() -> None:
    with pytest.raises(RuleRefusal) as caught:
        pick_fee("ordinary", date(2024, 12, 31))
    assert caught.value == RuleRefusal("rule.not_in_force", table="ordinary", day="2024-12-31")


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (date(2026, 11, 18), date(2027, 11, 17)),
        (date(2027, 3, 1), date(2028, 2, 29)),
        (date(2028, 2, 29), date(2029, 2, 28)),
        (date(2026, 1, 1), date(2026, 12, 31)),
    ],
)
def test_a_year_ends_the_day_before_its_date(since: date, until: date) -> None:
    assert year_end(since) == until


@pytest.mark.parametrize("day", [date(1970, 1, 1), DAY, date(2028, 2, 29)])
def test_a_day_starts_at_midnight_in_shanghai(day: date) -> None:
    assert day_start(day) == datetime(day.year, day.month, day.day, tzinfo=SHANGHAI).timestamp() * 1000
    assert business_date(day_start(day) // 1000) == day
    assert business_date(day_start(day) // 1000 - 1) < day


def test_a_fee_is_positive() -> None:
    with pytest.raises(FormatError):
        FeeTerms("x", 1, DAY, 0, "C")
    with pytest.raises(FormatError):
        FeeTerms("x", 1, DAY, 1, "C", rank=-1)
