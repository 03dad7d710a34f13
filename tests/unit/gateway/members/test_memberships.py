"""Memberships: fees of the versioned table, years in Shanghai, upgrades, refunds, lapse, waiver."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chain.canonical import JsonValue
from gateway.db import execute
from gateway.ledger.drafts import Draft
from gateway.members import switches
from gateway.rules.referral_tables import SHIPPED, Switches
from tests.unit.gateway.ledger.worlds import World
from tests.unit.gateway.members.chapter import (
    EVIDENCE,
    HOUSE,
    RECEIPT,
    about,
    acct,
    case,
    entry,
    go_to,
    opening,
    public,
    referred,
    rights,
    run_due,
    state,
    step,
)


def test_a_year_begins_today_at_the_fee_in_force(world: World) -> None:
    said = public(world, opening("a", household=HOUSE, compound="c1", building="b3"))
    assert said == {
        "kind": "ordinary", "receipt": RECEIPT, "household": HOUSE, "compound": "c1", "building": "b3",
        "version": 1, "fee": "9900", "currency": "CNY", "since": "2026-11-18", "until": "2027-11-17",
        "elder": False, "free_services": 10,
    }  # fmt: skip
    found = case(world, "membership", acct("a"))
    assert found is not None
    assert (found["state"], found["holder"], found["due_at"]) == (
        "active", acct("a"), "2027-11-17T16:00:00.000Z",
    )  # fmt: skip
    assert found["document"]["household"] == HOUSE


@pytest.mark.parametrize(
    ("who", "kind", "version", "fee"),
    [
        ("a", "ordinary", 1, "9900"),
        ("a", "trial", 1, "10000"),
        ("a", "co_creation", 1, "100000"),
        ("a", "refundable", 1, "100000"),
        ("m", "merchant", 2, "100000"),
    ],
)
def test_each_kind_has_its_fee(world: World, who: str, kind: str, version: int, fee: str) -> None:
    said = public(world, opening(who, kind))
    assert (said["version"], said["fee"]) == (version, fee)


def test_a_merchant_may_stay_with_the_fee_of_paper_c(world: World) -> None:
    assert public(world, opening("m", "merchant", version=1))["fee"] == "200000"


@pytest.mark.parametrize(
    ("draft", "code", "fields"),
    [
        (opening("a", "gold"), "membership.unknown_kind",
         {"known": "ordinary, trial, co_creation, refundable, merchant"}),
        (opening("a", "merchant"), "membership.wrong_account", {"wanted": "merchant"}),
        (opening("m"), "membership.wrong_account", {"wanted": "member"}),
        (opening("a", fee="9800"), "entry.not_as_computed", {"field": "public.fee"}),
        (opening("a", until="2028-01-01"), "entry.not_as_computed", {"field": "public.until"}),
        (opening("a", version=9), "rule.not_in_force", {"table": "ordinary", "day": "2026-11-18"}),
        (opening("a", elder=True), "membership.elder_unproved", {}),
        (opening("zz"), "member.unknown", {"field": "subjects"}),
        (step("membership.renewed", "a", receipt=RECEIPT), "case.unknown",
         {"field": "subjects", "kind": "membership"}),
    ],
)  # fmt: skip
def test_an_opening_that_is_refused(world: World, draft: Draft, code: str, fields: dict[str, str]) -> None:
    refusal = world.refuse(draft)
    assert (refusal.code, refusal.fields) == (code, fields)
    assert case(world, "membership", acct("a")) is None


def test_nobody_is_a_member_twice(world: World) -> None:
    world.accept(opening("a"))
    refusal = world.refuse(opening("a", "trial"))
    assert (refusal.code, refusal.fields) == ("case.exists", {"kind": "membership"})


def test_the_birth_month_stays_private_and_contradicts_nobody(world: World) -> None:
    old: dict[str, JsonValue] = {"birth_month": "1960-02"}
    young: dict[str, JsonValue] = {"birth_month": "1970-02"}
    refusal = world.refuse(replace(opening("a", elder=True, evidence=EVIDENCE), private=young))
    assert (refusal.code, refusal.fields) == ("entry.not_as_computed", {"field": "public.elder"})
    refusal = world.refuse(
        replace(opening("a", elder=True, evidence=EVIDENCE), private={"birth_month": "1960"})
    )
    assert (refusal.code, refusal.fields["field"]) == ("entry.bad_field", "private.birth_month")
    accepted = world.accept(replace(opening("a", elder=True, evidence=EVIDENCE), private=old))
    body = entry(world, accepted)
    assert body["public"]["elder"] is True
    assert "1960" not in str(body["public"])
    found = case(world, "membership", acct("a"))
    assert found is not None and "1960" not in str(found)


def test_who_turns_sixty_is_confirmed_later(world: World) -> None:
    world.accept(replace(opening("a"), private={"birth_month": "1966-12"}))
    late = step("membership.elder_confirmed", "a", evidence=EVIDENCE)
    refusal = world.refuse(replace(late, private={"birth_month": "1966-12"}))
    assert (refusal.code, refusal.fields) == ("entry.not_as_computed", {"field": "public.elder"})
    go_to(world, "2026-12-01")
    assert public(world, replace(late, private={"birth_month": "1966-12"}))["elder"] is True
    found = case(world, "membership", acct("a"))
    assert found is not None and found["document"]["elder"] is True


def test_a_renewal_continues_the_year_and_is_paid_one_year_ahead_at_most(world: World) -> None:
    world.accept(opening("a"))
    go_to(world, "2027-11-01")
    said = public(world, step("membership.renewed", "a", receipt=RECEIPT))
    assert (said["since"], said["until"], said["fee"], said["waived"]) == (
        "2027-11-18", "2028-11-17", "9900", False,
    )  # fmt: skip
    refusal = world.refuse(step("membership.renewed", "a", receipt=RECEIPT))
    assert (refusal.code, refusal.fields) == ("membership.paid_ahead", {"until": "2028-11-17"})
    refusal = world.refuse(step("membership.renewed", "m", receipt=RECEIPT))
    assert refusal.code == "case.unknown"


def test_a_renewal_needs_a_receipt(world: World) -> None:
    world.accept(opening("a"))
    refusal = world.refuse(step("membership.renewed", "a"))
    assert (refusal.code, refusal.fields["field"]) == ("entry.bad_field", "public.receipt")


def test_rule_06_a_membership_lapses_with_the_business_day_of_shanghai(world: World) -> None:
    world.accept(opening("a"))
    run_due(world)
    # 23:59:59.999 in Shanghai on the last day, while it is still 15:59 in London.
    world.clock.milliseconds = 1_826_467_200_000 - 1
    refusal = world.refuse(step("membership.lapsed", "a"))
    assert (refusal.code, refusal.fields) == ("membership.not_ended", {"until": "2027-11-17"})
    assert run_due(world) == []
    world.clock.milliseconds += 1
    assert run_due(world) == [("membership.lapsed", None)]
    assert state(world, "membership", "a") == "lapsed"
    assert run_due(world) == []
    go_to(world, "2028-02-29")
    said = public(world, step("membership.renewed", "a", receipt=RECEIPT))
    assert (said["since"], said["until"]) == ("2028-02-29", "2029-02-28")
    assert state(world, "membership", "a") == "active"


def test_an_upgrade_costs_the_difference(world: World) -> None:
    opened = world.accept(opening("a")).entry_id
    up = world.accept(step("membership.upgraded", "a", kind="co_creation", receipt=RECEIPT))
    body = entry(world, up)
    said = body["public"]
    assert (said["from"], said["fee"], said["until"]) == ("ordinary", "90100", "2027-11-17")
    assert ("free_services" in said, body["refs"]) == (False, [opened])
    found = case(world, "membership", acct("a"))
    assert found is not None and found["document"]["free_years"] == []
    refusal = world.refuse(step("membership.upgraded", "a", kind="trial", receipt=RECEIPT))
    assert (refusal.code, refusal.fields) == ("membership.not_an_upgrade", {"kind": "co_creation"})
    fee = case(world, "fee", up.entry_id)
    assert fee is not None and fee["document"]["amount"] == 90_100


@pytest.mark.parametrize("kind", ["refundable"])
def test_what_a_custodian_holds_is_no_step_of_a_ladder(world: World, kind: str) -> None:
    world.accept(opening("a"))
    refusal = world.refuse(step("membership.upgraded", "a", kind=kind, receipt=RECEIPT))
    assert (refusal.code, refusal.fields) == ("membership.not_an_upgrade", {"kind": "ordinary"})


def test_the_refundable_fee_comes_back_against_its_custody_receipt(world: World) -> None:
    first = world.accept(opening("a", "refundable"))
    refusal = world.refuse(step("membership.refunded", "a", receipt="b2" * 32, custody="00" * 32))
    assert (refusal.code, refusal.fields) == ("entry.not_as_computed", {"field": "public.custody"})
    back = world.accept(step("membership.refunded", "a", receipt="b2" * 32))
    body = entry(world, back)
    assert (body["public"]["amount"], body["public"]["custody"]) == ("100000", RECEIPT)
    assert body["refs"] == [first.entry_id]
    assert state(world, "membership", "a") == "refunded"
    assert world.refuse(step("membership.refunded", "a", receipt="b2" * 32)).code == "case.wrong_state"
    assert public(world, opening("a"))["fee"] == "9900"


def left(who: str) -> Draft:
    return step("membership.refunded", who, receipt="b2" * 32)


def amounts(said: dict[str, Any]) -> dict[str, int]:
    return {leg["role"]: int(leg["amount"]) for leg in said["legs"]}


def test_within_seven_days_an_unused_fee_comes_back_whole_with_every_leg(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switches, "read_switches", lambda _: Switches(joining_fee=True))
    world.accept(referred("a", "m"))
    opened = world.accept(opening("a", "co_creation")).entry_id
    assert run_due(world) == [("membership.fee_split", None)]
    go_to(world, "2026-11-25")
    back = world.accept(left("a"))
    body = entry(world, back)
    said = body["public"]
    assert (said["amount"], said["basis"], "custody" in said) == ("100000", "cooling_off", False)
    assert amounts(said) == {
        "chapter_fund": 10_000, "chapter_holding": 40_000, "platform": 10_000, "referring_shop": 40_000,
    }  # fmt: skip
    assert {"role": "referring_shop", "amount": "40000", "account": acct("m")} in said["legs"]
    assert body["refs"] == [opened] and acct("m") in body["subjects"]
    fee = case(world, "fee", opened)
    assert fee is not None and (fee["state"], fee["document"]["refunded"]) == ("refunded", 100_000)
    assert state(world, "membership", "a") == "refunded"
    assert world.refuse(left("a")).code == "case.wrong_state"


def test_after_seven_days_the_days_left_come_back_and_every_leg_in_proportion(world: World) -> None:
    world.accept(opening("a", "co_creation"))
    run_due(world)
    go_to(world, "2026-11-26")
    said = public(world, left("a"))
    # 365 days from 2026-11-18 on, of which 357 are left: 1,000 CNY * 357 / 365, rounded down.
    assert (said["amount"], said["basis"]) == ("97808", "unused_days")
    assert amounts(said) == {"chapter_fund": 9_781, "chapter_holding": 78_246, "platform": 9_781}
    assert sum(amounts(said).values()) == 97_808


def test_an_upgrade_comes_back_as_a_fee_of_its_own(world: World) -> None:
    first = world.accept(opening("a")).entry_id
    run_due(world)
    go_to(world, "2027-05-19")
    second = world.accept(step("membership.upgraded", "a", kind="co_creation", receipt=RECEIPT)).entry_id
    run_due(world)
    refs = entry(world, world.accept(left("a")))
    # The upgrade whole, of the first fee 183 of 365 days.
    assert refs["public"]["amount"] == str(90_100 + 9_900 * 183 // 365)
    assert set(refs["refs"]) == {first, second}
    assert sum(amounts(refs["public"]).values()) == 90_100 + 4_963


def test_a_used_service_ends_the_seven_days(world: World) -> None:
    world.accept(opening("a"))
    run_due(world)
    with world.database.writer() as connection:
        used = '"included":10,"since":"2026-11-18","until":"2027-11-17","used":0'
        execute(
            connection,
            "UPDATE cases SET document = replace(document, ?, ?) WHERE kind = 'membership' AND key = ?",
            used, used.replace('"used":0', '"used":1'), acct("a"),
        )  # fmt: skip
    go_to(world, "2026-11-19")
    said = public(world, left("a"))
    assert (said["amount"], said["basis"]) == (str(9_900 * 364 // 365), "unused_days")


def test_a_fee_that_was_never_split_comes_back_without_legs(world: World) -> None:
    opened = world.accept(opening("a")).entry_id
    said = public(world, left("a"))
    assert (said["amount"], "legs" in said) == ("9900", False)
    assert run_due(world) == []
    refusal = world.refuse(about("membership.fee_split", opened))
    assert (refusal.code, refusal.fields["state"]) == ("case.wrong_state", "refunded")
    world.accept(opening("b"))
    go_to(world, "2026-12-18")
    refusal = world.refuse(left("b"))
    assert (refusal.code, refusal.fields) == (
        "case.wrong_state", {"field": "subjects", "state": "paid", "wanted": "split"},
    )  # fmt: skip


def test_nothing_comes_back_of_a_year_that_is_over_or_was_waived(world: World) -> None:
    world.accept(opening("a"))
    run_due(world)
    go_to(world, "2027-11-18")
    assert world.refuse(left("a")).code == "membership.nothing_left"


def test_a_frozen_member_does_not_renew(world: World) -> None:
    world.accept(opening("a"))
    go_to(world, "2027-12-01")
    run_due(world)
    world.accept(rights("a", False, True))
    refusal = world.refuse(step("membership.renewed", "a", receipt=RECEIPT))
    assert (refusal.code, refusal.fields) == ("member.frozen", {"field": "subjects"})


def waiver(world: World, kind: str = "ordinary") -> Draft:
    """Three members join by a's referral; the draft asks to have a's next year waived."""
    for name in "abcd":
        world.accept(opening(name, kind))
    for name in "bcd":
        world.accept(referred(name, "a"))
    go_to(world, "2027-11-01")
    return step("membership.renewed", "a", waived=True)


def test_rule_40_a_waiver_of_the_year_ships_switched_off(world: World) -> None:
    draft = waiver(world)
    assert world.refuse(draft).code == "membership.waiver_off"


@pytest.mark.parametrize("kind", ["trial", "co_creation", "refundable"])
def test_referrals_waive_a_year_of_ordinary_members_only(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(switches, "read_switches", lambda _: Switches(waiver=True))
    draft = waiver(world, kind)
    refusal = world.refuse(draft)
    assert (refusal.code, refusal.fields) == ("membership.waiver_other_kind", {"kind": kind})


def test_three_referrals_waive_a_year_where_it_is_switched_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switches, "read_switches", lambda _: Switches(waiver=True))
    draft = waiver(world)
    refusal = world.refuse(replace(draft, subjects=(acct("b"),)))
    assert (refusal.code, refusal.fields) == ("membership.waiver_short", {"have": 0, "want": 3})
    accepted = world.accept(draft)
    said = entry(world, accepted)["public"]
    assert (said["fee"], said["referrals"], said["until"]) == ("0", 3, "2028-11-17")
    assert case(world, "fee", accepted.entry_id) is None
    monkeypatch.setattr(switches, "read_switches", lambda _: SHIPPED)


def test_a_referral_waives_one_year_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one of the very day on which a lapsed year begins anew."""
    monkeypatch.setattr(switches, "read_switches", lambda _: Switches(waiver=True))
    world.accept(opening("a"))
    go_to(world, "2027-12-01")
    assert run_due(world)
    for name in "bcd":
        world.accept(opening(name))
        world.accept(referred(name, "a"))
    draft = step("membership.renewed", "a", waived=True)
    said = entry(world, world.accept(draft))["public"]
    assert (said["since"], said["referrals"]) == ("2027-12-01", 3)
    go_to(world, "2028-11-01")
    refusal = world.refuse(draft)
    assert (refusal.code, refusal.fields) == ("membership.waiver_short", {"have": 0, "want": 3})
