"""The scrub's reading of the log's files: tiles, bundles and the published checkpoint against the tree."""

from __future__ import annotations

from sqlalchemy import Connection

from chain.merkle.tree import Tree
from chain.tiles import TILE_WIDTH, TilePath
from gateway.db import fetch_all
from gateway.ledger.damage import file_damage, first_bad
from gateway.ledger.tile_files import CHECKPOINT_NAME, TileFiles


def check_tile(files: TileFiles, path: TilePath, tree: Tree) -> None:
    """Check one tile and every narrower file of it that readers of an older size may be given.

    Raises LedgerFault naming the file and the first entry or node that is bad.
    """
    data = files.tile(path)
    if data is None:
        raise file_damage(path.name, path.index * TILE_WIDTH)
    _compare(path, data, tree)
    for width in files.partial_widths(TilePath(path.level, path.index, TILE_WIDTH).name):
        if width < path.width:
            narrow = TilePath(path.level, path.index, width)
            # One that is gone meanwhile was superseded by the full one.
            part = files.tile(narrow)
            if part is not None:
                _compare(narrow, part, tree)


def check_published(shown: int, note: bytes | None, connection: Connection) -> None:
    """Check that the published checkpoint is a stored one, byte for byte, and not behind what was shown.

    Requires the order that publishing has, backwards: ``shown``, the size that readers were told, 0 before
    the first, is read before ``note``, and ``note`` before the transaction began. A checkpoint is stored
    first, then written, then shown; what is read in between is then ahead of nothing that it rests on.
    Raises LedgerFault.
    """
    if note is None:
        # Before the first quorum of witnesses there is none.
        if shown:
            raise file_damage(CHECKPOINT_NAME, 0)
        return
    try:
        size = parse_size(note)
    except (ValueError, IndexError):
        raise file_damage(CHECKPOINT_NAME, 0) from None
    rows = fetch_all(connection, "SELECT note FROM checkpoints WHERE size = ?", size)
    if rows != [(note,)] or size < shown:
        raise file_damage(CHECKPOINT_NAME, size)


def parse_size(note: bytes) -> int:
    """Return the size that a note's second line tells, whoever signed it. Raises ValueError, IndexError."""
    size = int(note.decode().split("\n", 2)[1])
    if not 0 <= size < 1 << 62:
        raise ValueError(size)
    return size


def _compare(path: TilePath, data: bytes, tree: Tree) -> None:
    bad = first_bad(path, data, tree)
    if bad is not None:
        raise file_damage(path.name, bad)
