"""Kin and guardians: what both sides declare, whom coins may go to, what a ward may pay alone."""

from __future__ import annotations

import pytest

from gateway.ledger.drafts import Draft
from tests.unit.gateway.ledger.worlds import World
from tests.unit.gateway.members.chapter import (
    EVIDENCE,
    about,
    acct,
    balance,
    case,
    gift,
    go_to,
    issued,
    opening,
    public,
    run_due,
    sale,
    state,
    step,
)


def kin(who: str, other: str, relation: str) -> Draft:
    return step("kin.declared", who, kin=acct(other), relation=relation)


def guardian(ward: str, by: str, **more: str | int) -> Draft:
    fields = {"basis": "elder", "evidence": EVIDENCE, **more}
    return step("guardian.appointed", ward, guardian=acct(by), **fields)


@pytest.fixture
def members(world: World) -> World:
    """a to d are members, a an elder, a and c have coins."""
    for name in "abcd":
        elder = {"elder": True, "evidence": EVIDENCE} if name == "a" else {}
        world.accept(opening(name, **elder))
    world.accept(issued("a", 10_000))
    world.accept(issued("c", 10_000))
    return world


def test_both_sides_declare_kin(members: World) -> None:
    world = members
    assert public(world, kin("a", "b", "child"))["confirmed"] is False
    for draft, code in (
        (kin("a", "b", "child"), "case.exists"),
        (kin("b", "a", "sibling"), "kin.relation_differs"),
        (kin("b", "b", "sibling"), "kin.self"),
        (kin("b", "e", "parent"), "membership.required"),
    ):
        assert world.refuse(draft).code == code
    refusal = world.refuse(kin("b", "a", "cousin"))
    assert (refusal.code, refusal.fields) == (
        "kin.unknown_relation", {"known": "spouse, sibling, parent, child, grandparent, grandchild"},
    )  # fmt: skip
    assert public(world, kin("b", "a", "parent"))["confirmed"] is True
    found = case(world, "kin", f"{acct('a')}:{acct('b')}")
    assert found is not None and found["state"] == "confirmed"
    world.accept(step("kin.ended", "b", kin=acct("a")))
    refusal = world.refuse(step("kin.ended", "a", kin=acct("b")))
    assert (refusal.code, refusal.fields) == ("case.unknown", {"field": "public.kin", "kind": "kin"})
    assert public(world, kin("b", "a", "spouse"))["confirmed"] is False


def test_gifts_go_to_any_member_until_the_chapter_says_otherwise(members: World) -> None:
    world = members
    world.accept(gift("a", "d", 100))
    world.accept(step("parameter.set", parameter="kin_transfer", codes=["parent", "child"]))
    for other in ("b", "d"):
        refusal = world.refuse(gift("a", other, 100))
        assert (refusal.code, refusal.fields) == ("member.kin_not_allowed", {})
    world.accept(kin("a", "b", "child"))
    assert world.refuse(gift("a", "b", 100)).code == "member.kin_not_allowed"
    world.accept(kin("b", "a", "parent"))
    world.accept(gift("a", "b", 100))
    world.accept(gift("b", "a", 50))
    world.accept(kin("a", "c", "sibling"))
    world.accept(kin("c", "a", "sibling"))
    assert world.refuse(gift("a", "c", 100)).code == "member.kin_not_allowed"
    # Merchants are paid, not given to: the rule is about members.
    world.accept(gift("a", "m", 100))
    assert balance(world, "b") == 50
    go_to(world, "2026-11-19")
    world.accept(step("parameter.set", parameter="kin_transfer"))
    world.accept(gift("a", "d", 100))


def test_a_relation_is_what_the_receiver_is_to_the_sender(members: World) -> None:
    world = members
    world.accept(kin("a", "c", "child"))
    world.accept(kin("c", "a", "parent"))
    world.accept(step("parameter.set", parameter="kin_transfer", codes=["child"]))
    world.accept(gift("a", "c", 100))
    assert world.refuse(gift("c", "a", 100)).code == "member.kin_not_allowed"


