"""The booking: each step and refusal by example, then random walks that must keep table and coins."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.booking import Booking, Event, Outcome, Settlement, advance_booking, open_booking
from gateway.rules.booking_table import (
    ALSO_TO,
    BOOKING_MACHINE,
    FINAL,
    Actor,
    BookingState,
    BookingTerms,
    CancellationBand,
    Step,
)
from gateway.rules.refusals import RuleRefusal
from gateway.rules.service import FUNDING, Quote, ServiceCoins, ServiceKind

START = 1_800_000_000
HOUR = 3_600
TERMS = BookingTerms(
    cancellation=(CancellationBand(24 * HOUR, 0), CancellationBand(2 * HOUR, 2_000)),
    late_bp=5_000,
    absent_bp=10_000,
)


def quote(kind: ServiceKind = ServiceKind.VALUE_ADDED, amount: int = 2_000, minutes: int = 120) -> Quote:
    return Quote("cleaning", kind, minutes, ServiceCoins(amount, 0), FUNDING[kind])


def event(step: Step, actor: Actor, at: int, **more: object) -> Event:
    party = {Actor.MEMBER: "member", Actor.PROVIDER: "provider"}.get(actor)
    return replace(Event(step, actor, at, party), **more)


def walk(booking: Booking, *events: Event, terms: BookingTerms = TERMS) -> tuple[Booking, Settlement | None]:
    settled = None
    for each in events:
        assert settled is None
        booking, settled = advance_booking(booking, each, terms)
    return booking, settled


def request(kind: ServiceKind = ServiceKind.VALUE_ADDED, amount: int = 2_000) -> Booking:
    return open_booking("b1", "member", quote(kind, amount), START, START - 48 * HOUR)


OFFER = event(Step.OFFER, Actor.CHAPTER, START - 47 * HOUR, provider="provider")
ACCEPT = event(Step.ACCEPT, Actor.PROVIDER, START - 47 * HOUR + 1_799)
BOOK = event(Step.BOOK, Actor.MEMBER, ACCEPT.at + 1_799, available=2_000)
MEMBER_IN = event(Step.CHECK_IN, Actor.MEMBER, START - 60)
PROVIDER_IN = event(Step.CHECK_IN, Actor.PROVIDER, START + 120)
MEMBER_OUT = event(Step.CHECK_OUT, Actor.MEMBER, START + 2 * HOUR)
PROVIDER_OUT = event(Step.CHECK_OUT, Actor.PROVIDER, START + 2 * HOUR + 5)
BOOKED = (OFFER, ACCEPT, BOOK)
PRESENT = (*BOOKED, MEMBER_IN, PROVIDER_IN)
DONE = (*PRESENT, MEMBER_OUT, PROVIDER_OUT)
CONFIRM = event(Step.CONFIRM, Actor.MEMBER, START + 3 * HOUR)


def refuse(booking: Booking, each: Event, terms: BookingTerms = TERMS) -> RuleRefusal:
    with pytest.raises(RuleRefusal) as caught:
        advance_booking(booking, each, terms)
    return caught.value


def test_a_service_is_paid_when_the_member_confirms() -> None:
    booked, _ = walk(request(), *BOOKED)
    assert (booked.state, booked.held, booked.due_at) == (BookingState.BOOKED, 2_000, START + 1_800)
    done, none = walk(request(), *DONE)
    assert none is None
    assert (done.state, done.held, done.minutes_present) == (BookingState.CHECKED_OUT, 2_000, 118)
    confirmed, settled = walk(done, CONFIRM)
    assert settled == Settlement(paid=2_000, returned=0, issued=0)
    assert (confirmed.state, confirmed.outcome, confirmed.held) == (
        BookingState.CONFIRMED,
        Outcome.COMPLETED,
        0,
    )
    assert (confirmed.minutes_done, confirmed.due_at) == (120, None)


def test_one_confirmed_service_moves_coins_once() -> None:
    confirmed, _ = walk(request(), *DONE, CONFIRM)
    refusal = refuse(confirmed, CONFIRM)
    assert (refusal.code, refusal.fields) == (
        "booking.wrong_state",
        {"state": "confirmed", "step": "confirm"},
    )


@pytest.mark.parametrize(
    ("kind", "held", "settled"),
    [
        (ServiceKind.BASIC, 0, Settlement(0, 0, 2_000)),
        (ServiceKind.ELDER, 2_000, Settlement(2_000, 0, 0)),
        (ServiceKind.VALUE_ADDED, 2_000, Settlement(2_000, 0, 0)),
    ],
)
def test_coins_are_issued_or_moved_never_both(kind: ServiceKind, held: int, settled: Settlement) -> None:
    booked, _ = walk(request(kind), *BOOKED)
    assert booked.held == held
    assert walk(request(kind), *DONE, CONFIRM)[1] == settled


def test_one_side_alone_neither_starts_nor_ends_a_service() -> None:
    one, _ = walk(request(), *BOOKED, MEMBER_IN)
    assert (one.state, one.member_in, one.provider_in) == (BookingState.BOOKED, START - 60, None)
    assert refuse(one, MEMBER_IN).code == "booking.already_checked"
    out, _ = walk(request(), *PRESENT, PROVIDER_OUT)
    assert (out.state, out.provider_out) == (BookingState.CHECKED_IN, START + 2 * HOUR + 5)
    assert refuse(out, PROVIDER_OUT).code == "booking.already_checked"


@pytest.mark.parametrize("late", [0, 1, 100])
def test_an_offer_is_answered_within_thirty_minutes(late: int) -> None:
    offered, _ = walk(request(), OFFER)
    assert offered.due_at == OFFER.at + 1_800
    refusal = refuse(offered, replace(ACCEPT, at=OFFER.at + 1_800 + late))
    assert (refusal.code, refusal.fields) == ("booking.too_late", {"step": "accept"})
    early = event(Step.EXPIRE, Actor.CLOCK, OFFER.at + 1_799)
    assert refuse(offered, early).code == "booking.too_early"
    again, _ = walk(offered, replace(early, at=OFFER.at + 1_800 + late))
    assert (again.state, again.provider, again.passed_over) == (BookingState.REQUESTED, None, ("provider",))
    assert refuse(again, replace(OFFER, at=again.last_at)).code == "booking.already_asked"
    other, _ = walk(again, replace(OFFER, at=again.last_at, provider="other"))
    assert (other.state, other.provider) == (BookingState.OFFERED, "other")


def test_a_declined_offer_goes_to_another() -> None:
    declined, _ = walk(request(), OFFER, event(Step.DECLINE, Actor.PROVIDER, OFFER.at + 5))
    assert (declined.state, declined.passed_over) == (BookingState.REQUESTED, ("provider",))


@pytest.mark.parametrize("available", [None, 0, 1_999])
def test_rule_07_limits_are_checked_when_coins_are_held(available: int | None) -> None:
    accepted, _ = walk(request(), OFFER, ACCEPT)
    refusal = refuse(accepted, replace(BOOK, available=available))
    assert (refusal.code, refusal.fields) == ("booking.insufficient", {})


def test_who_accepted_is_booked_in_time_or_free_again() -> None:
    accepted, _ = walk(request(), OFFER, ACCEPT)
    due = ACCEPT.at + 1_800
    assert (accepted.state, accepted.held, accepted.due_at) == (BookingState.ACCEPTED, 0, due)
    assert refuse(accepted, replace(BOOK, at=due)).code == "booking.too_late"
    lapse = event(Step.LAPSE, Actor.CLOCK, due)
    assert refuse(accepted, replace(lapse, at=due - 1)).code == "booking.too_early"
    ended, settled = walk(accepted, lapse)
    assert (ended.state, ended.outcome, settled) == (
        BookingState.CANCELLED,
        Outcome.UNANSWERED,
        Settlement(0, 0, 0),
    )
    other, _ = walk(accepted, event(Step.DECLINE, Actor.PROVIDER, ACCEPT.at))
    assert (other.state, other.passed_over) == (BookingState.REQUESTED, ("provider",))


@pytest.mark.parametrize("kind", [ServiceKind.BASIC, ServiceKind.ELDER])
def test_what_all_pay_for_follows_the_sheet(kind: ServiceKind) -> None:
    present = (*BOOKED, MEMBER_IN, replace(PROVIDER_IN, at=START))
    limit = START + 108 * 60
    short, _ = walk(request(kind), *present, replace(MEMBER_OUT, at=limit - 1), PROVIDER_OUT)
    refusal = refuse(short, CONFIRM)
    assert (refusal.code, refusal.fields) == ("booking.sheet_short", {"minutes": 107, "booked": 120})
    clock = event(Step.CONFIRM, Actor.CLOCK, PROVIDER_OUT.at + 3 * 24 * HOUR)
    assert refuse(short, clock).code == "booking.sheet_short"
    enough, _ = walk(request(kind), *present, replace(MEMBER_OUT, at=limit), PROVIDER_OUT)
    assert walk(enough, CONFIRM)[0].state is BookingState.CONFIRMED
    own, _ = walk(request(), *present, replace(MEMBER_OUT, at=limit - 1), PROVIDER_OUT)
    assert refuse(own, clock).code == "booking.sheet_short"
    assert walk(own, CONFIRM)[1] == Settlement(2_000, 0, 0)
    disputed, _ = walk(own, replace(clock, step=Step.DISPUTE))
    assert disputed.state is BookingState.DISPUTED


def test_a_request_nobody_takes_ends_at_its_start() -> None:
    lapse = event(Step.LAPSE, Actor.CLOCK, START)
    assert refuse(request(), replace(lapse, at=START - 1)).code == "booking.too_early"
    ended, settled = walk(request(), lapse)
    assert (ended.state, ended.outcome) == (BookingState.CANCELLED, Outcome.UNANSWERED)
    assert settled == Settlement(0, 0, 0)


@pytest.mark.parametrize(
    ("actor", "before", "paid"),
    [
        (Actor.MEMBER, 24 * HOUR, 0),
        (Actor.MEMBER, 24 * HOUR - 1, 400),
        (Actor.MEMBER, 2 * HOUR, 400),
        (Actor.MEMBER, 2 * HOUR - 1, 1_000),
        (Actor.MEMBER, -1_799, 1_000),
        (Actor.PROVIDER, 60, 0),
        (Actor.CHAPTER, 60, 0),
    ],
)
def test_cancellation_costs_by_time_and_by_who(actor: Actor, before: int, paid: int) -> None:
    ended, settled = walk(request(), *BOOKED, event(Step.CANCEL, actor, START - before))
    assert settled == Settlement(paid, 2_000 - paid, 0)
    assert (ended.state, ended.outcome, ended.held) == (BookingState.CANCELLED, Outcome.CANCELLED, 0)


def test_after_the_grace_time_it_is_no_cancellation() -> None:
    booked, _ = walk(request(), *BOOKED)
    late = event(Step.CANCEL, Actor.MEMBER, START + 1_800)
    assert refuse(booked, late).code == "booking.too_late"


def test_nobody_pays_a_fee_out_of_the_pool_or_before_booking() -> None:
    cancel = event(Step.CANCEL, Actor.MEMBER, START - 60)
    assert walk(request(ServiceKind.ELDER), *BOOKED, cancel)[1] == Settlement(0, 2_000, 0)
    assert walk(request(), replace(cancel, at=OFFER.at))[1] == Settlement(0, 0, 0)
    assert walk(request(), OFFER, replace(cancel, at=OFFER.at))[1] == Settlement(0, 0, 0)


def test_shipped_terms_take_no_fee() -> None:
    cancel = event(Step.CANCEL, Actor.MEMBER, START - 60)
    assert walk(request(), *BOOKED, cancel, terms=BookingTerms())[1] == Settlement(0, 2_000, 0)


@pytest.mark.parametrize(
    ("present", "outcome", "settled"),
    [
        ((), Outcome.BOTH_ABSENT, Settlement(0, 2_000, 0)),
        ((MEMBER_IN,), Outcome.PROVIDER_ABSENT, Settlement(0, 2_000, 0)),
        ((PROVIDER_IN,), Outcome.MEMBER_ABSENT, Settlement(2_000, 0, 0)),
    ],
)
def test_absence(present: tuple[Event, ...], outcome: Outcome, settled: Settlement) -> None:
    report = event(Step.REPORT_ABSENT, Actor.CLOCK, START + 1_800)
    booked, _ = walk(request(), *BOOKED, *present)
    assert refuse(booked, replace(report, at=START + 1_799)).code == "booking.too_early"
    ended, got = walk(booked, report)
    assert (ended.state, ended.outcome, got) == (BookingState.NO_SHOW, outcome, settled)


@pytest.mark.parametrize(("minutes", "paid"), [(1, 16), (7, 116), (60, 1_000), (119, 1_983)])
def test_partial_completion_splits_what_is_held(minutes: int, paid: int) -> None:
    part = event(Step.COMPLETE_PARTLY, Actor.PROVIDER, START + 3 * HOUR, minutes=minutes)
    ended, settled = walk(request(), *DONE, part)
    assert settled == Settlement(paid, 2_000 - paid, 0)
    assert (ended.state, ended.minutes_done) == (BookingState.PARTLY_COMPLETED, minutes)
    basic = walk(request(ServiceKind.BASIC), *DONE, part)[1]
    assert basic == Settlement(0, 0, paid)


@pytest.mark.parametrize("minutes", [None, 0, 120, 121])
def test_partial_means_some_but_not_all(minutes: int | None) -> None:
    done, _ = walk(request(), *DONE)
    refusal = refuse(done, event(Step.COMPLETE_PARTLY, Actor.PROVIDER, START + 3 * HOUR, minutes=minutes))
    assert (refusal.code, refusal.fields) == ("booking.bad_minutes", {"limit": 119})


def test_only_the_provider_says_that_less_was_done() -> None:
    done, _ = walk(request(), *DONE)
    refusal = refuse(done, event(Step.COMPLETE_PARTLY, Actor.MEMBER, START + 3 * HOUR, minutes=1))
    assert (refusal.code, refusal.fields) == ("booking.wrong_actor", {"step": "complete_partly"})


@pytest.mark.parametrize(
    ("minutes", "state", "settled"),
    [
        (0, BookingState.CANCELLED, Settlement(0, 2_000, 0)),
        (30, BookingState.PARTLY_COMPLETED, Settlement(500, 1_500, 0)),
        (120, BookingState.CONFIRMED, Settlement(2_000, 0, 0)),
    ],
)
def test_a_dispute_is_decided_by_the_chapter(minutes: int, state: BookingState, settled: Settlement) -> None:
    dispute = event(Step.DISPUTE, Actor.MEMBER, START + 3 * HOUR)
    open_, none = walk(request(), *DONE, dispute)
    assert none is None
    assert (open_.state, open_.held, open_.due_at) == (
        BookingState.DISPUTED,
        2_000,
        START + 3 * HOUR + 7 * 24 * HOUR,
    )
    decide = event(Step.DECIDE, Actor.CHAPTER, START + 4 * HOUR, minutes=minutes)
    assert refuse(open_, replace(decide, minutes=121)).code == "booking.bad_minutes"
    ended, got = walk(open_, decide)
    assert (ended.state, ended.outcome, got) == (state, Outcome.DECIDED, settled)


def test_the_clock_confirms_after_three_days_or_never() -> None:
    at = PROVIDER_OUT.at + 3 * 24 * HOUR
    clock = event(Step.CONFIRM, Actor.CLOCK, at)
    done, _ = walk(request(), *DONE)
    assert refuse(done, replace(clock, at=at - 1)).code == "booking.too_early"
    assert walk(done, clock)[1] == Settlement(2_000, 0, 0)
    never = replace(TERMS, confirm_seconds=None)
    waiting, _ = walk(request(), *DONE, terms=never)
    assert waiting.due_at is None
    assert refuse(waiting, replace(clock, at=at * 2), never).code == "booking.too_early"


def test_who_forgets_to_check_out_ends_in_a_dispute() -> None:
    present, _ = walk(request(), *PRESENT)
    due = START + 4 * HOUR
    assert present.due_at == due
    assert refuse(present, replace(MEMBER_OUT, at=due)).code == "booking.too_late"
    assert refuse(present, event(Step.DISPUTE, Actor.CLOCK, due - 1)).code == "booking.too_early"
    assert walk(present, event(Step.DISPUTE, Actor.CLOCK, due))[0].state is BookingState.DISPUTED


def test_steps_are_for_their_own_parties_in_order_of_time() -> None:
    booked, _ = walk(request(), *BOOKED)
    assert refuse(booked, replace(MEMBER_IN, party="stranger")).code == "booking.wrong_actor"
    assert refuse(booked, replace(PROVIDER_IN, party="member")).code == "booking.wrong_actor"
    late, _ = walk(booked, MEMBER_IN)
    refusal = refuse(late, replace(PROVIDER_IN, at=MEMBER_IN.at - 1))
    assert (refusal.code, refusal.fields) == ("booking.out_of_order", {"step": "check_in"})
    for at in (START - 1_801, START + 1_800):
        assert refuse(booked, replace(MEMBER_IN, at=at)).code == "booking.outside_window"


def test_nobody_serves_himself_or_begins_in_the_past() -> None:
    assert refuse(request(), replace(OFFER, provider="member")).code == "booking.self_service"
    assert refuse(request(), replace(OFFER, at=START)).code == "booking.too_late"
    with pytest.raises(FormatError) as caught:
        advance_booking(request(), replace(OFFER, provider=None), TERMS)
    assert caught.value.where == "provider"
    with pytest.raises(RuleRefusal) as late:
        open_booking("b", "member", quote(), START, START + 1)
    assert (late.value.code, late.value.fields) == ("booking.too_late", {"step": "request"})


@pytest.mark.parametrize(
    "bad",
    [
        {"answer_seconds": 0},
        {"confirm_seconds": -1},
        {"late_bp": 10_001},
        {"cancellation": (CancellationBand(1, 0), CancellationBand(2, 0))},
        {"cancellation": (CancellationBand(2, 100), CancellationBand(1, 50)), "late_bp": 100},
    ],
)
def test_terms_must_make_sense(bad: dict[str, object]) -> None:
    with pytest.raises(FormatError):
        replace(BookingTerms(), **bad)


EVENTS = st.builds(
    Event,
    step=st.sampled_from(Step),
    actor=st.sampled_from(Actor),
    at=st.just(0),
    party=st.sampled_from(["member", "provider", "other"]),
    provider=st.sampled_from(["member", "provider", "other"]),
    available=st.integers(0, 5_000),
    minutes=st.integers(0, 130),
)
LIKELY = st.sampled_from([*DONE, *DONE, CONFIRM, *DONE])


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.one_of(EVENTS, LIKELY), st.integers(0, 2 * HOUR)), max_size=25),
    st.sampled_from(ServiceKind),
    st.integers(0, 3_000),
)
def test_random_walks_stay_in_the_table_and_conserve_coins(
    steps: list[tuple[Event, int]], kind: ServiceKind, amount: int
) -> None:
    booking, now, settlements, taken = request(kind, amount), START - 40 * HOUR, 0, None
    for raw, wait in steps:
        now += wait
        each = replace(raw, at=raw.at or now)
        before = booking
        try:
            booking, settled = advance_booking(before, each, TERMS)
        except RuleRefusal:
            continue
        now = max(now, each.at)
        target = BOOKING_MACHINE.rows[before.state, each.step][0]
        assert booking.state in {target} | ALSO_TO.get((before.state, each.step), frozenset())
        if each.step is Step.BOOK:
            taken = booking.held
        assert booking.held + booking.paid + booking.returned == (taken or 0)
        assert min(booking.held, booking.paid, booking.returned, booking.issued) >= 0
        assert booking.issued == 0 or (kind is ServiceKind.BASIC and booking.issued <= amount)
        settlements += settled is not None
        assert (booking.state in FINAL) == (settled is not None)
    assert settlements == (booking.state in FINAL)
    assert booking.held == 0 or booking.state not in FINAL


def test_every_state_can_be_reached_and_final_states_have_no_step() -> None:
    reached = {BookingState.REQUESTED}
    for (_, _), (target, _) in BOOKING_MACHINE.rows.items():
        reached.add(target)
    assert reached == set(BookingState)
    assert all(BOOKING_MACHINE.events(state) == frozenset() for state in FINAL)
    assert all(BOOKING_MACHINE.events(state) for state in set(BookingState) - FINAL)
