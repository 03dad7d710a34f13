"""Fees and their legs: by the tables of paper D, without the referrer's part while it is switched off."""

from __future__ import annotations

import pytest

from gateway.members import switches
from gateway.rules.referral_tables import Switches
from tests.unit.gateway.ledger.worlds import World
from tests.unit.gateway.members.chapter import (
    RECEIPT,
    about,
    acct,
    case,
    entry,
    go_to,
    opening,
    public,
    referred,
    run_due,
    step,
)


def test_the_first_year_is_split_by_its_own_step_when_due(world: World) -> None:
    paid = world.accept(opening("a", "trial")).entry_id
    assert run_due(world) == [("membership.fee_split", None)]
    found = case(world, "fee", paid)
    assert found is not None
    assert (found["state"], found["due_at"], found["document"]["table"]) == ("split", None, "first_year_fee")
    refusal = world.refuse(about("membership.fee_split", paid))
    assert (refusal.code, refusal.fields["state"]) == ("case.wrong_state", "split")


def test_the_referrers_part_goes_to_the_residual_while_it_is_off(world: World) -> None:
    world.accept(referred("a", "m"))
    paid = world.accept(opening("a", "trial"))
    split = world.accept(about("membership.fee_split", paid.entry_id))
    body = entry(world, split)
    assert body["rule"] == "first_year_fee:1"
    assert body["public"]["legs"] == [
        {"role": "chapter_fund", "amount": "1000"},
        {"role": "chapter_holding", "amount": "8000"},
        {"role": "platform", "amount": "1000"},
    ]
    assert "referring_shop" not in body["public"]
    assert body["refs"] == [paid.entry_id]


def test_a_referring_shop_has_its_part_where_it_is_switched_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switches, "read_switches", lambda _: Switches(joining_fee=True))
    world.accept(referred("a", "m"))
    paid = world.accept(opening("a", "trial")).entry_id
    said = public(world, about("membership.fee_split", paid))
    assert said["referring_shop"] == acct("m")
    assert said["legs"][-1] == {"role": "referring_shop", "amount": "4000", "account": acct("m")}
    assert sum(int(leg["amount"]) for leg in said["legs"]) == 10_000
    # A member who refers is no shop.
    world.accept(referred("b", "a"))
    paid = world.accept(opening("b", "trial")).entry_id
    said = public(world, about("membership.fee_split", paid))
    assert [leg["role"] for leg in said["legs"]] == ["chapter_fund", "chapter_holding", "platform"]


def test_a_renewal_has_its_own_table(world: World) -> None:
    world.accept(opening("a", "co_creation"))
    go_to(world, "2027-11-01")
    paid = world.accept(step("membership.renewed", "a", receipt=RECEIPT)).entry_id
    said = public(world, about("membership.fee_split", paid))
    assert (said["table"], said["fee"]) == ("renewal_fee", "100000")
    assert [(leg["role"], leg["amount"]) for leg in said["legs"]] == [
        ("chapter_fund", "10000"), ("chapter_holding", "80000"), ("platform", "10000"),
    ]  # fmt: skip


def test_what_a_custodian_holds_is_nobodys_share(world: World) -> None:
    paid = world.accept(opening("a", "refundable")).entry_id
    assert run_due(world) == []
    refusal = world.refuse(about("membership.fee_split", paid))
    assert (refusal.code, refusal.fields) == ("membership.fee_held", {})


def test_legs_are_those_of_the_table(world: World) -> None:
    paid = world.accept(opening("a")).entry_id
    wrong = about("membership.fee_split", paid, legs=[{"role": "platform", "amount": "9900"}])
    refusal = world.refuse(wrong)
    assert (refusal.code, refusal.fields) == ("entry.not_as_computed", {"field": "public.legs"})
