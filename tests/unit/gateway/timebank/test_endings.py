"""How a booking ends otherwise: in part, by decision, cancelled, or because somebody did not come."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chain.operation import OperationKind, chapter_code
from chain.types import ChapterCode
from gateway.rules.booking_table import BookingTerms, CancellationBand
from gateway.rules.calendar import format_timestamp
from gateway.rules.parameters import ship
from gateway.timebank import records
from tests.unit.gateway.ledger.worlds import OTHER_CHAPTER, address, joined, opened, operated
from tests.unit.gateway.timebank.kit import ALWAYS, HOUR, MINUTE, START, Bank, account, step


def test_partial_completion_splits_what_is_held_in_two_entries(bank: Bank) -> None:
    booking = bank.booked()
    bank.served(booking)
    done = bank.take("service.part_done", about=booking, side="provider", minutes=7)
    assert bank.moved(done) == ("transfer", "holding", "p", 116)
    assert bank.public(done)["legs"] == [
        {"role": "provider", "account": account("p"), "amount": "116"},
        {"role": "member", "account": account("m"), "amount": "1884"},
    ]
    case = bank.case("booking", booking)
    assert (case["state"], case["document"]["phase"]) == ("settling", "partly_completed")
    for name, more in (("service.confirmed", {"side": "member"}), ("service.cancelled", {"side": "chapter"})):
        code, fields = bank.refused(name, about=booking, **more)
        assert (code, fields["state"]) == ("case.wrong_state", "settling")
    rest = bank.take("service.settled", about=booking)
    assert bank.moved(rest) == ("transfer", "holding", "m", 1_884)
    assert bank.public(rest)["left"] == 0
    assert bank.case("booking", booking)["state"] == "partly_completed"
    assert (bank.balance("holding"), bank.balance("p"), bank.balance("m")) == (0, 116, 9_884)
    assert bank.refused("service.settled", about=booking)[0] == "case.wrong_state"


def test_the_clock_pays_out_the_rest_once(bank: Bank) -> None:
    booking = bank.booked()
    bank.served(booking)
    bank.take("service.part_done", about=booking, side="provider", minutes=60)
    assert bank.due() == []
    bank.world.clock.milliseconds += 1
    assert bank.due() == ["service.settled"]
    assert bank.due() == []
    assert bank.balance("m") == 9_000


@pytest.mark.parametrize("minutes", [0, 120])
def test_partial_means_some_but_not_all(bank: Bank, minutes: int) -> None:
    booking = bank.booked()
    bank.served(booking)
    refused = bank.refused("service.part_done", about=booking, side="provider", minutes=minutes)
    assert refused == ("booking.bad_minutes", {"limit": 119})
    by_member = bank.refused("service.part_done", about=booking, side="member", minutes=60)
    assert by_member == ("booking.wrong_actor", {"step": "complete_partly"})


def test_a_dispute_has_an_owner_a_deadline_and_one_decision(bank: Bank) -> None:
    booking = bank.booked()
    bank.served(booking)
    at = START + 120 * MINUTE
    disputed = bank.take("service.disputed", about=booking, side="member", reason="quality")
    until = at + 7 * 24 * HOUR
    told = bank.public(disputed)
    assert (told["owner"], told["until"]) == ("chapter", format_timestamp(until * 1000))
    assert bank.refused("service.confirmed", about=booking, side="member")[0] == "booking.wrong_state"
    bank.at(until - 1)
    assert bank.refused("service.overdue", about=booking) == ("service.not_due", {})
    bank.at(until)
    assert bank.due() == ["service.overdue"]
    assert bank.due() == []
    by_party = bank.refused("service.decided", about=booking, minutes=30, actor="p")
    assert by_party == ("booking.wrong_actor", {"step": "decide"})
    assert bank.refused("service.decided", about=booking, minutes=121) == (
        "booking.bad_minutes",
        {"limit": 120},
    )
    decided = bank.take("service.decided", about=booking, minutes=30)
    assert bank.moved(decided) == ("transfer", "holding", "p", 500)
    assert bank.public(decided)["outcome"] == "decided"
    assert bank.moved(bank.take("service.settled", about=booking)) == ("transfer", "holding", "m", 1_500)
    assert bank.refused("service.decided", about=booking, minutes=30)[0] == "booking.wrong_state"


@pytest.mark.parametrize(
    ("minutes", "moved", "state"),
    [
        (0, ("transfer", "holding", "m", 2_000), "cancelled"),
        (120, ("transfer", "holding", "p", 2_000), "confirmed"),
    ],
)
def test_a_decision_for_one_side_is_one_entry(
    bank: Bank, minutes: int, moved: tuple[str, str, str, int], state: str
) -> None:
    booking = bank.booked()
    bank.served(booking)
    bank.take("service.disputed", about=booking, side="provider")
    decided = bank.take("service.decided", about=booking, minutes=minutes)
    assert bank.moved(decided) == moved
    assert bank.case("booking", booking)["state"] == state


@pytest.mark.parametrize("side", ["member", "provider", "chapter"])
def test_either_side_may_cancel_and_the_coins_come_back(bank: Bank, side: str) -> None:
    booking = bank.booked()
    cancelled = bank.take("service.cancelled", about=booking, side=side, reason="ill")
    assert bank.moved(cancelled) == ("transfer", "holding", "m", 2_000)
    assert bank.public(cancelled)["outcome"] == "cancelled"
    assert bank.cases("agenda")[0]["document"] == {"times": []}
    assert bank.cases("demand")[0]["document"]["requests"] == 0


def test_before_booking_nothing_is_held_and_nothing_moves(bank: Bank) -> None:
    booking = bank.request()
    cancelled = bank.take("service.cancelled", about=booking, side="member")
    assert bank.moved(cancelled) is None
    assert bank.public(cancelled)["legs"] == []
    assert bank.case("booking", booking)["state"] == "cancelled"


def test_after_the_grace_time_it_is_no_cancellation(bank: Bank) -> None:
    booking = bank.booked()
    bank.at(START + 30 * MINUTE)
    refused = bank.refused("service.cancelled", about=booking, side="member")
    assert refused == ("booking.too_late", {"step": "cancel"})


def _terms(monkeypatch: pytest.MonkeyPatch) -> None:
    bands = (CancellationBand(24 * HOUR, 0), CancellationBand(2 * HOUR, 2_000))
    terms = BookingTerms(cancellation=bands, late_bp=5_000, absent_bp=10_000)
    monkeypatch.setattr(records, "BOOKING_TERMS", ship("booking_terms", terms, "test"))


@pytest.mark.parametrize(("before", "fee"), [(24 * HOUR, 0), (24 * HOUR - 1, 400), (2 * HOUR - 1, 1_000)])
def test_a_fee_goes_to_the_provider_by_the_time_that_is_left(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, before: int, fee: int
) -> None:
    _terms(monkeypatch)
    booking = bank.booked()
    bank.at(START - before)
    cancelled = bank.take("service.cancelled", about=booking, side="member")
    assert bank.public(cancelled)["coins"] == str(fee)
    if fee:
        assert bank.moved(cancelled) == ("transfer", "holding", "p", fee)
        bank.take("service.settled", about=booking)
    assert (bank.balance("p"), bank.balance("m"), bank.balance("holding")) == (fee, 10_000 - fee, 0)


def test_who_does_not_come_is_recorded_by_the_clock(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    _terms(monkeypatch)
    booking = bank.booked()
    bank.at(START)
    bank.take("service.checked_in", about=booking, side="provider")
    assert bank.refused("service.no_show", about=booking, side="provider") == (
        "booking.too_early", {"step": "report_absent"},
    )  # fmt: skip
    bank.at(START + 30 * MINUTE)
    assert bank.due() == ["service.no_show"]
    case = bank.case("booking", booking)
    assert (case["state"], case["document"]["outcome"]) == ("no_show", "member_absent")
    assert (bank.balance("p"), bank.balance("holding")) == (2_000, 0)


def test_a_provider_who_does_not_come_gets_nothing(bank: Bank) -> None:
    booking = bank.booked()
    bank.at(START + 30 * MINUTE)
    absent = bank.take("service.no_show", about=booking, side="member")
    assert bank.moved(absent) == ("transfer", "holding", "m", 2_000)
    assert bank.public(absent)["outcome"] == "both_absent"


def test_who_forgets_to_check_out_ends_in_a_dispute(bank: Bank) -> None:
    booking = bank.booked()
    bank.at(START)
    for side in ("member", "provider"):
        bank.take("service.checked_in", about=booking, side=side)
    bank.at(START + 4 * HOUR - 1)
    assert bank.due() == []
    bank.at(START + 4 * HOUR)
    assert bank.due() == ["service.disputed"]
    assert bank.case("booking", booking)["state"] == "disputed"


def test_a_chapter_without_holding_account_holds_nothing(bank: Bank) -> None:
    """Its pools are its own: another chapter's holding account is not there for it."""
    other = ChapterCode(chapter_code(OTHER_CHAPTER))
    world = bank.world
    world.accept(opened(OTHER_CHAPTER))
    for name in ("x", "y"):
        world.accept(joined(name, OTHER_CHAPTER))
    world.accept(operated(OperationKind.ISSUE, receiver=address("x"), amount=5_000, chapter=OTHER_CHAPTER))

    def take(name: str, *subjects: str, **public: object) -> str:
        return world.accept(replace(step(name, subjects, **public), chapter=other)).entry_id

    take("service.recorded", "x", "y")
    offer = take(
        "service.offered", "y", skill="appliance_cleaning", compound="c1", availability=ALWAYS, capacity=1
    )
    at = format_timestamp(START * 1000)
    fields = {"service": "appliance_cleaning", "compound": "c1", "minutes": 120, "starts_at": at}
    booking = take("service.requested", "x", **fields)
    take("service.dispatched", about=booking, offer=offer)
    take("service.accepted", about=booking, side="provider")
    refusal = world.refuse(replace(step("service.booked", about=booking, side="member"), chapter=other))
    assert (refusal.code, refusal.fields) == ("pool.unknown", {"name": "holding"})
    elsewhere = bank.refused("service.booked", about=booking, side="member")
    assert elsewhere == ("case.unknown", {"field": "public.about", "kind": "booking"})
