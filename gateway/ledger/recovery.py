"""Start of the log: the tree from stored leaves, compared with every promise that was made about it.

Read-only towards the log: it may complete missing tile files, and signs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from sqlalchemy import Connection

from chain.checkpoint import open_checkpoint
from chain.entry import LEAF_SIZE
from chain.errors import NotaryError
from chain.hashing import EMPTY_ROOT, hash_leaf
from chain.merkle.tree import Tree
from chain.tiles import TILE_HEIGHT, TILE_WIDTH, encode_entry_bundle, list_tiles
from chain.types import NodeHash
from gateway.db import Database, fetch_all, insert_rows
from gateway.failpoints import step
from gateway.ledger.append import Leaf
from gateway.ledger.faults import LedgerFault
from gateway.ledger.identity import LogIdentity
from gateway.ledger.log_keys import own_keys
from gateway.ledger.proposed import stored_note
from gateway.ledger.tile_files import TileFiles

_PART = 8192


def recover_tree(
    database: Database, identity: LogIdentity, files: TileFiles, tree: Tree
) -> tuple[int, NodeHash, bytes | None]:
    """Fill ``tree`` up to the last signed size; return (size, root, note), note None before the first.

    1. the database's tree row is made when there is none; 2. the published checkpoint is ours and not ahead
    of the database; 3. there are enough entries; 4. they give the signed root; 5. missing tiles are written
    again.

    Raises LedgerFault for 2, 3 and 4.
    """
    with database.writer(step("start.tree")) as connection:
        size, root = _tree_row(connection, identity.origin)
        keys = own_keys(connection, identity)
    published = files.checkpoint()
    if published is not None:
        _check_published(published, [key.vkey for key in keys], size, root)
    with database.reader() as connection:
        for part in _leaf_parts(connection, size):
            tree.append(map(hash_leaf, part))
        note = _stored_note(connection, size)
    if tree.size != size:
        raise LedgerFault("fewer entries than the last checkpoint", got=tree.size, want=size)
    if tree.root() != root:
        raise LedgerFault("entries do not give the last signed root", got=tree.root().hex(), want=root.hex())
    _restore_files(database, files, tree)
    return size, root, note


def _tree_row(connection: Connection, origin: str) -> tuple[int, NodeHash]:
    rows = fetch_all(connection, "SELECT size, root FROM log_trees WHERE origin = ?", origin)
    if rows:
        return cast("tuple[int, NodeHash]", rows[0])
    insert_rows(connection, "log_trees", "origin,size,root", [(origin, 0, EMPTY_ROOT)])
    return 0, EMPTY_ROOT


def _check_published(note: bytes, vkeys: Sequence[str], size: int, root: bytes) -> None:
    """A published checkpoint ahead of the database means the database was rolled back.

    ``vkeys`` are all the log ever had: what a former key signed is still published after its rotation.
    """
    try:
        checkpoint = open_checkpoint(note, vkeys)
    except NotaryError:
        raise LedgerFault("the published checkpoint is not ours", got="a note", want=vkeys[-1]) from None
    if checkpoint.size > size:
        raise LedgerFault("the database is behind the published checkpoint", got=size, want=checkpoint.size)
    if checkpoint.size == size and checkpoint.root != root:
        raise LedgerFault(
            "the published checkpoint has another root", got=checkpoint.root.hex(), want=root.hex()
        )


def _stored_note(connection: Connection, size: int) -> bytes | None:
    note = stored_note(connection, size)
    if note is None and size:
        raise LedgerFault("the last checkpoint is missing", got=None, want=size)
    return note


def _leaf_parts(connection: Connection, size: int) -> Iterator[list[bytes]]:
    for start in range(0, size, _PART):
        yield stored_leaves(connection, start, min(start + _PART, size))


def stored_leaves(connection: Connection, start: int, end: int) -> list[bytes]:
    """Return the leaf data of ``[start, end)`` as far as stored, in order. Raises LedgerFault at a gap."""
    rows = fetch_all(
        connection,
        "SELECT log_index, leaf_data FROM entries WHERE log_index >= ? AND log_index < ? ORDER BY log_index",
        start,
        end,
    )
    leaves: list[bytes] = []
    for position, (index, data) in enumerate(rows):
        if index != start + position:
            raise LedgerFault("an entry is missing", got=index, want=start + position)
        if not isinstance(data, bytes) or len(data) != LEAF_SIZE:
            raise LedgerFault("an entry has no leaf data", got=index, want=f"{LEAF_SIZE} bytes")
        leaves.append(data)
    return leaves


def read_committed(connection: Connection, start: int, end: int) -> list[Leaf]:
    """Return the leaves of ``[start, end)`` as a committed batch. Raises LedgerFault when one is missing."""
    stored = stored_leaves(connection, start, end)
    if len(stored) != end - start:
        raise LedgerFault("an entry is missing", got=start + len(stored), want=end)
    return [Leaf(start + place, data, hash_leaf(data)) for place, data in enumerate(stored)]


def _restore_files(database: Database, files: TileFiles, tree: Tree) -> None:
    """Write again the files of the last signed size that a crash, or somebody, took away."""
    missing: list[tuple[str, bytes]] = []
    with database.reader() as connection:
        for path in list_tiles(tree.size):
            if files.has(path.name):
                continue
            first = path.index * TILE_WIDTH
            if path.level is None:
                data = encode_entry_bundle(stored_leaves(connection, first, first + path.width))
            else:
                data = tree.nodes(TILE_HEIGHT * path.level, first, first + path.width)
            missing.append((path.name, data))
    files.write(missing)
