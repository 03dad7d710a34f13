"""What goes back after a refund: the clock asks merchants for coins, buyers for rebates, to the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import coincurve
import pytest

from chain.canonical import JsonValue
from chain.hashing import keccak256
from chain.operation import ZERO_REF, Operation, OperationKind, account_id
from chain.typed_data import authorization_digest
from chain.types import Address
from gateway.case_rules import CASE_BOOK
from gateway.cases.compare import compare_cases
from gateway.cases.reading import CaseReader
from gateway.cases.replay import rebuild_cases
from gateway.db import Database, migrate, sqlite_url
from gateway.ledger.drafts import AccountKind, Authorization, Custody, Draft, SetRights
from tests.unit.gateway.commerce.kit import (
    POOL,
    balance,
    carry_out_due,
    given,
    market,
    named,
    public,
    sale,
    step,
)
from tests.unit.gateway.ledger.worlds import PLACE, World, address, joined, recorded

DAY = 86_400_000
ORDER = "0d" * 32
KEY = coincurve.PrivateKey(b"\x0c" * 32)
OWN = Address(keccak256(KEY.public_key.format(compressed=False)[1:])[12:])
"""A merchant's own key and its account."""


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """A market."""
    with market(database, tmp_path) as world:
        yield world


def test_rule_10_the_clock_takes_the_rebate_of_a_refund_back(world: World) -> None:
    bought = world.accept(sale(10_000, buyer="b")).entry_id
    world.accept(step("sale.rebated", bought))
    assert (balance(world, "b"), balance(world, POOL)) == (500, 999_500)
    assert carry_out_due(world) == []
    world.accept(step("sale.refunded", bought, amount="4000"))
    assert carry_out_due(world) == ["sale.rebate_returned"]
    assert balance(world, "b") == 300
    # A second refund in the same millisecond is another demand.
    world.accept(step("sale.refunded", bought, amount="6000"))
    world.clock.milliseconds += 1
    assert carry_out_due(world) == ["sale.rebate_returned"]
    assert (balance(world, "b"), balance(world, POOL)) == (0, 1_000_000)
    assert carry_out_due(world) == []


def test_rule_12_the_clock_asks_for_a_receivable_until_it_is_whole(world: World) -> None:
    bought = world.accept(sale(10_000, buyer="b")).entry_id
    world.accept(step("sale.rebated", bought))
    world.accept(given("b", "a", 500))
    world.accept(step("sale.refunded", bought, amount="10000"))
    assert carry_out_due(world) == ["sale.rebate_returned"]
    document = read_sale(world, bought)
    assert (document["rebate_due"], balance(world, "b")) == (500, 0)
    world.clock.milliseconds += 29 * DAY
    assert carry_out_due(world) == []
    world.accept(given("a", "b", 200))
    world.clock.milliseconds += DAY
    assert carry_out_due(world) == ["sale.rebate_returned"]
    assert (read_sale(world, bought)["rebate_due"], balance(world, "b")) == (300, 0)
    world.accept(given("a", "b", 301))
    taken = public(world, world.accept(step("sale.rebate_returned", bought)))
    assert (taken["amount"], taken["receivable"], balance(world, "b")) == ("300", "0", 1)
    world.clock.milliseconds += 60 * DAY
    assert carry_out_due(world) == []


def test_a_second_refund_is_asked_for_at_once_though_a_receivable_waits(world: World) -> None:
    bought = world.accept(sale(10_000, buyer="b")).entry_id
    world.accept(step("sale.rebated", bought))
    world.accept(given("b", "a", 500))
    world.accept(step("sale.refunded", bought, amount="4000"))
    assert carry_out_due(world) == ["sale.rebate_returned"]
    assert read_sale(world, bought)["rebate_due"] == 200
    world.clock.milliseconds += DAY
    world.accept(given("a", "b", 450))
    world.accept(step("sale.refunded", bought, amount="6000"))
    assert carry_out_due(world) == ["sale.rebate_returned"]
    assert (read_sale(world, bought)["rebate_due"], balance(world, "b")) == (50, 0)


def test_a_closed_account_is_asked_once(world: World) -> None:
    bought = world.accept(sale(10_000, buyer="b")).entry_id
    world.accept(step("sale.rebated", bought))
    world.accept(step("account.closing", None, "b", destination="pool", order=ORDER))
    world.accept(step("account.closed", None, "b"))
    world.accept(step("sale.refunded", bought, amount="10000"))
    assert carry_out_due(world) == ["sale.rebate_returned"]
    assert read_sale(world, bought)["rebate_due"] == 500
    world.clock.milliseconds += 60 * DAY
    assert carry_out_due(world) == []


