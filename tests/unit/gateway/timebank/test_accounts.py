"""Bookings and the life of accounts, by the rules of all rooms: closing waits, recovery takes them along."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chain.operation import OperationKind
from gateway.case_rules import CASE_BOOK
from gateway.db import Database
from gateway.ledger.drafts import AccountKind, RecoverAccount
from tests.unit.gateway.ledger.worlds import ManualClock, address, joined, opened, operated, running
from tests.unit.gateway.timebank.kit import MORNING, Bank, account, step

ORDER = "0d" * 32


@pytest.fixture
def town(database: Database, tmp_path: Path) -> Iterator[Bank]:
    """A chapter under all rules, where m has 100.00 coins and n may come after p."""
    with running(database, tmp_path, ManualClock(MORNING * 1000), rules=CASE_BOOK) as world:
        world.accept(opened())
        world.accept(joined("holding", kind=AccountKind.POOL))
        for name in ("m", "p"):
            world.accept(joined(name))
            world.accept(step("membership.opened", (name,), kind="trial", receipt="a1" * 32))
        world.accept(step("pool.opened", name="holding", account=account("holding")))
        world.accept(operated(OperationKind.ISSUE, receiver=address("m"), amount=10_000))
        yield Bank(world)


def test_a_provider_does_not_close_before_his_bookings(town: Bank) -> None:
    booking = town.booked()
    closing = {"destination": "burn", "order": ORDER}
    waits = ("closing.not_empty", {"what": "pending"})
    assert town.refused("account.closing", ("p",), **closing) == waits
    town.served(booking)
    town.take("service.disputed", about=booking, side="member")
    town.world.clock.milliseconds += 8 * 86_400_000
    town.take("service.overdue", about=booking)
    assert town.refused("account.closing", ("p",), **closing) == waits
    town.take("service.decided", about=booking, minutes=0)
    town.take("account.closing", ("p",), **closing)


def test_rule_27_a_booking_goes_on_with_the_recovered_account(town: Bank) -> None:
    booking = town.booked()
    effect = RecoverAccount(address("p"), address("n"), bytes.fromhex(ORDER))
    public = {"from": account("p"), "to": account("n"), "order": ORDER}
    town.world.accept(replace(step("account.recovered", ("p", "n"), **public), effects=(effect,)))
    lost = town.refused("service.cancelled", about=booking, side="provider", actor="p")
    assert lost == ("booking.wrong_actor", {"step": "cancel"})
    town.served(booking)
    confirmed = town.take("service.confirmed", about=booking, side="member")
    assert town.moved(confirmed) == ("transfer", "holding", "n", 2_000)
    other = town.request("m", start=MORNING + 30 * 3_600)
    town.accepted(other, town.cases("offer")[0]["key"])
    assert [time[0] for time in town.case("agenda", account("n"))["document"]["times"]] == [booking, other]


def test_rule_27_coins_held_for_a_booking_go_back_to_the_recovered_member(town: Bank) -> None:
    booking, asked = town.booked(), town.request("m", start=MORNING + 30 * 3_600)
    effect = RecoverAccount(address("m"), address("n"), bytes.fromhex(ORDER))
    public = {"from": account("m"), "to": account("n"), "order": ORDER}
    town.world.accept(replace(step("account.recovered", ("m", "n"), **public), effects=(effect,)))
    lost = town.refused("service.cancelled", about=booking, side="member", actor="m")
    assert lost == ("booking.wrong_actor", {"step": "cancel"})
    back = town.take("service.cancelled", about=booking, side="member", actor="n")
    assert town.moved(back) == ("transfer", "holding", "n", 2_000)
    # A request that waits goes on as well, and the old account asks for nothing more.
    town.take("service.dispatched", about=asked, offer=town.cases("offer")[0]["key"])
    assert town.case("booking", asked)["holder"] == account("n")
    at = {
        "service": "companionship",
        "compound": "c1",
        "minutes": 60,
        "starts_at": "2026-11-21T01:00:00.000Z",
    }
    refused = town.refused("service.requested", ("m",), **at)
    assert refused == ("member.recovered", {"field": "subjects"})
