"""What the chain refused for good is undone in the registers, once, and only when it is final."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chain.operation import OperationKind, account_id, chapter_code
from gateway.db import Database, fetch_all, insert_rows
from gateway.ledger import outcomes
from gateway.ledger.drafts import Accepted, AccountKind, Draft, RecoverAccount
from gateway.ledger.outcomes import FinalOutcomes
from tests.unit.gateway.ledger.worlds import (
    CHAPTER,
    IDENTITY,
    MONTH,
    World,
    address,
    joined,
    opened,
    operated,
    running,
)

K = OperationKind
CHAIN = 31_337
DEPTH = 2
A, B, M = address("a"), address("b"), address("m")


@pytest.fixture
def world(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A ledger that follows outcomes; members a and b with 100.00 coins each and a merchant."""
    monkeypatch.setattr(outcomes, "LOOK_SECONDS", 0.0)
    with running(database, tmp_path, outcomes=FinalOutcomes(CHAIN, IDENTITY, DEPTH)) as world:
        for draft in (
            opened(), joined("a"), joined("b"), joined("m", kind=AccountKind.MERCHANT),
            operated(K.ISSUE, receiver=A, amount=10_000), operated(K.ISSUE, receiver=B, amount=10_000),
        ):  # fmt: skip
            world.accept(draft)
        yield world


def mirror(
    world: World, end: int, refused: dict[int, int], *, block: int, moved: dict[int, int] | None = None
) -> None:
    """Mirror the settlement of all leaves up to ``end``: ``refused`` maps index to reason."""
    moved = moved or {}
    log_id = bytes(IDENTITY.log_id)
    with world.database.writer() as connection:
        rows = fetch_all(connection, 'SELECT coalesce(max("end"), 0) FROM mirror_settlements')
        start = int(rows[0][0])  # type: ignore[call-overload]
        operations = fetch_all(
            connection,
            "SELECT log_index, leaf_hash, kind, sender, receiver, amount, valid_until, ref, op_salt, moved"
            " FROM operations WHERE log_index >= ? AND log_index < ? ORDER BY 1",
            start, end,
        )  # fmt: skip
        insert_rows(
            connection, "mirror_settlements",
            'chain_id,log_id,start,"end",anchored_size,tx_hash,block_number,log_index',
            [(CHAIN, log_id, start, end, end, b"t" * 32, block, 0)],
        )  # fmt: skip
        insert_rows(
            connection, "mirror_operations",
            "chain_id,log_id,leaf_index,leaf_hash,kind,from_address,to_address,amount,valid_until,ref,op_salt,"
            "moved,moved_locked,reason,block_number,log_index",
            [
                (CHAIN, log_id, row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8],
                 0 if row[0] in refused else moved.get(int(row[0]), row[9]), 0,  # type: ignore[call-overload]
                 refused.get(int(row[0]), 0), block, n)  # type: ignore[call-overload]
                for n, row in enumerate(operations)
            ],
        )  # fmt: skip


def set_head(world: World, block: int) -> None:
    """Say how far the mirror got."""
    with world.database.writer() as connection:
        connection.exec_driver_sql("DELETE FROM mirror_cursor")
        insert_rows(
            connection, "mirror_cursor", "chain_id,genesis_hash,block_number,block_hash",
            [(CHAIN, b"g" * 32, block, b"b" * 32)],
        )  # fmt: skip


def held(world: World, account: bytes) -> tuple[int, int]:
    """Return (available, locked)."""
    with world.database.reader() as connection:
        rows = fetch_all(connection, "SELECT available, locked FROM balances WHERE account = ?", account)
    return rows[0] if rows else (0, 0)  # type: ignore[return-value]


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait for the sequencer's next idle round."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def cursor(world: World) -> int:
    """Return up to where outcomes were read."""
    with world.database.reader() as connection:
        return int(fetch_all(connection, "SELECT next_index FROM outcome_cursors")[0][0])  # type: ignore[call-overload]


def settle(
    world: World, last: Accepted, refused: dict[int, int], moved: dict[int, int] | None = None
) -> None:
    """Mirror and finalise everything up to ``last`` and wait until the ledger saw it."""
    mirror(world, last.index + 1, refused, block=10, moved=moved)
    set_head(world, 10 + DEPTH)
    wait_for(lambda: cursor(world) == last.index + 1)


