"""A month's figures are what its entries add up to, to the fen and to the hundredth."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest

from chain.canonical import JsonValue
from chain.operation import Operation, OperationKind, account_id
from gateway.commerce.figures import read_figures
from gateway.db import Database, fetch_all
from gateway.ledger.drafts import Accepted, AccountKind
from tests.unit.gateway.commerce.kit import POOL, balance, given, go_to, market, named, sale, step
from tests.unit.gateway.ledger.worlds import (
    CHAPTER,
    OTHER_CHAPTER,
    World,
    address,
    joined,
    opened,
    operated,
    recorded,
)

MONTH = 202_611


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """A market in November 2026."""
    with market(database, tmp_path) as world:
        yield world


def figures(world: World, month: int = MONTH, chapter: int = CHAPTER) -> dict[str, Any]:
    return cast("dict[str, Any]", read_figures(world.database, chapter, month))


def role(role: str, amount: int, returned: int = 0) -> JsonValue:
    return {"role": role, "amount": str(amount), "returned": str(returned), "net": str(amount - returned)}


def test_sales_splits_refunds_and_rebates_of_a_month(world: World) -> None:
    first = world.accept(sale(10_000)).entry_id
    world.accept(step("sale.paid", first, amount="4000"))
    world.accept(step("sale.rebated", first))
    world.accept(sale(6_000, "b", "n"))
    world.accept(step("sale.refunded", first, amount="5000"))
    world.accept(step("sale.coins_returned", first))
    world.accept(step("sale.rebate_returned", first))
    found = figures(world)
    assert found["sales"] == {"count": 2, "amount": "16000"}
    assert found["refunds"] == {
        "count": 1, "amount": "5000", "coins": "2000", "rebate": "150", "coins_owed": "0",
    }  # fmt: skip
    assert found["splits"] == [
        role("platform", 320, 100),
        role("public_benefit", 80, 25),
        role("serving_shop", 15_600, 4_875),
    ]
    assert found["rebates"] == {"count": 1, "amount": "300", "returned": "150"}
    assert found["redemptions"] == {"count": 1, "amount": "4000", "returned": "2000"}
    assert found["funds"][1] == {
        "fund": "public_benefit", "accrued": "55", "used": "0", "balance": "55",
    }  # fmt: skip


def test_coins_that_merchants_still_owe_stand_in_each_month_until_they_are_back(world: World) -> None:
    bought = world.accept(sale(10_000)).entry_id
    world.accept(step("sale.paid", bought, amount="4000"))
    world.accept(step("merchant.surplus_burned", None, merchant=named("m"), amount="3000"))
    world.accept(step("sale.refunded", bought, amount="5000"))
    world.accept(step("sale.coins_returned", bought))
    go_to(world, date(2026, 12, 1))
    world.accept(given("a", "m", 400))
    world.accept(step("sale.coins_returned", bought))
    owed = [figures(world, month)["refunds"]["coins_owed"] for month in (202_610, MONTH, 202_612)]
    assert owed == ["0", "1000", "600"]


def test_funds_go_on_from_month_to_month(world: World) -> None:
    """Across shops a tenth is the chapter fund's; what was used is taken off; a refund may leave it owing."""
    world.accept(step("referral.declared", None, "a", referrer=named("n")))
    bought = world.accept(sale(10_000)).entry_id
    legs: JsonValue = [{"role": "venue", "amount": "300"}]
    used = {"fund": "chapter_fund", "amount": "300", "evidence": "cd" * 32}
    world.accept(step("fund.used", None, **used, legs=legs))
    go_to(world, date(2026, 12, 1))
    legs = [{"role": "venue", "amount": "600"}]
    world.accept(step("fund.used", None, **{**used, "amount": "600"}, legs=legs))
    world.accept(step("sale.refunded", bought, amount="2000"))
    assert figures(world)["funds"][0] == {
        "fund": "chapter_fund", "accrued": "1000", "used": "300", "balance": "700",
    }  # fmt: skip
    assert figures(world, 202_612)["funds"][0] == {
        "fund": "chapter_fund", "accrued": "-200", "used": "600", "balance": "-100",
    }  # fmt: skip
    assert figures(world, 202_612)["sales"] == {"count": 0, "amount": "0"}


