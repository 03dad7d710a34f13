"""Offers, and requests handed to them: what fits, who answers in time, and who is asked next."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.rules.calendar import format_timestamp
from tests.unit.gateway.timebank.kit import ALWAYS, HOUR, MINUTE, MORNING, START, Bank

OFFER: dict[str, Any] = {
    "skill": "appliance_cleaning",
    "compound": "c1",
    "availability": ALWAYS,
    "capacity": 2,
}


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"skill": "surgery"}, ("service.unknown", {"field": "public.skill"})),
        ({"capacity": 0}, ("entry.bad_field", {"field": "public.capacity", "reason": "not 1 to 100"})),
        ({"capacity": 101}, ("entry.bad_field", {"field": "public.capacity", "reason": "not 1 to 100"})),
        (
            {"availability": []},
            ("entry.bad_field", {"field": "public.availability", "reason": "names no hours"}),
        ),
        (
            {"availability": ["mondays"]},
            ("entry.bad_field", {"field": "public.availability", "reason": "not <day>.<HH:MM>-<HH:MM>"}),
        ),
    ],
)
def test_what_cannot_be_offered(bank: Bank, change: dict[str, Any], refused: tuple[str, Any]) -> None:
    assert bank.refused("service.offered", ("p",), **{**OFFER, **change}) == refused
    assert bank.cases("offer") == []


def test_shops_offer_what_members_pay_for_and_pools_nothing(bank: Bank) -> None:
    bank.take("service.offered", ("shop",), **OFFER)
    refused = ("service.members_only", {"field": "subjects"})
    assert bank.refused("service.offered", ("shop",), **{**OFFER, "skill": "companionship"}) == refused
    assert bank.refused("service.offered", ("subsidy",), **OFFER) == refused


def test_a_skill_is_offered_once_in_a_compound_until_it_is_withdrawn(bank: Bank) -> None:
    offer = bank.offer()
    assert bank.refused("service.offered", ("p",), **OFFER) == ("service.offered_already", {})
    bank.offer(compound="c2")
    assert bank.cases("supply")[0]["document"] == {"capacity": 20}
    for side, actor in (("member", None), ("provider", "q"), ("clock", None)):
        refused = bank.refused("service.offer_withdrawn", about=offer, side=side, actor=actor)
        assert refused == ("booking.wrong_actor", {"step": "withdraw"})
    bank.take("service.offer_withdrawn", about=offer, side="provider")
    assert bank.cases("supply")[0]["document"] == {"capacity": 10}
    assert bank.refused("service.offer_withdrawn", about=offer, side="provider")[0] == "case.wrong_state"
    booking = bank.request()
    assert bank.refused("service.dispatched", about=booking, offer=offer) == (
        "case.wrong_state", {"field": "public.offer", "state": "withdrawn", "wanted": "open"},
    )  # fmt: skip
    bank.take("service.offered", ("p",), **OFFER)


def test_an_offer_must_fit_the_request(bank: Bank) -> None:
    booking = bank.request()
    for what, change in (
        ("compound", {"compound": "c2"}),
        ("skill", {"skill": "companionship"}),
        ("time", {"availability": ["sat.08:00-20:00"], "compound": "c1"}),
    ):
        offer = bank.offer(**change)
        refused = bank.refused("service.dispatched", about=booking, offer=offer)
        assert refused == ("service.not_matching", {"what": what})
        bank.take("service.offer_withdrawn", about=offer, side="chapter")
    own = bank.offer("m")
    assert bank.refused("service.dispatched", about=booking, offer=own) == ("booking.self_service", {})
    assert bank.refused("service.dispatched", about=booking, offer=booking) == (
        "case.unknown", {"field": "public.offer", "kind": "offer"},
    )  # fmt: skip


def test_nobody_is_at_two_places_at_once_or_over_his_capacity(bank: Bank) -> None:
    offer = bank.offer(capacity=2)
    bank.take("service.dispatched", about=bank.request(), offer=offer)
    same = bank.request("n", start=START + HOUR)
    refused = bank.refused("service.dispatched", about=same, offer=offer)
    assert refused == ("service.not_matching", {"what": "time"})
    bank.take("service.dispatched", about=bank.request("n", start=START + 2 * HOUR), offer=offer)
    third = bank.request("n", start=START + 6 * HOUR)
    refused = bank.refused("service.dispatched", about=third, offer=offer)
    assert refused == ("service.not_matching", {"what": "capacity"})
    monday = bank.request("n", start=START + 3 * 24 * HOUR)
    bank.take("service.dispatched", about=monday, offer=offer)


def test_a_provider_answers_within_thirty_minutes_or_the_next_is_asked(bank: Bank) -> None:
    first, second = bank.offer("p"), bank.offer("q")
    booking = bank.request()
    bank.take("service.dispatched", about=booking, offer=first)
    assert bank.refused("service.lapsed", about=booking) == ("booking.too_early", {"step": "expire"})
    bank.at(MORNING + 30 * MINUTE)
    late = bank.refused("service.accepted", about=booking, side="provider")
    assert late == ("booking.too_late", {"step": "accept"})
    assert bank.due() == ["service.lapsed"]
    case = bank.case("booking", booking)
    assert (case["state"], case["document"]["offer"], case["due_at"]) == (
        "requested", None, format_timestamp(START * 1000),
    )  # fmt: skip
    assert bank.cases("agenda")[0]["document"] == {"times": []}
    again = bank.refused("service.dispatched", about=booking, offer=first)
    assert again == ("booking.already_asked", {})
    bank.take("service.dispatched", about=booking, offer=second)
    bank.take("service.declined", about=booking, side="provider", reason="away")
    third = bank.offer("n")
    bank.take("service.dispatched", about=booking, offer=third)
    bank.take("service.accepted", about=booking, side="provider")
    bank.take("service.booked", about=booking, side="chapter")
    assert bank.case("booking", booking)["document"]["passed_over"] == [
        bank.case("offer", first)["holder"],
        bank.case("offer", second)["holder"],
    ]


def test_who_accepted_is_booked_in_time_or_free_again(bank: Bank) -> None:
    booking = bank.request()
    bank.accepted(booking, bank.offer())
    bank.at(MORNING + 30 * MINUTE)
    assert bank.refused("service.booked", about=booking, side="member") == (
        "booking.too_late",
        {"step": "book"},
    )
    assert "service.lapsed" in bank.due()
    case = bank.case("booking", booking)
    assert (case["state"], case["document"]["outcome"]) == ("cancelled", "unanswered")
    assert bank.cases("agenda")[0]["document"] == {"times": []}


def test_a_request_nobody_takes_ends_at_its_start_in_one_step(bank: Bank) -> None:
    """Also where the last answer window ends with it: the clock has one step for one moment."""
    offer = bank.offer()
    waiting, asked = bank.request(), bank.request("n")
    bank.at(START - 10 * MINUTE)
    bank.take("service.dispatched", about=asked, offer=offer)
    assert bank.case("booking", asked)["due_at"] == format_timestamp(START * 1000)
    bank.at(START)
    assert bank.due() == ["service.lapsed", "service.lapsed"]
    assert {bank.case("booking", key)["state"] for key in (waiting, asked)} == {"cancelled"}
    assert bank.due() == []


def test_a_chapter_lists_its_own_services_at_its_own_price(bank: Bank) -> None:
    listed = bank.take("service.listed", service="repair", kind="value_added", minutes=60, price="1500")
    assert bank.public(listed)["version"] == 1
    before = bank.request(service="repair", minutes=60)
    again = bank.take("service.listed", service="repair", kind="value_added", minutes=60, price="1800")
    assert bank.public(again)["version"] == 2
    after = bank.request(service="repair", minutes=60)
    assert [bank.case("booking", key)["document"]["coins"] for key in (before, after)] == [1_500, 1_800]


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"kind": "luxury"}, ("public.kind", "not basic or elder or value_added")),
        ({"minutes": 0}, ("public.minutes", "not 1 to 1440")),
        ({"kind": "basic"}, ("public.price", "only value_added has a price")),
    ],
)
def test_what_cannot_be_listed(bank: Bank, change: dict[str, Any], refused: tuple[str, str]) -> None:
    fields = {"service": "repair", "kind": "value_added", "minutes": 60, "price": "1", **change}
    code, found = bank.refused("service.listed", **fields)
    assert (code, (found["field"], found["reason"])) == ("entry.bad_field", refused)
