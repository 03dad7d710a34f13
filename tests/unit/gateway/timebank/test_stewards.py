"""A steward takes the chapter's side for those of the own building, and nobody else of the members does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.operation import OperationKind
from gateway.case_rules import CASE_BOOK
from gateway.db import Database
from gateway.ledger.drafts import AccountKind
from tests.unit.gateway.ledger.worlds import ManualClock, address, joined, opened, operated, running
from tests.unit.gateway.timebank.kit import MORNING, Bank, account, step

RECEIPT, EVIDENCE = "a1" * 32, "e7" * 32
HOMES = {"m": "b1", "n": "b2", "p": "b1", "q": "b1", "e": "b2"}


@pytest.fixture
def town(database: Database, tmp_path: Path) -> Iterator[Bank]:
    """A chapter under all rules: q is steward of building b1, where m and p live, and e of b2."""
    with running(database, tmp_path, ManualClock(MORNING * 1000), rules=CASE_BOOK) as world:
        world.accept(opened())
        world.accept(joined("holding", kind=AccountKind.POOL))
        world.accept(joined("office", kind=AccountKind.SYSTEM))
        world.accept(step("pool.opened", name="holding", account=account("holding")))
        bank = Bank(world)
        for name, building in HOMES.items():
            world.accept(joined(name))
            home = {"kind": "trial", "receipt": RECEIPT, "compound": "c1", "building": building}
            bank.take("membership.opened", (name,), **home)
        for name in "qe":
            office = {"compound": "c1", "building": HOMES[name], "evidence": EVIDENCE}
            bank.take("steward.appointed", (name,), **office)
        for name in "mn":
            world.accept(operated(OperationKind.ISSUE, receiver=address(name), amount=10_000))
        yield bank


def needed(what: str) -> tuple[str, dict[str, str]]:
    return "steward.required", {"step": what}


def test_a_steward_dispatches_and_calls_off_for_those_of_the_building(town: Bank) -> None:
    offer, booking = town.offer("p"), town.request("m")
    for other in ("n", "e"):
        refused = town.refused("service.dispatched", about=booking, offer=offer, actor=other)
        assert refused == needed("offer")
    town.take("service.dispatched", about=booking, offer=offer, actor="q")
    town.take("service.accepted", about=booking, side="provider", actor="p")
    town.take("service.booked", about=booking, side="member", actor="m")
    refused = town.refused("service.cancelled", about=booking, side="chapter", actor="e")
    assert refused == needed("cancel")
    town.take("service.cancelled", about=booking, side="chapter", actor="q")
    assert town.balance("m") == 10_000


def test_the_rights_end_with_the_building_the_office_and_the_membership(town: Bank) -> None:
    offer, far = town.offer("p"), town.request("n")
    assert town.refused("service.dispatched", about=far, offer=offer, actor="q") == needed("offer")
    booking = town.request("m")
    town.take("membership.suspended", ("q",), order="0d" * 32, reason="conduct")
    assert town.refused("service.dispatched", about=booking, offer=offer, actor="q") == needed("offer")
    town.take("membership.restored", ("q",), order="0d" * 32)
    town.take("steward.ended", ("q",), compound="c1", building="b1", reason="moved")
    assert town.refused("service.dispatched", about=booking, offer=offer, actor="q") == needed("offer")
    town.take("service.dispatched", about=booking, offer=offer, actor="office")


def test_a_steward_is_no_judge_in_the_own_matter(town: Bank) -> None:
    own = town.request("q")
    refused = town.refused("service.dispatched", about=own, offer=town.offer("p"), actor="q")
    assert refused == ("booking.wrong_actor", {"step": "offer"})


def test_an_offer_is_withdrawn_by_the_steward_where_its_provider_lives(town: Bank) -> None:
    offer = town.offer("p")
    refused = town.refused("service.offer_withdrawn", about=offer, side="chapter", actor="e")
    assert refused == needed("withdraw")
    town.take("service.offer_withdrawn", about=offer, side="chapter", actor="q")


def test_without_a_building_nobody_is_his_steward(town: Bank) -> None:
    town.world.accept(joined("shopless"))
    town.take("membership.opened", ("shopless",), kind="trial", receipt=RECEIPT)
    booking = town.request("shopless")
    refused = town.refused("service.dispatched", about=booking, offer=town.offer("p"), actor="q")
    assert refused == needed("offer")
