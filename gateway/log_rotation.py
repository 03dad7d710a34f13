"""Rotation of the log's key, on a stopped gateway: the old key signs up to the entry that names the new one.

1. The new key is stored beside the old one. *A crash here: no entry names it; the next start drops it.*
2. **[atomic]** ``key.rotated``, the checkpoint just behind it signed by the old key, and the moved head. From
   this commit on the new key signs, from the next size on.
3. The new key takes the old one's place, whose seed is gone with that; then a successor of the trust root is
   written, which takes bundles of the one it replaces. *A crash in between: the next start does it again,
   before anything is signed.*

So no size has two keys: which one signs is in the entries, not in the files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, inspect

from chain.errors import FormatError
from chain.hashing import hash_leaf
from chain.merkle.tree import Tree
from chain.operation import chapter_code, chapter_number
from chain.trust_root import format_trust_root, parse_trust_root
from chain.types import TreeSize
from gateway.data_folder import DataFolder
from gateway.db import Database, execute, fetch_all, migrate
from gateway.durable_files import write_durably
from gateway.failpoints import step
from gateway.keys import KeyFolder
from gateway.ledger.api_keys import KeyUse
from gateway.ledger.append import Batch, RandomPool
from gateway.ledger.drafts import Draft
from gateway.ledger.faults import LedgerFault
from gateway.ledger.genesis import read_head, take_epoch
from gateway.ledger.identity import LogIdentity
from gateway.ledger.log_keys import LOG_ROLE, load_log_keys, load_witness_changes
from gateway.ledger.proposed import propose
from gateway.ledger.recompute import recompute_leaf_hashes
from gateway.ledger.recovery import stored_leaves
from gateway.ledger.service import system_clock
from gateway.ledger.vault import Entropy
from gateway.root_succession import succeed_root
from gateway.stopped import stopped_gateway
from gateway.witness.collector import SignedNote

REASONS = ("scheduled", "compromised", "custody", "retired")
"""Why a key is rotated: on time, feared known to others, with a new keeper, or given up."""


@dataclass(frozen=True, slots=True)
class LogRotation:
    """The ``key.rotated`` entry at ``index``; ``new_vkey`` signs checkpoints from ``from_size`` on."""

    entry_id: str
    index: int
    old_vkey: str
    new_vkey: str
    from_size: int


def rotate_log_key(
    folder: DataFolder,
    database: Database,
    keys: KeyFolder,
    *,
    reason: str,
    now: int,
    entropy: Entropy = os.urandom,
) -> LogRotation:
    """Give the log a new key. Requires that no gateway runs on this data; ``now`` is Unix milliseconds.

    Raises:
        FormatError: ``reason`` is none of `REASONS`, or the folder's key is not the log's.
        LedgerFault: there is no log, entries and its last checkpoint contradict each other, or some wait to
            be published.
    """
    check_reason(reason)
    finish_rotation(folder, database, keys)
    old = keys.log_identity(None)
    with database.reader() as connection:
        # Before a key is made for a log that is not there.
        read_head(connection, old.origin)
    new = keys.make_next_log_key(old.origin)
    # If we crash here, no entry names the new key.
    with database.writer(step("rotate.log")) as connection:
        done = _record(connection, old, new.vkey, reason, now, RandomPool(entropy))
    # If we crash here, the next start finishes what the entry says.
    finish_rotation(folder, database, keys)
    return done


def check_reason(reason: str) -> None:
    """Pass for a reason of a rotation. Raises FormatError."""
    if reason not in REASONS:
        raise FormatError("reason", f"not one of {', '.join(REASONS)}")


def finish_rotation(folder: DataFolder, database: Database, keys: KeyFolder) -> None:
    """Bring key file and trust root to what the entries say; call before the log's key is used.

    Raises FormatError where the folder's key is not the one the entries name.
    """
    with database.reader() as connection:
        is_there = inspect(connection).has_table("entries")
        ranges = load_log_keys(connection) if is_there else []
        changes = load_witness_changes(connection) if is_there else []
    if not ranges:
        return
    following = keys.next_log_key()
    if following is not None and following.vkey == ranges[-1].vkey:
        keys.take_next_log_key()
    own = keys.log_identity(None)
    if own.vkey != ranges[-1].vkey:
        raise FormatError("log.json", "is not the key that the log's last rotation names")
    if folder.trust_root.exists():
        root = parse_trust_root(folder.trust_root.read_bytes())
        successor = succeed_root(root, own.origin, ranges, changes)
        if successor is not root:
            write_durably(folder.trust_root, format_trust_root(successor) + b"\n")
    # Last: while this file is there, an interrupted rotation is seen and finished.
    keys.drop_next_log_key()


def append_rotation(
    connection: Connection, identity: LogIdentity, public: Mapping[str, str | int], now: int, pool: RandomPool
) -> tuple[str, int]:
    """Add a ``key.rotated`` as `append_entry` does; return the entry's id and index."""
    draft = Draft("key.rotated", chapter_code(0), None, (), public=public)
    entry_id, index, _ = append_entry(connection, identity, draft, now, pool)
    return entry_id, index