def test_rule_12_the_clock_asks_a_merchant_for_coins_until_they_are_whole(world: World) -> None:
    """The merchant has spent the coins: each asking takes what there is, and says where there is nothing."""
    bought = bought_with_coins(world, 3_000)
    world.accept(step("merchant.surplus_burned", None, merchant=named("m"), amount="2900"))
    world.accept(step("sale.refunded", bought, amount="10000"))
    assert (owes(world, bought), carry_out_due(world)) == ((3_000, 0), ["sale.coins_returned"])
    assert (balance(world, "m"), balance(world, "a"), owes(world, bought)) == (0, 7_100, (2_900, 0))
    assert world.refuse(step("sale.coins_returned", bought)).code == "sale.nothing_due"
    world.clock.milliseconds += 30 * DAY - 1
    assert carry_out_due(world) == []
    world.clock.milliseconds += 1
    ((_, draft),) = due(world)
    said = public(world, world.accept(draft))
    assert said == {"about": bought, "amount": "0", "receivable": "2900"}
    # In between anybody may record it once there is something.
    world.accept(given("a", "m", 50))
    said = public(world, world.accept(step("sale.coins_returned", bought)))
    assert said == {"about": bought, "amount": "50", "receivable": "2850"}
    world.accept(given("a", "m", 3_000))
    world.clock.milliseconds += 30 * DAY
    assert carry_out_due(world) == ["sale.coins_returned"]
    assert (balance(world, "m"), owes(world, bought)) == (150, (0, 0))
    world.clock.milliseconds += 90 * DAY
    assert carry_out_due(world) == []


def test_coins_and_rebate_of_one_refund_have_a_clock_each(world: World) -> None:
    """Both are asked for at once, in two steps; what is not whole is asked for again, the other not."""
    bought = bought_with_coins(world, 4_000)
    world.accept(step("sale.rebated", bought))
    world.accept(given("a", "b", 6_300))
    world.accept(step("sale.refunded", bought, amount="5000"))
    assert owes(world, bought) == (2_000, 150)
    assert carry_out_due(world) == ["sale.coins_returned"]
    world.accept(given("a", "b", 2_000))
    world.clock.milliseconds += 1
    assert carry_out_due(world) == ["sale.rebate_returned"]
    assert owes(world, bought) == (0, 150)
    # A second refund while one of the two waits asks for both again, at moments nothing was asked at before.
    world.clock.milliseconds += DAY
    world.accept(step("sale.refunded", bought, amount="5000"))
    assert owes(world, bought) == (2_000, 300)
    assert carry_out_due(world) == ["sale.coins_returned"]
    world.clock.milliseconds += 1
    assert carry_out_due(world) == ["sale.rebate_returned"]
    assert (owes(world, bought), balance(world, "a"), balance(world, "m")) == ((0, 0), 1_700, 0)
    world.clock.milliseconds += 90 * DAY
    assert carry_out_due(world) == []


def test_two_clocks_never_ask_under_one_key(world: World) -> None:
    """Refunds of one millisecond, receivables on both sides: each asking is an entry of its own."""
    bought = bought_with_coins(world, 4_000)
    world.accept(step("sale.rebated", bought))
    world.accept(given("a", "b", 6_300))
    world.accept(step("merchant.surplus_burned", None, merchant=named("m"), amount="4000"))
    keys: list[str] = []
    for amount in ("1000", "2000", "3000"):
        world.accept(step("sale.refunded", bought, amount=amount))
        while found := due(world):
            ((key, draft),) = found
            world.accept(draft, key)
            keys.append(key)
            world.clock.milliseconds += 1
    for _ in range(3):
        world.clock.milliseconds += 31 * DAY
        while found := due(world):
            ((key, draft),) = found
            world.accept(draft, key)
            keys.append(key)
    assert len(set(keys)) == len(keys) == 12
    assert owes(world, bought) == (2_400, 180)


def test_a_frozen_merchant_gives_nothing_back_until_it_is_released(world: World) -> None:
    bought = bought_with_coins(world, 3_000)
    world.accept(rights("m", False))
    world.accept(step("sale.refunded", bought, amount="10000"))
    assert (carry_out_due(world), owes(world, bought)) == (["sale.coins_returned"], (3_000, 0))
    world.accept(rights("m", True))
    world.clock.milliseconds += 30 * DAY
    assert (carry_out_due(world), owes(world, bought)) == (["sale.coins_returned"], (0, 0))


