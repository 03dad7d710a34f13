"""Applications for a seat: the three reviews in order, rejection, appeal; the terms as the papers say."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.refusals import RuleRefusal
from gateway.rules.seats import (
    APPLICATION_MACHINE,
    RETURNS_TO,
    SEAT_TERMS,
    STAGES,
    Application,
    ApplicationEvent,
    ApplicationState,
    ApplicationStep,
    SeatActor,
    SeatTerms,
    advance_application,
    check_vacant,
)

DAY = date(2026, 11, 22)
TERMS = SEAT_TERMS[0].value
NEW = Application("a1", "3101-0007", "bakery", "merchant")
OFFICES = (SeatActor.SECRETARY, SeatActor.CHAPTER, SeatActor.COMMITTEE, SeatActor.PRESIDENT)


def act(
    step: ApplicationStep, actor: SeatActor, person: str, day: date = DAY, reason: str | None = None
) -> ApplicationEvent:
    return ApplicationEvent(step, actor, person, day, reason)


PASSES = [act(ApplicationStep.PASS, office, f"p-{office}") for office in OFFICES[:3]]
GRANT = act(ApplicationStep.GRANT, SeatActor.PRESIDENT, "p-president")
APPEAL = act(ApplicationStep.APPEAL, SeatActor.MERCHANT, "merchant")


def walk(application: Application, *events: ApplicationEvent) -> Application:
    for event in events:
        application = advance_application(application, event, TERMS)
    return application


def refuse(application: Application, event: ApplicationEvent) -> RuleRefusal:
    with pytest.raises(RuleRefusal) as caught:
        advance_application(application, event, TERMS)
    return caught.value


def test_three_reviews_in_order_give_the_certificate() -> None:
    states = [walk(NEW, *PASSES[:count]).state for count in range(4)]
    assert tuple(states) == STAGES
    granted = walk(NEW, *PASSES, GRANT)
    assert granted.state is ApplicationState.GRANTED
    assert granted.certified_until == DAY + timedelta(365)
    assert granted.decided_by == ("p-secretary", "p-chapter", "p-committee", "p-president")
    assert APPLICATION_MACHINE.events(ApplicationState.GRANTED) == frozenset()


def test_no_review_is_skipped_and_each_has_its_office() -> None:
    assert refuse(NEW, GRANT) == RuleRefusal("seat_application.wrong_state", state="applied", step="grant")
    assert refuse(NEW, PASSES[1]) == RuleRefusal("seat_application.wrong_actor", step="pass")


@pytest.mark.parametrize("passed", [0, 1, 2, 3])
def test_a_rejection_at_any_stage_can_be_appealed_once(passed: int) -> None:
    reject = act(ApplicationStep.REJECT, OFFICES[passed], "judge", reason="papers")
    rejected = walk(NEW, *PASSES[:passed], reject)
    assert (rejected.state, rejected.reason, rejected.appeal_by) == (
        ApplicationState.REJECTED,
        "papers",
        DAY + timedelta(15),
    )
    late = replace(APPEAL, day=DAY + timedelta(15))
    assert refuse(rejected, late) == RuleRefusal("seat_application.too_late", day="2026-12-07")
    appealed = walk(rejected, replace(APPEAL, day=DAY + timedelta(14)))
    own = act(ApplicationStep.OVERTURN, SeatActor.PRESIDENT, "judge")
    assert refuse(appealed, own) == RuleRefusal("seat_application.own_decision")
    back = walk(appealed, replace(own, person="other judge"))
    assert (back.state, back.reason, back.appeal_by) == (STAGES[passed], None, None)
    again = walk(back, reject)
    assert refuse(again, APPEAL).code == "seat_application.too_late"
    assert walk(again, act(ApplicationStep.LAPSE, SeatActor.CLOCK, "")).state is ApplicationState.REFUSED


def test_a_rejection_ends_when_nobody_appeals_or_it_is_upheld() -> None:
    rejected = walk(NEW, act(ApplicationStep.REJECT, SeatActor.SECRETARY, "judge", reason="papers"))
    lapse = act(ApplicationStep.LAPSE, SeatActor.CLOCK, "", DAY + timedelta(14))
    assert refuse(rejected, lapse) == RuleRefusal("seat_application.too_early", day="2026-12-07")
    assert walk(rejected, replace(lapse, day=DAY + timedelta(15))).state is ApplicationState.REFUSED
    upheld = walk(rejected, APPEAL, act(ApplicationStep.UPHOLD, SeatActor.PRESIDENT, "other judge"))
    assert upheld.state is ApplicationState.REFUSED


def test_reasons_and_persons() -> None:
    silent = act(ApplicationStep.REJECT, SeatActor.SECRETARY, "judge")
    assert refuse(NEW, silent) == RuleRefusal("seat_application.no_reason")
    own = replace(PASSES[0], person="merchant")
    assert refuse(NEW, own) == RuleRefusal("seat_application.wrong_actor", step="pass")
    stranger = act(ApplicationStep.WITHDRAW, SeatActor.MERCHANT, "stranger")
    assert refuse(NEW, stranger) == RuleRefusal("seat_application.wrong_actor", step="withdraw")
    assert walk(NEW, replace(stranger, person="merchant")).state is ApplicationState.WITHDRAWN


def test_one_seat_an_industry_a_chapter() -> None:
    held = [("3101-0007", "bakery"), ("3101-0008", "tea")]
    check_vacant(held, "3101-0007", "tea")
    check_vacant(held, "3101-0008", "bakery")
    with pytest.raises(RuleRefusal) as caught:
        check_vacant(held, "3101-0007", "bakery")
    assert caught.value == RuleRefusal("seat.taken", industry="bakery")


def test_terms_are_those_of_the_papers() -> None:
    assert (TERMS.notice_days, TERMS.exclusivity_fen) == (90, 100_000 * 100)
    with pytest.raises(FormatError) as caught:
        SeatTerms(appeal_days=0)
    assert caught.value.where == "seat_terms"


EVENTS = st.builds(
    ApplicationEvent,
    st.sampled_from(ApplicationStep),
    st.sampled_from(SeatActor),
    st.sampled_from(["merchant", "p1", "p2"]),
    st.integers(0, 40).map(lambda days: DAY + timedelta(days)),
    st.sampled_from(["papers", None]),
)
LIKELY = st.sampled_from([*PASSES, GRANT, APPEAL])


@given(st.lists(st.one_of(EVENTS, LIKELY), max_size=30))
def test_random_walks_stay_in_the_table(events: list[ApplicationEvent]) -> None:
    application, appeals = NEW, 0
    for event in events:
        before = application
        try:
            application = advance_application(before, event, TERMS)
        except RuleRefusal:
            continue
        target, actors = APPLICATION_MACHINE.rows[before.state, event.step]
        allowed = {target} | RETURNS_TO.get((before.state, event.step), frozenset())
        assert application.state in allowed and event.actor in actors
        appeals += event.step is ApplicationStep.APPEAL
        assert appeals <= 1
        if application.state in STAGES:
            assert application.rejected_at is None
        if application.state is ApplicationState.GRANTED:
            assert len(application.decided_by) >= 4
            assert "merchant" not in application.decided_by
