"""A booking from request to payment: three kinds of services, each paid once, by certified minutes."""

from __future__ import annotations

import pytest

from gateway.errors import Refusal
from gateway.ledger.drafts import Accepted
from gateway.rules.calendar import format_timestamp
from tests.unit.gateway.timebank.kit import HOUR, MINUTE, MORNING, START, Bank, account, step


def test_a_value_added_service_holds_the_members_coins_and_pays_them_once(bank: Bank) -> None:
    offer = bank.offer()
    requested = bank.take(
        "service.requested",
        ("m",),
        service="appliance_cleaning",
        compound="c1",
        minutes=120,
        starts_at=format_timestamp(START * 1000),
    )
    told = bank.public(requested)
    assert (told["kind"], told["coins"], told["remainder"], told["funding"]) == (
        "value_added", "2000", 0, "member",
    )  # fmt: skip
    booking = requested.entry_id
    dispatched = bank.take("service.dispatched", about=booking, offer=offer)
    until = format_timestamp((MORNING + 30 * MINUTE) * 1000)
    assert bank.public(dispatched) == {
        "about": booking, "offer": offer, "provider": account("p"), "until": until,
    }  # fmt: skip
    bank.take("service.accepted", about=booking, side="provider")
    assert bank.balance("m") == 10_000
    booked = bank.take("service.booked", about=booking, side="member", actor="m")
    assert bank.moved(booked) == ("transfer", "m", "holding", 2_000)
    assert bank.public(booked)["held"] == "2000"
    assert (bank.balance("m"), bank.balance("holding")) == (8_000, 2_000)
    bank.served(booking)
    confirmed = bank.take("service.confirmed", about=booking, side="member")
    assert bank.moved(confirmed) == ("transfer", "holding", "p", 2_000)
    told = bank.public(confirmed)
    assert (told["minutes"], told["coins"], told["outcome"]) == (120, "2000", "completed")
    assert told["legs"] == [{"role": "provider", "account": account("p"), "amount": "2000"}]
    assert (bank.balance("holding"), bank.balance("p")) == (0, 2_000)
    again = bank.refused("service.confirmed", about=booking, side="member")
    assert again == ("booking.wrong_state", {"state": "confirmed", "step": "confirm"})
    assert bank.case("booking", booking)["state"] == "confirmed"
    assert bank.due() == []


def test_certified_hours_of_a_basic_service_are_issued_once(bank: Bank) -> None:
    booking = bank.booked("m", "companionship", minutes=100)
    assert bank.case("booking", booking)["document"]["parts"] == []
    bank.served(booking, 100)
    confirmed = bank.take("service.confirmed", about=booking, side="member")
    assert bank.moved(confirmed) == ("issue", "", "p", 1_666)
    document = bank.case("booking", booking)["document"]
    assert (document["coins"], document["remainder"], document["issued"], document["paid"]) == (
        1_666,
        40,
        1_666,
        0,
    )
    assert document["coins"] * 60 + document["remainder"] == 100 * 1_000
    assert bank.balance("m") == 10_000


def test_an_elder_is_served_from_the_subsidy_pool(bank: Bank) -> None:
    booking = bank.booked("e", "companionship")
    assert (bank.balance("subsidy"), bank.balance("holding"), bank.balance("e")) == (8_000, 2_000, 0)
    assert bank.case("booking", booking)["document"]["kind"] == "elder"
    bank.served(booking)
    confirmed = bank.take("service.confirmed", about=booking, side="member")
    assert bank.moved(confirmed) == ("transfer", "holding", "p", 2_000)


def test_an_elders_service_is_for_elders(bank: Bank) -> None:
    at = format_timestamp(START * 1000)
    fields = {"service": "elder_care", "compound": "c1", "minutes": 60, "starts_at": at}
    assert bank.refused("service.requested", ("m",), **fields) == ("service.elders_only", {})
    refused = bank.refused(
        "service.requested", ("m",), **{**fields, "service": "companionship", "kind": "elder"}
    )
    assert refused == ("entry.not_as_computed", {"field": "public.kind"})


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"service": "surgery"}, ("service.unknown", {"field": "public.service"})),
        ({"minutes": 90}, ("service.not_a_multiple", {"minutes": 120})),
        ({"minutes": 0}, ("entry.bad_field", {"field": "minutes", "reason": "not 1 to 1440"})),
        ({"coins": "1"}, ("entry.not_as_computed", {"field": "public.coins"})),
        ({"starts_at": format_timestamp(MORNING * 1000 - 60_000)}, ("booking.too_late", {"step": "request"})),
        (
            {"starts_at": format_timestamp(START * 1000 + 1)},
            ("entry.bad_field", {"field": "public.starts_at", "reason": "not a whole minute"}),
        ),
        (
            {"starts_at": format_timestamp((MORNING + 367 * 24 * HOUR) * 1000)},
            ("entry.bad_field", {"field": "public.starts_at", "reason": "more than a year ahead"}),
        ),
    ],
)
def test_what_cannot_be_requested(bank: Bank, change: dict[str, object], refused: tuple[str, object]) -> None:
    fields: dict[str, object] = {
        "service": "appliance_cleaning", "compound": "c1", "minutes": 120,
        "starts_at": format_timestamp(START * 1000), **change,
    }  # fmt: skip
    assert bank.refused("service.requested", ("m",), **fields) == refused
    assert bank.cases("booking") == []