def test_refused_payment_comes_back_only_when_final(world: World) -> None:
    paid = world.accept(operated(K.TRANSFER, A, B, 4_000))
    mirror(world, paid.index + 1, {paid.index: 10}, block=10)
    set_head(world, 10 + DEPTH - 1)
    world.accept(operated(K.TRANSFER, A, B, 1))
    assert (cursor(world), held(world, A)) == (0, (5_999, 0))
    set_head(world, 10 + DEPTH)
    wait_for(lambda: cursor(world) == paid.index + 1)
    assert (held(world, A)[0], held(world, B)[0]) == (9_999, 10_001)
    # Seen again, it changes nothing.
    world.accept(operated(K.TRANSFER, A, B, 1))
    assert (held(world, A)[0], held(world, B)[0]) == (9_998, 10_002)
    with world.database.reader() as connection:
        rows = fetch_all(connection, "SELECT log_index FROM operations WHERE outcome = 2")
    assert rows == [(paid.index,)]


def test_done_operations_stay(world: World) -> None:
    last = world.accept(operated(K.REDEEM, A, M, 700))
    settle(world, last, {})
    assert (held(world, A)[0], held(world, M)[0]) == (9_300, 700)


def test_every_kind_is_undone(world: World) -> None:
    issued = world.accept(operated(K.ISSUE, receiver=A, amount=500))
    redeemed = world.accept(operated(K.REDEEM, B, M, 300))
    burned = world.accept(operated(K.BURN, B, amount=200))
    kept = world.accept(operated(K.LOCK, A, A, 1_000))
    refused_lock = world.accept(operated(K.LOCK, B, B, 50))
    released = world.accept(operated(K.RELEASE, A, A, 400, ref=kept.leaf_hash))
    cancelled = world.accept(operated(K.CANCEL, A, amount=600, ref=kept.leaf_hash))
    reversed_ = world.accept(operated(K.REVERSE, M, B, 100, ref=redeemed.leaf_hash))
    assert (held(world, A), held(world, B), held(world, M)) == ((9_900, 0), (9_550, 50), (200, 0))
    undone = (issued, redeemed, burned, refused_lock, released, cancelled, reversed_)
    settle(world, reversed_, {entry.index: 7 for entry in undone})
    assert (held(world, A), held(world, B), held(world, M)) == ((9_000, 1_000), (10_000, 0), (0, 0))
    world.accept(operated(K.RELEASE, A, A, 1_000, ref=kept.leaf_hash))
    assert (
        world.refuse(operated(K.RELEASE, B, B, 1, ref=refused_lock.leaf_hash)).code == "operation.unknown_ref"
    )
    assert world.refuse(operated(K.REVERSE, M, B, 1, ref=redeemed.leaf_hash)).code == "operation.unknown_ref"
    with world.database.reader() as connection:
        assert fetch_all(connection, "SELECT used FROM quotas WHERE period = ?", MONTH) == [(20_000,)]


def test_spending_of_credits_that_never_came_goes_negative_and_is_stopped(world: World) -> None:
    gift = world.accept(operated(K.TRANSFER, A, B, 9_000))
    world.accept(operated(K.TRANSFER, B, M, 15_000))
    settle(world, gift, {gift.index: 5})
    assert held(world, B) == (-5_000, 0)
    assert world.refuse(operated(K.TRANSFER, B, M, 1)).code == "balance.insufficient"


def test_reversal_that_found_less_is_corrected(world: World) -> None:
    gift = world.accept(operated(K.TRANSFER, A, B, 1_000))
    back = world.accept(operated(K.REVERSE, B, A, 1_000, ref=gift.leaf_hash))
    settle(world, back, {}, moved={back.index: 400})
    assert (held(world, A)[0], held(world, B)[0]) == (9_400, 10_600)


def test_refused_recovery_gives_locks_back(world: World) -> None:
    lock = world.accept(operated(K.LOCK, A, A, 1_000))
    new = address("a2")
    subjects = (account_id(A), account_id(new))
    public = {"from": account_id(A), "to": account_id(new)}
    effects = (RecoverAccount(A, new, b"\x04" * 32),)
    world.accept(
        Draft("account.recovered", chapter_code(CHAPTER), None, subjects, public=public, effects=effects)
    )
    moved = world.accept(operated(K.RECOVER, A, new))
    assert (held(world, A), held(world, new)) == ((0, 0), (9_000, 1_000))
    settle(world, moved, {moved.index: 18})
    assert (held(world, A), held(world, new)) == ((9_000, 1_000), (0, 0))
    with world.database.reader() as connection:
        rows = fetch_all(connection, "SELECT account FROM locks WHERE leaf_hash = ?", lock.leaf_hash)
    assert rows == [(A,)]
