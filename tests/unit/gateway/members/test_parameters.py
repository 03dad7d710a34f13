"""Parameters with "not set" as a value; caps that take effect on a day; expiry computed from movements."""

from __future__ import annotations

from datetime import date

import pytest

from chain.operation import OperationKind
from gateway.cases.world import SELECT_CASES, read_case
from gateway.db import fetch_all
from gateway.errors import Refusal
from gateway.ledger.drafts import Draft
from gateway.members.parameters import PARAMETERS, pick_version, versions_of
from tests.unit.gateway.ledger.worlds import World, address
from tests.unit.gateway.members.chapter import (
    about,
    balance,
    case,
    gift,
    go_to,
    issued,
    opening,
    operation,
    public,
    run_due,
    sale,
    step,
)


def setting(name: str, **more: str | int | list[str]) -> Draft:
    return step("parameter.set", parameter=name, **more)  # type: ignore[arg-type]


def expired(who: str) -> Draft:
    return step("credits.expired", who)


def test_versions_follow_each_other_and_not_set_is_one_of_them(world: World) -> None:
    assert public(world, setting("holding_cap", amount="60000")) == {
        "parameter": "holding_cap", "amount": "60000", "version": 2, "effective_from": "2026-11-18",
    }  # fmt: skip
    assert public(world, setting("holding_cap", effective_from="2026-12-01"))["version"] == 3
    found = case(world, "parameter", "3101-0007:holding_cap")
    assert found is not None
    assert [(row["version"], row["value"]) for row in found["document"]["versions"]] == [
        (2, 60_000),
        (3, None),
    ]


@pytest.mark.parametrize(
    ("draft", "code", "fields"),
    [
        (setting("price"), "parameter.unknown", {"known": ", ".join(PARAMETERS)}),
        (setting("holding_cap", number=5), "parameter.wrong_value", {"wanted": "amount or nothing"}),
        (setting("elder_age"), "parameter.wrong_value", {"wanted": "number"}),
        (setting("elder_age", number=60, amount="5"), "parameter.wrong_value", {"wanted": "number"}),
        (setting("elder_age", number=61, effective_from="2026-11-17"), "parameter.in_past",
         {"day": "2026-11-18"}),
        (setting("elder_age", number=0), "entry.bad_field",
         {"field": "elder_age", "reason": "not 1 to 150"}),
        (setting("elder_age", number=151), "entry.bad_field",
         {"field": "elder_age", "reason": "not 1 to 150"}),
        (setting("guarded_below", number=18), "parameter.unknown", {"known": ", ".join(PARAMETERS)}),
        (setting("expiry", codes=["often"]), "entry.bad_field",
         {"field": "codes", "reason": "not <days>:<basis points left>"}),
        (setting("expiry", codes=["30:100", "60:200"]), "entry.bad_field",
         {"field": "bands", "reason": "an older lot has more left"}),
        (setting("closing_destinations", codes=["bank"]), "entry.bad_field",
         {"field": "codes", "reason": "not kin, pool or burn"}),
        (step("parameter.in_force", parameter="expiry"), "case.unknown",
         {"field": "public.parameter", "kind": "parameter"}),
    ],
)  # fmt: skip
def test_a_parameter_that_is_refused(world: World, draft: Draft, code: str, fields: dict[str, str]) -> None:
    refusal = world.refuse(draft)
    assert (refusal.code, refusal.fields) == (code, fields)


@pytest.mark.parametrize("age", [1, 10, 150])
def test_memberships_open_at_any_elders_age_that_can_be_set(world: World, age: int) -> None:
    world.accept(setting("elder_age", number=age))
    world.accept(opening("a"))


def test_a_version_comes_after_the_one_before(world: World) -> None:
    world.accept(setting("elder_age", number=65, effective_from="2026-12-01"))
    refusal = world.refuse(setting("elder_age", number=60, effective_from="2026-12-01"))
    assert (refusal.code, refusal.fields) == ("parameter.not_after", {"day": "2026-12-01"})
    refusal = world.refuse(step("parameter.in_force", parameter="elder_age"))
    assert (refusal.code, refusal.fields) == ("parameter.not_due", {})


def test_rule_05_an_upper_bound_holds_from_its_day_and_can_be_lifted(world: World) -> None:
    world.accept(setting("holding_cap", amount="1000", effective_from="2026-11-20"))
    world.accept(issued("a", 1_000))
    assert run_due(world) == []
    world.accept(issued("a", 500))
    go_to(world, "2026-11-20", hour=0)
    assert run_due(world) == [("parameter.in_force", None)]
    refusal = world.refuse(issued("a", 1))
    assert (refusal.code, refusal.fields) == ("cap.exceeded", {"field": "op.to", "cap": "holding"})
    world.accept(issued("b", 1_000))
    assert world.refuse(issued("b", 1)).code == "cap.exceeded"
    world.accept(setting("holding_cap", effective_from="2026-11-21"))
    go_to(world, "2026-11-21")
    run_due(world)
    world.accept(issued("b", 1))
    assert balance(world, "b") == 1_001


