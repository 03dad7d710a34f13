"""Kin and guardians: what both sides declare, whom coins may go to, what a ward may pay alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chain.case_types import CASE_TYPES
from chain.entry_types import ENTRY_TYPES
from chain.operation import ZERO_REF, Operation, OperationKind
from gateway.api.entry_writes import ORDINARY as PAYMENTS
from gateway.case_rules import CASE_BOOK
from gateway.commerce.rebates import REBATE_RULES
from gateway.ledger.drafts import Draft
from tests.unit.gateway.ledger.worlds import World, address
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


def paying(name: str, sender: str, receiver: str, amount: int, actor: str | None = None) -> Draft:
    """Return an entry of the type that pays; hours at ten coins for services."""
    merchant = name in ("redemption.recorded", "credit.redeemed")
    kind = OperationKind.REDEEM if merchant else OperationKind.TRANSFER
    operation = Operation(kind, address(sender), address(receiver), amount, 0, ZERO_REF)
    minutes = {"minutes": amount * 60 // 1_000} if name == "service.recorded" else {}
    by = None if actor is None else acct(actor)
    return replace(step(name, **minutes), operation=operation, actor=by)


PAYING = {
    "gift.sent": "c", "credit.transferred": "c", "service.recorded": "c",
    "redemption.recorded": "m", "credit.redeemed": "m",
}  # fmt: skip
"""Types by which a holder pays what he says, with somebody who is paid."""


@pytest.mark.parametrize("name", PAYING)
def test_a_ward_s_limits_hold_whatever_a_payment_is_called(members: World, name: str) -> None:
    world, receiver = members, PAYING[name]
    world.accept(guardian("a", "b", once="1000", daily="1500"))
    refusal = world.refuse(paying(name, "a", receiver, 2_000))
    assert (refusal.code, refusal.fields) == ("guardian.over_limit", {"limit": 1_000})
    world.accept(paying(name, "a", receiver, 1_000))
    refusal = world.refuse(paying(name, "a", receiver, 1_000))
    assert (refusal.code, refusal.fields) == ("guardian.over_daily", {"limit": 1_500, "left": 500})
    world.accept(paying(name, "a", receiver, 2_000, actor="b"))
    assert balance(world, "a") == 10_000 - 3_000


@pytest.mark.parametrize("name", [name for name, receiver in PAYING.items() if receiver == "c"])
def test_the_kin_rule_holds_whatever_a_transfer_is_called(members: World, name: str) -> None:
    world = members
    world.accept(step("parameter.set", parameter="kin_transfer", codes=["parent", "child"]))
    assert world.refuse(paying(name, "a", "b", 1_000)).code == "member.kin_not_allowed"
    world.accept(kin("a", "b", "child"))
    world.accept(kin("b", "a", "parent"))
    world.accept(paying(name, "a", "b", 1_000))


def test_no_type_lets_a_member_pay_without_a_rule() -> None:
    """Purchases and rebates order what a pool pays, and the rule computes it: nobody pays there."""
    free = {name for name, row in ENTRY_TYPES.items() if row.operations & PAYMENTS}
    assert free <= set(CASE_BOOK.types)
    ordinary = free - {name for name, _ in CASE_TYPES}
    assert ordinary == {*PAYING, "purchase.recorded", "rebate.granted"}
    for name in ("purchase.recorded", "rebate.granted"):
        assert CASE_BOOK.rule(name) is REBATE_RULES[name]


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