def test_vouchers_grants_and_ways_out_of_a_month(world: World) -> None:
    bought = world.accept(sale(5_000)).entry_id
    voucher = world.accept(step("voucher.granted", bought, merchant=named("n"))).entry_id
    used_on = world.accept(sale(2_000, merchant="n")).entry_id
    world.accept(step("voucher.used", voucher, sale=used_on))
    world.accept(step("grant.booked", None, kind="donation", amount="1200", receipt="ab" * 32))
    world.accept(step("sale.paid", used_on, amount="1500"))
    world.accept(step("merchant.surplus_burned", None, merchant=named("n"), amount="100"))
    world.accept(step("merchant.fee_paid", None, merchant=named("n"), amount="20", fee="yearly"))
    world.accept(step("advert.bought", None, merchant=named("n"), amount="3", campaign="spring"))
    found = figures(world)
    assert found["vouchers"] == {
        "granted": 1,
        "used": 1,
        "returned": 0,
        "expired": 0,
        "discount": "500",
        "cost": [role("honouring_shop", 200), role("issuing_shop", 200), role("platform", 100)],
    }
    assert found["grants"] == {"count": 1, "amount": "1200", "coins": "1000"}
    assert found["exits"] == {"burned": "100", "fees": "20", "adverts": "3"}
    pools = {pool["name"]: (pool["account"], pool["balance"]) for pool in found["pools"]}
    assert pools == {
        "chapter": (named(POOL), "1000000"),
        "platform": (named("platform"), "23"),
        "reserve": (named("reserve"), "0"),
        "subsidy": (named("subsidy"), "1000"),
    }


def test_rule_39_how_unequally_merchants_receive_is_shown(world: World) -> None:
    for merchant, amount in (("m", 9_000), ("n", 500), ("o", 500)):
        bought = world.accept(sale(amount, merchant=merchant)).entry_id
        if merchant != "o":
            world.accept(step("sale.paid", bought, amount="500"))
    assert figures(world)["concentration"] == {
        # Three receivers of 90, 5 and 5 yuan: 2 * (9000 - 500) / (3 * 10000).
        "money_gini_bp": 5_666,
        "money_receivers": 3,
        "coins_gini_bp": 0,
        "coins_receivers": 2,
    }


def held(world: World) -> dict[int, int]:
    """Return what the registers say the chapter's accounts hold, by kind."""
    with world.database.reader() as connection:
        rows = fetch_all(
            connection,
            "SELECT a.kind, sum(b.available + b.locked) FROM balances b"
            " JOIN accounts a ON a.account = b.account WHERE a.chapter = ? GROUP BY a.kind",
            CHAPTER,
        )
    return {int(str(kind)): int(str(amount)) for kind, amount in rows}


def test_rule_36_totals_equal_the_ledger_each_kind_of_account_with_its_line(world: World) -> None:
    """Random operations of every kind, within and across chapters, leave issued - burned + elsewhere."""
    world.accept(opened(OTHER_CHAPTER))
    world.accept(joined("far", OTHER_CHAPTER))
    world.accept(operated(OperationKind.ISSUE, receiver=address("far"), amount=5_000, chapter=OTHER_CHAPTER))
    draws = random.Random(36)
    names = ["a", "b", "c", "m", "n", POOL, "subsidy"]
    lock = world.accept(operated(OperationKind.LOCK, address("a"), address("a"), 900))
    assert lock.index
    accepted = 0
    for _ in range(60):
        kind = draws.choice([OperationKind.ISSUE, OperationKind.TRANSFER, OperationKind.BURN])
        sender, receiver = draws.choice(names), draws.choice([*names, "far"])
        if kind is OperationKind.ISSUE:
            draft = operated(kind, receiver=address("b"), amount=draws.randint(1, 99))
        elif kind is OperationKind.BURN:
            draft = operated(kind, address(sender), amount=draws.randint(1, 99))
        else:
            draft = operated(kind, address(sender), address(receiver), draws.randint(1, 99))
        accepted += isinstance(world.answer(draft), Accepted)
    world.accept(operated(OperationKind.TRANSFER, address("far"), address("a"), 777, chapter=OTHER_CHAPTER))
    assert accepted > 20
    coins = {name: int(amount) for name, amount in figures(world)["coins"].items()}
    registers = held(world)
    assert (coins["members"], coins["merchants"], coins["pools"], coins["system"]) == (
        registers[AccountKind.MEMBER],
        registers[AccountKind.MERCHANT],
        registers[AccountKind.POOL],
        0,
    )
    lines = coins["members"] + coins["merchants"] + coins["pools"] + coins["system"]
    assert coins["issued"] - coins["burned"] + coins["elsewhere"] == lines
    assert coins["elsewhere"] != 0


def test_a_month_without_entries_and_another_chapter_are_empty(world: World) -> None:
    world.accept(sale(1_000))
    for found in (figures(world, 202_610), figures(world, MONTH, OTHER_CHAPTER)):
        assert (found["sales"], found["splits"]) == ({"count": 0, "amount": "0"}, [])
    assert figures(world, 202_610)["coins"]["issued"] == "0"


def test_gifts_are_no_redemptions(world: World) -> None:
    gift = Operation(OperationKind.TRANSFER, address("a"), address("m"), 500, 0, bytes(32))
    world.accept(replace(recorded("a"), type="gift.sent", public={}, operation=gift))
    assert figures(world)["redemptions"]["amount"] == "0"
    assert (balance(world, "m"), account_id(address("m"))) == (500, named("m"))
