"""Stewards of buildings and tiers computed from referrals."""

from __future__ import annotations

from tests.unit.gateway.ledger.worlds import World
from tests.unit.gateway.members.chapter import (
    EVIDENCE,
    acct,
    case,
    opening,
    public,
    referred,
    state,
    step,
)


def test_a_building_has_one_steward_at_a_time(world: World) -> None:
    for name in "ab":
        world.accept(opening(name))
    draft = step("steward.appointed", "a", compound="c1", building="b1", evidence=EVIDENCE)
    world.accept(draft)
    other = step("steward.appointed", "b", compound="c1", building="b1", evidence=EVIDENCE)
    refusal = world.refuse(other)
    assert (refusal.code, refusal.fields) == ("case.exists", {"kind": "steward"})
    world.accept(step("steward.appointed", "b", compound="c1", building="b2", evidence=EVIDENCE))
    wrong = step("steward.ended", "b", compound="c1", building="b1", reason="moved")
    assert world.refuse(wrong).fields == {"field": "subjects"}
    world.accept(step("steward.ended", "a", compound="c1", building="b1", reason="moved"))
    world.accept(other)
    found = case(world, "steward", "3101-0007:c1:b1")
    assert found is not None and (found["holder"], found["state"]) == (acct("b"), "appointed")


def test_a_steward_is_a_member(world: World) -> None:
    refusal = world.refuse(step("steward.appointed", "a", compound="c1", building="b1", evidence=EVIDENCE))
    assert (refusal.code, refusal.fields) == ("membership.required", {"field": "subjects"})


def test_tiers_follow_from_direct_referrals_of_members_in_force(world: World) -> None:
    world.accept(step("parameter.set", parameter="gold_team", number=2))
    world.accept(step("parameter.set", parameter="diamond_teams", number=1))
    for name in "abcde":
        world.accept(opening(name))
    for member, referrer in (("b", "a"), ("c", "b"), ("d", "b")):
        world.accept(referred(member, referrer))
    refusal = world.refuse(step("tier.set", "a", tier="silver"))
    assert (refusal.code, refusal.fields) == ("entry.not_as_computed", {"field": "public.tier"})
    assert public(world, step("tier.set", "b")) == {
        "tier": "gold", "was": "none", "team": 2, "gold_teams": 0, "version": 2,
    }  # fmt: skip
    assert public(world, step("tier.set", "a"))["tier"] == "diamond"
    assert public(world, step("tier.set", "e"))["tier"] == "silver"
    refusal = world.refuse(step("tier.set", "a"))
    assert (refusal.code, refusal.fields) == ("tier.unchanged", {"tier": "diamond"})
    assert state(world, "tier", "a") == "diamond"
    # Deeper levels count for nobody, and who is no member counts for nobody either.
    world.accept(referred("e", "c"))
    assert public(world, step("tier.set", "c"))["team"] == 1
    world.accept(step("account.closing", "d", destination="burn", order="0d" * 32))
    world.accept(step("account.closed", "d"))
    assert public(world, step("tier.set", "b")) == {
        "tier": "silver", "was": "gold", "team": 1, "gold_teams": 0, "version": 2,
    }  # fmt: skip
