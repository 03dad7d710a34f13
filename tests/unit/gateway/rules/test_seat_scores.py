"""Quarterly scores and the bottom fifth; the three promises; the duty to refer and its switch."""

from __future__ import annotations

import random
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.seat_scores import (
    DUTY_TERMS,
    SCORE_TERMS,
    Duty,
    DutyTerms,
    Quarter,
    ScoreTerms,
    SeatRatings,
    judge_duty,
    score_quarter,
)

DAY = date(2026, 1, 1)
LATER = date(2026, 2, 1)
TERMS = SCORE_TERMS[0].value
DUTY = DUTY_TERMS[0].value
DOC = bytes(32)


def rate(
    seat: str, residents: int = 80, recheck: int = 80, granted: date = DAY, count: int = 5
) -> SeatRatings:
    return SeatRatings(seat, granted, (residents,) * count, recheck)


def test_residents_and_recheck_are_weighed() -> None:
    (score,) = score_quarter([SeatRatings("a", DAY, (90, 80, 70, 70, 71), 50)], TERMS).ranked
    assert score.score == Fraction(381 * 7, 50) + 15
    assert (score.score_bp, score.rank, score.bottom) == (6_834, 1, False)


@pytest.mark.parametrize(("seats", "leaving"), [(0, 0), (4, 0), (5, 1), (9, 1), (10, 2), (30, 6)])
def test_the_bottom_fifth_is_rounded_down(seats: int, leaving: int) -> None:
    quarter = score_quarter([rate(f"s{n:02d}", residents=50 + n) for n in range(seats)], TERMS)
    assert [s.seat for s in quarter.ranked if s.bottom] == [f"s{n:02d}" for n in reversed(range(leaving))]


def test_equal_scores_keep_the_older_seat_then_the_smaller_id() -> None:
    rows = [rate("b"), rate("a", granted=LATER), rate("c"), rate("d", residents=90), rate("e", residents=90)]
    quarter = score_quarter(rows, TERMS)
    assert [s.seat for s in quarter.ranked] == ["d", "e", "b", "c", "a"]
    assert [s.seat for s in quarter.ranked if s.bottom] == ["a"]


def test_too_few_raters_are_not_ranked() -> None:
    rows = [rate(f"s{n}") for n in range(5)] + [rate("new", 0, 0, count=4), rate("none", 0, 0, count=0)]
    quarter = score_quarter(rows, TERMS)
    assert quarter.unranked == ("new", "none")
    assert [s.seat for s in quarter.ranked if s.bottom] == ["s4"]
    assert score_quarter([], TERMS) == Quarter((), ())


ROWS = st.lists(
    st.builds(
        SeatRatings,
        st.text("abcdef", min_size=1, max_size=3),
        st.sampled_from([DAY, LATER]),
        st.lists(st.integers(0, 100), max_size=7).map(tuple),
        st.integers(0, 100),
    ),
    max_size=15,
    unique_by=lambda row: row.seat,
)


@given(ROWS, st.randoms(use_true_random=False), st.integers(0, 10_000))
def test_ranking_is_the_same_for_any_order(rows: list[SeatRatings], chance: random.Random, part: int) -> None:
    terms = ScoreTerms(release_bp=part)
    quarter = score_quarter(rows, terms)
    mixed = rows[:]
    chance.shuffle(mixed)
    assert score_quarter(mixed, terms) == quarter
    assert sorted([*quarter.unranked, *(s.seat for s in quarter.ranked)]) == sorted(r.seat for r in rows)
    scores = [s.score for s in quarter.ranked]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= s <= 100 for s in scores)
    assert sum(s.bottom for s in quarter.ranked) == len(scores) * part // 10_000
    assert [s.bottom for s in quarter.ranked] == sorted(s.bottom for s in quarter.ranked)


@pytest.mark.parametrize(
    ("monthly", "duty"),
    [
        ({202608: 2, 202609: 1, 202610: 0, 202611: 1}, Duty(3, True, 2_000)),
        ({202608: 0, 202609: 2, 202610: 1, 202611: 1}, Duty(2, False, 0)),
        ({202608: 0, 202609: 0, 202610: 0, 202611: 2}, Duty(0, False, 0)),
        ({}, Duty(4, True, 2_000)),
    ],
)
def test_three_months_under_two_referrals(monthly: dict[int, int], duty: Duty) -> None:
    months = [202609, 202611, 202608, 202610]
    assert judge_duty(monthly, months, DUTY, switched_on=True) == duty
    assert judge_duty(monthly, months, DUTY, switched_on=False) == Duty(0, False, 0)


def test_a_month_that_was_not_judged_ends_the_row() -> None:
    assert judge_duty({}, [202610, 202611, 202701, 202702], DUTY, switched_on=True) == Duty(2, False, 0)
    assert judge_duty({}, [202611, 202612, 202701], DUTY, switched_on=True) == Duty(3, True, 2_000)


def test_months_before_the_seat_do_not_count() -> None:
    assert judge_duty({}, [202610, 202611], DUTY, switched_on=True) == Duty(2, False, 0)


def test_what_makes_no_sense_is_refused() -> None:
    for bad, where in (
        (lambda: SeatRatings("a", DAY, (101,), 0), "score"),
        (lambda: SeatRatings("a", DAY, (), -1), "score"),
        (lambda: score_quarter([rate("a"), rate("a")], TERMS), "ratings"),
        (lambda: ScoreTerms(residents_bp=6_000), "weights"),
        (lambda: ScoreTerms(least_raters=0), "least_raters"),
        (lambda: DutyTerms(months=0), "duty_terms"),
    ):
        with pytest.raises(FormatError) as caught:
            bad()
        assert caught.value.where == where
