"""A merchant whose deposit is below its floor takes no coins and no vouchers until it is topped up."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chain.operation import OperationKind
from chain.types import AccountId
from gateway.db import Database
from gateway.ledger.drafts import AccountKind, Draft
from gateway.rules.payment_codes import digest_token
from tests.unit.gateway.alliance import kit as alliance_kit
from tests.unit.gateway.commerce.kit import balance, named, sale, step
from tests.unit.gateway.ledger.worlds import CHAPTER, World, address, fresh_receipt, joined, operated

TOPPED_UP = {"merchant": "m", "amount": "10000", "receipt": alliance_kit.RECEIPT}


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """Merchant m holds a seat; a has 50.00 coins and a voucher of n for m."""
    with alliance_kit.alliance(database, tmp_path) as world:
        alliance_kit.hold_seat(world, "m", "bakery")
        world.accept(operated(OperationKind.ISSUE, receiver=address("a"), amount=5_000))
        yield world


def suspend(world: World) -> None:
    """Have a complaint of 2,600.00 CNY paid from the deposit of m."""
    said = {"merchant": "m", "complainant": "a", "amount": "260000", "reason": "spoiled"}
    key = alliance_kit.taken(world, alliance_kit.step("complaint.filed", **said))["id"]  # type: ignore[arg-type]
    for draft in (
        alliance_kit.step("complaint.assigned", by="chair", about=key, owner="committee"),
        alliance_kit.step(
            "complaint.verified", by="committee", about=key, amount="260000", evidence=alliance_kit.EVIDENCE
        ),
        alliance_kit.step("deposit.compensated", by="treasurer", about=key, receipt=alliance_kit.RECEIPT),
    ):
        world.accept(draft)


def paycode(merchant: str) -> tuple[Draft, Draft]:
    """Return the code of 0.01 coins for a merchant, and its payment by a."""
    proof = hashlib.sha256(b"secret").digest()
    bound = {"payee": named(merchant), "amount": "1", "purpose": "bread"}
    code = step("paycode.issued", None, code=digest_token(proof).hex(), **bound)
    return code, step("paycode.used", None, proof=proof.hex(), payer=named("a"), **bound)


def test_a_suspended_merchant_takes_no_coins_and_no_vouchers(world: World) -> None:
    elsewhere = world.accept(sale(6_000, merchant="n")).entry_id
    voucher = world.accept(step("voucher.granted", elsewhere, merchant=named("m"))).entry_id
    bought = world.accept(sale(3_000)).entry_id
    world.accept(step("sale.paid", bought, amount="1"))
    code, payment = paycode("m")
    world.accept(code)
    suspend(world)
    assert world.refuse(payment).code == "merchant.suspended"
    redeemed = operated(OperationKind.REDEEM, address("a"), address("m"), 1)
    assert world.refuse(redeemed).code == "merchant.suspended"
    assert world.refuse(replace(redeemed, type="redemption.recorded")).code == "merchant.suspended"
    assert world.refuse(step("sale.paid", bought, amount="1")).code == "merchant.suspended"
    assert world.refuse(step("voucher.used", voucher, sale=bought)).code == "merchant.suspended"
    another = world.accept(sale(6_000, merchant="n")).entry_id
    assert world.refuse(step("voucher.granted", another, merchant=named("m"))).code == "merchant.suspended"
    assert balance(world, "a") == 4_999
    # A merchant without a seat is none that is suspended.
    other = world.accept(sale(3_000, merchant="o")).entry_id
    world.accept(step("sale.paid", other, amount="1"))
    world.accept(alliance_kit.step("deposit.topped_up", **TOPPED_UP))  # type: ignore[arg-type]
    world.accept(payment)
    world.accept(redeemed)
    world.accept(step("sale.paid", bought, amount="1"))
    world.accept(step("voucher.used", voucher, sale=bought))


def test_nobody_gives_a_suspended_merchant_coins_in_another_way(world: World) -> None:
    pool = f"pool-{CHAPTER}"
    gift = replace(operated(OperationKind.TRANSFER, address("a"), address("m"), 1), type="gift.sent")
    granted = operated(OperationKind.TRANSFER, address(pool), address("m"), 1)
    world.accept(gift)
    world.accept(granted)
    suspend(world)
    before = balance(world, "m")
    bought = replace(
        operated(OperationKind.TRANSFER, address(pool), address("b"), 5), type="purchase.recorded"
    )
    bought = replace(
        bought,
        subjects=(AccountId(named("b")), AccountId(named("m"))),
        public={"amount": "100", "receipt": fresh_receipt()},
    )
    for draft in (gift, granted, bought):
        assert world.refuse(draft).code == "merchant.suspended"
    # Its own coins still leave it, and other merchants take theirs.
    world.accept(operated(OperationKind.TRANSFER, address("m"), address(pool), 1))
    world.accept(replace(operated(OperationKind.TRANSFER, address("a"), address("n"), 1), type="gift.sent"))
    assert balance(world, "m") == before - 1


def test_a_suspended_merchant_is_sent_to_no_service_and_none_is_held_for_it(world: World) -> None:
    world.accept(joined("holding", kind=AccountKind.POOL))
    world.accept(step("pool.opened", None, name="holding", account=named("holding")))
    for name, kind in (("a", "refundable"), ("m", "merchant")):
        world.accept(step("membership.opened", None, name, kind=kind, receipt=alliance_kit.RECEIPT))
    hours = ["daily.08:00-20:00"]
    offered = {"skill": "appliance_cleaning", "compound": "c1", "capacity": 9, "availability": hours}
    offer = world.accept(step("service.offered", None, "m", **offered)).entry_id  # type: ignore[arg-type]
    asked = {"service": "appliance_cleaning", "compound": "c1", "minutes": 120}
    first, second = (
        world.accept(
            step("service.requested", None, "a", starts_at=f"2026-11-{day}T04:00:00.000Z", **asked)  # type: ignore[arg-type]
        ).entry_id
        for day in (22, 23)
    )
    world.accept(step("service.dispatched", first, offer=offer))
    world.accept(step("service.accepted", first, side="provider"))
    suspend(world)
    assert world.refuse(step("service.dispatched", second, offer=offer)).code == "merchant.suspended"
    assert world.refuse(step("service.booked", first, side="member")).code == "merchant.suspended"
    assert (balance(world, "a"), balance(world, "holding")) == (5_000, 0)
    world.accept(alliance_kit.step("deposit.topped_up", **TOPPED_UP))  # type: ignore[arg-type]
    world.accept(step("service.booked", first, side="member"))
    world.accept(step("service.dispatched", second, offer=offer))
