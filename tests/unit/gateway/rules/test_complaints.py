"""Complaints: owner and deadline at each step, compensation first, one appeal, the list of what is late."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.calendar import SHANGHAI
from gateway.rules.complaints import (
    ALSO_TO,
    COMPLAINT_MACHINE,
    COMPLAINT_TERMS,
    Complaint,
    ComplaintActor,
    ComplaintEvent,
    ComplaintState,
    ComplaintStep,
    ComplaintTerms,
    advance_complaint,
    file_complaint,
)
from gateway.rules.refusals import RuleRefusal
from gateway.rules.workdays import WORK_CALENDAR

TERMS = COMPLAINT_TERMS[0].value
WORK = WORK_CALENDAR[0].value


def at(day: int, hour: int) -> int:
    """Unix seconds of an hour in Shanghai in December 2026; the 1st is a Tuesday."""
    return int(datetime(2026, 12, day, hour, tzinfo=SHANGHAI).timestamp())


FILED = file_complaint("c1", "member", "shop", at(1, 9), TERMS, WORK)


def act(step: ComplaintStep, actor: ComplaintActor, person: str, when: int, **more: object) -> ComplaintEvent:
    return replace(ComplaintEvent(step, actor, person, when), **more)


ASSIGN = act(ComplaintStep.ASSIGN, ComplaintActor.CHAPTER, "secretary", at(1, 10), owner="owner")
VERIFY = act(ComplaintStep.VERIFY, ComplaintActor.OWNER, "owner", at(2, 9), amount_fen=30_000)
DISMISS = act(ComplaintStep.DISMISS, ComplaintActor.OWNER, "owner", at(2, 9))
PAY = act(ComplaintStep.PAY, ComplaintActor.CHAPTER, "secretary", at(2, 15), deposit_fen=50_000)
BY_SHOP = act(ComplaintStep.APPEAL, ComplaintActor.MERCHANT, "shop", at(3, 9))
BY_MEMBER = act(ComplaintStep.APPEAL, ComplaintActor.COMPLAINANT, "member", at(3, 9))
UPHOLD = act(ComplaintStep.UPHOLD, ComplaintActor.CHAPTER, "president", at(4, 9))
OVERTURN = replace(UPHOLD, step=ComplaintStep.OVERTURN)


def walk(complaint: Complaint, *events: ComplaintEvent) -> Complaint:
    for event in events:
        complaint = advance_complaint(complaint, event, TERMS, WORK)
    return complaint


def refuse(complaint: Complaint, event: ComplaintEvent, terms: ComplaintTerms = TERMS) -> RuleRefusal:
    with pytest.raises(RuleRefusal) as caught:
        advance_complaint(complaint, event, terms, WORK)
    return caught.value


def test_every_step_has_its_clock() -> None:
    assert (FILED.due_at, FILED.owner) == (at(1, 17), None)
    assigned = walk(FILED, ASSIGN)
    # Seven working days after Tuesday the 1st: the whole of Thursday the 10th.
    assert (assigned.due_at, assigned.owner) == (at(11, 0), "owner")
    verified = walk(assigned, VERIFY)
    # 24 working hours from Wednesday 9:00 at nine a day.
    assert verified.due_at == at(4, 15)
    # 15 working days after the 2nd: the whole of Wednesday the 23rd.
    assert walk(verified, PAY).due_at == at(24, 0)
    assert walk(verified, PAY, BY_SHOP).due_at == at(25, 0)
    assert walk(verified, PAY, BY_SHOP, UPHOLD).due_at is None


@pytest.mark.parametrize(
    ("deposit", "paid", "short"), [(50_000, 30_000, 0), (30_000, 30_000, 0), (12_345, 12_345, 17_655)]
)
def test_a_verified_complaint_is_paid_first_from_the_deposit(deposit: int, paid: int, short: int) -> None:
    done = walk(FILED, ASSIGN, VERIFY, replace(PAY, deposit_fen=deposit))
    assert (done.state, done.awarded_fen, done.from_deposit_fen, done.short_fen) == (
        ComplaintState.COMPENSATED,
        30_000,
        paid,
        short,
    )


def test_the_merchant_appeals_after_payment_and_gets_it_back() -> None:
    paid = walk(FILED, ASSIGN, VERIFY, replace(PAY, deposit_fen=20_000))
    early = replace(BY_SHOP, at=at(2, 10))
    assert refuse(walk(FILED, ASSIGN, VERIFY), early) == RuleRefusal(
        "complaint.wrong_state", state="verified", step="appeal"
    )
    won = walk(paid, BY_SHOP, OVERTURN)
    assert (won.state, won.owed_back_fen, won.short_fen) == (ComplaintState.OWED_BACK, 20_000, 0)
    # 15 working days after the decision; by the chapter, in one step.
    assert won.due_at is not None and won.due_at > OVERTURN.at
    bring = act(ComplaintStep.BRING_BACK, ComplaintActor.CHAPTER, "secretary", OVERTURN.at + 60)
    assert refuse(won, replace(bring, person="shop")) == RuleRefusal("complaint.own_decision")
    back = walk(won, bring)
    assert (back.state, back.due_at, back.owed_back_fen) == (ComplaintState.CLOSED, None, 20_000)
    by_platform = walk(FILED, ASSIGN, VERIFY, replace(PAY, deposit_fen=0), BY_SHOP, OVERTURN)
    assert (by_platform.state, by_platform.owed_back_fen) == (ComplaintState.CLOSED, 0)
    both = walk(FILED, ASSIGN, VERIFY, replace(PAY, deposit_fen=20_000, reserve_fen=4_000), BY_SHOP, OVERTURN)
    assert (both.from_reserve_fen, both.owed_back_fen) == (4_000, 24_000)
    lost = walk(paid, BY_SHOP, UPHOLD)
    assert (lost.state, lost.owed_back_fen, lost.short_fen) == (ComplaintState.CLOSED, 0, 10_000)


def test_a_dismissal_overturned_is_paid_and_then_closed() -> None:
    appealed = walk(FILED, ASSIGN, DISMISS, BY_MEMBER)
    assert refuse(appealed, OVERTURN).code == "complaint.bad_award"
    won = walk(appealed, replace(OVERTURN, amount_fen=700))
    assert (won.state, won.awarded_fen) == (ComplaintState.VERIFIED, 700)
    paid = walk(won, replace(PAY, at=at(4, 10)))
    assert refuse(paid, replace(BY_SHOP, at=at(4, 11))) == RuleRefusal("complaint.too_late")
    closed = walk(paid, act(ComplaintStep.CLOSE, ComplaintActor.CLOCK, "", at(4, 11)))
    assert (closed.state, closed.from_deposit_fen) == (ComplaintState.CLOSED, 700)


def test_the_clock_closes_what_nobody_appeals() -> None:
    dismissed = walk(FILED, ASSIGN, DISMISS)
    close = act(ComplaintStep.CLOSE, ComplaintActor.CLOCK, "", at(24, 0))
    assert refuse(dismissed, replace(close, at=at(24, 0) - 1)) == RuleRefusal("complaint.too_early")
    assert walk(dismissed, close).state is ComplaintState.CLOSED
    assert refuse(dismissed, replace(BY_MEMBER, at=at(24, 0))) == RuleRefusal("complaint.too_late")


def test_nobody_decides_for_himself() -> None:
    for owner in (None, "member", "shop"):
        assert refuse(FILED, replace(ASSIGN, owner=owner)) == RuleRefusal("complaint.own_decision")
    assert refuse(FILED, replace(ASSIGN, person="shop")) == RuleRefusal("complaint.own_decision")
    assigned = walk(FILED, ASSIGN)
    assert refuse(assigned, replace(VERIFY, person="secretary")) == RuleRefusal(
        "complaint.wrong_actor", step="verify"
    )
    appealed = walk(assigned, DISMISS, BY_MEMBER)
    assert refuse(appealed, replace(UPHOLD, person="owner")) == RuleRefusal("complaint.own_decision")
    with pytest.raises(RuleRefusal) as caught:
        file_complaint("c", "shop", "shop", at(1, 9), TERMS, WORK)
    assert caught.value == RuleRefusal("complaint.self")


def test_another_owner_gets_no_more_time() -> None:
    again = walk(FILED, ASSIGN, replace(ASSIGN, at=at(8, 9), owner="second"))
    assert (again.owner, again.due_at) == ("second", at(11, 0))


@pytest.mark.parametrize("amount", [None, 0, -1, 30_001])
def test_awards_are_in_range(amount: int | None) -> None:
    terms = replace(TERMS, largest_fen=30_000)
    refusal = refuse(walk(FILED, ASSIGN), replace(VERIFY, amount_fen=amount), terms)
    assert refusal == RuleRefusal("complaint.bad_award", limit=30_000)


def test_complaints_run_forward_and_can_be_withdrawn() -> None:
    assert refuse(FILED, replace(ASSIGN, at=at(1, 8))) == RuleRefusal("complaint.out_of_order")
    withdraw = act(ComplaintStep.WITHDRAW, ComplaintActor.COMPLAINANT, "member", at(1, 10))
    closed = walk(FILED, withdraw)
    assert (closed.state, closed.due_at) == (ComplaintState.CLOSED, None)
    assert refuse(closed, ASSIGN) == RuleRefusal("complaint.wrong_state", state="closed", step="assign")


def test_what_makes_no_sense_is_refused() -> None:
    verified = walk(FILED, ASSIGN, VERIFY)
    for bad, where in (
        (lambda: walk(verified, replace(PAY, deposit_fen=None)), "deposit_fen"),
        (lambda: walk(verified, replace(PAY, deposit_fen=-1)), "deposit_fen"),
        (lambda: ComplaintTerms(pay_hours=0), "complaint_terms"),
        (lambda: ComplaintTerms(largest_fen=-1), "largest_fen"),
    ):
        with pytest.raises(FormatError) as caught:
            bad()
        assert caught.value.where == where


EVENTS = st.builds(
    ComplaintEvent,
    st.sampled_from(ComplaintStep),
    st.sampled_from(ComplaintActor),
    st.sampled_from(["member", "shop", "owner", "secretary", "president"]),
    st.integers(at(1, 9), at(31, 9)),
    st.sampled_from(["owner", "secretary", None]),
    st.integers(0, 60_000),
    st.integers(0, 60_000),
)
LIKELY = st.sampled_from([ASSIGN, VERIFY, DISMISS, PAY, BY_SHOP, BY_MEMBER, UPHOLD, OVERTURN])


@given(st.lists(st.one_of(EVENTS, LIKELY), max_size=25))
def test_random_walks_stay_in_the_table_and_account_for_every_fen(events: list[ComplaintEvent]) -> None:
    complaint, appeals = FILED, 0
    for event in events:
        before = complaint
        try:
            complaint = advance_complaint(before, event, TERMS, WORK)
        except RuleRefusal:
            continue
        target, actors = COMPLAINT_MACHINE.rows[before.state, event.step]
        allowed = {target} | ALSO_TO.get((before.state, event.step), frozenset())
        assert complaint.state in allowed and event.actor in actors
        appeals += event.step is ComplaintStep.APPEAL
        assert appeals <= 1
        assert (complaint.due_at is None) == (complaint.state is ComplaintState.CLOSED)
        if complaint.state is ComplaintState.COMPENSATED:
            assert complaint.from_deposit_fen + complaint.short_fen == complaint.awarded_fen > 0
        paid = complaint.from_deposit_fen + complaint.from_reserve_fen
        assert 0 <= complaint.owed_back_fen <= paid <= complaint.awarded_fen