@pytest.mark.parametrize("closed", ["a", "m"])
def test_coins_are_asked_for_once_where_an_account_is_closed(world: World, closed: str) -> None:
    bought = bought_with_coins(world, 3_000)
    world.accept(step("account.closing", None, closed, destination="pool", order=ORDER))
    world.accept(step("account.closed", None, closed))
    world.accept(step("sale.refunded", bought, amount="10000"))
    assert (carry_out_due(world), owes(world, bought)) == (["sale.coins_returned"], (3_000, 0))
    world.clock.milliseconds += 90 * DAY
    assert carry_out_due(world) == []


def test_what_the_clock_asked_for_is_built_again(world: World, tmp_path: Path) -> None:
    bought = bought_with_coins(world, 4_000)
    world.accept(step("sale.rebated", bought))
    world.accept(given("a", "b", 6_000))
    world.accept(step("merchant.surplus_burned", None, merchant=named("m"), amount="3000"))
    world.accept(step("sale.refunded", bought, amount="9000"))
    for _ in range(3):
        world.clock.milliseconds += 30 * DAY
        carry_out_due(world)
        carry_out_due(world)
    check_rebuilt(world, tmp_path)


def test_out_of_self_custody_coins_come_back_by_the_holders_signature_alone(
    world: World, tmp_path: Path
) -> None:
    """The clock says each time what is owed; it is never refused for a signature it does not have."""
    world.accept(joined("own", kind=AccountKind.MERCHANT, custody=Custody.SELF, at=OWN))
    draft = sale(10_000)
    draft = replace(draft, public={**draft.public, "merchant": account_id(OWN)})
    bought = world.accept(draft).entry_id
    world.accept(step("sale.paid", bought, amount="3000"))
    world.accept(step("sale.refunded", bought, amount="10000"))
    for _ in range(2):
        assert (carry_out_due(world), owes(world, bought)) == (["sale.coins_returned"], (3_000, 0))
        world.clock.milliseconds += 30 * DAY
    back = step("sale.coins_returned", bought)
    assert world.refuse(signed(world, back, 2_999)).code == "entry.not_as_computed"
    world.accept(signed(world, back, 3_000))
    assert (owes(world, bought), balance(world, "a")) == ((0, 0), 10_000)
    assert carry_out_due(world) == []
    check_rebuilt(world, tmp_path)


def signed(world: World, draft: Draft, amount: int) -> Draft:
    """Return the draft with a transfer to a that the self-custody merchant has signed, good for an hour."""
    nonce, until = b"\x0a" * 32, world.clock.milliseconds // 1000 + 3_600
    digest = authorization_digest(
        PLACE, kind=OperationKind.TRANSFER, sender=OWN, receiver=address("a"), amount=amount,
        nonce=nonce, valid_before=until,
    )  # fmt: skip
    raw = KEY.sign_recoverable(digest, hasher=None)
    operation = Operation(OperationKind.TRANSFER, OWN, address("a"), amount, until, ZERO_REF)
    authorization = Authorization(nonce, raw[:64] + bytes((raw[64] + 27,)))
    return replace(draft, operation=operation, authorization=authorization)


def check_rebuilt(world: World, folder: Path) -> None:
    """Build all cases again from their entries, and compare."""
    place = Database(sqlite_url(folder / "again.sqlite3"))
    migrate(place)
    assert rebuild_cases(world.database, place, CASE_BOOK).stuck is None
    assert compare_cases(world.database, place).difference is None
    place.close()


def bought_with_coins(world: World, coins: int) -> str:
    """Record a sale of 100.00 by m to a, paid with so many hundredths of coins. Returns its entry."""
    bought = world.accept(sale(10_000)).entry_id
    world.accept(step("sale.paid", bought, amount=str(coins)))
    return bought


def due(world: World) -> list[tuple[str, Draft]]:
    """Return what the clock would record now, each with its key."""
    with world.database.reader() as connection:
        return CASE_BOOK.due_steps(connection, world.clock.milliseconds, 100)


def owes(world: World, key: str) -> tuple[object, object]:
    """Return what a sale's merchant and its buyer still owe, in hundredths."""
    document = read_sale(world, key)
    return document["coins_due"], document["rebate_due"]


def rights(name: str, may_send: bool) -> Draft:
    """Return the step that freezes an account's payments, or releases them."""
    account = address(name)
    said: dict[str, JsonValue] = {
        "account": account_id(account),
        "may_send": may_send,
        "may_receive": True,
        "order": ORDER,
    }
    type_name = "member.unfrozen" if may_send else "member.frozen"
    effect = SetRights(account, may_send, True, bytes.fromhex(ORDER))
    return replace(recorded(name), type=type_name, public=said, effects=(effect,))


def read_sale(world: World, key: str) -> dict[str, object]:
    """Return the document of a sale."""
    found = CaseReader(world.database).find("sale", key, None)
    assert found is not None and isinstance(found["document"], dict)
    return {**found["document"]}