def test_a_shop_requests_nothing(bank: Bank) -> None:
    at = format_timestamp(START * 1000)
    fields = {"service": "companionship", "compound": "c1", "minutes": 60, "starts_at": at}
    assert bank.refused("service.requested", ("shop",), **fields) == (
        "service.members_only", {"field": "subjects"},
    )  # fmt: skip


def test_rule_07_who_cannot_pay_is_refused_when_coins_are_held(bank: Bank) -> None:
    booking = bank.request("q")
    bank.accepted(booking, bank.offer())
    assert bank.refused("service.booked", about=booking, side="member") == ("booking.insufficient", {})
    assert bank.case("booking", booking)["state"] == "accepted"


def test_steps_are_for_their_own_side_and_actor(bank: Bank) -> None:
    booking = bank.request()
    offer = bank.offer()
    assert bank.refused("service.dispatched", about=booking, offer=offer, actor="m") == (
        "booking.wrong_actor", {"step": "offer"},
    )  # fmt: skip
    bank.take("service.dispatched", about=booking, offer=offer)
    for side, actor in (
        ("member", None),
        ("chapter", None),
        ("clock", None),
        ("provider", "m"),
        ("provider", "q"),
    ):
        refused = bank.refused("service.accepted", about=booking, side=side, actor=actor)
        assert refused == ("booking.wrong_actor", {"step": "accept"}), (side, actor)
    bank.take("service.accepted", about=booking, side="provider", actor="p")
    assert (
        bank.refused("service.booked", about=booking, side="chapter", actor="p")[0] == "booking.wrong_actor"
    )
    assert bank.refused("service.booked", about=booking, side="nobody") == (
        "entry.bad_field", {"field": "public.side", "reason": "not member or provider or chapter or clock"},
    )  # fmt: skip
    stranger = bank.refused("service.booked", ("q",), about=booking, side="member")
    assert stranger == ("entry.not_as_computed", {"field": "subjects"})


def test_one_side_alone_neither_starts_nor_ends_a_service(bank: Bank) -> None:
    booking = bank.booked()
    assert bank.refused("service.checked_in", about=booking, side="member") == (
        "booking.outside_window", {"step": "check_in"},
    )  # fmt: skip
    bank.at(START)
    first = bank.take("service.checked_in", about=booking, side="member")
    assert bank.public(first)["both"] is False
    assert bank.refused("service.checked_out", about=booking, side="member") == (
        "booking.wrong_state", {"state": "booked", "step": "check_out"},
    )  # fmt: skip
    bank.at(START + 10 * MINUTE)
    second = bank.take("service.checked_in", about=booking, side="provider")
    assert bank.public(second)["both"] is True
    bank.at(START + 120 * MINUTE)
    out = bank.take("service.checked_out", about=booking, side="provider")
    assert bank.public(out) == {"about": booking, "side": "provider", "both": False}
    assert bank.refused("service.confirmed", about=booking, side="member")[0] == "booking.wrong_state"
    out = bank.take("service.checked_out", about=booking, side="member")
    assert (bank.public(out)["both"], bank.public(out)["minutes"]) == (True, 110)


def test_of_two_confirmations_at_once_one_pays(bank: Bank) -> None:
    booking = bank.booked()
    bank.served(booking)
    draft = step("service.confirmed", about=booking, side="member")
    pair = [bank.world.submission(draft, key) for key in ("one", "two")]
    first, second = bank.world.ledger.submit_many(pair)
    assert isinstance(first, Accepted)
    assert isinstance(second, Refusal)
    assert second.code == "booking.wrong_state"
    assert bank.balance("p") == 2_000


def test_the_clock_confirms_after_three_days(bank: Bank) -> None:
    booking = bank.booked()
    bank.served(booking)
    end = START + 120 * MINUTE
    bank.at(end + 3 * 24 * HOUR - 1)
    assert bank.refused("service.confirmed", about=booking, side="clock") == (
        "booking.too_early", {"step": "confirm"},
    )  # fmt: skip
    assert bank.due() == []
    bank.at(end + 3 * 24 * HOUR)
    assert bank.due() == ["service.confirmed"]
    assert bank.balance("p") == 2_000


def test_too_few_minutes_on_the_sheet_are_disputed_by_the_clock(bank: Bank) -> None:
    booking = bank.booked("m", "companionship")
    bank.served(booking, 60)
    assert bank.refused("service.confirmed", about=booking, side="member") == (
        "booking.sheet_short", {"minutes": 60, "booked": 120},
    )  # fmt: skip
    bank.at(START + HOUR + 3 * 24 * HOUR)
    assert bank.due() == ["service.disputed"]
    decided = bank.take("service.decided", about=booking, minutes=60)
    assert bank.moved(decided) == ("issue", "", "p", 1_000)
