"""Rules learned the hard way that are about the ledger itself, each named after its number in the page of
rules; those of a room are with the room's tests.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Connection, select

from chain.canonical import JsonValue
from chain.evm.calldata import encode_set_quota
from chain.operation import ZERO_ADDRESS, OperationKind, account_id
from chain.types import Address, EntryId
from gateway.case_rules import CASE_BOOK
from gateway.db import Database, execute, fetch_all
from gateway.errors import Refusal
from gateway.ledger.drafts import Accepted, AccountKind, Draft, RecoverAccount, SetCaps, SetRights
from gateway.ledger.references import REFUSED
from gateway.outbox.calls import ChainCall
from gateway.outbox.tables import chain_transactions
from gateway.rules.corrections import REVERSAL_DAYS
from tests.unit.gateway.ledger.worlds import (
    CHAPTER,
    World,
    address,
    fresh_receipt,
    joined,
    opened,
    operated,
    recorded,
    running,
)

K = OperationKind
DAY = 86_400_000


class Planner:
    """A chain to which only the calls go that a draft itself brings."""

    chain_id = 31_337

    def plan(self, effects: object) -> list[tuple[str, ChainCall]]:
        return []


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """The members a (100.00 coins) and b, the merchant m, and a filled pool."""
    with running(database, tmp_path, rules=CASE_BOOK, planner=Planner()) as world:
        world.accept(opened())
        for name in ("a", "b"):
            world.accept(joined(name))
        world.accept(joined("m", kind=AccountKind.MERCHANT))
        world.accept(operated(K.ISSUE, receiver=address("a"), amount=10_000))
        world.accept(operated(K.ISSUE, receiver=address(f"pool-{CHAPTER}"), amount=10_000))
        yield world


def balances(world: World) -> dict[bytes, tuple[int, int]]:
    with world.database.reader() as connection:
        rows = fetch_all(connection, "SELECT account, available, locked FROM balances")
    return {bytes(cast("bytes", row[0])): (cast("int", row[1]), cast("int", row[2])) for row in rows}


def gift(amount: int, sender: str = "a", receiver: str = "b") -> Draft:
    return operated(K.TRANSFER, address(sender), address(receiver), amount)


def reversal(of: Accepted, amount: int, sender: str = "b", receiver: str = "a") -> Draft:
    return operated(K.REVERSE, address(sender), address(receiver), amount, ref=bytes(of.leaf_hash))


def test_rule_02_balances_are_what_the_operations_give(world: World) -> None:
    """A cached balance is never the truth: summed anew from every operation it must be the same."""
    world.accept(gift(1_200))
    world.accept(operated(K.REDEEM, address("b"), address("m"), 300))
    world.accept(operated(K.BURN, address("m"), ZERO_ADDRESS, 100))
    with world.database.reader() as connection:
        rows = fetch_all(connection, "SELECT sender, receiver, moved FROM operations")
    held: dict[bytes, int] = {}
    for sender, receiver, moved in cast("list[tuple[bytes, bytes, int]]", rows):
        held[bytes(sender)] = held.get(bytes(sender), 0) - moved
        held[bytes(receiver)] = held.get(bytes(receiver), 0) + moved
    assert held.pop(bytes(ZERO_ADDRESS)) == -(10_000 + 10_000 - 100)
    assert {who: (sum_, 0) for who, sum_ in held.items()} == balances(world)


def test_rule_03_a_limit_is_checked_where_it_is_written(world: World) -> None:
    """Sixteen at once, each for everything there is: one is accepted, in whatever order they come."""
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: world.answer(gift(10_000)), range(16)))
    assert sum(isinstance(answer, Accepted) for answer in answers) == 1
    assert {answer.code for answer in answers if isinstance(answer, Refusal)} == {"balance.insufficient"}
    assert balances(world)[address("b")] == (10_000, 0)


def test_rule_08_a_correction_is_an_entry_of_its_own_and_deletes_nothing(world: World) -> None:
    wrong = world.accept(gift(1_000))
    with world.database.reader() as connection:
        before = fetch_all(connection, "SELECT log_index, body, leaf_data FROM entries ORDER BY log_index")
    undone = world.accept(replace(reversal(wrong, 1_000), refs=(EntryId(wrong.entry_id),)))
    with world.database.reader() as connection:
        after = fetch_all(connection, "SELECT log_index, body, leaf_data FROM entries ORDER BY log_index")
    assert after[: len(before)] == before
    assert len(after) == len(before) + 1
    assert undone.index == wrong.index + 1
    assert balances(world)[address("a")] == (10_000, 0)


def test_rule_09_what_may_not_be_reversed(world: World) -> None:
    """Only what was done, once, no reversal, not more than is left, not between others, not too old."""
    given = world.accept(gift(1_000))
    lock = world.accept(operated(K.LOCK, address("a"), address("a"), 500))
    burned = world.accept(operated(K.BURN, address("b"), ZERO_ADDRESS, 10))
    undone = world.accept(reversal(given, 400))
    cases = [
        (
            replace(reversal(given, 1), operation=replace_ref(reversal(given, 1), b"\x07" * 32)),
            "operation.unknown_ref",
        ),
        (reversal(undone, 1, "a", "b"), "operation.unknown_ref"),
        (reversal(lock, 1, "a", "a"), "operation.unknown_ref"),
        (reversal(burned, 1, "b", "a"), "operation.unknown_ref"),
        (reversal(given, 601), "entry.bad_field"),
        (reversal(given, 1, "m", "a"), "entry.bad_field"),
        (reversal(given, 1, "a", "b"), "entry.bad_field"),
    ]
    before = balances(world)
    for draft, code in cases:
        assert world.refuse(draft).code == code, draft.operation
    limit = REVERSAL_DAYS[0].value
    assert limit == 1_095
    world.clock.milliseconds += limit * DAY + 1_000
    refusal = world.refuse(reversal(given, 1))
    assert (refusal.code, refusal.fields) == ("operation.too_old", {"field": "op.ref", "limit": 1_095})
    assert balances(world) == before


def test_rule_09_neither_side_was_removed(world: World) -> None:
    """What a closed account was part of is not reversed, from it or to it; a frozen one is paid back."""
    received, sent = world.accept(gift(1_000)), world.accept(gift(400, "b", "a"))
    order = "0d" * 32
    closing = replace(recorded("b"), type="account.closing", public={"destination": "burn", "order": order})
    world.accept(closing)
    with world.database.reader() as connection:
        for key, draft in CASE_BOOK.due_steps(connection, world.clock(), 10):
            world.accept(draft, key)
    world.accept(operated(K.ISSUE, receiver=address("a"), amount=1))
    before = balances(world)
    for draft, field in ((reversal(received, 1), "op.from"), (reversal(sent, 1, "a", "b"), "op.to")):
        refusal = world.refuse(draft)
        assert (refusal.code, refusal.fields) == ("member.closed", {"field": field})
    assert balances(world) == before
    # A freeze is not the end of an account.
    other = world.accept(gift(100, "a", "m"))
    effect = SetRights(address("a"), False, False, bytes.fromhex(order))
    public: dict[str, JsonValue] = {
        "account": account_id(address("a")), "may_send": False, "may_receive": False, "order": order,
    }  # fmt: skip
    world.accept(replace(recorded("a"), type="member.frozen", public=public, effects=(effect,)))
    world.accept(reversal(other, 100, "m", "a"))


def test_rule_09_what_the_chain_refused_is_not_reversed(world: World) -> None:
    given = world.accept(gift(1_000))
    with world.database.writer() as connection:
        execute(connection, "UPDATE operations SET outcome = ? WHERE log_index = ?", REFUSED, given.index)
    refusal = world.refuse(reversal(given, 1))
    assert (refusal.code, refusal.fields) == ("operation.unknown_ref", {"field": "op.ref"})


def test_rule_27_a_day_s_limit_is_not_spent_twice_by_a_recovery(world: World) -> None:
    cap = SetCaps(CHAPTER, 1_000, None)
    capped = {"cap": "daily", "amount": "1000"}
    world.accept(replace(recorded(), type="cap.set", public=capped, effects=(cap,)))
    world.accept(gift(600))
    effect = RecoverAccount(address("a"), address("a2"), b"\x0d" * 32)
    named = {"from": account_id(address("a")), "to": account_id(address("a2"))}
    world.accept(replace(recorded("a"), type="account.recovered", public=named, effects=(effect,)))
    world.accept(operated(K.RECOVER, address("a"), address("a2"), 0))
    refusal = world.refuse(gift(401, "a2", "b"))
    assert (refusal.code, refusal.fields) == ("cap.exceeded", {"field": "op.from", "cap": "daily"})
    world.accept(gift(400, "a2", "b"))
    world.clock.milliseconds += DAY
    world.accept(gift(1_000, "a2", "b"))


def replace_ref(draft: Draft, ref: bytes):  # type: ignore[no-untyped-def]
    assert draft.operation is not None
    return replace(draft.operation, ref=ref)


def test_rule_14_of_many_corrections_each_stands_alone(world: World) -> None:
    gifts = [world.accept(gift(100)) for _ in range(4)]
    drafts = [
        reversal(gifts[0], 100),
        reversal(gifts[1], 101),
        reversal(gifts[2], 100, "m", "a"),
        reversal(gifts[3], 100),
    ]
    answers = world.ledger.submit_many([world.submission(draft) for draft in drafts])
    assert [isinstance(answer, Accepted) for answer in answers] == [True, False, False, True]
    assert balances(world)[address("b")] == (200, 0)


def sale(world: World) -> Draft:
    public: dict[str, JsonValue] = {
        "merchant": account_id(address("m")), "amount": "5000", "receipt": fresh_receipt()
    }  # fmt: skip
    return replace(
        recorded(), type="sale.recorded", subjects=(account_id(address("a")),), public=public,
    )  # fmt: skip


class Broken(Exception):
    """The database went away."""


STORED = ("entries", "idempotency_keys", "cases", "case_entries", "operations", "chain_transactions")
"""Where one entry leaves a row, or more."""


def count_rows(connection: Connection) -> dict[str, int]:
    return {
        table: cast("int", fetch_all(connection, f"SELECT count(*) FROM {table}")[0][0]) for table in STORED
    }


def with_call(draft: Draft) -> Draft:
    call = ChainCall("quota", "TimeCredit", encode_set_quota(CHAPTER, 202_611, 5), 100_000, "issuer")
    return replace(draft, calls=(call,))


def added(world: World, draft: Draft, key: str) -> dict[str, int]:
    """Submit and return how many rows came of it, table by table."""
    with world.database.reader() as connection:
        before = count_rows(connection)
    world.answer(draft, key)
    with world.database.reader() as connection:
        after = count_rows(connection)
    return {table: after[table] - before[table] for table in STORED if after[table] != before[table]}


def test_rule_16_key_entry_and_call_are_stored_together_or_not_at_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = with_call(gift(100))
    stored = dict.fromkeys(("entries", "idempotency_keys", "operations", "chain_transactions"), 1)
    assert added(world, draft, "gift") == stored
    # A repeat finds the key and stores nothing more: the call is sent once.
    assert added(world, draft, "gift") == {}
    monkeypatch.setattr(world.ledger.sequencer, "_move_head", _break)
    assert added(world, draft, "broken") == {}


def _break(*_: object) -> None:
    raise Broken


def test_rule_35_a_side_effect_is_in_the_transaction_of_its_entry(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The case is written before the transaction ends, and goes with it when it does not."""
    bought = world.accept(with_call(sale(world)), "sale")
    seen: list[dict[str, int]] = []
    with world.database.reader() as connection:
        before = count_rows(connection)

    def look(connection: Connection, _: object) -> None:
        seen.append(count_rows(connection))
        raise Broken

    monkeypatch.setattr(world.ledger.sequencer, "_move_head", look)
    assert added(world, with_call(sale(world)), "broken") == {}
    written = {table: seen[0][table] - before[table] for table in STORED}
    wanted = dict.fromkeys(STORED, 1) | {"operations": 0}
    assert {table: min(number, 1) for table, number in written.items()} == wanted
    with world.database.reader() as connection:
        rows = fetch_all(
            connection,
            "SELECT c.state FROM cases c JOIN entries e ON e.log_index = c.opened_index WHERE e.entry_id = ?",
            bought.entry_id,
        )
    assert [row[0] for row in rows] == ["completed"]


