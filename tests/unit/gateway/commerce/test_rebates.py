"""What a pool pays for a purchase that is recorded as it is: its rebate, exactly, once, to a member of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chain.canonical import JsonValue
from chain.operation import ZERO_REF, Operation, OperationKind
from chain.types import EntryId
from gateway.case_rules import CASE_BOOK
from gateway.cases.compare import compare_cases
from gateway.cases.replay import rebuild_cases
from gateway.db import Database, migrate, sqlite_url
from gateway.ledger.drafts import AccountKind, Draft
from tests.unit.gateway.commerce.kit import POOL, balance, carry_out_due, market, named, public, state, step
from tests.unit.gateway.ledger.worlds import World, address, fresh_receipt, joined, opened

K = OperationKind


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    with market(database, tmp_path) as world:
        yield world


def moving(draft: Draft, amount: int, receiver: str = "b", sender: str = POOL, kind: K = K.TRANSFER) -> Draft:
    return replace(draft, operation=Operation(kind, address(sender), address(receiver), amount, 0, ZERO_REF))


def purchase(amount: int, *who: str, **more: JsonValue) -> Draft:
    said = {"amount": str(amount), "receipt": fresh_receipt(), **more}
    return step("purchase.recorded", None, *(who or ("b", "m")), **said)


def rebate(of: str, amount: int, receiver: str = "b", **more: JsonValue) -> Draft:
    return moving(step("rebate.granted", None, purchase=of, **more), amount, receiver)


def test_a_purchase_orders_its_own_rebate_and_nothing_else(world: World) -> None:
    for amount in (49, 51, 50_000):
        refusal = world.refuse(moving(purchase(1_010), amount))
        assert (refusal.code, refusal.fields) == ("entry.not_as_computed", {"field": "op"})
    for receiver in ("m", "c"):
        assert world.refuse(moving(purchase(1_010, "b", "m"), 50, receiver)).code == "rebate.no_order"
    assert world.refuse(moving(purchase(1_010), 50, sender="a")).code == "entry.not_as_computed"
    assert world.refuse(moving(purchase(1_010, currency="USD"), 50)).code == "rebate.no_order"
    assert world.refuse(moving(purchase(19), 1)).code == "sale.nothing_due"
    own = moving(purchase(1_010, "a", merchant=named("a")), 50, "a")
    assert world.refuse(own).code == "rebate.no_order"
    assert balance(world, "b") == 0
    done = world.accept(moving(purchase(1_010), 50))
    assert balance(world, "b") == 50
    said = public(world, done)
    assert (said["rebate_basis_points"], said["rounding"], said["remainder"]) == (500, "floor", 5_000)
    assert world.refuse(rebate(done.entry_id, 50)).code == "sale.rebated_already"


def test_a_rebate_is_that_of_the_purchase_it_names_once(world: World) -> None:
    bought = world.accept(purchase(40_000)).entry_id
    for amount in (1_999, 2_001, 50_000):
        refusal = world.refuse(rebate(bought, amount))
        assert (refusal.code, refusal.fields) == ("entry.not_as_computed", {"field": "op"})
    for receiver in ("a", "m"):
        assert world.refuse(rebate(bought, 2_000, receiver)).code == "rebate.no_order"
    refusal = world.refuse(rebate(bought, 2_000, remainder=1))
    assert (refusal.code, refusal.fields) == ("entry.not_as_computed", {"field": "public.remainder"})
    assert balance(world, "b") == 0
    pointing = moving(replace(step("rebate.granted", None), refs=(EntryId(bought),)), 2_000)
    done = world.accept(pointing)
    assert balance(world, "b") == 2_000
    assert public(world, done)["purchase"] == bought
    assert state(world, "rebate", bought) == "paid"
    for again in (pointing, rebate(bought, 2_000)):
        assert world.refuse(again).code == "sale.rebated_already"
    assert balance(world, "b") == 2_000


def test_a_rebate_needs_a_purchase_of_the_chapter(world: World) -> None:
    nothing = moving(step("rebate.granted", None), 100)
    assert world.refuse(nothing).code == "rebate.no_order"
    assert world.refuse(rebate("01ARZ3NDEKTSV4RRFFQ69G5FAV", 100)).code == "rebate.no_order"
    gift = world.accept(moving(step("gift.sent", None), 100, sender="a")).entry_id
    assert world.refuse(rebate(gift, 5)).code == "rebate.no_order"
    bare = world.accept(step("purchase.recorded", None, "b", "m", receipt=fresh_receipt())).entry_id
    assert world.refuse(rebate(bare, 5)).code == "rebate.no_order"


def test_a_rebate_needs_a_merchant_of_the_chapter(world: World) -> None:
    world.accept(opened(31_010_008))
    world.accept(joined("far", chapter=31_010_008, kind=AccountKind.MERCHANT))
    without = purchase(40_000, "b")
    among = purchase(40_000, "b", "c")
    elsewhere = purchase(40_000, "b", "far")
    said = purchase(40_000, "b", "m", merchant=named("far"))
    for draft in (without, among, elsewhere, said):
        assert world.refuse(moving(draft, 2_000)).code == "rebate.no_order"
        assert world.refuse(rebate(world.accept(draft).entry_id, 2_000)).code == "rebate.no_order"
    world.accept(moving(purchase(40_000, "b", merchant=named("m")), 2_000))
    assert balance(world, "b") == 2_000


def test_no_rebate_is_paid_after_a_refund(world: World) -> None:
    bought = world.accept(purchase(40_000)).entry_id
    world.accept(step("purchase.refunded", None, "b", "m", amount="40000", purchase=bought))
    assert world.refuse(rebate(bought, 2_000)).code == "rebate.refunded"
    paid = world.accept(moving(purchase(40_000), 2_000)).entry_id
    world.accept(step("purchase.refunded", None, "b", "m", amount="40000", purchase=paid))
    assert world.refuse(rebate(paid, 2_000)).code == "rebate.refunded"
    assert (
        world.refuse(step("purchase.refunded", None, "b", purchase=EntryId("01" * 13))).code
        == "rebate.no_order"
    )


def refund(of: str | None, amount: int | None, *who: str, **more: JsonValue) -> Draft:
    said = {"purchase": of, "amount": None if amount is None else str(amount), **more}
    return step("purchase.refunded", None, *who, **{key: value for key, value in said.items() if value})


def test_refunds_of_a_purchase_never_exceed_it(world: World) -> None:
    bought = world.accept(moving(purchase(40_000), 2_000)).entry_id
    refusal = world.refuse(refund(bought, 99_940_000))
    assert (refusal.code, refusal.fields) == ("refund.exceeds_original", {"left": 40_000})
    assert world.refuse(refund(None, 40_000, "b", "m")).code == "rebate.no_order"
    for amount in (None, 0):
        assert world.refuse(refund(bought, amount)).fields["field"] == "public.amount"
    refusal = world.refuse(refund(bought, 1, currency="USD"))
    assert (refusal.code, refusal.fields) == ("entry.not_as_computed", {"field": "public.currency"})
    reversal = moving(refund(bought, 40_000), 2_000, POOL, "b", K.REVERSE)
    assert world.refuse(reversal).fields == {"field": "op"}
    bare = world.accept(step("purchase.recorded", None, "b", "m", receipt=fresh_receipt())).entry_id
    assert world.refuse(refund(bare, 1)).fields == {"left": 0}
    said = public(world, world.accept(refund(bought, 39_999)))
    assert (said["amount"], said["currency"], said["purchase"]) == ("39999", "CNY", bought)
    refusal = world.refuse(refund(bought, 2))
    assert (refusal.code, refusal.fields) == ("refund.exceeds_original", {"left": 1})
    world.accept(refund(bought, 1))
    refusal = world.refuse(refund(bought, 1))
    assert (refusal.code, refusal.fields) == ("refund.exceeds_original", {"left": 0})


def test_the_clock_takes_the_rebate_of_the_refunded_part_back(world: World) -> None:
    bought = world.accept(moving(purchase(40_000), 2_000)).entry_id
    before = balance(world, POOL)
    assert world.refuse(step("sale.rebate_returned", bought)).code == "sale.nothing_due"
    world.accept(refund(bought, 10_000))
    assert carry_out_due(world) == ["sale.rebate_returned"]
    assert (balance(world, "b"), balance(world, POOL)) == (1_500, before + 500)
    assert carry_out_due(world) == []
    world.accept(moving(step("gift.sent", None), 1_000, "a", "b"))
    world.accept(refund(bought, 30_000))
    world.clock.milliseconds += 1
    assert carry_out_due(world) == ["sale.rebate_returned"]
    assert (balance(world, "b"), balance(world, POOL)) == (0, before + 1_000)
    # What was spent meanwhile stays owed, and is asked for again.
    world.accept(moving(step("gift.sent", None), 5_000, "b", "a"))
    assert carry_out_due(world) == []
    world.clock.milliseconds += 30 * 86_400_000
    assert carry_out_due(world) == ["sale.rebate_returned"]
    assert (balance(world, "b"), balance(world, POOL)) == (4_000, before + 2_000)
    world.clock.milliseconds += 30 * 86_400_000
    assert carry_out_due(world) == []


def test_a_rebate_goes_back_from_a_buyer_of_another_chapter(world: World) -> None:
    other = 31010008
    world.accept(opened(other))
    world.accept(joined("far", chapter=other))
    bought = world.accept(moving(purchase(40_000, "far", "m"), 2_000, "far")).entry_id
    before = balance(world, POOL)
    world.accept(refund(bought, 40_000))
    assert world.refuse(step("sale.rebate_returned", bought)).code == "case.unknown"
    assert carry_out_due(world) == ["sale.rebate_returned"]
    assert (balance(world, "far"), balance(world, POOL)) == (0, before + 2_000)


def test_rebates_are_built_again_from_their_entries(world: World, tmp_path: Path) -> None:
    first = world.accept(purchase(40_000)).entry_id
    second = world.accept(moving(purchase(1_010, "a", "b", "m"), 50, "a")).entry_id
    world.accept(rebate(first, 2_000))
    world.accept(membership("b"))
    world.accept(hours(91, 1_516, "a"))
    world.accept(step("purchase.refunded", None, "a", "m", amount="1010", purchase=second))
    place = Database(sqlite_url(tmp_path / "again.sqlite3"))
    migrate(place)
    assert rebuild_cases(world.database, place, CASE_BOOK).stuck is None
    assert compare_cases(world.database, place).difference is None
    place.close()


def test_a_pool_gives_no_gifts(world: World) -> None:
    refusal = world.refuse(moving(step("gift.sent", None), 100))
    assert (refusal.code, refusal.fields) == (
        "entry.bad_field", {"field": "op.from", "reason": "is a pool, which gives no gifts"},
    )  # fmt: skip
    world.accept(moving(step("gift.sent", None), 100, sender="a"))


def membership(name: str) -> Draft:
    return step("membership.opened", None, name, kind="refundable", receipt="a1" * 32)


def hours(minutes: int, amount: int, sender: str | None = None, **more: JsonValue) -> Draft:
    kind = K.ISSUE if sender is None else K.TRANSFER
    payer = bytes(20) if sender is None else address(sender)
    draft = step("service.recorded", None, minutes=minutes, **more)
    return replace(draft, operation=Operation(kind, payer, address("b"), amount, 0, ZERO_REF))  # type: ignore[arg-type]


@pytest.mark.parametrize("payer", [None, POOL, "a"])
def test_coins_of_recorded_hours_follow_the_minutes(world: World, payer: str | None) -> None:
    world.accept(membership("b"))
    for amount in (15, 17, 99_999):
        refusal = world.refuse(hours(1, amount, payer))
        assert (refusal.code, refusal.fields) == ("entry.not_as_computed", {"field": "op"})
    for minutes in (0, 1_441):
        refusal = world.refuse(hours(minutes, 24_016, payer))
        assert (refusal.code, refusal.fields) == (
            "entry.bad_field", {"field": "public.minutes", "reason": "not 1 to 1440"},
        )  # fmt: skip
    other = world.refuse(hours(90, 1_500, payer, provider=named("c")))
    assert (other.code, other.fields["field"]) == ("entry.bad_field", "op.to")
    assert balance(world, "b") == 0
    said = public(world, world.accept(hours(91, 1_516, payer)))
    assert (said["coins"], said["provider"]) == ("1516", named("b"))
    assert balance(world, "b") == 1_516
