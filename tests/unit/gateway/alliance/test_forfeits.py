"""A breach costs its part of the deposit once: by the black list, by a release, before or after a notice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.canonical import JsonValue
from gateway.case_rules import CASE_BOOK
from gateway.cases.compare import compare_cases
from gateway.cases.reading import CaseReader
from gateway.cases.replay import rebuild_cases
from gateway.db import Database, migrate, sqlite_url
from gateway.ledger.drafts import Draft
from tests.unit.gateway.alliance.kit import (
    RECEIPT,
    account,
    alliance,
    document,
    hold_seat,
    refused,
    stamp,
    step,
    taken,
    wait,
)
from tests.unit.gateway.ledger.worlds import World

FIRST, SECOND = "f1" * 32, "f2" * 32
DECISION = "dd" * 32
EXISTS = ("case.exists", {"kind": "forfeiture"})
ENDED: tuple[str, dict[str, str | int]] = ("deposit.seat_ended", {})


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """A chapter in which m holds the seat of bakeries; its deposit is 5,000.00."""
    with alliance(database, tmp_path) as world:
        hold_seat(world, "m", "bakery")
        yield world


def forfeited(reason: str = "promise_broken") -> Draft:
    return step("deposit.forfeited", by="president", merchant="m", reason=reason, evidence=DECISION)


def listed(world: World, evidence: str, reason: str = "promise_broken", **more: JsonValue) -> None:
    taken(world, step("list.entered", by="committee", merchant="m", reason=reason, evidence=evidence, **more))


def released(world: World, evidence: str, reason: str = "promises") -> None:
    public = {"industry": "bakery", "reason": reason, "evidence": evidence}
    taken(world, step("seat.release_proposed", by="committee", **public))
    assert "seat.released" in wait(world, 15)


def held(world: World) -> JsonValue:
    return document(world, "deposit", account("m"))["balance"]


def test_a_release_for_what_was_forfeited_already_costs_nothing_more(world: World) -> None:
    """Whatever document it cites: the black list knows of one breach of this cause."""
    listed(world, FIRST)
    wait(world, 15)
    assert taken(world, forfeited())["amount"] == "100000"
    released(world, SECOND)
    assert held(world) == 400_000
    assert taken(world, step("deposit.refunded", merchant="m", receipt=RECEIPT))["amount"] == "400000"


def test_a_release_for_a_listed_breach_settles_it(world: World) -> None:
    listed(world, FIRST)
    released(world, SECOND)
    assert held(world) == 400_000
    assert refused(world, forfeited()) == ENDED


def test_what_is_listed_after_the_release_for_it_costs_nothing_more(world: World) -> None:
    released(world, FIRST)
    assert held(world) == 400_000
    listed(world, SECOND, occurred_at=stamp(1))
    wait(world, 15)
    assert refused(world, forfeited()) == ENDED
    # A breach of another kind, from before, is another matter.
    listed(world, SECOND, "exclusivity_breach", occurred_at=stamp(1))
    wait(world, 15)
    assert taken(world, forfeited("exclusivity_breach"))["balance"] == "300000"
    assert refused(world, forfeited("exclusivity_breach")) == EXISTS


def test_a_release_for_another_cause_costs_its_own_part(world: World) -> None:
    listed(world, FIRST)
    wait(world, 15)
    taken(world, forfeited())
    released(world, FIRST, "exclusivity")
    assert held(world) == 300_000


def test_a_second_breach_of_one_cause_costs_a_second_part(world: World) -> None:
    listed(world, FIRST)
    wait(world, 15)
    taken(world, forfeited())
    assert "list.expired" in wait(world, 80)
    listed(world, SECOND)
    released(world, SECOND)
    assert held(world) == 300_000


def test_a_breach_that_is_listed_again_is_still_the_same(world: World) -> None:
    listed(world, FIRST)
    wait(world, 15)
    taken(world, forfeited())
    assert "list.expired" in wait(world, 80)
    listed(world, FIRST)
    wait(world, 15)
    assert refused(world, forfeited()) == EXISTS
    released(world, FIRST)
    assert held(world) == 400_000


def test_an_entry_that_was_taken_back_is_no_breach(world: World) -> None:
    listed(world, FIRST)
    wait(world, 15)
    taken(world, forfeited())
    (listing,) = listings(world)
    taken(world, step("list.lifted", by="president", about=listing, reason="mended"))
    released(world, SECOND)
    assert held(world) == 300_000


def test_who_left_by_notice_still_answers_for_a_breach_from_before(world: World) -> None:
    taken(world, step("exit.noticed", industry="bakery"))
    assert wait(world, 90) == ["exit.completed"]
    left_on = document(world, "deposit", account("m"))["left_on"]
    listed(world, FIRST, occurred_at=stamp(89))
    wait(world, 15)
    lost = taken(world, forfeited())
    assert (lost["amount"], lost["balance"]) == ("100000", "400000")
    assert refused(world, forfeited()) == EXISTS
    assert document(world, "deposit", account("m"))["left_on"] == left_on
    assert taken(world, step("deposit.refunded", merchant="m", receipt=RECEIPT))["amount"] == "400000"
    # Once it is refunded there is nothing to forfeit.
    listed(world, SECOND, "complaint_verified", occurred_at=stamp(10))
    wait(world, 15)
    refusal = refused(world, forfeited("complaint_verified"))
    assert refusal == ("deposit.wrong_state", {"state": "closed", "step": "forfeit"})


@pytest.mark.parametrize("occurred_at", [None, stamp(92), stamp(400)])
def test_a_breach_from_after_the_seat_costs_nothing(world: World, occurred_at: str | None) -> None:
    """A day in the future is none: then the entry's own day counts."""
    taken(world, step("exit.noticed", industry="bakery"))
    assert wait(world, 90) == ["exit.completed"]
    wait(world, 2)
    listed(world, FIRST, **({} if occurred_at is None else {"occurred_at": occurred_at}))
    wait(world, 15)
    assert (refused(world, forfeited()), held(world)) == (ENDED, 500_000)


def test_forfeitures_are_built_again_from_their_entries(world: World, tmp_path: Path) -> None:
    listed(world, FIRST, occurred_at=stamp(-3))
    wait(world, 15)
    taken(world, forfeited())
    released(world, SECOND)
    place = Database(sqlite_url(tmp_path / "again.sqlite3"))
    migrate(place)
    assert rebuild_cases(world.database, place, CASE_BOOK).stuck is None
    assert compare_cases(world.database, place).difference is None
    place.close()


def listings(world: World) -> list[str]:
    """Return the keys of all listings."""

    return [str(case["key"]) for case in CaseReader(world.database).list("listing", None)]
