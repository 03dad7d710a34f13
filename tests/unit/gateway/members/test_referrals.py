"""Referrals and rewards: one referrer, only real orders, one level, caps, meter, and back on refund."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.ledger.drafts import Draft
from gateway.members import switches
from gateway.rules.referral_tables import Switches
from tests.unit.gateway.ledger.worlds import World, joined
from tests.unit.gateway.members.chapter import (
    HOUSE,
    about,
    acct,
    case,
    entry,
    go_to,
    opening,
    public,
    recovery,
    referred,
    run_due,
    sale,
    step,
)

MARGIN = "90000"


def bought(world: World, who: str, amount: int = 100_000, merchant: str = "m") -> str:
    return world.accept(sale(who, amount, merchant)).entry_id


def rewarded(sold: str, margin: str = MARGIN) -> Draft:
    return about("referral.rewarded", sold, margin=margin)


def test_a_member_has_one_referrer_fixed_with_the_first_order(world: World) -> None:
    first = world.accept(referred("b", "a"))
    assert entry(world, first)["public"] == {"referrer": acct("a")}
    refusal = world.refuse(referred("b", "a"))
    assert (refusal.code, refusal.fields) == ("case.exists", {"kind": "referral"})
    second = world.accept(referred("b", "c"))
    body = entry(world, second)
    assert (body["public"]["was"], body["refs"]) == (acct("a"), [first.entry_id])
    bought(world, "b", 100)
    refusal = world.refuse(referred("b", "a"))
    assert (refusal.code, refusal.fields) == ("referral.fixed", {})
    bought(world, "d", 100)
    assert world.refuse(referred("d", "a")).code == "referral.fixed"
    found = case(world, "referral", acct("b"))
    assert found is not None
    assert (found["holder"], found["state"], found["document"]["referrer"]) == (
        acct("c"), "declared", acct("c"),
    )  # fmt: skip


def test_nobody_refers_himself_his_household_or_his_referrer(world: World) -> None:
    assert world.refuse(referred("a", "a")).code == "referral.self"
    world.accept(referred("b", "a"))
    world.accept(referred("c", "b"))
    refusal = world.refuse(referred("a", "c"))
    assert (refusal.code, refusal.fields) == ("referral.cycle", {})
    for name in "de":
        world.accept(opening(name, household=HOUSE))
    refusal = world.refuse(referred("d", "e"))
    assert (refusal.code, refusal.fields) == ("referral.household", {})
    refusal = world.refuse(referred("d", "zz"))
    assert (refusal.code, refusal.fields) == ("member.unknown", {"field": "public.referrer"})


def test_a_first_order_pays_its_referrer_out_of_its_margin(world: World) -> None:
    world.accept(referred("b", "a"))
    sold = bought(world, "b")
    body = entry(world, world.accept(rewarded(sold)))
    assert body["rule"] == "referral_reward:2"
    assert body["public"] == {
        "about": sold, "margin": MARGIN, "amount": "18000", "withheld": "0", "table": "referral_reward",
        "version": 2, "period": "2026-11", "levels": 1, "people": 2,
        "legs": [
            {"role": "referrer", "amount": "18000", "account": acct("a")},
            {"role": "margin_owner", "amount": "72000", "account": acct("m")},
        ],
    }  # fmt: skip
    found = case(world, "referral", acct("b"))
    assert found is not None and found["state"] == "paid"
    income = case(world, "referral_income", f"{acct('a')}:2026-11")
    assert income is not None and income["document"] == {"paid": 18_000, "returned": 0}
    refusal = world.refuse(rewarded(sold))
    assert (refusal.code, refusal.fields) == ("referral.rewarded_already", {})


def test_rule_40_sign_ups_heads_and_first_orders_alone_count(world: World) -> None:
    world.accept(opening("a"))
    names = [f"new{number}" for number in range(12)]
    for name in names:
        world.accept(joined(name))
        world.accept(opening(name))
        world.accept(referred(name, "a"))
    assert case(world, "referral_income", f"{acct('a')}:2026-11") is None
    paid = world.accept(opening("b")).entry_id
    refusal = world.refuse(rewarded(paid))
    assert (refusal.code, refusal.fields) == ("case.unknown", {"field": "public.about", "kind": "sale"})
    world.accept(rewarded(bought(world, names[0])))
    second = bought(world, names[0])
    refusal = world.refuse(rewarded(second))
    assert (refusal.code, refusal.fields) == ("referral.withheld", {"why": "not_first_order"})
    income = case(world, "referral_income", f"{acct('a')}:2026-11")
    assert income is not None and income["document"]["paid"] == 18_000


def test_what_pays_nothing_says_why(world: World) -> None:
    world.accept(referred("b", "a"))
    for draft, why in (
        (rewarded(bought(world, "c")), "no_referrer"),
        (rewarded(bought(world, "b"), "0"), "margin"),
    ):
        refusal = world.refuse(draft)
        assert (refusal.code, refusal.fields) == ("referral.withheld", {"why": why})
    world.accept(referred("d", "a"))
    sold = bought(world, "d")
    world.accept(about("sale.refunded", sold, amount="1"))
    assert world.refuse(rewarded(sold)).fields == {"why": "refunded"}
    # Two who turn out to be one household after the declaration are not paid either.
    world.accept(referred("e", "a"))
    for name in "ae":
        world.accept(opening(name, household=HOUSE))
    assert world.refuse(rewarded(bought(world, "e"))).fields == {"why": "household"}


def test_a_margin_is_at_most_the_merchants_part(world: World) -> None:
    world.accept(referred("b", "a"))
    sold = bought(world, "b")
    refusal = world.refuse(rewarded(sold, "97501"))
    assert (refusal.code, refusal.fields) == ("referral.margin_above", {"limit": 97_500})
    said = public(world, rewarded(sold, "5000"))
    assert (said["amount"], said["withheld"]) == ("5000", "13000")


def test_a_month_has_a_cap(world: World) -> None:
    for number in range(11):
        name = f"new{number}"
        world.accept(joined(name))
        world.accept(referred(name, "a"))
        sold = bought(world, name)
        if number < 10:
            world.accept(rewarded(sold))
    refusal = world.refuse(rewarded(sold))
    assert (refusal.code, refusal.fields) == ("referral.withheld", {"why": "month_cap"})
    go_to(world, "2026-12-01", hour=0)
    assert public(world, rewarded(sold))["period"] == "2026-12"


def test_a_second_level_in_a_row_is_not_paid(world: World) -> None:
    world.accept(referred("b", "a"))
    world.accept(referred("c", "b"))
    world.accept(rewarded(bought(world, "b")))
    refusal = world.refuse(rewarded(bought(world, "c")))
    assert (refusal.code, refusal.fields) == ("referral.withheld", {"why": "meter"})


def test_a_chain_stops_at_twenty_five_people(world: World) -> None:
    for number in range(24):
        name = f"new{number}"
        world.accept(joined(name))
        world.accept(referred(name, "a"))
        draft = rewarded(bought(world, name), "100")
        if number < 23:
            assert public(world, draft)["people"] == number + 2
    refusal = world.refuse(draft)
    assert (refusal.code, refusal.fields) == ("referral.withheld", {"why": "meter"})


def test_more_levels_are_paid_where_they_are_switched_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.accept(referred("b", "a"))
    world.accept(referred("c", "b"))
    sold = bought(world, "c")
    monkeypatch.setattr(switches, "read_switches", lambda _: Switches(depth=2))
    said = public(world, rewarded(sold, "10000"))
    # Paper D's 180 CNY are all an order may pay: nothing is left of the margin for the second level.
    assert [leg["role"] for leg in said["legs"]] == ["referrer", "margin_owner"]
    assert (said["amount"], said["withheld"]) == ("10000", "26000")


def test_each_level_has_its_leg_under_the_table_of_paper_c(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.accept(referred("b", "a"))
    world.accept(referred("c", "b"))
    sold = bought(world, "c")
    monkeypatch.setattr(switches, "read_switches", lambda _: Switches(depth=2))
    # No caller chooses the version; the chapter publishes the one it uses.
    named = replace(rewarded(sold), public={**rewarded(sold).public, "version": 1})
    refusal = world.refuse(named)
    assert (refusal.code, refusal.fields) == ("entry.not_as_computed", {"field": "public.version"})
    world.accept(step("rule.published", table="referral_reward", version=1, since="2026-11-19"))
    go_to(world, "2026-11-19")
    said = public(world, named)
    assert (said["table"], said["version"]) == ("referral_reward", 1)
    assert (said["levels"], said["people"]) == (2, 3)
    assert said["legs"] == [
        {"role": "referrer", "amount": "1000", "account": acct("b")},
        {"role": "referrer_2", "amount": "1000", "account": acct("a")},
        {"role": "margin_owner", "amount": "88000", "account": acct("m")},
    ]


def test_rule_10_rewards_come_back_in_the_proportion_refunded(world: World) -> None:
    world.accept(referred("b", "a"))
    sold = bought(world, "b", 100_001)
    world.accept(rewarded(sold))
    refusal = world.refuse(about("referral.clawed_back", sold))
    assert (refusal.code, refusal.fields) == ("referral.nothing_to_return", {})
    world.accept(about("sale.refunded", sold, amount="33333"))
    assert run_due(world) == [("referral.clawed_back", None)]
    found = case(world, "referral_reward", sold)
    assert found is not None
    # 18000 * 33333 / 100001, rounded down
    assert (found["state"], found["document"]["returned"]) == ("partly_returned", 5_999)
    world.accept(about("sale.refunded", sold, amount="66668"))
    said = public(world, about("referral.clawed_back", sold))
    assert said["legs"] == [
        {"role": "referrer", "amount": "12001", "account": acct("a")},
        {"role": "margin_owner", "amount": "12001", "account": acct("m")},
    ]
    income = case(world, "referral_income", f"{acct('a')}:2026-11")
    assert income is not None and income["document"] == {"paid": 18_000, "returned": 18_000}
    assert run_due(world) == []
    assert world.refuse(about("referral.clawed_back", sold)).code == "referral.nothing_to_return"


def test_figures_are_those_of_the_rules(world: World) -> None:
    world.accept(referred("b", "a"))
    sold = bought(world, "b")
    draft = rewarded(sold)
    for name, value in (("amount", "18001"), ("people", 9), ("period", "2026-12")):
        refusal = world.refuse(replace(draft, public={**draft.public, name: value}))
        assert (refusal.code, refusal.fields) == ("entry.not_as_computed", {"field": f"public.{name}"})
    refusal = world.refuse(step("referral.rewarded", about="0" * 26, margin="1"))
    assert (refusal.code, refusal.fields["kind"]) == ("case.unknown", "sale")


def test_rule_27_rewards_follow_a_recovered_account(world: World) -> None:
    world.accept(referred("b", "a"))
    sold = bought(world, "b")
    world.accept(rewarded(sold))
    world.accept(recovery("a", "a2"))
    world.accept(about("sale.refunded", sold, amount="100000"))
    said = public(world, about("referral.clawed_back", sold))
    assert said["legs"][0] == {"role": "referrer", "amount": "18000", "account": acct("a2")}
    income = case(world, "referral_income", f"{acct('a2')}:2026-11")
    assert income is not None and income["document"]["returned"] == 18_000
