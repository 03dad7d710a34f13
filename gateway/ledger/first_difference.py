"""Where the entries of a log that contradicts itself leave what was signed: the first one, by its index.

A start that refuses its log knows only that the root is another one. The published tiles hold the hash of
each leaf; where they still give the signed root, they tell which entry is not the one that was signed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from sqlalchemy import Connection

from chain.hashing import hash_leaf
from chain.merkle.tree import Tree
from chain.tiles import list_tiles
from gateway.db import Database, fetch_all
from gateway.ledger.damage import row_damage
from gateway.ledger.faults import LedgerFault
from gateway.ledger.proposed import stored_note
from gateway.ledger.tile_files import TileFiles

_HASH = 32
_PART = 8_192
_SELECT_SIGNED = (
    "SELECT t.size, t.root, h.next_index FROM log_trees t JOIN log_heads h ON h.origin = t.origin"
)
_SELECT_LEAVES = "SELECT log_index, leaf_data FROM entries WHERE log_index > ? ORDER BY log_index LIMIT ?"


def name_place(fault: LedgerFault, database: Database, files: TileFiles) -> LedgerFault:
    """Return ``fault`` with the first bad entry named, or the last checkpoint where that one is missing.

    Where the tiles do not tell, it is returned as it is.
    """
    with database.reader() as connection:
        rows = cast("list[tuple[int, bytes, int]]", fetch_all(connection, _SELECT_SIGNED))
        if len(rows) != 1:
            return fault
        size, root, head = rows[0]
        signed = _published(files, size)
        if signed is None or signed.root() != root:
            return fault
        index = _first_bad(connection, signed, head)
        if index is None and size and stored_note(connection, size) is None:
            return row_damage("checkpoints", size)
    return fault if index is None else row_damage("entries", index)


def _published(files: TileFiles, size: int) -> Tree | None:
    """Return the tree of the published hashes of leaves, None where one is not there."""
    tree = Tree()
    for path in list_tiles(size):
        if path.level == 0:
            data = files.tile(path)
            if data is None or len(data) != path.width * _HASH:
                return None
            tree.append(data[at : at + _HASH] for at in range(0, len(data), _HASH))
    return tree


def _first_bad(connection: Connection, signed: Tree, head: int) -> int | None:
    """Return the first entry that is missing, another one, or behind the head ``head`` with a gap before."""
    expected = 0
    for index, data in _leaves(connection):
        if index != expected:
            # Behind the last entry nothing is missing: what stands there is one too many.
            return index if index < expected or expected >= head else expected
        if expected < signed.size:
            if not isinstance(data, bytes) or hash_leaf(data) != signed.leaf_hash(expected):
                return expected
        expected += 1
    return expected if expected < signed.size else None


def _leaves(connection: Connection) -> Iterator[tuple[int, object]]:
    last = -(1 << 62)
    while rows := cast("list[tuple[int, object]]", fetch_all(connection, _SELECT_LEAVES, last, _PART)):
        yield from rows
        last = rows[-1][0]
