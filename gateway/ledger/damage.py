"""What the scrub finds: a stored datum that is not what the log signed, named by its place.

The reason is shown to callers and to whoever watches: table or file and index, never a value.
"""

from __future__ import annotations

from chain.entry import LEAF_SIZE
from chain.hashing import hash_leaf
from chain.merkle.tree import Tree
from chain.tiles import TILE_HEIGHT, TILE_WIDTH, TilePath
from gateway.errors import Refusal
from gateway.ledger.faults import LedgerFault

_HASH = 32
_LENGTH = LEAF_SIZE.to_bytes(2, "big")
_BUNDLED = len(_LENGTH) + LEAF_SIZE


def names_place(reason: str) -> bool:
    """Say whether a reason names a damaged row or file."""
    return reason.startswith("log.damaged(")


def row_damage(table: str, index: object) -> LedgerFault:
    """Return the fault of a row, named by the index or key that its table is ordered by."""
    place = f"(table={table}, index={index})"
    return LedgerFault(f"log.damaged{place}", got=index, want="what was signed")


def file_damage(name: str, index: object) -> LedgerFault:
    """Return the fault of a file of the log, with the first entry or node of it that is bad."""
    place = f"(file={name}, index={index})"
    return LedgerFault(f"log.damaged{place}", got=index, want="what was signed")


def first_bad(path: TilePath, data: bytes, tree: Tree) -> int | None:
    """Return the first index in a tile (entry or node of its level) that differs from ``tree``, None if none.

    Requires the tile to lie within the tree. A file that is too long is bad at the index behind its last.
    """
    start = path.index * TILE_WIDTH
    if path.level is not None:
        want = tree.nodes(TILE_HEIGHT * path.level, start, start + path.width)
        if data == want:
            return None
        same = next((at for at, pair in enumerate(zip(data, want, strict=False)) if pair[0] != pair[1]), None)
        return start + (min(len(data), len(want)) if same is None else same) // _HASH
    for position in range(path.width):
        bundled = data[position * _BUNDLED : (position + 1) * _BUNDLED]
        if bundled[:2] != _LENGTH or hash_leaf(bundled[2:]) != tree.leaf_hash(start + position):
            return start + position
    return None if len(data) == _BUNDLED * path.width else start + path.width


def whole_tile(path: TilePath, data: bytes | None, tree: Tree) -> bytes | None:
    """Return a tile's bytes as they are, None for none. Raises Refusal ``log.damaged`` where they are bad."""
    if data is not None and first_bad(path, data, tree) is not None:
        raise Refusal("log.damaged")
    return data
