"""What is read beyond cases: parameters with "not set", the meter, the tree, what an account holds."""

from __future__ import annotations

import json
from datetime import date

from chain.operation import OperationKind
from gateway.members.parameters import PARAMETERS
from gateway.members.reading import (
    export_tree,
    list_parameters,
    pseudonym,
    read_referral_meter,
    show_credits,
)
from tests.unit.gateway.ledger.worlds import CHAPTER, OTHER_CHAPTER, World, address, operated
from tests.unit.gateway.members.chapter import (
    about,
    acct,
    gift,
    go_to,
    issued,
    referred,
    run_due,
    sale,
    step,
)

DAY = date(2026, 11, 18)
SALT = b"\x01" * 32


def rewarded(world: World, who: str, amount: int = 100_000, margin: str = "90000") -> str:
    sold = world.accept(sale(who, amount)).entry_id
    world.accept(about("referral.rewarded", sold, margin=margin))
    return sold


def test_every_parameter_is_shown_with_what_is_not_set(world: World) -> None:
    world.accept(step("parameter.set", parameter="holding_cap", amount="60000", effective_from="2026-12-01"))
    found = {str(row["name"]): row for row in list_parameters(world.database, CHAPTER, DAY)}
    assert set(found) == set(PARAMETERS)
    cap = found["holding_cap"]
    assert (cap["set"], cap["value"], cap["version"]) == (False, None, 1)
    assert cap["versions"] == [
        {"version": 1, "effective_from": "1970-01-01", "value": None, "source": "no paper sets caps"},
        {"version": 2, "effective_from": "2026-12-01", "value": "60000", "source": "chapter"},
    ]
    later = {str(row["name"]): row for row in list_parameters(world.database, CHAPTER, date(2026, 12, 1))}
    assert (later["holding_cap"]["value"], later["holding_cap"]["version"]) == ("60000", 2)
    assert later["closing_destinations"]["value"] == ["kin", "pool", "burn"]
    elsewhere = {str(row["name"]): row for row in list_parameters(world.database, OTHER_CHAPTER, DAY)}
    assert len(elsewhere["holding_cap"]["versions"]) == 1  # type: ignore[arg-type]


def test_the_meter_starts_at_nothing(world: World) -> None:
    meter = read_referral_meter(world.database, CHAPTER, DAY)
    assert (meter["deepest"], meter["largest"], meter["share"], meter["chains"]) == (0, 0, 0, [])
    assert (meter["levels_left"], meter["people_left"], meter["stopped"]) == (2, 25, False)
    assert meter["switches"] == {"depth": 1, "joining_fee": False, "waiver": False, "duty": False}


def test_the_meter_counts_paid_links_and_their_share_of_sales(world: World) -> None:
    for name in "bc":
        world.accept(referred(name, "a"))
    world.accept(referred("e", "d"))
    first = rewarded(world, "b")
    rewarded(world, "c", margin="3000")
    world.accept(sale("e", 50_000))
    world.accept(about("sale.refunded", first, amount="50000"))
    run_due(world)
    meter = read_referral_meter(world.database, CHAPTER, DAY)
    assert meter["chains"] == [{"people": 3, "levels": 1}]
    assert (meter["deepest"], meter["largest"], meter["levels_left"], meter["people_left"]) == (1, 3, 1, 22)
    assert (meter["line_levels_left"], meter["line_people_left"]) == (2, 27)
    assert (meter["rewards"], meter["returned"], meter["income"]) == ("21000", "9000", "250000")
    assert meter["share"] == 840
    assert read_referral_meter(world.database, OTHER_CHAPTER, DAY)["income"] == "0"


def test_the_tree_names_nobody(world: World) -> None:
    for name in "bc":
        world.accept(referred(name, "a"))
    rewarded(world, "b")
    tree = export_tree(world.database, CHAPTER, SALT)
    assert "acct_" not in json.dumps(tree)
    top = pseudonym(acct("a"), SALT)
    assert {str(node["person"]): node for node in tree} == {
        top: {"person": top, "referrer": None, "paid": False, "since": None, "rewards": "18000"},
        pseudonym(acct("b"), SALT): {
            "person": pseudonym(acct("b"), SALT), "referrer": top, "paid": True, "since": "2026-11",
            "rewards": "0",
        },
        pseudonym(acct("c"), SALT): {
            "person": pseudonym(acct("c"), SALT), "referrer": top, "paid": False, "since": "2026-11",
            "rewards": "0",
        },
    }  # fmt: skip
    assert [node["person"] for node in tree] == sorted(str(node["person"]) for node in tree)
    again = export_tree(world.database, CHAPTER, b"\x02" * 32)
    assert not {node["person"] for node in tree} & {node["person"] for node in again}
    assert export_tree(world.database, OTHER_CHAPTER, SALT) == []


def test_an_account_sees_its_limit_and_what_has_expired(world: World) -> None:
    world.accept(issued("a", 1_000))
    world.accept(operated(OperationKind.LOCK, address("a"), address("a"), 300))
    assert show_credits(world.database, acct("a"), CHAPTER, DAY) == {
        "available": "700", "locked": "300", "limit": None, "room": None, "over": "0", "expired": "0",
        "free_services": None,
    }  # fmt: skip
    world.accept(step("parameter.set", parameter="holding_cap", amount="900"))
    world.accept(step("parameter.set", parameter="expiry", codes=["10:5000"]))
    go_to(world, "2026-11-27")
    world.accept(gift("a", "b", 50))
    assert show_credits(world.database, acct("a"), CHAPTER, date(2026, 11, 27)) == {
        "available": "650", "locked": "300", "limit": "900", "room": "0", "over": "50", "expired": "0",
        "free_services": None,
    }  # fmt: skip
    # The same number that the step burns.
    shown = show_credits(world.database, acct("a"), CHAPTER, date(2026, 11, 28))
    assert shown["expired"] == "475"
    assert show_credits(world.database, acct("zz"), CHAPTER, DAY)["available"] == "0"
