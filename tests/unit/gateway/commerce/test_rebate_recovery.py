"""Rule 27 for rebates: who lost his account goes on with the new one, in another chapter's matters, too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chain.canonical import JsonValue
from chain.hashing import sha256
from chain.operation import ZERO_REF, Operation, OperationKind, chapter_code
from gateway.case_rules import CASE_BOOK
from gateway.cases.compare import compare_cases
from gateway.cases.reading import CaseReader
from gateway.cases.replay import rebuild_cases
from gateway.db import Database, execute, migrate, sqlite_url
from gateway.ledger.drafts import Draft, RecoverAccount
from tests.unit.gateway.commerce.kit import POOL, balance, carry_out_due, market, named, step
from tests.unit.gateway.ledger.worlds import CHAPTER, World, address, joined, opened

FAR = 31_010_008
ORDER = "0d" * 32


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    with market(database, tmp_path) as world:
        world.accept(opened(FAR))
        world.accept(joined("far", chapter=FAR))
        yield world


def bought(world: World, buyer: str) -> str:
    said: dict[str, JsonValue] = {"amount": "40000", "receipt": sha256(buyer.encode()).hex()}
    return world.accept(step("purchase.recorded", None, buyer, "m", **said)).entry_id


def rebate(of: str, receiver: str) -> Draft:
    operation = Operation(OperationKind.TRANSFER, address(POOL), address(receiver), 2_000, 0, ZERO_REF)
    return replace(step("rebate.granted", None, purchase=of), operation=operation)


def refund(of: str, amount: int = 40_000) -> Draft:
    return step("purchase.refunded", None, purchase=of, amount=str(amount))


def recover(world: World, old: str, new: str, chapter: int) -> None:
    public: dict[str, JsonValue] = {"from": named(old), "to": named(new), "order": ORDER}
    effect = RecoverAccount(address(old), address(new), bytes.fromhex(ORDER))
    draft = Draft("account.recovered", chapter_code(chapter), None, (), public=public, effects=(effect,))
    world.accept(draft)
    coins = Operation(OperationKind.RECOVER, address(old), address(new), balance(world, old), 0, ZERO_REF)
    if coins.amount:
        world.accept(Draft("credit.recovered", chapter_code(chapter), None, (), operation=coins))


def check_replay(world: World, folder: Path) -> None:
    place = Database(sqlite_url(folder / "again.sqlite3"))
    migrate(place)
    try:
        assert rebuild_cases(world.database, place, CASE_BOOK).stuck is None
        assert compare_cases(world.database, place).difference is None
    finally:
        place.close()


def test_a_rebate_of_another_chapter_goes_back_from_the_new_account(world: World, tmp_path: Path) -> None:
    purchase = bought(world, "far")
    world.accept(rebate(purchase, "far"))
    world.accept(refund(purchase, 20_000))
    recover(world, "far", "far2", FAR)
    found = CaseReader(world.database).find("rebate", purchase, None)
    assert found is not None and found["holder"] == named("far2")
    before = balance(world, POOL)
    assert carry_out_due(world) == ["sale.rebate_returned"]
    assert (balance(world, "far2"), balance(world, POOL)) == (1_000, before + 1_000)
    world.clock.milliseconds += 1
    world.accept(refund(purchase, 20_000))
    assert carry_out_due(world) == ["sale.rebate_returned"]
    assert (balance(world, "far2"), balance(world, POOL)) == (0, before + 2_000)
    check_replay(world, tmp_path)


@pytest.mark.parametrize(("buyer", "chapter"), [("far", FAR), ("b", CHAPTER)])
def test_a_rebate_of_before_is_paid_to_the_new_account(
    world: World, tmp_path: Path, buyer: str, chapter: int
) -> None:
    purchase = bought(world, buyer)
    recover(world, buyer, "heir", chapter)
    for other in (buyer, "a", "m"):
        refusal = world.refuse(rebate(purchase, other))
        assert refusal.code == ("member.frozen" if other == buyer else "rebate.no_order")
    world.accept(rebate(purchase, "heir"))
    assert balance(world, "heir") == 2_000
    world.accept(refund(purchase))
    assert carry_out_due(world) == ["sale.rebate_returned"]
    assert balance(world, "heir") == 0
    check_replay(world, tmp_path)


def test_a_rebate_of_before_they_named_their_chapter_goes_back(world: World) -> None:
    purchase = bought(world, "far")
    world.accept(rebate(purchase, "far"))
    with world.database.writer() as connection:
        execute(connection, "UPDATE cases SET document = ? WHERE kind = 'rebate'", '{"amount":2000}')
    before = balance(world, POOL)
    world.accept(refund(purchase))
    assert carry_out_due(world) == ["sale.rebate_returned"]
    assert (balance(world, "far"), balance(world, POOL)) == (0, before + 2_000)
