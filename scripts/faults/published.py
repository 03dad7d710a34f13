"""The log's files as they lie on disk, for the checker: lowest tiles and entry bundles of tlog-tiles."""

from __future__ import annotations

from pathlib import Path

TILE = 256


def read_part(folder: Path, first: int, width: int) -> bytes:
    """Return the bytes of the full file that begins at leaf ``first``, else of the partial one, else none."""
    number = first // TILE
    parts = [f"{number % 1000:03d}"]
    while number >= 1000:
        number //= 1000
        parts.insert(0, f"x{number % 1000:03d}")
    path = folder.joinpath(*parts)
    if width < TILE and not path.exists():
        path = path.with_name(f"{path.name}.p") / str(width)
    return path.read_bytes() if path.exists() else b""


def read_tiles(log: Path, size: int) -> list[bytes]:
    """Return the leaf hashes that the published tiles of level 0 hold."""
    found: list[bytes] = []
    for first in range(0, size, TILE):
        width = min(TILE, size - first)
        data = read_part(log / "tile" / "0", first, width)
        found += [data[at : at + 32] for at in range(0, min(len(data), width * 32), 32)]
    return found


def read_bundles(log: Path, size: int) -> list[bytes]:
    """Return the leaf data that the published bundles of entries hold, as far as they are whole."""
    found: list[bytes] = []
    for first in range(0, size, TILE):
        width = min(TILE, size - first)
        data = read_part(log / "tile" / "entries", first, width)
        for _ in range(width):
            length = int.from_bytes(data[:2], "big")
            if not length or len(data) < 2 + length:
                break
            found.append(data[2 : 2 + length])
            data = data[2 + length :]
    return found
