"""A purchase has its receipt, and each receipt is recorded once for whom it is of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chain.canonical import JsonValue
from chain.operation import Operation, OperationKind, chapter_code
from gateway.case_rules import CASE_BOOK
from gateway.cases.compare import compare_cases
from gateway.cases.replay import rebuild_cases
from gateway.cases.world import World as Judging
from gateway.db import Database, execute, fetch_all, migrate, sqlite_url
from gateway.errors import Refusal
from gateway.ledger.drafts import Accepted, AccountKind, Draft, RecoverAccount
from gateway.row_compare import Change
from tests.unit.gateway.commerce.kit import POOL, balance, market, named, sale, step
from tests.unit.gateway.ledger.worlds import OTHER_CHAPTER, World, address, joined, opened, recorded

SLIP, OTHER_SLIP = "5a" * 32, "5b" * 32


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """A market."""
    with market(database, tmp_path) as world:
        yield world


def purchase(*who: str, receipt: str | None = SLIP, **public: JsonValue) -> Draft:
    """Return the record of a purchase of 10.00."""
    said = {"amount": "1000", **({} if receipt is None else {"receipt": receipt}), **public}
    return step("purchase.recorded", None, *who, **said)


@pytest.mark.parametrize(
    ("receipt", "reason"),
    [
        (None, "{type} needs it"),
        ("5A" * 32, "not 64 lower-case hex digits"),
        ("5a" * 31, "not 64 lower-case hex digits"),
        ("slip 17", "not 64 lower-case hex digits"),
    ],
)
def test_a_purchase_needs_its_receipt(world: World, receipt: str | None, reason: str) -> None:
    bare = sale()
    said = {name: value for name, value in bare.public.items() if name != "receipt"}
    bare = replace(bare, public=said if receipt is None else {**said, "receipt": receipt})
    for draft in (bare, purchase("b", "m", receipt=receipt)):
        refusal = world.refuse(draft)
        assert (refusal.code, refusal.fields) == (
            "entry.bad_field", {"field": "public.receipt", "reason": reason.format(type=draft.type)},
        )  # fmt: skip
    with world.database.reader() as connection:
        assert fetch_all(connection, "SELECT * FROM purchase_receipts") == []


def test_a_receipt_is_recorded_once_for_its_merchant_whatever_records_it(world: World) -> None:
    first = world.accept(sale(receipt=SLIP))
    by_name = purchase("b", merchant=named("m"))
    for again in (sale(receipt=SLIP), sale(7, "c", receipt=SLIP), purchase("b", "m"), by_name):
        refusal = world.refuse(again)
        assert (refusal.code, refusal.fields) == (
            "receipt.recorded_already", {"field": "public.receipt", "index": first.index},
        )  # fmt: skip
        assert refusal.status == 409
    # Other merchants number their slips as they like.
    other = world.accept(sale(merchant="n", receipt=SLIP))
    assert world.refuse(purchase("b", "n")).fields["index"] == other.index
    world.accept(sale(receipt=OTHER_SLIP))


def test_two_purchases_of_one_batch_cannot_share_a_receipt(world: World) -> None:
    drafts = [sale(receipt=SLIP), purchase("b", "m"), sale(receipt=OTHER_SLIP), sale(0, receipt=SLIP)]
    answers = world.ledger.submit_many([world.submission(draft) for draft in drafts])
    assert isinstance(answers[0], Accepted) and isinstance(answers[2], Accepted)
    codes = [answer.code for answer in answers if isinstance(answer, Refusal)]
    assert codes == ["receipt.recorded_already", "entry.bad_field"]


def test_a_refused_purchase_leaves_its_receipt_free(world: World) -> None:
    """Also where the ledger refuses it after its rule: the rebate is more than the pool has."""
    world.accept(
        step("pool.moved", None, **{"from": "chapter"}, to="subsidy", amount="1000000", order="0e" * 32)
    )
    coins = Operation(OperationKind.TRANSFER, address(POOL), address("b"), 50, 0, bytes(32))
    bought = purchase("b", "m")
    assert world.refuse(replace(bought, operation=coins)).code == "balance.insufficient"
    assert world.refuse(sale(100, "m", receipt=SLIP)).code == "sale.own_purchase"
    world.accept(bought)


def test_one_receipt_has_one_rebate(world: World) -> None:
    """A purchase that names its merchant and one that only concerns it are the same purchase."""
    coins = Operation(OperationKind.TRANSFER, address(POOL), address("b"), 50, 0, bytes(32))
    world.accept(replace(purchase("b", "m"), operation=coins))
    again = replace(purchase("b", "m", merchant=named("m")), operation=coins)
    assert world.refuse(again).code == "receipt.recorded_already"
    assert balance(world, "b") == 50


def test_without_a_merchant_a_receipt_is_the_chapters(world: World) -> None:
    first = world.accept(purchase("b"))
    assert world.refuse(purchase("c")).fields["index"] == first.index
    world.accept(purchase("c", "m"))
    world.accept(opened(OTHER_CHAPTER))
    world.accept(joined("far", OTHER_CHAPTER))
    world.accept(replace(purchase("far"), chapter=chapter_code(OTHER_CHAPTER)))


def test_another_chapters_merchant_is_never_kept_from_its_own_receipt(world: World) -> None:
    world.accept(opened(OTHER_CHAPTER))
    world.accept(joined("far", OTHER_CHAPTER, AccountKind.MERCHANT))
    world.accept(purchase("b", merchant=named("far")))
    world.accept(replace(purchase("far", merchant=named("far")), chapter=chapter_code(OTHER_CHAPTER)))


def test_a_merchant_under_a_new_account_cannot_record_its_receipts_again(world: World) -> None:
    first = world.accept(sale(receipt=SLIP))
    effect = RecoverAccount(address("m"), address("m2"), bytes(32))
    said: dict[str, JsonValue] = {"from": named("m"), "to": named("m2"), "order": "0d" * 32}
    draft = replace(recorded("m", "m2"), type="account.recovered", public=said, effects=(effect,))
    world.accept(draft)
    assert world.refuse(sale(merchant="m2", receipt=SLIP)).fields["index"] == first.index
    assert world.refuse(purchase("b", "m2")).code == "receipt.recorded_already"
    world.accept(sale(merchant="m2", receipt=OTHER_SLIP))


def test_receipts_are_built_again_from_their_entries(world: World, tmp_path: Path) -> None:
    for draft in (sale(receipt=SLIP), purchase("b", "n"), purchase("c"), sale(receipt=OTHER_SLIP)):
        world.accept(draft)
    sql = "SELECT payee, log_index FROM purchase_receipts WHERE receipt = ? ORDER BY log_index"
    with world.database.reader() as connection:
        rows = fetch_all(connection, sql, bytes.fromhex(SLIP))
    owners = [bytes(address("m")), bytes(address("n")), (31_010_007).to_bytes(4)]
    assert [bytes(row[0]) for row in rows if isinstance(row[0], bytes)] == owners
    assert rebuilt(world, tmp_path / "same") is None
    forged = bytes.fromhex("ff" * 32)
    with world.database.writer() as connection:
        row = (forged, bytes(address("o")), 1)
        execute(
            connection, "INSERT INTO purchase_receipts (receipt, payee, log_index) VALUES (?, ?, ?)", *row
        )
    found = rebuilt(world, tmp_path / "forged")
    assert found is not None
    assert (found.place, found.how) == (f"purchase_receipts {'ff' * 32} {address('o').hex()}", "extra")


def test_purchases_from_before_receipts_are_still_built_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that holds purchases without one is a good log."""
    with monkeypatch.context() as before:
        before.setattr(Judging, "needs_receipt", False)
        world.accept(purchase("b", "m", receipt=None))
    assert world.refuse(purchase("b", "m", receipt=None)).fields["field"] == "public.receipt"
    assert rebuilt(world, tmp_path / "old") is None


def rebuilt(world: World, path: Path) -> Change | None:
    """Build all cases again at a path and return what differs first."""
    place = Database(sqlite_url(path))
    try:
        migrate(place)
        assert rebuild_cases(world.database, place, CASE_BOOK).stuck is None
        return compare_cases(world.database, place).difference
    finally:
        place.close()