def append_entry(
    connection: Connection, identity: LogIdentity, draft: Draft, now: int, pool: RandomPool
) -> tuple[str, int, str]:
    """Add an entry about a key and the checkpoint just behind it, signed by ``identity``, of a log that
    nobody else is writing; return the entry's id, index and time.

    Changes the keys' rows that the draft is about. Raises Refusal where these are not such that it may, and
    LedgerFault where entries and the last checkpoint contradict each other.
    """
    head = take_epoch(connection, identity.origin)
    tree = _sound_tree(connection, identity.origin, head.next_index)
    index, size = head.next_index, TreeSize(head.next_index + 1)
    batch, chapter = Batch(index, max(head.milliseconds, now), pool, None), chapter_number(draft.chapter)
    keys = KeyUse(connection, batch.at)
    keys.check(draft, chapter)
    entry_id = batch.draw_id()
    batch.add(batch.build(draft, entry_id, (), None), draft, chapter, ())
    batch.insert(connection)
    keys.apply(draft)
    origin = identity.origin
    execute(
        connection, "UPDATE log_heads SET next_index = ?, at = ? WHERE origin = ?", size, batch.at, origin
    )
    # The second code path, as before any signature.
    tree.append(recompute_leaf_hashes(connection, index, size))
    root = tree.root()
    execute(connection, "UPDATE log_trees SET size = ?, root = ? WHERE origin = ?", size, root, origin)
    propose(connection, SignedNote(size, root, identity.sign_checkpoint(size, root)), batch.at)
    return entry_id, index, batch.at


def _record(
    connection: Connection, old: LogIdentity, new_vkey: str, reason: str, now: int, pool: RandomPool
) -> LogRotation:
    # The entry's own checkpoint is the old key's last.
    from_size = read_head(connection, old.origin).next_index + 2
    public: dict[str, str | int] = {"role": LOG_ROLE, "reason": reason, "from_size": from_size}
    public |= {"old_vkey": old.vkey, "new_vkey": new_vkey}
    entry_id, index = append_rotation(connection, old, public, now, pool)
    return LogRotation(entry_id, index, old.vkey, new_vkey, from_size)


def _sound_tree(connection: Connection, origin: str, count: int) -> Tree:
    """Return the tree of all entries. Raises LedgerFault unless the last checkpoint is exactly theirs."""
    rows = fetch_all(connection, "SELECT size, root FROM log_trees WHERE origin = ?", origin)
    signed = rows[0] if rows else (0, None)
    if signed[0] != count:
        raise LedgerFault(
            "entries wait for their checkpoint: start and stop the gateway", got=count, want=signed[0]
        )
    tree = Tree(map(hash_leaf, stored_leaves(connection, 0, count)))
    if tree.root() != signed[1]:
        raise LedgerFault(
            "entries do not give the last signed root", got=tree.root().hex(), want="the signed"
        )
    return tree


@contextmanager
def on_stopped_gateway(
    data: Path | None, database_url: str | None
) -> Iterator[tuple[DataFolder, Database, KeyFolder]]:
    """Hold a data folder that no gateway is using, with its keys and its database at the newest schema.

    Raises as `stopped_gateway`.
    """
    with stopped_gateway(data, database_url) as (folder, database):
        migrate(database)
        yield folder, database, KeyFolder(folder.keys)


def run_rotate_log(data: Path | None, database_url: str | None, reason: str) -> LogRotation:
    """Rotate the log's key of a data folder that no gateway is using, by the clock of this machine.

    Raises as `rotate_log_key` and `on_stopped_gateway`.
    """
    with on_stopped_gateway(data, database_url) as (folder, database, keys):
        return rotate_log_key(folder, database, keys, reason=reason, now=system_clock())
