"""Stewards: coins for each whole month of office, once, where the chapter has set them."""

from __future__ import annotations

import pytest

from chain.operation import OperationKind
from gateway.ledger.drafts import Draft
from tests.unit.gateway.ledger.worlds import World, address
from tests.unit.gateway.members.chapter import (
    EVIDENCE,
    POOL,
    acct,
    balance,
    case,
    entry,
    go_to,
    opening,
    operation,
    recovery,
    step,
)


def appointed(who: str = "a", building: str = "b1") -> Draft:
    return step("steward.appointed", who, compound="c1", building=building, evidence=EVIDENCE)


def ended(who: str = "a") -> Draft:
    return step("steward.ended", who, compound="c1", building="b1", reason="moved")


def rewarded(period: str, who: str = "a", building: str = "b1") -> Draft:
    return step("steward.rewarded", who, compound="c1", building=building, period=period)


def coins(**more: str) -> Draft:
    return step("parameter.set", parameter="steward_coins", **more)


@pytest.fixture
def office(world: World) -> World:
    """a is steward from 2026-11-18 on, for 30.00 coins a month."""
    for name in "ab":
        world.accept(opening(name))
    world.accept(coins(amount="3000"))
    world.accept(appointed())
    return world


def test_a_whole_month_of_office_is_paid_once(office: World) -> None:
    go_to(office, "2026-12-31")
    for early in ("2026-11", "2026-12", "2027-01"):
        refusal = office.refuse(rewarded(early))
        assert (refusal.code, refusal.fields) == ("steward.not_whole_month", {"period": early})
    go_to(office, "2027-01-01", hour=0)
    done = office.accept(rewarded("2026-12"))
    assert operation(office, done) == (int(OperationKind.TRANSFER), address(POOL), address("a"), 3_000)
    assert entry(office, done)["public"] == {
        "compound": "c1", "building": "b1", "period": "2026-12", "amount": "3000", "version": 2,
    }  # fmt: skip
    refusal = office.refuse(rewarded("2026-12"))
    assert (refusal.code, refusal.fields) == ("steward.rewarded_already", {"period": "2026-12"})
    go_to(office, "2027-02-01")
    office.accept(rewarded("2027-01"))
    assert balance(office, "a") == 6_000


def test_the_coins_are_those_of_the_month_s_last_day_and_may_be_not_set(office: World) -> None:
    go_to(office, "2026-12-01")
    office.accept(coins(amount="5000", effective_from="2026-12-31"))
    office.accept(coins(effective_from="2027-01-31"))
    go_to(office, "2027-02-01")
    assert entry(office, office.accept(rewarded("2026-12")))["public"]["amount"] == "5000"
    refusal = office.refuse(rewarded("2027-01"))
    assert (refusal.code, refusal.fields) == ("steward.no_coins", {})


def test_only_who_holds_the_office_is_paid_and_only_a_member(office: World) -> None:
    go_to(office, "2027-01-01")
    refusal = office.refuse(rewarded("2026-12", "b"))
    assert (refusal.code, refusal.fields) == ("entry.not_as_computed", {"field": "subjects"})
    refusal = office.refuse(rewarded("2026-12", "a", "b2"))
    assert (refusal.code, refusal.fields) == ("case.unknown", {"field": "public.building", "kind": "steward"})
    office.accept(step("membership.suspended", "a", order="0d" * 32, reason="conduct"))
    refusal = office.refuse(rewarded("2026-12"))
    assert (refusal.code, refusal.fields) == ("membership.required", {"field": "subjects"})


def test_the_next_steward_begins_anew(office: World) -> None:
    go_to(office, "2027-01-10")
    office.accept(ended())
    office.accept(appointed("b"))
    go_to(office, "2027-03-01")
    assert office.refuse(rewarded("2027-01", "b")).code == "steward.not_whole_month"
    office.accept(rewarded("2027-02", "b"))
    found = case(office, "steward", "3101-0007:c1:b1")
    assert found is not None and found["document"] == {
        "compound": "c1", "building": "b1", "since": "2027-01-10", "rewarded": "2027-02",
    }  # fmt: skip


def test_rule_27_a_recovered_account_keeps_the_office(office: World) -> None:
    office.accept(recovery("a", "a2"))
    go_to(office, "2027-01-01")
    office.accept(rewarded("2026-12", "a2"))
    assert balance(office, "a2") == 3_000
    found = case(office, "steward", "3101-0007:c1:b1")
    assert found is not None and found["holder"] == acct("a2")
