"""The equity contribution: each term by its chapter total, parts that sum exactly, recomputable."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.equity import (
    EQUITY_TERMS,
    Contribution,
    EquityFigures,
    EquityPool,
    EquityRow,
    EquityTerms,
    compute_equity,
    divide_parts,
    weigh_contributions,
)
from gateway.rules.refusals import RuleRefusal

TERMS = EQUITY_TERMS[0].value
CORE, MEMBERS, DEVELOPMENT = EquityPool
ROWS = [
    Contribution("shop", 600_000, 1, 90_000),
    Contribution("ann", 200_000, 3, 0),
    Contribution("bob", 200_000, 0, 10_000),
]


def test_terms_of_different_units_are_normalised_first() -> None:
    weights = weigh_contributions(ROWS, TERMS)
    assert weights == {
        "shop": Fraction(25 * 60 + 60 * 25 + 15 * 90, 10_000),
        "ann": Fraction(25 * 20 + 60 * 75, 10_000),
        "bob": Fraction(25 * 20 + 15 * 10, 10_000),
    }
    # Counting capital in yuan instead of fen changes nothing.
    yuan = [replace(row, capital_fen=row.capital_fen // 100) for row in ROWS]
    assert weigh_contributions(yuan, TERMS) == weights


def test_a_term_nobody_has_falls_away() -> None:
    rows = [replace(row, split_fen=0) for row in ROWS]
    weights = weigh_contributions(rows, TERMS)
    assert weights["ann"] == Fraction(25 * 20 + 60 * 75, 8_500)
    assert sum(weights.values()) == 1


def test_pools_are_25_60_15() -> None:
    figures = compute_equity(ROWS, {CORE: ["shop"], MEMBERS: ["bob", "ann"]}, TERMS)
    # Members divide 6,000 as 5,000 to 650.
    assert figures == EquityFigures(
        10_000,
        (
            EquityRow(CORE, "shop", 2_500),
            EquityRow(MEMBERS, "ann", 5_310),
            EquityRow(MEMBERS, "bob", 690),
            EquityRow(DEVELOPMENT, None, 1_500),
        ),
    )


def test_an_account_in_two_pools_has_two_rows_and_without_contribution_none() -> None:
    pools = {CORE: ["shop"], MEMBERS: ["shop", "new"], DEVELOPMENT: ["new"]}
    rows = compute_equity(ROWS, pools, TERMS).rows
    assert rows == (
        EquityRow(CORE, "shop", 2_500),
        EquityRow(MEMBERS, "new", 0),
        EquityRow(MEMBERS, "shop", 6_000),
        EquityRow(DEVELOPMENT, None, 1_500),
    )


@pytest.mark.parametrize(
    ("shares", "whole", "parts"),
    [
        ([(1, 3), (1, 3), (1, 3)], 10, [4, 3, 3]),
        ([(1, 6), (1, 6), (4, 6)], 10, [2, 2, 6]),
        ([(1, 4), (1, 4), (1, 2)], 1, [0, 0, 1]),
        ([(1, 1)], 0, [0]),
    ],
)
def test_what_is_left_goes_to_the_largest_rest_then_the_smaller_id(
    shares: list[tuple[int, int]], whole: int, parts: list[int]
) -> None:
    named = {name: Fraction(*share) for name, share in zip("abc", shares, strict=False)}
    assert list(divide_parts(named, whole).values()) == parts


CHAPTER = st.lists(
    st.builds(
        Contribution,
        st.text("abcdef", min_size=1, max_size=3),
        st.integers(0, 10**12),
        st.integers(0, 10**4),
        st.integers(0, 10**12),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda row: row.account,
)


@given(CHAPTER, st.randoms(use_true_random=False), st.sampled_from([1, 7, 10_000, 10**9]))
def test_everything_sums_exactly_for_any_order(
    rows: list[Contribution], chance: random.Random, whole: int
) -> None:
    pools = {pool: [row.account for row in rows if chance.random() < 0.6] for pool in (CORE, MEMBERS)}
    if not any(row.capital_fen or row.referred or row.split_fen for row in rows):
        with pytest.raises(RuleRefusal):
            compute_equity(rows, pools, TERMS, whole)
        return
    figures = compute_equity(rows, pools, TERMS, whole)
    assert sum(row.parts for row in figures.rows) == whole
    assert min(row.parts for row in figures.rows) >= 0
    sizes = divide_parts(TERMS.pool_sizes(), whole)
    for pool in EquityPool:
        assert sum(row.parts for row in figures.rows if row.pool is pool) == sizes[pool]
    mixed = rows[:]
    chance.shuffle(mixed)
    turned = {pool: accounts[::-1] for pool, accounts in pools.items()}
    assert compute_equity(mixed, turned, TERMS, whole) == figures
    weights = weigh_contributions(rows, TERMS)
    assert sum(weights.values()) == 1
    for pool, accounts in pools.items():
        total = sum((weights[account] for account in accounts), Fraction(0))
        for row in figures.rows:
            if row.pool is pool and row.account is not None:
                assert abs(row.parts - weights[row.account] / total * sizes[pool]) < 1


def test_nothing_is_divided_by_nothing() -> None:
    for rows in ([], [Contribution("a", 0, 0, 0)]):
        with pytest.raises(RuleRefusal) as caught:
            compute_equity(rows, {}, TERMS)
        assert caught.value == RuleRefusal("equity.nothing")


def test_what_makes_no_sense_is_refused() -> None:
    for bad, where in (
        (lambda: EquityTerms(capital_bp=2_501), "equity_terms"),
        (lambda: EquityTerms(core_bp=2_501), "equity_terms"),
        (lambda: EquityTerms(capital_bp=-1, referred_bp=8_501), "equity_terms"),
        (lambda: Contribution("a", -1, 0, 0), "contribution"),
        (lambda: weigh_contributions([ROWS[0], ROWS[0]], TERMS), "contributions"),
        (lambda: compute_equity(ROWS, {CORE: ["ann", "ann"]}, TERMS), "pools"),
        (lambda: divide_parts({"a": Fraction(1, 2)}, 1), "shares"),
    ):
        with pytest.raises(FormatError) as caught:
            bad()
        assert caught.value.where == where
