"""From commit to published checkpoint: tiles, second computation, restarts after every step, faults."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from chain.checkpoint import open_checkpoint
from chain.errors import FormatError
from chain.hashing import hash_leaf
from chain.merkle.tree import Tree
from chain.merkle.verify import root_from_window, verify_consistency, verify_inclusion
from chain.operation import OperationKind
from chain.tiles import TilePath, entries_path, parse_entry_bundle, tile_path
from chain.types import LeafIndex, TreeSize
from gateway.db import Database, execute, fetch_all
from gateway.errors import Refusal
from gateway.failpoints import FIRED, MARKER, arm, disarm
from gateway.ledger import scrub
from gateway.ledger.append import Leaf
from gateway.ledger.faults import LedgerFault
from gateway.ledger.integrator import Integrator
from gateway.ledger.tile_files import TileFiles
from tests.unit.gateway.ledger.worlds import (
    IDENTITY,
    World,
    address,
    joined,
    opened,
    operated,
    recorded,
    running,
)

K = OperationKind


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """A ledger with a chapter and two funded members."""
    with running(database, tmp_path) as world:
        fill(world)
        yield world


def fill(world: World) -> None:
    """Record a chapter, two members and an issue."""
    for draft in (
        opened(),
        joined("a"),
        joined("b"),
        operated(K.ISSUE, receiver=address("a"), amount=10_000),
    ):
        world.accept(draft)


def record_many(world: World, count: int) -> None:
    """Record ``count`` entries, every third with an operation."""
    drafts = [
        recorded("a") if n % 3 else operated(K.TRANSFER, address("a"), address("b"), 1) for n in range(count)
    ]
    assert not [
        a for a in world.ledger.submit_many(list(map(world.submission, drafts))) if isinstance(a, Refusal)
    ]


def leaf_data(database: Database) -> list[bytes]:
    """Return the leaf data of every stored entry."""
    with database.reader() as connection:
        return [row[0] for row in fetch_all(connection, "SELECT leaf_data FROM entries ORDER BY log_index")]  # type: ignore[misc]


def check_published(world: World) -> int:
    """Check checkpoint and files as a stranger would; return the size."""
    note = world.ledger.checkpoint()
    assert note is not None
    checkpoint = open_checkpoint(note, [IDENTITY.vkey])
    leaves = leaf_data(world.database)[: checkpoint.size]
    tree = Tree(map(hash_leaf, leaves))
    assert checkpoint.root == tree.root()
    bundled: list[bytes] = []
    hashes = b""
    for first in range(0, checkpoint.size, 256):
        width = min(256, checkpoint.size - first)
        bundle = world.ledger.tile(TilePath(None, first // 256, width))
        bundled += parse_entry_bundle(bundle or b"", width)
        hashes += world.ledger.tile(TilePath(0, first // 256, width)) or b""
    assert bundled == leaves
    assert hashes == b"".join(map(hash_leaf, leaves))
    if checkpoint.size >= 256:
        count = checkpoint.size // 256
        assert world.ledger.tile(TilePath(1, 0, count)) == tree.nodes(8, 0, count)
    return checkpoint.size


def test_everything_accepted_is_published(world: World) -> None:
    assert world.publish() == 5
    assert check_published(world) == 5
    for count in (1, 250, 3, 300):
        record_many(world, count)
        world.publish()
        check_published(world)
    assert world.ledger.published_size() == 559
    with world.database.reader() as connection:
        notes = fetch_all(connection, "SELECT size, root, note FROM checkpoints ORDER BY size")
    for size, root, note in notes:
        opened_note = open_checkpoint(bytes(note), [IDENTITY.vkey])  # type: ignore[arg-type]
        assert (opened_note.size, opened_note.root) == (size, root)


def test_view_proves_every_published_size(world: World) -> None:
    record_many(world, 30)
    size = TreeSize(world.publish())
    view = world.ledger.view
    root = view.root(size)
    hashes = [hash_leaf(data) for data in leaf_data(world.database)]
    for index in range(size):
        assert view.leaf_hash(LeafIndex(index)) == hashes[index]
        proof = view.inclusion_proof(LeafIndex(index), size)
        verify_inclusion(index, size, hashes[index], proof, root)
        old = TreeSize(index + 1)
        verify_consistency(old, size, view.consistency_proof(old, size), view.root(old), root)
    for start, end in ((0, 1), (3, 20), (7, size)):
        left, right = view.window_proof(start, end, size)
        assert root_from_window(start, hashes[start:end], left, right, size) == root
    with pytest.raises(FormatError):
        view.inclusion_proof(LeafIndex(0), TreeSize(size + 1))
    with pytest.raises(FormatError):
        view.leaves(0, size + 1)


def test_leaves_carry_what_settlement_needs(world: World) -> None:
    accepted = world.accept(operated(K.TRANSFER, address("a"), address("b"), 5, valid_until=2_000_000_000))
    world.publish()
    view = world.ledger.view
    leaf = view.leaves(accepted.index, accepted.index + 1)[0]
    assert (leaf.kind, leaf.sender, leaf.receiver) == (2, address("a"), address("b"))
    assert (leaf.amount, leaf.valid_until, leaf.ref, leaf.evidence) == (5, 2_000_000_000, bytes(32), None)
    assert leaf.leaf_hash == accepted.leaf_hash
    assert view.operation(accepted.leaf_hash) == leaf
    assert view.operation(b"\x01" * 32) is None
    genesis = view.leaves(0, 1)[0]
    assert (genesis.index, genesis.kind, genesis.op_salt) == (0, 0, None)
    assert genesis.commitment == leaf_data(world.database)[0][1:33]


def test_waiting_for_a_newer_checkpoint_times_out(world: World) -> None:
    size = world.publish()
    assert not world.ledger.view.wait_newer(size, 0.01)
    assert world.ledger.view.wait_newer(size - 1, 0.01)


TAMPERED = [
    ("UPDATE entries SET body = ? WHERE log_index = 5", b"{}", "an entry and its operands differ"),
    (
        "UPDATE entries SET salt = ? WHERE log_index = 5",
        b"\x01" * 32,
        "a stored entry does not give its leaf",
    ),
    (
        "UPDATE entries SET leaf_data = ? WHERE log_index = 5",
        b"\x01" * 65,
        "a stored entry does not give its leaf",
    ),
    ("UPDATE operations SET amount = ? WHERE log_index = 5", 7, "an entry and its operands differ"),
    (
        "UPDATE operations SET op_salt = ? WHERE log_index = 5",
        b"\x02" * 16,
        "a stored entry does not give its leaf",
    ),
    ("UPDATE operations SET log_index = ? WHERE log_index = 5", 99, "an entry and its operands differ"),
    ("DELETE FROM entries WHERE log_index = ?", 5, "an entry is missing"),
]


@pytest.mark.parametrize(("sql", "value", "reason"), TAMPERED)
def test_entry_changed_before_publication_is_never_signed(
    world: World, monkeypatch: pytest.MonkeyPatch, sql: str, value: object, reason: str
) -> None:
    size = world.publish()
    offered: list[object] = []
    monkeypatch.setattr(world.ledger.sequencer, "_on_commit", offered.extend)
    world.accept(operated(K.TRANSFER, address("a"), address("b"), 5))
    with world.database.writer() as connection:
        assert execute(connection, sql, value) == 1
    world.ledger.integrator.offer(offered)  # type: ignore[arg-type]
    world.ledger.integrator._thread.join(10)
    assert world.ledger.fault == reason
    assert world.refuse(recorded("a")) == Refusal("ledger.read_only", reason=reason)
    assert check_published(world) == size


def test_leaf_handed_over_wrong_is_never_signed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    size = world.publish()
    offered: list[object] = []
    monkeypatch.setattr(world.ledger.sequencer, "_on_commit", offered.extend)
    record_many(world, 2)
    world.ledger.integrator.offer([offered[0], offered[0]])  # type: ignore[list-item]
    world.ledger.integrator._thread.join(10)
    assert world.ledger.fault == "leaves are not in order"
    assert check_published(world) == size


def test_roots_that_differ_are_never_signed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    size = world.publish()
    offered: list[Leaf] = []
    monkeypatch.setattr(world.ledger.sequencer, "_on_commit", offered.extend)
    record_many(world, 3)
    offered[1] = replace(offered[1], leaf_hash=b"\x01" * 32)
    world.ledger.integrator.offer(offered)
    world.ledger.integrator._thread.join(10)
    assert world.ledger.fault == "two computations of the root differ"
    assert check_published(world) == size


class Crash(BaseException):
    """Stands for the end of the process at a named step."""


@pytest.mark.parametrize("step", ["write", "_sign", "write_checkpoint"])
@pytest.mark.parametrize("after", [False, True])
def test_crash_at_every_step_is_recovered(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    with running(database, tmp_path) as world:
        fill(world)
        world.publish()
        record_many(world, 300)
        world.publish()
        owner = Integrator if step == "_sign" else TileFiles
        original = getattr(owner, step)

        def crash(*arguments: object) -> None:
            if after:
                original(*arguments)
            raise Crash(step)

        with monkeypatch.context() as patch:
            patch.setattr(owner, step, crash)
            patch.setattr("threading.excepthook", lambda _: None)
            record_many(world, 40)
            world.ledger.integrator._thread.join(10)
        before = world.ledger.published_size()
    with running(database, tmp_path) as world:
        assert world.ledger.fault is None
        assert check_published(world) == 345 > before
        record_many(world, 5)
        world.publish()
        assert check_published(world) == 350


def read_only_reason(database: Database, folder: Path) -> str:
    """Start the ledger and return why it takes no writes."""
    with running(database, folder) as world:
        refusal = world.refuse(recorded("a"))
        assert refusal.code == "ledger.read_only"
        assert world.ledger.fault is not None
        assert refusal.fields == {"reason": world.ledger.fault}
        return world.ledger.fault


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        (["DELETE FROM entries WHERE log_index = 4", "UPDATE log_heads SET next_index = 4"],
         "log.damaged(table=entries, index=4)"),
        (["DELETE FROM entries WHERE log_index = 3"], "log.damaged(table=entries, index=3)"),
        (["UPDATE entries SET leaf_data = (SELECT leaf_data FROM entries WHERE log_index = 1)"
          " WHERE log_index = 2"], "log.damaged(table=entries, index=2)"),
        (["UPDATE entries SET leaf_data = (SELECT salt FROM entries WHERE log_index = 1)"
          " WHERE log_index = 2"], "log.damaged(table=entries, index=2)"),
        (["UPDATE entries SET log_index = 9 WHERE log_index = 4"], "log.damaged(table=entries, index=4)"),
        (["INSERT INTO entries (log_index, salt, body, leaf_data, entry_id, chapter, type, at)"
          " SELECT 9, salt, body, leaf_data, entry_id || 'x', chapter, type, at FROM entries"
          " WHERE log_index = 1"], "log.damaged(table=entries, index=9)"),
        (["UPDATE log_trees SET root = (SELECT root FROM checkpoints WHERE size < 5 LIMIT 1)"],
         "the published checkpoint has another root"),
        (["DELETE FROM checkpoints WHERE size = 5"], "log.damaged(table=checkpoints, index=5)"),
        (["UPDATE log_trees SET size = 4, root = (SELECT root FROM checkpoints WHERE size < 5 LIMIT 1)"],
         "the database is behind the published checkpoint"),
        (["UPDATE log_heads SET next_index = 6"], "the entries do not end at the head"),
    ],
)  # fmt: skip
def test_contradiction_found_at_start_makes_the_ledger_read_only(
    database: Database, tmp_path: Path, statements: list[str], reason: str
) -> None:
    with running(database, tmp_path) as world:
        world.publish()
        fill(world)
        assert world.publish() == 5
    note = (tmp_path / "log" / "checkpoint").read_bytes()
    with database.writer() as connection:
        for sql in statements:
            assert connection.exec_driver_sql(sql).rowcount >= 1
    assert read_only_reason(database, tmp_path) == reason
    assert (tmp_path / "log" / "checkpoint").read_bytes() == note


@pytest.mark.parametrize("lost", [True, False])
def test_a_tile_that_is_not_the_signed_ones_names_no_entry(
    database: Database, tmp_path: Path, lost: bool
) -> None:
    with running(database, tmp_path) as world:
        world.publish()
        fill(world)
        assert world.publish() == 5
    tile = tmp_path / "log" / tile_path(0, 0, 5)
    whole = tile.read_bytes()
    tile.unlink()
    if not lost:
        tile.write_bytes(whole[:-1] + bytes((whole[-1] ^ 1,)))
    with database.writer() as connection:
        assert execute(connection, "DELETE FROM entries WHERE log_index = ?", 3) == 1
    assert read_only_reason(database, tmp_path) == "an entry is missing"


def test_checkpoint_of_somebody_else_makes_the_ledger_read_only(database: Database, tmp_path: Path) -> None:
    with running(database, tmp_path) as world:
        world.publish()
    (tmp_path / "log" / "checkpoint").write_bytes(b"something else\n")
    assert read_only_reason(database, tmp_path) == "the published checkpoint is not ours"


def test_lost_files_are_written_again_and_changed_ones_are_not_overwritten(
    database: Database, tmp_path: Path
) -> None:
    with running(database, tmp_path) as world:
        fill(world)
        record_many(world, 300)
        world.publish()
    log = tmp_path / "log"
    kept = {path: path.read_bytes() for path in log.rglob("*") if path.is_file()}
    for name in (entries_path(0), entries_path(1, 49), tile_path(0, 0), tile_path(1, 0, 1)):
        (log / name).unlink()
    (log / "checkpoint").unlink()
    with running(database, tmp_path) as world:
        assert {path: path.read_bytes() for path in kept} == kept
        (log / entries_path(1, 50)).write_bytes(b"other")
        record_many(world, 1)
        world.ledger.integrator._thread.join(10)
        assert world.ledger.fault == "a published tile would change"
        assert (log / entries_path(1, 50)).read_bytes() == b"other"


def test_full_disk_is_waited_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.publish()
    original, left = TileFiles.write, [1]

    def write(files: TileFiles, tiles: object) -> None:
        if left[0]:
            left[0] -= 1
            raise OSError(errno.ENOSPC, "No space left on device")
        original(files, tiles)  # type: ignore[arg-type]

    monkeypatch.setattr(TileFiles, "write", write)
    record_many(world, 3)
    world.publish()
    assert (left, world.ledger.fault) == ([0], None)
    check_published(world)


def test_failing_disk_stops_signing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    size = world.publish()

    def write(_: TileFiles, __: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(TileFiles, "write", write)
    record_many(world, 3)
    world.ledger.integrator._thread.join(10)
    assert world.ledger.fault == "storage"
    assert check_published(world) == size


@pytest.mark.parametrize("mode", ["error-before", "error-after"])
@pytest.mark.parametrize("count", [3, 300])
def test_a_checkpoint_whose_commit_failed_is_not_taken_for_anothers(
    world: World, tmp_path: Path, mode: str, count: int
) -> None:
    """Whether it was done or not, and whatever came after it."""
    size = world.publish()
    (tmp_path / MARKER).touch()
    arm(f"log.sign:{mode}", tmp_path)
    try:
        record_many(world, count)
        while not (tmp_path / FIRED).exists():
            time.sleep(0.01)
        # A leaf that the checkpoint in doubt does not cover.
        record_many(world, 1)
        assert world.publish() == size + count + 1
    finally:
        disarm()
    assert check_published(world) == size + count + 1 and world.ledger.fault is None
    with world.database.reader() as connection:
        rows = fetch_all(connection, "SELECT size FROM checkpoints WHERE size > ? ORDER BY size", size)
    assert (mode == "error-after") == (rows[0][0] != size + count + 1)


def test_a_checkpoint_in_doubt_that_somebody_changed_is_found_out(world: World, tmp_path: Path) -> None:
    world.publish()
    (tmp_path / MARKER).touch()
    arm("log.sign:error-after", tmp_path)
    try:
        record_many(world, 1)
        while not (tmp_path / FIRED).exists():
            time.sleep(0.01)
        with world.database.writer() as connection:
            execute(connection, "UPDATE checkpoints SET note = ? WHERE size = 6", b"another")
        world.ledger.integrator._thread.join(10)
    finally:
        disarm()
    # By the comparison before the next signature, or by its compare-and-set.
    found = ("log.damaged(table=checkpoints, index=6)", "another process signed for this log")
    assert world.ledger.fault in found


def test_a_checkpoint_whose_file_found_no_room_is_shown_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = world.publish()
    original, left = TileFiles.write_checkpoint, [1]

    def write(files: TileFiles, note: bytes) -> None:
        if left[0]:
            left[0] -= 1
            raise OSError(errno.ENOSPC, "No space left on device")
        original(files, note)

    monkeypatch.setattr(TileFiles, "write_checkpoint", write)
    record_many(world, 3)
    assert world.publish() == size + 3
    assert (left, world.ledger.fault, check_published(world)) == ([0], None, size + 3)


def test_second_signer_of_the_same_log_is_found_out(world: World) -> None:
    world.publish()
    with world.database.writer() as connection:
        execute(connection, "UPDATE log_trees SET size = size + 1")
    record_many(world, 1)
    world.ledger.integrator._thread.join(10)
    assert world.ledger.fault == "another process signed for this log"


def test_fault_names_both_sides() -> None:
    fault = LedgerFault("sizes", got=3, want=4)
    assert (fault.check, fault.got, fault.want, str(fault)) == ("sizes", 3, 4, "sizes (got 3, want 4)")


def test_a_checkpoint_published_beside_the_scrub_is_no_damage(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scrub's snapshot of SQL may be older than the file beside it."""
    world.publish()
    original = scrub.stored_note

    def publish_meanwhile(connection: Connection, size: int) -> bytes | None:
        note = original(connection, size)
        monkeypatch.setattr(scrub, "stored_note", original)
        record_many(world, 1)
        world.publish()
        return note

    monkeypatch.setattr(scrub, "stored_note", publish_meanwhile)
    world.ledger.integrator.scrub.check()
    assert world.ledger.fault is None and check_published(world) == 6
