"""The log's static files: written once, never changed, durable before anything that speaks of them is
signed.

Each file is written beside its place, flushed, renamed, and its folder flushed: a reader sees it whole or
not at all.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from chain.errors import FormatError
from chain.merkle.tree import Tree
from chain.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    TilePath,
    encode_entry_bundle,
    parse_entry_bundle,
    parse_tile_path,
)
from gateway.durable_files import flush
from gateway.failpoints import step
from gateway.ledger.faults import LedgerFault

CHECKPOINT_NAME = "checkpoint"
"""File of the newest signed checkpoint."""


class TileFiles:
    """Files under one folder, by their paths of tlog-tiles."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._superseded: list[Path] = []
        # Folders whose names, up to ours, this process has flushed and changed nothing in since.
        self._flushed: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Write tiles durably. One that is there already must have the same bytes.

        Raises LedgerFault when a file of that name has other bytes, OSError when the disk fails.
        """
        new: list[tuple[str, bytes]] = []
        full: list[Path] = []
        folders: set[str] = set()
        for name, data in files:
            place = os.path.join(self.folder, name)
            folders |= self._unflushed(os.path.dirname(place))
            if os.path.exists(place):
                if Path(place).read_bytes() != data:
                    raise LedgerFault("a published tile would change", got=name, want="the same bytes")
                continue
            new.append((place, data))
            if parse_tile_path(name).width == TILE_WIDTH:
                full.append(Path(place))
        with step("log.tiles"):
            try:
                _replace(new)
                # A crash may have come between a rename, or a new folder, and the flush that keeps its name.
                for folder in folders:
                    flush(folder)
            except OSError:
                self._flushed.clear()
                raise
        self._flushed |= folders
        # If we crash here, partial files stay beside full ones: readers may use either.
        self._superseded += [place.with_name(place.name + ".p") for place in full]

    def _unflushed(self, folder: str) -> set[str]:
        """Return the folder and those above it, up to ours, as far as this process has not flushed them."""
        found = set[str]()
        while folder not in self._flushed:
            found.add(folder)
            if folder == str(self.folder):
                break
            folder = os.path.dirname(folder)
        return found

    def clean(self) -> None:
        """Remove partial files whose full ones were written since; nothing refers to them any more."""
        superseded, self._superseded = self._superseded, []
        for folder in superseded:
            shutil.rmtree(folder, ignore_errors=True)

    def write_checkpoint(self, note: bytes) -> None:
        """Publish a signed checkpoint. Requires it to be stored in SQL and its tiles to be written."""
        with step("log.checkpoint"):
            _replace([(os.path.join(self.folder, CHECKPOINT_NAME), note)])

    def checkpoint(self) -> bytes | None:
        """Return the published checkpoint's bytes, None before the first."""
        return self._read(CHECKPOINT_NAME)

    def tile(self, path: TilePath) -> bytes | None:
        """Return the bytes of a tile or bundle; of a partial one also when only the full one is kept."""
        data = self._read(path.name)
        if data is None and path.width < TILE_WIDTH:
            whole = self._read(TilePath(path.level, path.index, TILE_WIDTH).name)
            if whole is not None and path.level is None:
                # While witnesses are waited for, readers stay at a size whose partial bundle may be gone.
                return encode_entry_bundle(parse_entry_bundle(whole, TILE_WIDTH)[: path.width])
            data = None if whole is None else whole[: path.width * 32]
        return data

    def partial_widths(self, name: str) -> list[int]:
        """Return the widths of the partial files of the tile or bundle whose full one has this name."""
        try:
            found = os.listdir(os.path.join(self.folder, name + ".p"))
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(int(width) for width in found if width.isdecimal())

    def has(self, name: str) -> bool:
        """Say whether the file is there."""
        return (self.folder / name).exists()

    def _read(self, name: str) -> bytes | None:
        try:
            return (self.folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None


def _replace(files: Iterable[tuple[str, bytes]]) -> None:
    """Put each ``(place, data)`` there in one step, durably.

    All are written before the first is flushed, and flushed before the first is renamed: the file system then
    commits its journal once for all of them and not once for each.
    """
    written: list[tuple[int, str, str]] = []
    folders: set[str] = set()
    try:
        for place, data in files:
            folder, name = os.path.split(place)
            folders.add(folder)
            aside = os.path.join(folder, f".{name}.new")
            try:
                descriptor = _create(aside)
            except FileNotFoundError:
                folders |= _make_folder(folder)
                descriptor = _create(aside)
            written.append((descriptor, aside, place))
            _write_all(descriptor, data)
        for descriptor, _, _ in written:
            os.fsync(descriptor)
    finally:
        for descriptor, _, _ in written:
            os.close(descriptor)
    # If we crash here, the files beside are rubbish that the next write of these names replaces.
    with step("log.rename"):
        for _, aside, place in written:
            os.rename(aside, place)
    for folder in folders:
        flush(folder)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _create(place: str) -> int:
    return os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)


def _make_folder(folder: str) -> set[str]:
    """Make a folder and what is missing above it; return the folders that thereby have a new name in them."""
    above = os.path.dirname(folder)
    changed = {above}
    if not os.path.isdir(above):
        changed |= _make_folder(above)
    os.makedirs(folder, exist_ok=True)
    return changed


def tile_bytes(path: TilePath, tree: Tree, leaves: Sequence[bytes]) -> bytes | None:
    """Return what a file must hold, None where there are not so many entries.

    ``leaves`` is the leaf data of all entries in ``tree``; a hash tile follows from the tree alone.
    """
    first, end = path.index * TILE_WIDTH, path.index * TILE_WIDTH + path.width
    if path.level is None:
        return encode_entry_bundle(list(leaves[first:end])) if end <= len(leaves) else None
    if end > tree.size >> (TILE_HEIGHT * path.level):
        return None
    return tree.nodes(TILE_HEIGHT * path.level, first, end)


def parse_name(name: str) -> TilePath | None:
    """Return what a requested name means, None when it is not the one name of a file."""
    try:
        return parse_tile_path(name)
    except FormatError:
        return None
