"""The log's files against SQL: tiles, entry bundles, and the published checkpoint.

Whatever SQL holds of a signed size, its files follow from; so one that is missing, or has other bytes, is
written again. A file that speaks of leaves SQL has not would stand in the way of the log: it is moved aside.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chain.errors import FormatError
from chain.merkle.tree import Tree
from chain.tiles import TilePath, list_tiles, parse_tile_path
from gateway.ledger.tile_files import CHECKPOINT_NAME, TileFiles, tile_bytes


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file below the log's folder: ``how`` is missing, wrong or beyond; ``want`` its bytes, if any."""

    name: str
    how: str
    want: bytes | None


def find_file_changes(
    files: TileFiles, tree: Tree, leaves: Sequence[bytes], size: int, note: bytes | None
) -> Iterator[FileChange]:
    """Yield what of the log's files is not what SQL gives, in order.

    ``tree`` and ``leaves`` are of all entries, ``size`` leaves are signed for; ``note`` is the newest
    published checkpoint that SQL keeps.
    """
    for path in list_tiles(size):
        if files.tile(path) is None:
            yield FileChange(path.name, "missing", tile_bytes(path, tree, leaves))
    for name, path in _present(files.folder):
        want = tile_bytes(path, tree, leaves)
        if want is None:
            yield FileChange(name, "beyond", None)
        elif (files.folder / name).read_bytes() != want:
            yield FileChange(name, "wrong", want)
    shown = files.checkpoint()
    if note is not None and shown != note:
        yield FileChange(CHECKPOINT_NAME, "missing" if shown is None else "wrong", note)


def write_file_changes(files: TileFiles, changes: Sequence[FileChange], aside: Path) -> None:
    """Move what is wrong to ``aside`` and write what SQL gives; the checkpoint last."""
    for change in changes:
        if change.how != "missing":
            kept = aside / "log" / change.name
            kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.rename(files.folder / change.name, kept)
    tiles = [(one.name, one.want) for one in changes if one.want is not None]
    # If we crash here, files are missing: the next start, or the next repair, writes them.
    files.write((name, data) for name, data in tiles if name != CHECKPOINT_NAME)
    for name, data in tiles:
        if name == CHECKPOINT_NAME:
            files.write_checkpoint(data)


def _present(folder: Path) -> Iterator[tuple[str, TilePath]]:
    for path in sorted((folder / "tile").rglob("*")):
        name = path.relative_to(folder).as_posix()
        try:
            found = parse_tile_path(name)
        except FormatError:
            # Not a name of ours, such as one that is being written: nobody reads it.
            continue
        if path.is_file():
            yield name, found