def test_rule_15_alike_gifts_count_by_their_keys(world: World) -> None:
    """The same payer, payee and amount twice: two payments under two keys, one under one key."""
    first, second = world.accept(gift(250), "morning"), world.accept(gift(250), "evening")
    assert first.index != second.index and first.entry_id != second.entry_id
    assert balances(world)[address("b")] == (500, 0)
    again = world.accept(gift(250), "evening")
    assert (again.entry_id, again.index, again.replayed) == (second.entry_id, second.index, True)
    assert balances(world)[address("b")] == (500, 0)
    other = world.refuse(gift(251), "evening")
    assert other.code == "idempotency.key_reused"
    assert balances(world)[address("a")] == (9_500, 0)


def test_rule_38_calls_for_one_target_do_not_replace_each_other(database: Database, tmp_path: Path) -> None:
    """Two calls that set the same thing stay two rows, in order: the later one is the last word."""
    with running(database, tmp_path, planner=Planner()) as world:
        world.accept(opened())
        numbers = itertools.count(1)
        for amount in (5, 7):
            data = encode_set_quota(CHAPTER, 202_611, amount)
            call = ChainCall("quota", "TimeCredit", data, 100_000, "issuer")
            world.accept(replace(recorded(f"pool-{CHAPTER}"), calls=(call,)), f"call-{next(numbers)}")
        with database.reader() as connection:
            query = select(chain_transactions.c.calldata).order_by(chain_transactions.c.id)
            found = [bytes(row[0]) for row in connection.execute(query)]
    assert found == [encode_set_quota(CHAPTER, 202_611, amount) for amount in (5, 7)]


def test_rule_24_a_recovery_to_itself_is_refused(world: World) -> None:
    draft = operated(K.RECOVER, address("a"), Address(address("a")), 1)
    assert world.refuse(draft).code == "entry.bad_field"
    assert balances(world)[address("a")] == (10_000, 0)
