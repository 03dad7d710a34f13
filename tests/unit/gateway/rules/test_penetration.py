"""The gates of a chapter: exact at their edges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.penetration import GATE_TERMS, ChapterCounts, Gate, GateTerms, judge_gates, penetration_bp

TERMS = GATE_TERMS[0].value


@pytest.mark.parametrize(
    ("households", "with_member", "basis_points", "passed"),
    [(2_000, 300, 1_500, True), (2_000, 299, 1_495, False), (6_667, 1_000, 1_499, False), (0, 0, 0, False)],
)
def test_fifteen_percent_of_households(
    households: int, with_member: int, basis_points: int, passed: bool
) -> None:
    counts = ChapterCounts(households, with_member, 1_000, 30)
    report = judge_gates(counts, TERMS)
    assert penetration_bp(counts) == basis_points
    assert report.gates[0] == Gate("household_bp", basis_points, 1_500, passed)
    assert report.may_grow is passed
    assert report.may_raise is passed


@pytest.mark.parametrize(
    ("members", "merchants", "passed"), [(1_000, 30, True), (999, 30, False), (1_000, 29, False)]
)
def test_a_thousand_members_and_thirty_merchants(members: int, merchants: int, passed: bool) -> None:
    report = judge_gates(ChapterCounts(100, 15, members, merchants), TERMS)
    assert report.gates[1:] == (
        Gate("paying_members", members, 1_000, members >= 1_000),
        Gate("paying_merchants", merchants, 30, merchants >= 30),
    )
    assert (report.may_grow, report.may_raise) == (True, passed)


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.integers(0, 10_000))
def test_the_gate_compares_exactly(households: int, with_member: int, need: int) -> None:
    with_member = min(with_member, households)
    gate = judge_gates(ChapterCounts(households, with_member, 0, 0), GateTerms(household_bp=need)).gates[0]
    assert gate.passed == (with_member * 10_000 >= need * households) == (gate.have >= need)


def test_what_makes_no_sense_is_refused() -> None:
    for bad, where in (
        (lambda: ChapterCounts(10, 11, 0, 0), "member_households"),
        (lambda: ChapterCounts(-1, 0, 0, 0), "counts"),
        (lambda: GateTerms(household_bp=10_001), "household_bp"),
    ):
        with pytest.raises(FormatError) as caught:
            bad()
        assert caught.value.where == where
