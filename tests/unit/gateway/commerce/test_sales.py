"""Sales in the ledger: split, coins towards them, rebate, refunds that reverse everything in proportion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chain.operation import Operation, OperationKind, account_id
from gateway.cases.reading import CaseReader
from gateway.db import Database
from gateway.ledger.drafts import Draft
from tests.unit.gateway.commerce.kit import (
    POOL,
    balance,
    entry,
    given,
    market,
    named,
    operation,
    public,
    sale,
    step,
)
from tests.unit.gateway.ledger.worlds import World, address


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """A market."""
    with market(database, tmp_path) as world:
        yield world


def test_a_sale_says_who_gets_which_part(world: World) -> None:
    accepted = world.accept(sale(10_001))
    assert entry(world, accepted)["rule"] == "own_store_purchase:1"
    assert public(world, accepted)["legs"] == [
        {"role": "platform", "amount": "200"},
        {"role": "public_benefit", "amount": "50"},
        {"account": account_id(address("m")), "amount": "9751", "role": "serving_shop"},
    ]
    found = CaseReader(world.database).find("sale", accepted.entry_id, None)
    assert found is not None
    assert (found["state"], found["holder"]) == ("completed", account_id(address("a")))


@pytest.mark.parametrize(
    ("draft", "code", "field"),
    [
        (sale(0), "entry.bad_field", "public.amount"),
        (sale(100, merchant="b"), "entry.bad_field", "public.merchant"),
        (sale(100, merchant="nobody"), "member.unknown", "public.merchant"),
        (sale(100, buyer="nobody"), "member.unknown", "subjects"),
        (sale(100, buyer="m"), "sale.own_purchase", None),
        (sale(100, buyer="subsidy"), "entry.bad_field", "subjects"),
        (sale(100, version=7), "entry.not_as_computed", "public.version"),
        (sale(100, legs=[{"role": "platform", "amount": "100"}]), "entry.not_as_computed", "public.legs"),
        (replace(sale(100), subjects=()), "entry.bad_field", "subjects"),
    ],
)
def test_a_sale_that_is_refused(world: World, draft: Draft, code: str, field: str | None) -> None:
    refusal = world.refuse(draft)
    assert (refusal.code, refusal.fields.get("field")) == (code, field)
    assert CaseReader(world.database).list("sale", None) == []


def test_coins_then_rebate_on_what_was_paid_in_money(world: World) -> None:
    bought = world.accept(sale(10_001)).entry_id
    refusal = world.refuse(step("sale.paid", bought, amount="10002"))
    assert (refusal.code, refusal.fields) == ("sale.paid_up", {"left": 10_001})
    paid = world.accept(step("sale.paid", bought, amount="3000"))
    assert operation(world, paid) == (int(OperationKind.REDEEM), address("a"), address("m"), 3_000)
    rebated = world.accept(step("sale.rebated", bought))
    # 5% of 70.01 yuan is 3.5005 coins: 3.50, and half of a hundredth is kept as remainder.
    assert public(world, rebated) == {
        "about": bought,
        "amount": "350",
        "base": "7001",
        "basis_points": 500,
        "remainder": 500,
        "rounding": "floor",
    }
    assert operation(world, rebated) == (int(OperationKind.TRANSFER), address(POOL), address("a"), 350)
    assert world.refuse(step("sale.rebated", bought)).code == "sale.rebated_already"
    assert world.refuse(step("sale.paid", bought, amount="1")).code == "sale.rebated_already"


def test_a_rebate_is_a_members_and_never_a_merchants(world: World) -> None:
    bought = world.accept(sale(100_000, buyer="n")).entry_id
    assert world.refuse(step("sale.rebated", bought)).code == "sale.rebate_for_members"
    assert (balance(world, "n"), balance(world, POOL)) == (0, 1_000_000)


def test_a_caller_cannot_order_another_operation(world: World) -> None:
    bought = world.accept(sale(10_000)).entry_id
    greedy = Operation(OperationKind.TRANSFER, address(POOL), address("b"), 500, 0, bytes(32))
    refusal = world.refuse(replace(step("sale.rebated", bought), operation=greedy))
    assert (refusal.code, refusal.fields) == ("entry.not_as_computed", {"field": "op"})
    assert balance(world, "b") == 0


def test_rule_10_a_refund_reverses_every_leg_coins_and_rebate_in_proportion(world: World) -> None:
    bought = world.accept(sale(10_001)).entry_id
    world.accept(step("sale.paid", bought, amount="3000"))
    world.accept(step("sale.rebated", bought))
    first = public(world, world.accept(step("sale.refunded", bought, amount="5000")))
    assert (first["coins"], first["rebate"]) == ("1499", "174")
    second = public(world, world.accept(step("sale.refunded", bought, amount="5001")))
    assert (second["coins"], second["rebate"]) == ("1501", "176")
    sums: dict[str, int] = {}
    for refund in (first, second):
        legs = refund["legs"]
        assert isinstance(legs, list)
        for leg in legs:
            assert isinstance(leg, dict)
            sums[str(leg["role"])] = sums.get(str(leg["role"]), 0) + int(str(leg["amount"]))
    assert sums == {"platform": 200, "public_benefit": 50, "serving_shop": 9_751}
    returned = world.accept(step("sale.coins_returned", bought))
    assert operation(world, returned) == (int(OperationKind.TRANSFER), address("m"), address("a"), 3_000)
    taken = world.accept(step("sale.rebate_returned", bought))
    assert operation(world, taken) == (int(OperationKind.TRANSFER), address("a"), address(POOL), 350)
    assert (balance(world, "a"), balance(world, POOL), balance(world, "m")) == (10_000, 1_000_000, 0)
    assert world.refuse(step("sale.coins_returned", bought)).code == "sale.nothing_due"
    refusal = world.refuse(step("sale.refunded", bought, amount="1"))
    assert (refusal.code, refusal.fields["state"]) == ("case.wrong_state", "refunded")


def test_rule_30_legs_sum_to_every_amount_whatever_the_order_of_entries(world: World) -> None:
    """At the buyer's own shop and across shops: the same amount always has the same legs, to the fen."""
    world.accept(step("referral.declared", None, "b", referrer=named("n")))
    amounts = [1, 2, 3, 7, 99, 101, 9_999, 10_001]
    found: dict[tuple[str, int], object] = {}
    for buyer, order in (("a", amounts), ("b", amounts), ("b", amounts[::-1]), ("a", amounts[::-1])):
        for amount in order:
            legs = public(world, world.accept(sale(amount, buyer)))["legs"]
            assert isinstance(legs, list)
            assert sum(int(str(leg["amount"])) for leg in legs if isinstance(leg, dict)) == amount
            assert found.setdefault((buyer, amount), legs) == legs
    assert found["a", 10_001] != found["b", 10_001]


def test_rule_11_refunds_never_exceed_the_original(world: World) -> None:
    bought = world.accept(sale(10_000)).entry_id
    world.accept(step("sale.refunded", bought, amount="9999"))
    refusal = world.refuse(step("sale.refunded", bought, amount="2"))
    assert (refusal.code, refusal.fields) == ("refund.exceeds_original", {"left": 1})


def test_rule_12_a_rebate_that_was_spent_leaves_a_receivable(world: World) -> None:
    bought = world.accept(sale(100_000, buyer="b")).entry_id
    world.accept(step("sale.rebated", bought))
    world.accept(given("b", "a", 4_000))
    world.accept(step("sale.refunded", bought, amount="100000"))
    taken = public(world, world.accept(step("sale.rebate_returned", bought)))
    assert (taken["amount"], taken["receivable"]) == ("1000", "4000")
    assert balance(world, "b") == 0
    assert world.refuse(step("sale.rebate_returned", bought)).code == "sale.nothing_due"
