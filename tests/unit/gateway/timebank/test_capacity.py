"""Requests 30% over what is offered: the warning, the subsidy of half the coins it opens, and its end."""

from __future__ import annotations

from datetime import date
from typing import cast

from chain.operation import OperationKind
from gateway.db import fetch_all
from gateway.rules.calendar import day_start_seconds, format_timestamp
from tests.unit.gateway.ledger.worlds import address, operated
from tests.unit.gateway.timebank.kit import HOUR, START, Bank, account

SUNDAY_NIGHT = day_start_seconds(date(2026, 11, 23))
KEY = "3101-0007:appliance_cleaning:2026-11-16"


def crowd(bank: Bank, count: int, **more: object) -> list[str]:
    """Request so many services in one week."""
    return [bank.request("n", start=START + 60 * number, **more) for number in range(count)]


def test_thirty_percent_over_capacity_warns_once(bank: Bank) -> None:
    bank.offer(capacity=10)
    crowd(bank, 12)
    assert bank.due() == []
    crowd(bank, 1)
    assert bank.due() == ["service.capacity_warned"]
    crowd(bank, 3)
    assert bank.due() == []
    (case,) = bank.cases("demand")
    assert (case["key"], case["state"], case["document"]["requests"]) == (KEY, "warned", 16)
    (subsidy,) = bank.cases("subsidy")
    assert (subsidy["state"], subsidy["due_at"]) == ("open", format_timestamp(SUNDAY_NIGHT * 1000))
    assert subsidy["document"] == {
        "service": "appliance_cleaning",
        "week": "2026-11-16",
        "pool": "merchant_subsidy",
        "basis_points": 5_000,
    }


def test_the_warning_says_by_how_much(bank: Bank) -> None:
    bank.offer(capacity=3)
    crowd(bank, 4)
    warned = bank.take("service.capacity_warned", service="appliance_cleaning", week="2026-11-16")
    assert bank.public(warned) == {
        "service": "appliance_cleaning",
        "week": "2026-11-16",
        "requests": 4,
        "capacity": 3,
        "excess": 3_333,
        "basis_points": 5_000,
        "pool": "merchant_subsidy",
        "until": format_timestamp(SUNDAY_NIGHT * 1000),
    }
    again = bank.refused("service.capacity_warned", service="appliance_cleaning", week="2026-11-16")
    assert again == ("case.wrong_state", {"field": "public.service", "state": "warned", "wanted": "over"})
    none = bank.refused("service.capacity_warned", service="companionship", week="2026-11-16")
    assert none == ("case.unknown", {"field": "public.service", "kind": "demand"})


def test_a_cancelled_request_takes_the_warning_back_before_it_is_recorded(bank: Bank) -> None:
    bank.offer(capacity=3)
    *_, last = crowd(bank, 4)
    bank.take("service.cancelled", about=last, side="member")
    assert bank.due() == []
    assert bank.cases("demand")[0]["state"] == "counted"


def test_a_basic_service_warns_and_opens_no_subsidy(bank: Bank) -> None:
    bank.offer(skill="companionship", capacity=3)
    crowd(bank, 4, service="companionship")
    assert bank.due() == ["service.capacity_warned"]
    assert bank.cases("subsidy") == []


def accepted(bank: Bank) -> str:
    """Return an accepted booking in a week with a subsidy."""
    offer = bank.offer(capacity=3)
    booking = bank.request()
    crowd(bank, 3)
    assert bank.due() == ["service.capacity_warned"]
    bank.accepted(booking, offer)
    return booking


def test_half_of_a_later_booking_comes_from_the_merchant_subsidy(bank: Bank) -> None:
    booking = accepted(bank)
    refused = bank.refused("service.booked", about=booking, side="member")
    assert refused == ("service.subsidy_first", {"limit": 1_000})
    held = bank.take("service.subsidised", about=booking)
    assert bank.moved(held) == ("transfer", "merchant_subsidy", "holding", 1_000)
    told = bank.public(held)
    assert (told["pool"], told["basis_points"], told["coins"]) == ("merchant_subsidy", 5_000, "1000")
    assert bank.refused("service.subsidised", about=booking) == ("service.no_subsidy", {})
    booked = bank.take("service.booked", about=booking, side="member")
    assert bank.moved(booked) == ("transfer", "m", "holding", 1_000)
    assert bank.public(booked)["legs"] == [
        {"role": "member", "account": account("m"), "amount": "1000"},
        {"role": "subsidy", "account": account("merchant_subsidy"), "amount": "1000"},
    ]
    bank.served(booking)
    part = bank.take("service.part_done", about=booking, side="provider", minutes=7)
    legs = [(leg["role"], leg["amount"]) for leg in bank.public(part)["legs"]]
    assert legs == [("provider", "116"), ("member", "942"), ("subsidy", "942")]
    bank.take("service.settled", about=booking)
    assert bank.case("booking", booking)["state"] == "settling"
    bank.take("service.settled", about=booking)
    assert [bank.balance(name) for name in ("p", "m", "merchant_subsidy", "holding")] == [
        116, 9_942, 9_942, 0,
    ]  # fmt: skip


def test_a_subsidy_held_for_nothing_goes_back(bank: Bank) -> None:
    booking = accepted(bank)
    bank.take("service.subsidised", about=booking)
    cancelled = bank.take("service.cancelled", about=booking, side="member")
    assert bank.moved(cancelled) == ("transfer", "holding", "merchant_subsidy", 1_000)
    assert bank.case("booking", booking)["state"] == "cancelled"


def test_an_empty_pool_holds_nobody_up(bank: Bank) -> None:
    booking = accepted(bank)
    pool = address("merchant_subsidy")
    with bank.world.database.reader() as connection:
        ((issued,),) = fetch_all(
            connection, "SELECT leaf_hash FROM operations WHERE receiver = ?", bytes(pool)
        )
    # Nothing but its rules and a correction by officers takes coins from a named pool.
    bank.world.accept(operated(OperationKind.REVERSE, pool, amount=9_001, ref=bytes(cast("bytes", issued))))
    assert bank.refused("service.subsidised", about=booking) == ("balance.insufficient", {"field": "op.from"})
    booked = bank.take("service.booked", about=booking, side="member")
    assert bank.moved(booked) == ("transfer", "m", "holding", 2_000)


def test_a_subsidy_ends_with_its_week(bank: Bank) -> None:
    bank.offer(capacity=3)
    crowd(bank, 4)
    bank.due()
    early = bank.refused("service.subsidy_ended", service="appliance_cleaning", week="2026-11-16")
    assert early == ("service.not_due", {})
    bank.at(SUNDAY_NIGHT)
    assert "service.subsidy_ended" in bank.due()
    assert bank.cases("subsidy")[0]["state"] == "ended"
    monday = bank.request(start=SUNDAY_NIGHT + 10 * HOUR)
    bank.accepted(monday, bank.cases("offer")[0]["key"])
    assert bank.refused("service.subsidised", about=monday) == ("service.no_subsidy", {})
