"""Clocks of the alliance and the coins of penalties, as versions."""

from __future__ import annotations

from datetime import date

import pytest

from chain.errors import FormatError
from gateway.rules.alliance_terms import ALLIANCE_TERMS, LISTINGS, Clock
from gateway.rules.parameters import value_on


def test_coins_are_set_from_2026_on_and_not_before() -> None:
    before = value_on(LISTINGS, date(2025, 12, 31))
    after = value_on(LISTINGS, date(2026, 1, 1))
    assert {reason.coins for reason in before.reasons} == {None}
    assert {reason.code: reason.coins for reason in after.reasons if reason.coins} == {
        "promise_broken": 20_000,
        "complaint_verified": 10_000,
        "service_refused": 5_000,
    }
    assert [reason.listed_days for reason in after.reasons] == [one.listed_days for one in before.reasons]


def test_every_clock_has_an_owner() -> None:
    terms = value_on(ALLIANCE_TERMS, date(2026, 1, 1))
    clocks = (terms.review, terms.appeal, terms.claim, terms.refund)
    assert [(clock.owner, clock.days) for clock in clocks] == [
        ("committee", 30),
        ("president", 15),
        ("platform", 60),
        ("platform", 15),
    ]


def test_a_clock_leaves_time() -> None:
    with pytest.raises(FormatError) as caught:
        Clock("chair", 0)
    assert (caught.value.where, caught.value.reason) == ("clock", "no time to act")
