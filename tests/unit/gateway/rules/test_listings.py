"""Red and black list, penalties: reason, expiry, appeal; no balance below zero."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.listings import (
    LISTING_MACHINE,
    LISTING_TERMS,
    Burn,
    Colour,
    Listing,
    ListingActor,
    ListingEvent,
    ListingState,
    ListingStep,
    ListingTerms,
    Penalty,
    Reason,
    advance_listing,
    burn_penalty,
    impose_penalty,
    list_subject,
)
from gateway.rules.refusals import RuleRefusal

DAY = date(2026, 11, 22)
TERMS = LISTING_TERMS[0].value
ENTRY = list_subject("l1", "shop", "promise_broken", "judge", DAY, TERMS)
APPEAL = ListingEvent(ListingStep.APPEAL, ListingActor.SUBJECT, "shop", DAY)
LIFT = ListingEvent(ListingStep.LIFT, ListingActor.CHAPTER, "other judge", DAY)
EXPIRE = ListingEvent(ListingStep.EXPIRE, ListingActor.CLOCK, "", DAY + timedelta(92))


def refuse(listing: Listing, event: ListingEvent) -> RuleRefusal:
    with pytest.raises(RuleRefusal) as caught:
        advance_listing(listing, event)
    return caught.value


def test_an_entry_has_reason_expiry_and_time_to_appeal() -> None:
    assert ENTRY == Listing(
        "l1",
        Colour.BLACK,
        "shop",
        "promise_broken",
        DAY,
        DAY + timedelta(92),
        DAY + timedelta(15),
        "judge",
    )


def test_an_appeal_comes_in_time_once_and_is_decided_by_another() -> None:
    late = replace(APPEAL, day=DAY + timedelta(15))
    assert refuse(ENTRY, late) == RuleRefusal("listing.too_late", day="2026-12-07")
    appealed = advance_listing(ENTRY, replace(APPEAL, day=DAY + timedelta(14)))
    assert refuse(appealed, replace(LIFT, person="judge")) == RuleRefusal("listing.own_decision")
    upheld = advance_listing(appealed, replace(LIFT, step=ListingStep.UPHOLD))
    assert (upheld.state, upheld.ended_on) == (ListingState.LISTED, None)
    assert refuse(upheld, APPEAL).code == "listing.too_late"
    lifted = advance_listing(appealed, LIFT)
    assert (lifted.state, lifted.ended_on) == (ListingState.LIFTED, DAY)


def test_nobody_is_listed_for_ever() -> None:
    early = replace(EXPIRE, day=DAY + timedelta(91))
    assert refuse(ENTRY, early) == RuleRefusal("listing.too_early", day="2027-02-22")
    for entry in (ENTRY, advance_listing(ENTRY, APPEAL)):
        assert advance_listing(entry, EXPIRE).state is ListingState.EXPIRED


@pytest.mark.parametrize(
    ("subject", "reason", "code"),
    [
        ("shop", "bad_mood", "listing.unknown_reason"),
        ("shop", "service_refused", "listing.no_list"),
        ("judge", "promise_broken", "listing.own_decision"),
    ],
)
def test_who_is_listed_and_why(subject: str, reason: str, code: str) -> None:
    with pytest.raises(RuleRefusal) as caught:
        list_subject("l", subject, reason, "judge", DAY, TERMS)
    assert caught.value == RuleRefusal(code)


def test_steps_are_for_their_own_parties() -> None:
    stranger = replace(APPEAL, person="stranger")
    assert refuse(ENTRY, stranger) == RuleRefusal("listing.wrong_actor", step="appeal")
    own = replace(LIFT, person="shop")
    assert refuse(ENTRY, own) == RuleRefusal("listing.wrong_actor", step="lift")
    as_chapter = replace(APPEAL, actor=ListingActor.CHAPTER)
    assert refuse(ENTRY, as_chapter) == RuleRefusal("listing.wrong_actor", step="appeal")
    lifted = advance_listing(ENTRY, LIFT)
    assert refuse(lifted, EXPIRE) == RuleRefusal("listing.wrong_state", state="lifted", step="expire")


def test_a_penalty_is_a_notice_and_coins_where_they_are_set() -> None:
    until, appeal = DAY + timedelta(30), DAY + timedelta(15)
    assert impose_penalty("shop", "service_refused", DAY, TERMS) == Penalty(
        "shop", "service_refused", 0, DAY, until, appeal
    )
    terms = ListingTerms((Reason("late", None, 30, 7, 5_000),), appeal_days=3)
    penalty = impose_penalty("shop", "late", DAY, terms)
    assert penalty == Penalty("shop", "late", 5_000, DAY, DAY + timedelta(7), DAY + timedelta(3))
    with pytest.raises(RuleRefusal) as caught:
        impose_penalty("shop", "bad_mood", DAY, TERMS)
    assert caught.value == RuleRefusal("listing.unknown_reason")


@pytest.mark.parametrize(
    ("available", "burn"), [(9_000, Burn(5_000, 0)), (5_000, Burn(5_000, 0)), (1_200, Burn(1_200, 3_800))]
)
def test_a_penalty_burns_what_there_is(available: int, burn: Burn) -> None:
    penalty = Penalty("shop", "late", 5_000, DAY, DAY + timedelta(7), DAY + timedelta(3))
    assert burn_penalty(penalty, available) == burn


def test_what_makes_no_sense_is_refused() -> None:
    penalty = impose_penalty("shop", "service_refused", DAY, TERMS)
    for bad, where in (
        (lambda: Reason("x", None, 0), "reason"),
        (lambda: Reason("x", None, 1, 1, -1), "coins"),
        (lambda: ListingTerms((Reason("x", None, 1), Reason("x", None, 2))), "listing_terms"),
        (lambda: burn_penalty(penalty, -1), "available"),
    ):
        with pytest.raises(FormatError) as caught:
            bad()
        assert caught.value.where == where


EVENTS = st.builds(
    ListingEvent,
    st.sampled_from(ListingStep),
    st.sampled_from(ListingActor),
    st.sampled_from(["shop", "judge", "other judge"]),
    st.integers(0, 120).map(lambda days: DAY + timedelta(days)),
)


@given(st.lists(st.one_of(EVENTS, st.sampled_from([APPEAL, LIFT, EXPIRE])), max_size=15))
def test_random_walks_stay_in_the_table(events: list[ListingEvent]) -> None:
    listing, appeals = ENTRY, 0
    for event in events:
        before = listing
        try:
            listing = advance_listing(before, event)
        except RuleRefusal:
            continue
        target, actors = LISTING_MACHINE.rows[before.state, event.step]
        assert listing.state is target and event.actor in actors
        appeals += event.step is ListingStep.APPEAL
        assert appeals <= 1
        assert (listing.ended_on is None) == (listing.state in (ListingState.LISTED, ListingState.APPEALED))
        assert (listing.reason, listing.expires_on) == (ENTRY.reason, ENTRY.expires_on)
