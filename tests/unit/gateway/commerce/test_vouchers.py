"""Vouchers in the ledger: given by one shop, used once at another, returned and voided by refunds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from chain.canonical import JsonValue
from gateway.cases.reading import CaseReader
from gateway.db import Database
from tests.unit.gateway.commerce.kit import (
    balance,
    carry_out_due,
    entry,
    go_to,
    market,
    named,
    operation,
    public,
    sale,
    state,
    step,
)
from tests.unit.gateway.ledger.worlds import World

TODAY, LAST_DAY, OVER = date(2026, 11, 18), "2027-02-15", date(2027, 2, 16)


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """A market on 18 November 2026."""
    with market(database, tmp_path) as world:
        yield world


def grant(world: World, amount: int = 5_000, **more: JsonValue) -> tuple[str, str]:
    """Return the sale of a at m and the voucher for n that it gave."""
    bought = world.accept(sale(amount)).entry_id
    given = world.accept(step("voucher.granted", bought, merchant=named("n"), **more))
    return bought, given.entry_id


def spend(world: World, voucher: str, amount: int = 3_000) -> str:
    """Return a sale of a at n on which the voucher was used."""
    bought = world.accept(sale(amount, merchant="n")).entry_id
    world.accept(step("voucher.used", voucher, sale=bought))
    return bought


def costs(prefix: str) -> list[JsonValue]:
    parts = {"honouring_shop": "200", "issuing_shop": "200", "platform": "100"}
    accounts = {"honouring_shop": named("n"), "issuing_shop": named("m")}
    return [
        {"role": role, "amount": amount, **({"account": accounts[role]} if role in accounts else {})}
        for role, amount in parts.items()
        if role.startswith(prefix)
    ]


def test_fifty_yuan_at_one_shop_give_five_at_another_and_say_who_pays(world: World) -> None:
    bought = world.accept(sale(5_000)).entry_id
    accepted = world.accept(step("voucher.granted", bought, merchant=named("n")))
    assert public(world, accepted) == {
        "about": bought,
        "merchant": named("n"),
        "sponsor": named("m"),
        "value": "500",
        "until": LAST_DAY,
        "table": "voucher_cost",
        "version": 1,
        "legs": costs(""),
    }
    body = entry(world, accepted)
    assert body["rule"] == "cross_store_voucher:1"
    assert set(body["subjects"]) == {named("a"), named("m"), named("n")}  # type: ignore[arg-type]
    assert operation(world, accepted) is None
    refusal = world.refuse(step("voucher.granted", bought, merchant=named("n")))
    assert refusal.code == "sale.voucher_given"


def test_a_voucher_that_is_refused(world: World) -> None:
    small = world.accept(sale(4_999)).entry_id
    refusal = world.refuse(step("voucher.granted", small, merchant=named("n")))
    assert (refusal.code, refusal.fields) == ("voucher.below_threshold", {"threshold": 5_000})
    large = world.accept(sale(5_100)).entry_id
    assert world.refuse(step("voucher.granted", large, merchant=named("m"))).code == "voucher.same_shop"
    refusal = world.refuse(step("voucher.granted", large, merchant=named("b")))
    assert (refusal.code, refusal.fields["field"]) == ("entry.bad_field", "public.merchant")
    refusal = world.refuse(step("voucher.granted", large, merchant=named("n"), sponsor=named("o")))
    assert (refusal.code, refusal.fields) == ("entry.not_as_computed", {"field": "public.sponsor"})
    # Coins are no money: with 1.01 of them less than 50 yuan is paid in money.
    world.accept(step("sale.paid", large, amount="101"))
    assert world.refuse(step("voucher.granted", large, merchant=named("n"))).code == "voucher.below_threshold"


def test_a_voucher_is_a_members_and_never_a_merchants(world: World) -> None:
    bought = world.accept(sale(100_000, buyer="o")).entry_id
    assert world.refuse(step("voucher.granted", bought, merchant=named("n"))).code == "voucher.for_members"
    assert CaseReader(world.database).list("voucher", None) == []


def test_what_a_voucher_was_computed_on_stands(world: World) -> None:
    bought, _ = grant(world, 9_000)
    assert world.refuse(step("sale.paid", bought, amount="1")).code == "sale.voucher_given"


def test_rule_32_a_used_voucher_lowers_what_is_left_to_pay_and_the_rebate(world: World) -> None:
    _, voucher = grant(world)
    bought = world.accept(sale(3_000, merchant="n")).entry_id
    used = world.accept(step("voucher.used", voucher, sale=bought))
    assert public(world, used) == {
        "about": voucher,
        "sale": bought,
        "discount": "500",
        "to_pay": "2500",
        "table": "voucher_cost",
        "version": 1,
        "legs": costs(""),
    }
    assert (operation(world, used), balance(world, "a")) == (None, 10_000)
    assert state(world, "voucher", voucher) == "used"
    refusal = world.refuse(step("sale.paid", bought, amount="2501"))
    assert (refusal.code, refusal.fields) == ("sale.paid_up", {"left": 2_500})
    rebated = world.accept(step("sale.rebated", bought))
    assert (public(world, rebated)["base"], public(world, rebated)["amount"]) == ("2500", "125")


def test_rule_32_a_bill_below_the_voucher_is_paid_whole_and_no_more(world: World) -> None:
    _, voucher = grant(world)
    bought = world.accept(sale(301, merchant="n")).entry_id
    used = public(world, world.accept(step("voucher.used", voucher, sale=bought)))
    assert (used["discount"], used["to_pay"]) == ("301", "0")
    legs = used["legs"]
    assert isinstance(legs, list)
    # 60.2, 120.4 and 120.4: the fen that is left goes to the first of the largest fractions.
    assert [(leg["role"], leg["amount"]) for leg in legs if isinstance(leg, dict)] == [
        ("honouring_shop", "121"),
        ("issuing_shop", "120"),
        ("platform", "60"),
    ]


def test_a_voucher_is_used_once_by_its_holder_at_its_shop(world: World) -> None:
    before = world.accept(sale(3_000, merchant="n")).entry_id
    _, voucher = grant(world)
    _, another = grant(world)
    there = world.accept(sale(3_000, merchant="n")).entry_id
    elsewhere = world.accept(sale(3_000, merchant="o")).entry_id
    here = world.accept(sale(3_000, merchant="m")).entry_id
    others = world.accept(sale(3_000, "b", "n")).entry_id
    rebated = world.accept(sale(3_000, merchant="n")).entry_id
    world.accept(step("sale.rebated", rebated))
    paid = world.accept(sale(3_000, merchant="n")).entry_id
    world.accept(step("sale.paid", paid, amount="3000"))
    for bought, code in (
        (before, "voucher.sale_before"),
        (elsewhere, "voucher.other_shop"),
        (here, "voucher.same_shop"),
        (others, "voucher.not_holder"),
        (rebated, "sale.rebated_already"),
        (paid, "sale.paid_up"),
    ):
        assert world.refuse(step("voucher.used", voucher, sale=bought)).code == code
    world.accept(step("voucher.used", voucher, sale=there))
    assert world.refuse(step("voucher.used", another, sale=there)).code == "voucher.one_each_sale"
    again = world.accept(sale(3_000, merchant="n")).entry_id
    refusal = world.refuse(step("voucher.used", voucher, sale=again))
    assert (refusal.code, refusal.fields) == ("voucher.not_open", {"state": "used"})
    world.accept(
        step("voucher.granted", world.accept(sale(6_000, merchant="n")).entry_id, merchant=named("m"))
    )


def test_a_sale_that_gave_a_voucher_takes_none(world: World) -> None:
    _, voucher = grant(world)
    bought = world.accept(sale(6_000, merchant="n")).entry_id
    world.accept(step("voucher.granted", bought, merchant=named("o")))
    assert world.refuse(step("voucher.used", voucher, sale=bought)).code == "sale.voucher_given"


def test_a_voucher_is_over_after_its_last_day(world: World) -> None:
    _, voucher = grant(world)
    go_to(world, date(2027, 2, 15))
    assert carry_out_due(world) == []
    refusal = world.refuse(step("voucher.expired", voucher))
    assert (refusal.code, refusal.fields) == ("voucher.not_over", {"day": LAST_DAY})
    go_to(world, OVER)
    late = world.accept(sale(3_000, merchant="n")).entry_id
    refusal = world.refuse(step("voucher.used", voucher, sale=late))
    assert (refusal.code, refusal.fields) == ("voucher.expired", {"day": LAST_DAY})
    assert carry_out_due(world) == ["voucher.expired"]
    assert (state(world, "voucher", voucher), carry_out_due(world)) == ("expired", [])


def test_rule_10_a_whole_refund_gives_the_voucher_back(world: World) -> None:
    _, voucher = grant(world)
    bought = spend(world, voucher)
    world.accept(step("sale.refunded", bought, amount="2999"))
    assert (carry_out_due(world), state(world, "voucher", voucher)) == ([], "used")
    assert world.refuse(step("voucher.returned", voucher)).code == "voucher.not_refunded"
    world.accept(step("sale.refunded", bought, amount="1"))
    world.clock.milliseconds += 1
    assert carry_out_due(world) == ["voucher.returned"]
    assert state(world, "voucher", voucher) == "open"
    # It can be used, and come back, a second time.
    second = spend(world, voucher)
    world.accept(step("sale.refunded", second, amount="3000"))
    returned = world.accept(step("voucher.returned", voucher))
    assert public(world, returned) == {
        "about": voucher,
        "state": "open",
        "returned": "0",
        "table": "voucher_cost",
        "version": 1,
        "legs": costs(""),
    }
    assert carry_out_due(world) == []


def test_the_clock_returns_a_voucher_twice_in_one_moment(world: World) -> None:
    """A due step is recorded once for each deadline, so each return has one of its own."""
    _, voucher = grant(world)
    world.accept(step("sale.refunded", spend(world, voucher), amount="3000"))
    assert carry_out_due(world) == ["voucher.returned"]
    world.accept(step("sale.refunded", spend(world, voucher), amount="3000"))
    world.clock.milliseconds += 1
    assert (carry_out_due(world), state(world, "voucher", voucher)) == (["voucher.returned"], "open")


def test_a_voucher_that_comes_back_too_late_is_over(world: World) -> None:
    _, voucher = grant(world)
    bought = spend(world, voucher)
    go_to(world, OVER)
    world.accept(step("sale.refunded", bought, amount="3000"))
    assert carry_out_due(world) == ["voucher.returned"]
    assert state(world, "voucher", voucher) == "expired"


def test_rule_10_a_refund_below_the_threshold_voids_the_voucher(world: World) -> None:
    bought, voucher = grant(world, 6_000)
    first = public(world, world.accept(step("sale.refunded", bought, amount="1000")))
    assert "voucher" not in first
    assert state(world, "voucher", voucher) == "open"
    second = public(world, world.accept(step("sale.refunded", bought, amount="1")))
    assert (second["voucher"], second["voucher_owed"]) == (voucher, "0")
    assert state(world, "voucher", voucher) == "void"
    there = world.accept(sale(3_000, merchant="n")).entry_id
    refusal = world.refuse(step("voucher.used", voucher, sale=there))
    assert (refusal.code, refusal.fields) == ("voucher.not_open", {"state": "void"})
    third = public(world, world.accept(step("sale.refunded", bought, amount="4999")))
    assert "voucher" not in third
    go_to(world, OVER)
    assert carry_out_due(world) == []


def test_a_used_voucher_whose_sale_is_refunded_is_owed_once(world: World) -> None:
    bought, voucher = grant(world)
    used_on = spend(world, voucher)
    refunded = public(world, world.accept(step("sale.refunded", bought, amount="5000")))
    assert (refunded["voucher"], refunded["voucher_owed"]) == (voucher, "500")
    # The other sale is refunded, too: what he owed for the voucher he gets back.
    world.accept(step("sale.refunded", used_on, amount="3000"))
    returned = world.accept(step("voucher.returned", voucher))
    assert public(world, returned) == {
        "about": voucher,
        "state": "void",
        "returned": "500",
        "table": "voucher_cost",
        "version": 1,
        "legs": [],
    }
    assert world.refuse(step("voucher.returned", voucher)).code == "voucher.not_refunded"


def test_coins_and_voucher_go_back_before_what_was_paid_in_money_falls_short(world: World) -> None:
    """Of a bill of 70.00, 10.00 were coins: half refunded leaves 30.00 of 60.00 paid in money."""
    bought = world.accept(sale(7_000)).entry_id
    world.accept(step("sale.paid", bought, amount="1000"))
    voucher = world.accept(step("voucher.granted", bought, merchant=named("n"))).entry_id
    world.accept(step("sale.refunded", bought, amount="1166"))
    assert state(world, "voucher", voucher) == "open"
    world.accept(step("sale.refunded", bought, amount="2"))
    assert state(world, "voucher", voucher) == "void"
