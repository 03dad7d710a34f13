"""Concentration, against figures worked out by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.honour import gini_bp


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
    with pytest.raises(FormatError) as caught:
        gini_bp([-1])
    assert caught.value.where == "amounts"
