"""Rule 39: coins pile up at popular merchants, which have a governed way to be rid of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.operation import ZERO_ADDRESS, OperationKind
from gateway.db import Database
from tests.unit.gateway.commerce.kit import balance, market, named, operation, sale, step
from tests.unit.gateway.ledger.worlds import World, address


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """A market in which m has taken 60.00 coins."""
    with market(database, tmp_path) as world:
        bought = world.accept(sale(10_000)).entry_id
        world.accept(step("sale.paid", bought, amount="6000"))
        yield world


def test_rule_39_a_merchant_burns_or_spends_what_piles_up(world: World) -> None:
    assert balance(world, "m") == 6_000
    for draft, kind, receiver, left in (
        (
            step("merchant.surplus_burned", None, merchant=named("m"), amount="1000"),
            OperationKind.BURN, ZERO_ADDRESS, 5_000,
        ),
        (
            step("merchant.fee_paid", None, merchant=named("m"), amount="3000", fee="yearly"),
            OperationKind.TRANSFER, address("platform"), 2_000,
        ),
        (
            step("advert.bought", None, merchant=named("m"), amount="1999", campaign="spring"),
            OperationKind.TRANSFER, address("platform"), 1,
        ),
    ):  # fmt: skip
        accepted = world.accept(draft)
        sent = operation(world, accepted)
        assert sent is not None
        assert sent[:3] == (int(kind), address("m"), receiver)
        assert balance(world, "m") == left
    assert balance(world, "platform") == 4_999


@pytest.mark.parametrize("name", ["merchant.surplus_burned", "merchant.fee_paid", "advert.bought"])
def test_only_merchants_have_these_ways_out_and_no_further_than_their_balance(
    world: World, name: str
) -> None:
    extra = {"merchant.fee_paid": {"fee": "yearly"}, "advert.bought": {"campaign": "spring"}}.get(name, {})
    for merchant, amount, code, field in (
        ("a", "1", "entry.bad_field", "public.merchant"),
        ("nobody", "1", "member.unknown", "public.merchant"),
        ("m", "0", "entry.bad_field", "public.amount"),
        ("m", "6001", "balance.insufficient", "op.from"),
    ):
        refusal = world.refuse(step(name, None, merchant=named(merchant), amount=amount, **extra))
        assert (refusal.code, refusal.fields.get("field")) == (code, field)
    assert balance(world, "m") == 6_000