def test_rule_05_nobody_falls_below_zero(world: World) -> None:
    world.accept(issued("a", 100))
    refusal = world.refuse(gift("a", "b", 101))
    assert (refusal.code, refusal.fields) == ("balance.insufficient", {"field": "op.from"})


def test_rule_06_a_daily_cap_counts_the_business_date_of_shanghai(world: World) -> None:
    world.accept(issued("a", 1_000))
    world.accept(setting("spent_daily_cap", amount="100"))
    assert run_due(world) == [("parameter.in_force", None)]
    go_to(world, "2026-11-19", hour=7)  # the 18th in London
    world.accept(gift("a", "b", 100))
    go_to(world, "2026-11-19", hour=23)
    refusal = world.refuse(gift("a", "b", 1))
    assert (refusal.code, refusal.fields) == ("cap.exceeded", {"field": "op.from", "cap": "daily"})
    go_to(world, "2026-11-20", hour=0)  # still the 19th in London
    world.accept(gift("a", "b", 100))


def test_what_was_in_force_stays_known(world: World) -> None:
    world.accept(setting("kin_transfer", codes=["child"], effective_from="2026-12-01"))
    world.accept(setting("kin_transfer", effective_from="2027-01-01"))
    with world.database.reader() as connection:
        (row,) = fetch_all(connection, f"{SELECT_CASES} WHERE kind = 'parameter'")
    found = read_case(row)
    assert [one.version for one in versions_of(found)] == [2, 3]
    shown = [
        (pick_version(found, "kin_transfer", day).version, pick_version(found, "kin_transfer", day).value)
        for day in (date(2026, 11, 30), date(2026, 12, 1), date(2027, 1, 1))
    ]
    assert shown == [(1, None), (2, ("child",)), (3, None)]


def test_nothing_expires_where_it_is_not_set(world: World) -> None:
    world.accept(issued("a", 100))
    refusal = world.refuse(expired("a"))
    assert (refusal.code, refusal.fields) == ("expiry.not_set", {})


def test_rule_31_what_expires_is_computed_from_principal_and_date(world: World) -> None:
    world.accept(setting("expiry", codes=["30:5000", "60:0"]))
    world.accept(issued("a", 1_001))
    go_to(world, "2026-12-08")
    world.accept(gift("a", "b", 1))
    assert world.refuse(expired("a")).code == "expiry.nothing_due"
    go_to(world, "2026-12-18")
    burned = world.accept(expired("a"))
    assert operation(world, burned) == (int(OperationKind.BURN), address("a"), bytes(20), 500)
    # What b was given is younger: its age counts from the day it came in.
    assert world.refuse(expired("b")).code == "expiry.nothing_due"
    assert world.refuse(expired("a")).code == "expiry.nothing_due"
    # The same as if nothing had been burned in between.
    go_to(world, "2027-01-17")
    assert public(world, expired("a")) == {"amount": "500", "version": 2}
    assert balance(world, "a") == 0


def test_the_oldest_coins_are_spent_first(world: World) -> None:
    world.accept(setting("expiry", codes=["30:0"]))
    world.accept(issued("a", 100))
    go_to(world, "2026-11-28")
    world.accept(gift("a", "b", 60))
    world.accept(issued("a", 50))
    go_to(world, "2026-12-18")
    assert public(world, expired("a"))["amount"] == "40"
    assert balance(world, "a") == 50


def test_expired_coins_that_are_not_burned_yet_are_spent_last(world: World) -> None:
    world.accept(setting("expiry", codes=["10:0"]))
    world.accept(issued("a", 100))
    go_to(world, "2026-11-28")
    world.accept(issued("a", 30))
    world.accept(gift("a", "b", 50))
    assert public(world, expired("a"))["amount"] == "80"
    assert balance(world, "a") == 0


def test_a_purchase_paid_with_coins_spends_lots_like_a_gift(world: World) -> None:
    world.accept(setting("expiry", codes=["10:0"]))
    world.accept(issued("a", 100))
    bought = world.accept(sale("a", 1_000)).entry_id
    world.accept(about("sale.paid", bought, amount="70"))
    go_to(world, "2026-11-28")
    assert public(world, expired("a"))["amount"] == "30"


def test_only_members_coins_expire(world: World) -> None:
    world.accept(setting("expiry", codes=["1:0"]))
    refusal = world.refuse(expired("m"))
    assert (refusal.code, refusal.fields) == ("membership.wrong_account", {"wanted": "member"})


def test_movements_of_the_same_group_are_waited_for(world: World) -> None:
    world.accept(setting("expiry", codes=["10:0"]))
    world.accept(issued("a", 100))
    go_to(world, "2026-11-28")
    pair = [world.submission(draft) for draft in (issued("a", 30), expired("a"))]
    second = world.ledger.submit_many(pair)[1]
    assert isinstance(second, Refusal)
    assert (second.code, second.fields) == ("expiry.unsettled", {})
    assert public(world, expired("a"))["amount"] == "100"
    assert balance(world, "a") == 30
