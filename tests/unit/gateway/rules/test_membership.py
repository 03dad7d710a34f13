"""Tiers, ages by birth month and relations."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.membership import (
    AgeTerms,
    BirthMonth,
    KinTerms,
    Tier,
    TierTerms,
    age_on,
    check_relation,
    is_elder,
    judge_tier,
)
from gateway.rules.refusals import RuleRefusal

TERMS = TierTerms()
AGES = AgeTerms()
BEIJING_KIN = KinTerms(("parent", "grandparent", "spouse", "child", "grandchild"))
"""Beijing: parents, grandparents and other direct kin."""


@pytest.mark.parametrize(
    ("team", "gold", "tier"),
    [
        (0, 0, Tier.SILVER),
        (29, 1, Tier.SILVER),
        (30, 0, Tier.GOLD),
        (500, 1, Tier.GOLD),
        (2, 2, Tier.DIAMOND),
        (31, 5, Tier.DIAMOND),
    ],
)
def test_tiers(team: int, gold: int, tier: Tier) -> None:
    assert judge_tier(team, gold, TERMS) is tier


@pytest.mark.parametrize(
    ("day", "age", "elder"),
    [
        (date(2026, 10, 31), 59, False),
        (date(2026, 11, 1), 60, True),
        (date(2026, 11, 30), 60, True),
        (date(2027, 10, 31), 60, True),
        (date(2027, 11, 1), 61, True),
    ],
)
def test_elders_by_year_and_month_of_birth(day: date, age: int, elder: bool) -> None:
    born = BirthMonth(1966, 11)
    assert (age_on(born, day), is_elder(born, day, AGES)) == (age, elder)


def test_the_elders_age_is_a_parameter() -> None:
    assert not is_elder(BirthMonth(1966, 11), date(2026, 11, 1), AgeTerms(elder=65))


@given(st.integers(1900, 2100), st.integers(1, 12), st.integers(0, 120), st.integers(0, 364))
def test_ages_agree_with_whole_years(year: int, month: int, years: int, days: int) -> None:
    day = date(year + years, month, 1) + timedelta(days)
    assert age_on(BirthMonth(year, month), day) == years
    before = date(year + years, month, 1) - timedelta(1)
    if years:
        assert age_on(BirthMonth(year, month), before) == years - 1


def test_nobody_has_an_age_before_birth() -> None:
    with pytest.raises(FormatError) as caught:
        age_on(BirthMonth(2026, 12), date(2026, 11, 30))
    assert caught.value.where == "birth_month"


@pytest.mark.parametrize(("year", "month"), [(1899, 1), (2201, 1), (1966, 0), (1966, 13)])
def test_birth_months_exist(year: int, month: int) -> None:
    with pytest.raises(FormatError) as caught:
        BirthMonth(year, month)
    assert caught.value.where == "birth_month"


def test_relations_are_a_parameter_that_may_be_not_set() -> None:
    check_relation(None, KinTerms())
    check_relation("friend", KinTerms())
    check_relation("grandparent", BEIJING_KIN)
    for relation in (None, "friend"):
        with pytest.raises(RuleRefusal) as caught:
            check_relation(relation, BEIJING_KIN)
        assert caught.value == RuleRefusal("member.kin_not_allowed")


def test_what_makes_no_sense_is_refused() -> None:
    for bad, where in (
        (lambda: judge_tier(1, 2, TERMS), "team"),
        (lambda: TierTerms(0, 1), "tier_terms"),
        (lambda: AgeTerms(0), "elder_age"),
        (lambda: AgeTerms(151), "elder_age"),
    ):
        with pytest.raises(FormatError) as caught:
            bad()
        assert caught.value.where == where