def test_a_ward_pays_within_limits_and_the_guardian_beyond(members: World) -> None:
    world = members
    world.accept(guardian("a", "b", once="500", daily="800"))
    refusal = world.refuse(gift("a", "c", 501))
    assert (refusal.code, refusal.fields) == ("guardian.over_limit", {"limit": 500})
    world.accept(gift("a", "c", 500))
    refusal = world.refuse(gift("a", "c", 301))
    assert (refusal.code, refusal.fields) == ("guardian.over_daily", {"limit": 800, "left": 300})
    # Coins towards a purchase count alike.
    bought = world.accept(sale("a", 10_000)).entry_id
    refusal = world.refuse(about("sale.paid", bought, amount="301"))
    assert (refusal.code, refusal.fields) == ("guardian.over_daily", {"limit": 800, "left": 300})
    world.accept(about("sale.paid", bought, amount="300"))
    world.accept(gift("a", "c", 2_000, actor="b"))
    assert world.refuse(gift("a", "c", 1, actor="c")).code == "guardian.over_daily"
    go_to(world, "2026-11-19")
    world.accept(gift("a", "c", 500))
    assert balance(world, "a") == 10_000 - 500 - 300 - 2_000 - 500


def test_a_refused_payment_does_not_count_for_the_day(members: World) -> None:
    world = members
    world.accept(guardian("a", "b", daily="20000"))
    assert world.refuse(gift("a", "c", 10_001)).code == "balance.insufficient"
    found = case(world, "guardian", acct("a"))
    assert found is not None and found["document"]["spent"] == 0


def test_rule_06_a_wards_day_is_that_of_shanghai(members: World) -> None:
    world = members
    world.accept(guardian("a", "b", daily="500"))
    go_to(world, "2026-11-20", hour=7)  # still the 19th in London
    world.accept(gift("a", "c", 500))
    go_to(world, "2026-11-20", hour=9)
    assert world.refuse(gift("a", "c", 1)).code == "guardian.over_daily"
    go_to(world, "2026-11-21", hour=0)
    world.accept(gift("a", "c", 500))


def test_a_guardian_for_age_needs_an_elder(members: World) -> None:
    world = members
    refusal = world.refuse(guardian("b", "a"))
    assert (refusal.code, refusal.fields) == ("guardian.not_an_elder", {})
    world.accept(guardian("b", "a", basis="guarded"))
    assert world.refuse(guardian("b", "c", basis="guarded")).code == "case.exists"
    assert world.refuse(guardian("a", "a")).code == "guardian.self"
    refusal = world.refuse(guardian("a", "b", basis="friend"))
    assert (refusal.code, refusal.fields["field"]) == ("entry.bad_field", "public.basis")
    refusal = world.refuse(guardian("a", "b", until="2026-11-17"))
    assert (refusal.code, refusal.fields["field"]) == ("entry.bad_field", "public.until")
    assert world.refuse(guardian("a", "e")).fields == {"field": "public.guardian"}


def test_a_guardianship_ends_by_its_day_or_by_a_decision(members: World) -> None:
    world = members
    world.accept(guardian("a", "b", once="100", until="2026-11-19"))
    assert world.refuse(gift("a", "c", 101)).code == "guardian.over_limit"
    go_to(world, "2026-11-20")
    world.accept(gift("a", "c", 101))
    said = public(world, step("guardian.ended", "a", reason="moved"))
    assert said["guardian"] == acct("b")
    assert state(world, "guardian", "a") == "ended"
    world.accept(guardian("a", "c", once="1"))
    assert world.refuse(gift("a", "d", 2)).code == "guardian.over_limit"
    assert [name for name, _ in run_due(world)] == ["membership.fee_split"] * 4
