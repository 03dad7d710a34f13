"""Registers once more from the entries: equal after all kinds of movements, put right where they differ."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.operation import OperationKind, account_id
from chain.types import Address
from gateway.api.drafting import (
    draft_caps,
    draft_chapter,
    draft_member,
    draft_quota,
    draft_recovered_credits,
    draft_recovery,
    draft_rights,
)
from gateway.db import Database, execute
from gateway.ledger.drafts import Draft
from gateway.repair.register_rows import find_register_changes
from gateway.repair.registers import NotTold
from gateway.repair.rows import apply_changes
from gateway.schemas import ChapterCapsIn, ChapterIn, ChapterQuotaIn, MemberIn, RecoveryIn, RightsIn
from tests.unit.gateway.ledger.worlds import IDENTITY, MONTH, World, address, operated, running

CODE = "3101-0007"
POOL, ANN, BEN, NEW = address("pool"), address("ann"), address("ben"), address("new")
ORDER = "ab" * 32


def member(at: Address, **more: object) -> Draft:
    body = {"chapter": CODE, "kind": "member", "account": account_id(at), **more}
    return draft_member(MemberIn.model_validate(body), os.urandom)


def move(kind: OperationKind, sender: bytes, receiver: bytes, amount: int, **more: object) -> Draft:
    return operated(kind, sender, receiver, amount, **more)  # type: ignore[arg-type]


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    with running(database, tmp_path / "log") as world:
        pool = {"code": CODE, "pool": account_id(POOL)}
        world.accept(draft_chapter(ChapterIn.model_validate(pool), os.urandom))
        quota = ChapterQuotaIn.model_validate({"period": MONTH, "amount": "100000"})
        world.accept(draft_quota(CODE, quota))
        world.accept(draft_caps(CODE, ChapterCapsIn.model_validate({"daily": "900"})))
        for at in (ANN, BEN):
            world.accept(member(at))
        issue, transfer, lock = OperationKind.ISSUE, OperationKind.TRANSFER, OperationKind.LOCK
        world.accept(move(issue, bytes(20), POOL, 5_000))
        world.accept(move(transfer, POOL, ANN, 1_000))
        world.accept(move(transfer, ANN, BEN, 300))
        held = world.accept(move(lock, ANN, ANN, 200))
        world.accept(move(OperationKind.RELEASE, ANN, ANN, 50, ref=held.leaf_hash))
        world.accept(move(OperationKind.BURN, BEN, bytes(20), 20))
        frozen = RightsIn.model_validate({"may_send": False, "may_receive": True, "order": ORDER})
        world.accept(draft_rights(account_id(BEN), CODE, frozen))  # type: ignore[arg-type]
        lost = RecoveryIn.model_validate({"to": account_id(NEW), "order": ORDER})
        world.accept(draft_recovery(account_id(ANN), CODE, "operator", lost, os.urandom))  # type: ignore[arg-type]
        world.accept(draft_recovered_credits(account_id(ANN), CODE, NEW))  # type: ignore[arg-type]
        world.accept(move(transfer, NEW, POOL, 100))
        yield world


DAMAGE = {
    "UPDATE balances SET available = available + 1, locked = 7": 4,
    "UPDATE balances SET spent = 0, day = 0": 2,
    "DELETE FROM balances": 4,
    "UPDATE accounts SET may_send = true, recovered_to = NULL": 2,
    "UPDATE accounts SET chapter = 1": 4,
    "UPDATE chapters SET daily_cap = 0": 1,
    "UPDATE quotas SET used = used - 1": 1,
    "UPDATE locks SET amount = 0": 1,
    "DELETE FROM locks": 1,
    "UPDATE operations SET amount = amount + 1": 8,
    "UPDATE operations SET outcome = 2 WHERE kind = 1": 1,
    "UPDATE account_entries SET log_index = 0 WHERE seq = 1": 4,
    "INSERT INTO quotas (chapter, period, amount, used) VALUES (1, 2, 3, 4)": 1,
}
"""A statement, and how many rows it leaves that the entries do not give."""


def test_all_registers_follow_from_the_entries_and_are_put_right(world: World) -> None:
    assert find_register_changes(world.database, IDENTITY) == []
    for statement, count in DAMAGE.items():
        with world.database.writer() as connection:
            assert execute(connection, statement) > 0
        changes = find_register_changes(world.database, IDENTITY)
        assert len(changes) == count, (statement, [change.place for change in changes])
        with world.database.writer() as connection:
            apply_changes(connection, changes)
        assert find_register_changes(world.database, IDENTITY) == [], statement


def test_lost_operands_are_not_made_up(world: World) -> None:
    with world.database.writer() as connection:
        execute(connection, "DELETE FROM operations WHERE kind = 5")
    with pytest.raises(NotTold) as told:
        find_register_changes(world.database, IDENTITY)
    assert (told.value.index, told.value.why) == (9, "operands")
