"""Names and contents of the log's static files. C2SP tlog-tiles, entry bundles included. Pure.

Must not touch a file system: callers map a path to bytes as they like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chain.errors import FormatError

TILE_HEIGHT = 8
TILE_WIDTH = 256
"""Hashes of a full tile, entries of a full bundle."""

MAX_LEVEL = 63
MAX_BUNDLED_ENTRY = 65_535
"""Bytes one entry of a bundle may have: its length is two bytes."""

_PATH = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?\Z")
_MAX_PATH = 64


@dataclass(frozen=True, slots=True)
class TilePath:
    """One static file: ``level`` is None for an entry bundle, ``width`` is 256 for a full one."""

    level: int | None
    index: int
    width: int

    @property
    def name(self) -> str:
        """The path of the file. Inverse: :func:`parse_tile_path`. Raises FormatError."""
        if self.level is None:
            return entries_path(self.index, self.width)
        return tile_path(self.level, self.index, self.width)


def tile_path(level: int, index: int, width: int | None = None) -> str:
    """Return the path of a hash tile, ``width`` None or 256 for a full one. Inverse: :func:`parse_tile_path`.

    Raises FormatError outside 0 <= level <= 63, 0 <= index, 1 <= width <= 256.
    """
    if not 0 <= level <= MAX_LEVEL:
        raise FormatError("tile level", f"not 0 to {MAX_LEVEL}")
    return f"tile/{level}/{_index_path(index)}{_width_suffix(width)}"


def entries_path(index: int, width: int | None = None) -> str:
    """Return the path of an entry bundle. Inverse: :func:`parse_tile_path`. Raises FormatError."""
    return f"tile/entries/{_index_path(index)}{_width_suffix(width)}"


def parse_tile_path(path: str) -> TilePath:
    """Return what a path names. Inverse of :func:`tile_path` and :func:`entries_path`.

    Each file has one path: superfluous ``x000`` groups, leading zeros and widths above 255 are refused.
    Raises FormatError.
    """
    match = _PATH.match(path) if len(path) <= _MAX_PATH else None
    if match is None or match[2].startswith("x000/"):
        raise FormatError("tile path", "not in the form of tlog-tiles")
    level = None if match[1] == "entries" else int(match[1])
    width = TILE_WIDTH if match[3] is None else int(match[3])
    if (level is not None and level > MAX_LEVEL) or (match[3] is not None and width >= TILE_WIDTH):
        raise FormatError("tile path", "level or width out of range")
    return TilePath(level, int(match[2].replace("x", "").replace("/", "")), width)


def list_tiles(size: int, since: int = 0) -> Iterator[TilePath]:
    """Yield every bundle and tile of a log of ``size`` entries that one of ``since`` entries has not.

    Bundles first, then each level, in order. Requires since <= size.
    """
    yield from _list_level(None, size, since)
    level = 0
    while count := size >> (TILE_HEIGHT * level):
        yield from _list_level(level, count, since >> (TILE_HEIGHT * level))
        level += 1


def _list_level(level: int | None, count: int, since: int) -> Iterator[TilePath]:
    if count > since:
        for first in range(since - since % TILE_WIDTH, count, TILE_WIDTH):
            yield TilePath(level, first // TILE_WIDTH, min(TILE_WIDTH, count - first))


def partial_width(size: int, level: int) -> int:
    """Return the width of the partial tile at ``level`` of a tree of ``size``; 0 when there is none."""
    return (size >> (TILE_HEIGHT * level)) % TILE_WIDTH


def encode_entry_bundle(entries: Sequence[bytes]) -> bytes:
    """Return entries, each after its length as big-endian uint16. Inverse of :func:`parse_entry_bundle`.

    Raises FormatError unless there are 1 to 256 entries of at most 65,535 bytes.
    """
    if not 1 <= len(entries) <= TILE_WIDTH:
        raise FormatError("entry bundle", f"not 1 to {TILE_WIDTH} entries")
    parts: list[bytes] = []
    for position, entry in enumerate(entries):
        if len(entry) > MAX_BUNDLED_ENTRY:
            raise FormatError(f"entry {position} of the bundle", f"longer than {MAX_BUNDLED_ENTRY} bytes")
        parts.append(len(entry).to_bytes(2, "big"))
        parts.append(entry)
    return b"".join(parts)


def parse_entry_bundle(data: bytes, width: int | None = None) -> list[bytes]:
    """Return the entries of a bundle, ``width`` of them where given. Inverse of :func:`encode_entry_bundle`.

    Raises FormatError on truncated or trailing bytes and on another number of entries.
    """
    entries: list[bytes] = []
    position = 0
    while position < len(data):
        start = position + 2
        end = start + int.from_bytes(data[position:start], "big")
        if end > len(data) or start > len(data):
            raise FormatError(f"entry {len(entries)} of the bundle", "truncated")
        entries.append(data[start:end])
        position = end
        if len(entries) > TILE_WIDTH:
            break
    if not 1 <= len(entries) <= TILE_WIDTH or (width is not None and len(entries) != width):
        raise FormatError("entry bundle", f"not {TILE_WIDTH if width is None else width} entries")
    return entries


def _index_path(index: int) -> str:
    if index < 0:
        raise FormatError("tile index", "negative")
    path = f"{index % 1000:03d}"
    while index >= 1000:
        index //= 1000
        path = f"x{index % 1000:03d}/{path}"
    return path


def _width_suffix(width: int | None) -> str:
    if width is None or width == TILE_WIDTH:
        return ""
    if not 1 <= width < TILE_WIDTH:
        raise FormatError("tile width", f"not 1 to {TILE_WIDTH}")
    return f".p/{width}"
