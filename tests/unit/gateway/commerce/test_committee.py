"""The committee's register, and what it does to the core pool of the equity figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest

from chain.types import AccountId
from gateway.case_rules import CASE_BOOK
from gateway.cases.reading import CaseReader
from gateway.cases.tallies import find_difference
from gateway.commerce.contributions import read_equity
from gateway.db import Database
from gateway.ledger.drafts import Draft, RecoverAccount
from tests.unit.gateway.commerce.kit import go_to, market, named, public, sale, state, step
from tests.unit.gateway.ledger.worlds import CHAPTER, OTHER_CHAPTER, World, address, joined, opened

CORE, MEMBERS = "committee_and_core_merchants", "members"
MINUTES = "e1" * 32


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """A market in which a, b and m have memberships; a brought 300 yuan, b and m 100 each."""
    with market(database, tmp_path) as world:
        for number, (name, kind) in enumerate((("a", "ordinary"), ("b", "ordinary"), ("m", "merchant"))):
            fields = {"kind": kind, "receipt": f"{number:02d}" * 32}
            world.accept(step("membership.opened", None, name, **fields))  # type: ignore[arg-type]
        for receipt, (name, fen) in enumerate((("a", 30_000), ("b", 10_000), ("m", 10_000))):
            fields = {"amount": str(fen), "receipt": f"{receipt:02d}" * 32}
            world.accept(step("capital.recorded", None, name, **fields))  # type: ignore[arg-type]
        yield world


def put_in(who: str, by: str | None = "c") -> Draft:
    actor = None if by is None else AccountId(named(by))
    return replace(step("committee.joined", None, who, evidence=MINUTES), actor=actor)


def taken_out(who: str) -> Draft:
    return step("committee.left", None, who, reason="term_over")


def rows(world: World, month: int) -> dict[tuple[str, str | None], int]:
    found = cast("dict[str, Any]", read_equity(world.database, CHAPTER, month))
    parts = {(row["pool"], row["account"]): row["parts"] for row in found["rows"]}
    assert sum(parts.values()) == found["whole"] == 10_000
    return parts


def test_who_serves_has_a_part_of_the_core_pool_while_he_serves(world: World) -> None:
    before = {(CORE, named("m")): 2_500, (MEMBERS, named("a")): 4_500, (MEMBERS, named("b")): 1_500}
    rest: dict[tuple[str, str | None], int] = {("platform_and_development", None): 1_500}
    assert rows(world, 202_611) == {**before, **rest}
    accepted = world.accept(put_in("a"))
    assert public(world, accepted) == {"evidence": MINUTES}
    assert state(world, "committee", named("a")) == "serving"
    # 300 of 400 yuan of the core pool's accounts are a's, who stays in the members' pool as well.
    serving = {**before, (CORE, named("a")): 1_875, (CORE, named("m")): 625}
    assert rows(world, 202_611) == {**serving, **rest}
    go_to(world, date(2026, 12, 15))
    world.accept(taken_out("a"))
    assert state(world, "committee", named("a")) == "left"
    assert rows(world, 202_612) == {**before, **rest}
    # November's statement stays what it was.
    assert rows(world, 202_611) == {**serving, **rest}
    assert cast("dict[str, Any]", read_equity(world.database, CHAPTER, 202_611))["committee"] == [named("a")]
    world.accept(put_in("a"))
    assert rows(world, 202_612) == {**serving, **rest}
    found = CaseReader(world.database).find("committee", named("a"), None)
    assert found is not None
    assert found["document"] == {"since": "2026-12-15", "until": None}
    with world.database.reader() as connection:
        assert find_difference(connection, CASE_BOOK.tallies) is None


def test_a_merchant_who_serves_counts_once(world: World) -> None:
    before = rows(world, 202_611)
    world.accept(put_in("m"))
    assert rows(world, 202_611) == before


def test_who_is_not_put_in_or_out(world: World) -> None:
    refusal = world.refuse(put_in("a", by="a"))
    assert (refusal.code, refusal.fields) == ("committee.himself", {})
    refusal = world.refuse(put_in("a", by=None))
    assert (refusal.code, refusal.fields["field"]) == ("entry.bad_field", "actor")
    refusal = world.refuse(put_in("n"))
    assert (refusal.code, refusal.fields) == ("membership.required", {"field": "subjects"})
    refusal = world.refuse(taken_out("a"))
    assert (refusal.code, refusal.fields) == ("case.unknown", {"field": "subjects", "kind": "committee"})
    world.accept(put_in("a"))
    refusal = world.refuse(put_in("a"))
    assert (refusal.code, refusal.fields) == ("case.exists", {"kind": "committee"})
    world.accept(taken_out("a"))
    refusal = world.refuse(taken_out("a"))
    assert (refusal.code, refusal.fields["state"]) == ("case.wrong_state", "left")
    world.accept(opened(OTHER_CHAPTER))
    world.accept(joined("far", OTHER_CHAPTER))
    refusal = world.refuse(put_in("far"))
    assert (refusal.code, refusal.fields) == ("chapter.wrong", {"field": "subjects"})


def test_the_office_ends_before_the_account(world: World) -> None:
    closing = step("account.closing", None, "b", destination="burn", order="0d" * 32)
    world.accept(put_in("b"))
    refusal = world.refuse(closing)
    assert (refusal.code, refusal.fields) == ("committee.in_office", {})
    world.accept(taken_out("b"))
    world.accept(closing)
    refusal = world.refuse(put_in("b"))
    assert (refusal.code, refusal.fields) == ("committee.closing", {})


def test_a_lost_account_goes_on_serving_under_the_new_one(world: World) -> None:
    world.accept(put_in("a"))
    order = "0d" * 32
    effect = RecoverAccount(address("a"), address("a2"), bytes.fromhex(order))
    draft = step("account.recovered", None, "a", "a2", **{"from": named("a"), "to": named("a2")}, order=order)
    world.accept(replace(draft, effects=(effect,)))
    assert rows(world, 202_611)[CORE, named("a2")] == 1_875
    world.accept(taken_out("a2"))
    assert (CORE, named("a2")) not in rows(world, 202_611)
    world.accept(sale(100, "b"))
