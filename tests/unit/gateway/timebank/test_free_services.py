"""Ten free services a membership year: counted at the request, given back undone, charged after the tenth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from chain.operation import OperationKind
from gateway.case_rules import CASE_BOOK
from gateway.db import Database
from gateway.ledger.drafts import AccountKind, RecoverAccount
from gateway.members.reading import show_credits
from gateway.rules.calendar import day_start_seconds
from tests.unit.gateway.ledger.worlds import (
    CHAPTER,
    ManualClock,
    address,
    joined,
    opened,
    operated,
    running,
)
from tests.unit.gateway.timebank.kit import HOUR, MORNING, START, Bank, account, step

RECEIPT, ORDER = "a1" * 32, "0d" * 32
DAY = date(2026, 11, 19)
YEAR_END = "2027-11-18"


@pytest.fixture
def town(database: Database, tmp_path: Path) -> Iterator[Bank]:
    """A chapter under all rules: m and the volunteer p are ordinary members, m has 100.00 coins."""
    with running(database, tmp_path, ManualClock(MORNING * 1000), rules=CASE_BOOK) as world:
        world.accept(opened())
        for name in ("holding", "subsidy"):
            world.accept(joined(name, kind=AccountKind.POOL))
            world.accept(step("pool.opened", name=name, account=account(name)))
        for name in ("m", "p", "n"):
            world.accept(joined(name))
        world.accept(operated(OperationKind.ISSUE, receiver=address("m"), amount=10_000))
        bank = Bank(world)
        for name in ("m", "p", "n"):
            opening(bank, name)
        yield bank


def opening(bank: Bank, name: str, kind: str = "ordinary", **more: Any) -> None:
    bank.take("membership.opened", (name,), kind=kind, receipt=RECEIPT, **more)


def asked(bank: Bank, member: str = "m", **more: Any) -> dict[str, Any]:
    """Request an hour of companionship; return what the entry says of its price."""
    at = more.pop("start", START)
    booking = bank.request(member, "companionship", start=at, minutes=60)
    document = bank.case("booking", booking)["document"]
    return {"id": booking, "funding": document["funding"], "coins": document["coins"]}


def free(bank: Bank, name: str = "m", day: date = DAY) -> object:
    return show_credits(bank.world.database, account(name), CHAPTER, day)["free_services"]


def test_ten_are_free_and_the_eleventh_costs_its_hour(town: Bank) -> None:
    assert free(town) == {"included": 10, "used": 0, "left": 10, "until": YEAR_END}
    at = {
        "service": "companionship",
        "compound": "c1",
        "minutes": 60,
        "starts_at": "2026-11-20T01:00:00.000Z",
    }
    said = [town.public(town.take("service.requested", ("m",), **at)) for _ in range(10)]
    assert [one["free_left"] for one in said] == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert {one["funding"] for one in said} == {"issue"}
    refused = town.refused("service.requested", ("m",), **at, funding="issue")
    assert refused == ("entry.not_as_computed", {"field": "public.funding"})
    eleventh = town.take("service.requested", ("m",), **at)
    said = town.public(eleventh)
    assert (said["kind"], said["funding"], said["coins"], said["free_left"]) == ("basic", "member", "1000", 0)
    assert free(town) == {"included": 10, "used": 10, "left": 0, "until": YEAR_END}
    offer = town.offer("p", "companionship")
    town.accepted(eleventh.entry_id, offer)
    held = town.take("service.booked", about=eleventh.entry_id, side="member")
    assert town.moved(held) == ("transfer", "m", "holding", 1_000)
    town.served(eleventh.entry_id, 60)
    paid = town.take("service.confirmed", about=eleventh.entry_id, side="member")
    assert town.moved(paid) == ("transfer", "holding", "p", 1_000)
    assert free(town, "n") == {"included": 10, "used": 0, "left": 10, "until": YEAR_END}


def test_the_eleventh_needs_the_coins(town: Bank) -> None:
    for _ in range(10):
        asked(town, "n")
    booking = asked(town, "n")["id"]
    town.accepted(booking, town.offer("p", "companionship"))
    assert town.refused("service.booked", about=booking, side="member") == ("booking.insufficient", {})


def test_what_was_served_stays_counted_and_what_was_not_comes_back(town: Bank) -> None:
    offer = town.offer("p", "companionship")
    served, called_off = asked(town)["id"], asked(town, start=START + 4 * HOUR)["id"]
    nobody = asked(town, start=START + 8 * HOUR)["id"]
    for booking in (served, called_off):
        town.accepted(booking, offer)
        town.take("service.booked", about=booking, side="member")
    town.take("service.cancelled", about=called_off, side="member")
    assert free(town) == {"included": 10, "used": 2, "left": 8, "until": YEAR_END}
    town.served(served, 60)
    town.take("service.confirmed", about=served, side="member")
    assert free(town) == {"included": 10, "used": 2, "left": 8, "until": YEAR_END}
    town.at(START + 8 * HOUR)
    town.take("service.lapsed", about=nobody)
    assert free(town) == {"included": 10, "used": 1, "left": 9, "until": YEAR_END}


def test_elders_and_other_kinds_are_not_counted(town: Bank) -> None:
    for name, kind, more in (
        ("e", "ordinary", {"elder": True, "evidence": "e7" * 32}),
        ("q", "trial", {}),
    ):
        town.world.accept(joined(name))
        opening(town, name, kind, **more)
    funding = {name: [asked(town, name)["funding"] for _ in range(11)] for name in "eq"}
    assert funding == {"e": ["pool"] * 11, "q": ["issue"] * 11}
    assert free(town, "q") is None
    assert free(town, "e") == {"included": 10, "used": 0, "left": 10, "until": YEAR_END}


def test_a_new_year_has_ten_again_and_a_year_paid_ahead_waits(town: Bank) -> None:
    for _ in range(10):
        asked(town)
    ahead = town.take("membership.renewed", ("m",), receipt=RECEIPT)
    assert town.public(ahead)["free_services"] == 10
    assert asked(town)["funding"] == "member"
    town.at(day_start_seconds(date(2027, 11, 19)))
    late = asked(town, start=day_start_seconds(date(2027, 11, 20)) + 10 * HOUR)
    assert late["funding"] == "issue"
    shown = {"included": 10, "used": 1, "left": 9, "until": "2028-11-18"}
    assert free(town, day=date(2027, 11, 19)) == shown
    town.take("service.cancelled", about=late["id"], side="member")
    assert free(town, day=date(2027, 11, 19)) == {**shown, "used": 0, "left": 10}


def test_an_upgrade_to_a_kind_that_counts_none_ends_the_count(town: Bank) -> None:
    first = asked(town)["id"]
    town.take("membership.upgraded", ("m",), kind="trial", receipt=RECEIPT)
    assert free(town) is None
    assert [asked(town)["funding"] for _ in range(10)] == ["issue"] * 10
    town.take("service.cancelled", about=first, side="member")
    assert free(town) is None


def test_a_recovered_account_goes_on_counting(town: Bank) -> None:
    first = asked(town)["id"]
    effect = RecoverAccount(address("m"), address("m2"), bytes.fromhex(ORDER))
    public = {"from": account("m"), "to": account("m2"), "order": ORDER}
    town.world.accept(replace(step("account.recovered", ("m", "m2"), **public), effects=(effect,)))
    assert free(town, "m2") == {"included": 10, "used": 1, "left": 9, "until": YEAR_END}
    town.take("service.cancelled", about=first, side="member")
    assert free(town, "m2") == {"included": 10, "used": 0, "left": 10, "until": YEAR_END}
