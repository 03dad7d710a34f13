"""Awards: from facts of one business month alone, ties decided, the same for anybody who recomputes."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.awards import (
    AWARD_TERMS,
    Award,
    AwardKind,
    AwardTerms,
    Fact,
    Prize,
    Tally,
    compute_awards,
    tally_month,
)

TERMS = AWARD_TERMS[0].value
NOVEMBER = 202611


def at(day: int, hour: int = 0) -> int:
    """Unix seconds of an hour in UTC in November 2026."""
    return int(datetime(2026, 11, day, hour, tzinfo=UTC).timestamp())


def help_fact(entry: str, account: str, when: int, minutes: int = 60) -> Fact:
    return Fact(entry, AwardKind.MUTUAL_HELP, account, when, minutes)


def referral(entry: str, account: str, when: int, member: str) -> Fact:
    return Fact(entry, AwardKind.REFERRAL, account, when, 1, member)


def test_the_referral_king_gets_1000_500_300() -> None:
    facts = [
        referral(f"e{account}{n}", account, at(2 + n), f"m{n}")
        for account, count in (("a", 1), ("b", 4), ("c", 3), ("d", 2))
        for n in range(count)
    ]
    assert compute_awards(facts, NOVEMBER, TERMS) == (
        Award(AwardKind.REFERRAL, NOVEMBER, 1, "b", 4, 100_000, 0),
        Award(AwardKind.REFERRAL, NOVEMBER, 2, "c", 3, 50_000, 0),
        Award(AwardKind.REFERRAL, NOVEMBER, 3, "d", 2, 30_000, 0),
    )


def test_a_referred_member_counts_once_a_month() -> None:
    facts = [
        referral("e2", "a", at(3), "m"),
        referral("e1", "a", at(2), "m"),
        referral("e3", "a", at(4), "n"),
    ]
    assert tally_month(facts, AwardKind.REFERRAL, NOVEMBER) == (Tally("a", 2, at(4)),)


def test_refunded_orders_do_not_count() -> None:
    facts = [referral("e1", "a", at(2), "m"), referral("e2", "a", at(3), "m")]
    assert tally_month(facts, AwardKind.REFERRAL, NOVEMBER, frozenset({"e1"})) == (Tally("a", 1, at(3)),)
    assert tally_month(facts, AwardKind.REFERRAL, NOVEMBER, frozenset({"e1", "e2"})) == ()


def test_rule_15_alike_facts_of_two_entries_both_count() -> None:
    twice = [help_fact("e1", "a", at(2)), help_fact("e2", "a", at(2))]
    assert tally_month(twice, AwardKind.MUTUAL_HELP, NOVEMBER) == (Tally("a", 120, at(2)),)
    # The same entry handed in again is the same fact.
    assert tally_month(twice + twice, AwardKind.MUTUAL_HELP, NOVEMBER) == (Tally("a", 120, at(2)),)
    with pytest.raises(FormatError) as caught:
        tally_month([twice[0], replace(twice[0], value=61)], AwardKind.MUTUAL_HELP, NOVEMBER)
    assert caught.value.where == "facts"


def test_rule_06_the_month_closes_in_shanghai() -> None:
    october_utc = int(datetime(2026, 10, 31, 16, tzinfo=UTC).timestamp())
    facts = [
        help_fact("e1", "early", october_utc - 1),
        help_fact("e2", "first", october_utc),
        help_fact("e3", "last", at(30, 16) - 1),
        help_fact("e4", "late", at(30, 16)),
    ]
    assert [row.account for row in tally_month(facts, AwardKind.MUTUAL_HELP, NOVEMBER)] == ["first", "last"]


def test_ties_go_to_who_was_there_first_then_to_the_smaller_id() -> None:
    facts = [
        help_fact("e1", "z", at(2), 30),
        help_fact("e2", "z", at(5), 30),
        help_fact("e3", "c", at(6), 60),
        help_fact("e4", "b", at(6), 60),
        help_fact("e5", "y", at(9), 61),
        help_fact("e6", "z", at(9), 0),
    ]
    assert [row.account for row in tally_month(facts, AwardKind.MUTUAL_HELP, NOVEMBER)] == list("yzbc")


def test_prizes_are_parameters() -> None:
    terms = AwardTerms((Prize(AwardKind.MUTUAL_HELP, (0,), coins=5_000, least=61),))
    facts = [help_fact("e1", "a", at(2), 60)]
    assert compute_awards(facts, NOVEMBER, terms) == ()
    (award,) = compute_awards([help_fact("e1", "a", at(2), 61)], NOVEMBER, terms)
    assert award == Award(AwardKind.MUTUAL_HELP, NOVEMBER, 1, "a", 61, 0, 5_000)


FACTS = st.lists(
    st.builds(
        lambda number, kind, account, when, value, member: Fact(
            f"e{number}", kind, account, when, value, member if kind is AwardKind.REFERRAL else None
        ),
        st.integers(0, 10**6),
        st.sampled_from(AwardKind),
        st.sampled_from("abcdef"),
        st.integers(at(1), at(30)),
        st.integers(0, 3),
        st.sampled_from(["m", "n", "o"]),
    ),
    max_size=20,
    unique_by=lambda fact: fact.entry,
)


@given(FACTS, st.randoms(use_true_random=False), st.sets(st.integers(0, 19)))
def test_anybody_recomputes_the_same_awards(facts: list[Fact], chance: random.Random, out: set[int]) -> None:
    void = frozenset(facts[n].entry for n in out if n < len(facts))
    awards = compute_awards(facts, NOVEMBER, TERMS, void)
    mixed = facts[:]
    chance.shuffle(mixed)
    assert compute_awards(mixed, NOVEMBER, TERMS, void) == awards
    for kind in AwardKind:
        rows = tally_month(facts, kind, NOVEMBER, void)
        assert [row.value for row in rows] == sorted((row.value for row in rows), reverse=True)
        if kind is not AwardKind.REFERRAL:
            counted = [f.value for f in facts if f.kind is kind and f.entry not in void]
            assert sum(row.value for row in rows) == sum(counted)
        places = [award for award in awards if award.kind is kind]
        assert [award.rank for award in places] == list(range(1, len(places) + 1))
        assert len(places) == min(3, sum(row.value > 0 for row in rows))


def test_what_makes_no_sense_is_refused() -> None:
    for bad, where in (
        (lambda: Prize(AwardKind.SAVINGS, ()), "prize"),
        (lambda: Prize(AwardKind.SAVINGS, (1, 2)), "prize"),
        (lambda: Prize(AwardKind.SAVINGS, (1,), least=0), "prize"),
        (lambda: AwardTerms((Prize(AwardKind.SAVINGS, (1,)),) * 2), "prizes"),
        (lambda: Fact("e", AwardKind.REFERRAL, "a", 0, 1), "about"),
        (lambda: Fact("e", AwardKind.SAVINGS, "a", 0, 1, "m"), "about"),
        (lambda: Fact("e", AwardKind.SAVINGS, "a", 0, -1), "value"),
    ):
        with pytest.raises(FormatError) as caught:
            bad()
        assert caught.value.where == where
