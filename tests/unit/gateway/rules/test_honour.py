"""Ability to honour and concentration, against figures worked out by hand."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.expiry import AgeSum, Lot, sum_by_age
from gateway.rules.honour import Capacity, Honour, compute_honour, gini_bp
from gateway.rules.service import SERVICE_TERMS

TERMS = SERVICE_TERMS[0].value


def test_outstanding_by_age_against_capacity() -> None:
    lots = [Lot(date(2026, 1, 1), 70_000), Lot(date(2026, 11, 1), 30_001)]
    bands = sum_by_age(lots, [90], date(2026, 11, 22), None)
    # 600 minutes are 100 coins: 10,000 hundredths.
    honour = compute_honour(bands, Capacity(5_000, 20_000, 600), TERMS)
    assert honour == Honour(
        outstanding=100_001,
        by_age=(AgeSum(0, 90, 30_001), AgeSum(90, None, 70_000)),
        pool_coins=5_000,
        monthly=30_000,
        cover_bp=2_999,
        months=4,
    )


@pytest.mark.parametrize(
    ("outstanding", "merchant", "cover", "months"),
    [(0, 0, None, 0), (0, 100, None, 0), (100, 0, 0, None), (100, 100, 10_000, 1), (100, 99, 9_900, 2)],
)
def test_edges(outstanding: int, merchant: int, cover: int | None, months: int | None) -> None:
    honour = compute_honour([AgeSum(0, None, outstanding)], Capacity(0, merchant, 0), TERMS)
    assert (honour.cover_bp, honour.months) == (cover, months)


@pytest.mark.parametrize(
    ("amounts", "gini"),
    [
        ([], 0),
        ([0, 0], 0),
        ([5], 0),
        ([7, 7, 7], 0),
        ([0, 10], 5_000),
        ([0] * 9 + [1], 9_000),
        ([1, 3], 2_500),
    ],
)
def test_rule_39_concentration_is_shown(amounts: list[int], gini: int) -> None:
    assert gini_bp(amounts) == gini


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30))
def test_gini_agrees_with_mean_differences(amounts: list[int]) -> None:
    total = sum(amounts)
    if total == 0:
        assert gini_bp(amounts) == 0
        return
    apart = sum(abs(one - other) for one in amounts for other in amounts)
    assert gini_bp(amounts) == int(Fraction(apart * 10_000, 2 * len(amounts) * total))


def test_amounts_are_not_negative() -> None:
    for bad, where in ((lambda: gini_bp([-1]), "amounts"), (lambda: Capacity(0, -1, 0), "capacity")):
        with pytest.raises(FormatError) as caught:
            bad()
        assert caught.value.where == where
