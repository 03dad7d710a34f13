"""A provider who is suspended after he was sent: paid for what he served before, for nothing after it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from gateway.case_rules import CASE_BOOK
from gateway.db import Database
from gateway.rules.booking_table import BOOKING_TERMS
from gateway.rules.parameters import value_on
from tests.unit.gateway.timebank.kit import HOUR, MINUTE, START, Bank
from tests.unit.gateway.timebank.towns import ORDER, check_replay, rights, town_of

SUSPENDED = ("service.provider_suspended", {})
SHORT = {"minutes": 45, "booked": 120}


@pytest.fixture
def town(database: Database, tmp_path: Path) -> Iterator[Bank]:
    with town_of(database, tmp_path) as bank:
        yield bank
        check_replay(bank, tmp_path)


def suspend(bank: Bank, way: str = "decision") -> None:
    if way == "decision":
        bank.take("membership.suspended", ("p",), order=ORDER, reason="conduct")
    else:
        bank.world.accept(rights("p", False, True))


def restore(bank: Bank, way: str = "decision") -> None:
    if way == "decision":
        bank.take("membership.restored", ("p",), order=ORDER)
    else:
        bank.world.accept(rights("p", True, True))


def booked(bank: Bank, service: str = "appliance_cleaning") -> str:
    """Return a booking of two hours by m with p, the coins held where any are."""
    offer = bank.offer("p", service)
    bank.at(START - HOUR)
    booking = bank.request("m", service)
    bank.accepted(booking, offer)
    bank.take("service.booked", about=booking, side="member")
    return booking


def checked(bank: Bank, booking: str, step: str, *sides: str) -> None:
    for side in sides:
        bank.take(f"service.checked_{step}", about=booking, side=side)


def going(bank: Bank, service: str = "appliance_cleaning", way: str = "decision") -> str:
    """Return a service that went on for 45 of its 120 minutes when its provider was suspended."""
    booking = booked(bank, service)
    bank.at(START)
    checked(bank, booking, "in", "member", "provider")
    bank.at(START + 45 * MINUTE + 30)
    suspend(bank, way)
    bank.at(START + 120 * MINUTE)
    checked(bank, booking, "out", "provider", "member")
    return booking


def balances(bank: Bank) -> tuple[int, ...]:
    return tuple(bank.balance(name) for name in ("m", "p", "holding"))


@pytest.mark.parametrize("way", ["decision", "freeze"])
def test_who_is_suspended_is_neither_sent_nor_booked(town: Bank, way: str) -> None:
    town.take("parameter.set", parameter="members_only", codes=["offer"])
    offer = town.offer("p")
    town.at(START - HOUR)
    first, second, third = (town.request("m", start=START + hours * HOUR) for hours in (0, 3, 6))
    town.take("service.dispatched", about=first, offer=offer)
    town.accepted(second, offer)
    suspend(town, way)
    assert town.refused("service.accepted", about=first, side="provider") == SUSPENDED
    assert town.refused("service.booked", about=second, side="member") == SUSPENDED
    assert town.refused("service.dispatched", about=third, offer=offer) == SUSPENDED
    assert balances(town) == (10_000, 0, 0)
    restore(town, way)
    town.take("service.accepted", about=first, side="provider")
    town.take("service.booked", about=second, side="member")
    assert balances(town) == (8_000, 0, 2_000)


@pytest.mark.parametrize("way", ["decision", "freeze"])
def test_who_is_suspended_before_it_begins_is_paid_nothing(town: Bank, way: str) -> None:
    booking = booked(town)
    town.at(START - 10 * MINUTE)
    checked(town, booking, "in", "provider")
    suspend(town, way)
    town.at(START)
    checked(town, booking, "in", "member")
    assert town.refused("service.checked_in", about=booking, side="provider") == SUSPENDED
    assert town.case("booking", booking)["state"] == "booked"
    town.at(START + 30 * MINUTE)
    ended = town.take("service.no_show", about=booking, side="clock")
    assert town.public(ended)["outcome"] == "provider_absent"
    assert balances(town) == (10_000, 0, 0)


def test_who_is_restored_in_time_serves_all_of_it(town: Bank) -> None:
    booking = booked(town)
    town.at(START - 10 * MINUTE)
    checked(town, booking, "in", "provider")
    suspend(town)
    restore(town)
    town.at(START)
    checked(town, booking, "in", "member", "provider")
    town.at(START + 120 * MINUTE)
    checked(town, booking, "out", "member", "provider")
    town.take("service.confirmed", about=booking, side="member")
    assert balances(town) == (8_000, 2_000, 0)


@pytest.mark.parametrize("way", ["decision", "freeze"])
def test_a_service_that_was_going_on_is_paid_until_the_suspension(town: Bank, way: str) -> None:
    booking = going(town, way=way)
    sheet = town.refused("service.part_done", about=booking, side="provider", minutes=46)
    assert sheet == ("booking.bad_minutes", {"limit": 45})
    ended = town.take("service.confirmed", about=booking, side="member")
    said = town.public(ended)
    assert (said["minutes"], said["coins"], said["outcome"]) == (45, "750", "partly_completed")
    assert town.moved(ended) == (None if way == "decision" else ("transfer", "holding", "p", 750))
    assert said.get("parked") == ("750" if way == "decision" else None)
    assert town.case("booking", booking)["state"] == "settling"
    town.take("service.settled", about=booking)
    assert town.case("booking", booking)["state"] == "partly_completed"
    assert balances(town) == ((9_250, 0, 750) if way == "decision" else (9_250, 750, 0))
    restore(town, way)
    assert balances(town) == (9_250, 750, 0)


def test_a_restored_provider_is_not_paid_for_what_came_after(town: Bank) -> None:
    booking = booked(town)
    town.at(START)
    checked(town, booking, "in", "member", "provider")
    town.at(START + 45 * MINUTE)
    suspend(town)
    town.at(START + 50 * MINUTE)
    restore(town)
    suspend(town)
    town.at(START + 120 * MINUTE)
    checked(town, booking, "out", "member", "provider")
    town.take("service.part_done", about=booking, side="provider", minutes=45)
    town.take("service.settled", about=booking)
    assert balances(town) == (9_250, 0, 750)


def test_a_dispute_is_decided_over_no_later_minutes(town: Bank) -> None:
    booking = going(town, "companionship")
    refused = town.refused("service.confirmed", about=booking, side="member")
    assert refused == ("booking.sheet_short", SHORT)
    town.take("service.disputed", about=booking, side="provider")
    over = town.refused("service.decided", about=booking, minutes=46)
    assert over == ("booking.bad_minutes", {"limit": 45})
    ended = town.take("service.decided", about=booking, minutes=45)
    assert town.moved(ended) == ("issue", "", "holding", 750)
    restore(town)
    assert balances(town) == (10_000, 750, 0)


def test_a_service_stopped_in_its_first_minute_costs_nothing(town: Bank) -> None:
    booking = booked(town)
    town.at(START)
    checked(town, booking, "in", "member", "provider")
    town.at(START + MINUTE - 1)
    suspend(town)
    town.at(START + 120 * MINUTE)
    checked(town, booking, "out", "member", "provider")
    assert town.refused("service.part_done", about=booking, side="provider", minutes=1)[1] == {"limit": 0}
    ended = town.take("service.confirmed", about=booking, side="member")
    assert (town.public(ended)["coins"], town.moved(ended)) == ("0", ("transfer", "holding", "m", 2_000))
    assert town.case("booking", booking)["state"] == "cancelled"


def test_what_was_served_before_is_paid_whole(town: Bank) -> None:
    booking = booked(town)
    town.at(START)
    checked(town, booking, "in", "member", "provider")
    town.at(START + 120 * MINUTE)
    checked(town, booking, "out", "member", "provider")
    suspend(town)
    # He may receive nothing any more, and keeps nobody else waiting.
    town.world.accept(rights("p", False, False))
    assert town.case("booking", booking)["document"]["stopped"] is None
    confirm = value_on(BOOKING_TERMS, date(2026, 11, 20)).confirm_seconds or 0
    town.at(START + 120 * MINUTE + confirm)
    with town.world.database.reader() as connection:
        found = CASE_BOOK.due_steps(connection, town.world.clock.milliseconds, 10)
    (confirmed,) = [draft for _, draft in found if draft.type == "service.confirmed"]
    town.world.accept(confirmed)
    assert balances(town) == (8_000, 0, 2_000)
    town.world.accept(rights("p", True, True))
    assert town.moved(town.take("membership.restored", ("p",), order=ORDER)) == (
        "transfer", "holding", "p", 2_000,
    )  # fmt: skip
    assert balances(town) == (8_000, 2_000, 0)


def test_a_suspended_member_s_refund_is_parked_too(town: Bank) -> None:
    booking = booked(town)
    town.take("membership.suspended", ("m",), order=ORDER, reason="conduct")
    town.world.accept(rights("m", False, False))
    town.take("service.cancelled", about=booking, side="chapter")
    assert balances(town) == (0, 0, 10_000)
    town.world.accept(rights("m", True, True))
    town.take("membership.restored", ("m",), order=ORDER)
    assert balances(town) == (10_000, 0, 0)
