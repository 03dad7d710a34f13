"""A granted seat: renewal, notice of 90 days, release with appeal, exclusivity."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.refusals import RuleRefusal
from gateway.rules.seat_life import (
    ALSO_TO,
    SEAT_MACHINE,
    Claim,
    ReleaseReason,
    Seat,
    SeatEvent,
    SeatState,
    SeatStep,
    advance_seat,
    claim_exclusivity,
)
from gateway.rules.seats import SEAT_TERMS, SeatActor

DAY = date(2026, 11, 22)
TERMS = SEAT_TERMS[0].value
SEAT = Seat("s1", "3101-0007", "bakery", "merchant", DAY, DAY + timedelta(365))
NOTICE = SeatEvent(SeatStep.GIVE_NOTICE, SeatActor.MERCHANT, "merchant", DAY)
PROPOSE = SeatEvent(SeatStep.PROPOSE_RELEASE, SeatActor.CHAPTER, "judge", DAY, ReleaseReason.BOTTOM_SCORE)
APPEAL = SeatEvent(SeatStep.APPEAL, SeatActor.MERCHANT, "merchant", DAY)


def walk(seat: Seat, *events: SeatEvent) -> Seat:
    for event in events:
        seat = advance_seat(seat, event, TERMS)
    return seat


def refuse(seat: Seat, event: SeatEvent) -> RuleRefusal:
    with pytest.raises(RuleRefusal) as caught:
        advance_seat(seat, event, TERMS)
    return caught.value


def clock(step: SeatStep, days: int) -> SeatEvent:
    return SeatEvent(step, SeatActor.CLOCK, "", DAY + timedelta(days))


def test_a_voluntary_exit_takes_ninety_days() -> None:
    leaving = walk(SEAT, NOTICE)
    assert (leaving.state, leaving.leaves_on) == (SeatState.LEAVING, date(2027, 2, 20))
    assert refuse(leaving, clock(SeatStep.LEAVE, 89)) == RuleRefusal("seat.too_early", day="2027-02-20")
    left = walk(leaving, clock(SeatStep.LEAVE, 90))
    assert (left.state, left.ended_on) == (SeatState.ENDED, date(2027, 2, 20))
    back = walk(leaving, replace(NOTICE, step=SeatStep.WITHDRAW_NOTICE))
    assert back == SEAT


def test_a_release_waits_for_the_appeal() -> None:
    proposed = walk(SEAT, PROPOSE)
    assert (proposed.reason, proposed.appeal_by) == (ReleaseReason.BOTTOM_SCORE, DAY + timedelta(15))
    early = clock(SeatStep.RELEASE, 14)
    assert refuse(proposed, early) == RuleRefusal("seat.too_early", day="2026-12-07")
    assert walk(proposed, clock(SeatStep.RELEASE, 15)).state is SeatState.ENDED
    late = replace(APPEAL, day=DAY + timedelta(15))
    assert refuse(proposed, late) == RuleRefusal("seat.too_late", day="2026-12-07")
    by_chapter = SeatEvent(SeatStep.RELEASE, SeatActor.PRESIDENT, "president", DAY)
    assert refuse(proposed, by_chapter) == RuleRefusal("seat.wrong_actor", step="release")


def test_an_appeal_is_decided_by_another_person() -> None:
    appealed = walk(SEAT, PROPOSE, APPEAL)
    keep = SeatEvent(SeatStep.KEEP, SeatActor.PRESIDENT, "judge", DAY)
    assert refuse(appealed, keep) == RuleRefusal("seat.own_decision")
    assert walk(appealed, replace(keep, person="president")) == SEAT
    release = replace(keep, step=SeatStep.RELEASE, person="president", day=DAY + timedelta(1))
    gone = walk(appealed, release)
    assert (gone.state, gone.ended_on, gone.reason) == (
        SeatState.ENDED,
        DAY + timedelta(1),
        ReleaseReason.BOTTOM_SCORE,
    )


def test_a_kept_seat_after_notice_is_still_left() -> None:
    keep = SeatEvent(SeatStep.KEEP, SeatActor.PRESIDENT, "president", DAY)
    kept = walk(SEAT, NOTICE, PROPOSE, APPEAL, keep)
    assert (kept.state, kept.leaves_on) == (SeatState.LEAVING, DAY + timedelta(90))


def test_certificates_are_renewed_or_end() -> None:
    renew = SeatEvent(SeatStep.RENEW, SeatActor.PRESIDENT, "president", DAY + timedelta(300))
    assert walk(SEAT, renew).certified_until == DAY + timedelta(730)
    assert refuse(SEAT, clock(SeatStep.EXPIRE, 364)).code == "seat.too_early"
    assert walk(SEAT, clock(SeatStep.EXPIRE, 365)).state is SeatState.ENDED


def test_reasons_persons_and_states() -> None:
    assert refuse(SEAT, replace(PROPOSE, reason=None)) == RuleRefusal("seat.no_reason")
    own = replace(PROPOSE, person="merchant")
    assert refuse(SEAT, own) == RuleRefusal("seat.wrong_actor", step="propose_release")
    stranger = replace(NOTICE, person="stranger")
    assert refuse(SEAT, stranger) == RuleRefusal("seat.wrong_actor", step="give_notice")
    ended = walk(SEAT, clock(SeatStep.EXPIRE, 365))
    assert refuse(ended, NOTICE) == RuleRefusal("seat.wrong_state", state="ended", step="give_notice")


def test_a_breach_of_exclusivity_costs_a_hundred_thousand() -> None:
    assert claim_exclusivity(SEAT, DAY, TERMS) == Claim(
        "merchant", 10_000_000, ReleaseReason.EXCLUSIVITY, DAY
    )


EVENTS = st.builds(
    SeatEvent,
    st.sampled_from(SeatStep),
    st.sampled_from(SeatActor),
    st.sampled_from(["merchant", "judge", "president"]),
    st.integers(0, 800).map(lambda days: DAY + timedelta(days)),
    st.sampled_from([*ReleaseReason, None]),
)


@given(st.lists(st.one_of(EVENTS, st.sampled_from([NOTICE, PROPOSE, APPEAL])), max_size=30))
def test_random_walks_stay_in_the_table(events: list[SeatEvent]) -> None:
    seat = SEAT
    for event in events:
        before = seat
        try:
            seat = advance_seat(before, event, TERMS)
        except RuleRefusal:
            continue
        target, actors = SEAT_MACHINE.rows[before.state, event.step]
        allowed = {target} | ALSO_TO.get((before.state, event.step), frozenset())
        assert seat.state in allowed and event.actor in actors
        assert (seat.merchant, seat.industry, seat.granted_on) == ("merchant", "bakery", DAY)
        assert (seat.ended_on is None) == (seat.state is not SeatState.ENDED)
        assert seat.state is not SeatState.LEAVING or seat.leaves_on is not None
        assert seat.state is not SeatState.HELD or seat.reason is None
