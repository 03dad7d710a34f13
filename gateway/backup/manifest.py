"""What a backup holds, by name, size and digest: ``manifest.json``, written last, read first.

It guards against damage and mixed-up files, not against forgery: who can write the folder can write this
file. What a restored gateway may sign is decided by its log, its anchors and its witnesses.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import cast

from gateway.command_failures import CommandFailure

MANIFEST = "manifest.json"
VERSION = 1
_CHUNK = 1 << 20


class Part(StrEnum):
    """What can be copied and put back by itself."""

    DATABASE = "database"
    LOG = "log"
    DOCUMENTS = "documents"
    KEYS = "keys"
    VAULT = "vault"
    CHAIN = "chain"


USUAL = (Part.DATABASE, Part.LOG, Part.DOCUMENTS)
"""What is copied unasked: nothing that signs, nothing that opens private fields."""


@dataclass(frozen=True, slots=True)
class BackupFile:
    """One file, its name relative to the backup's folder; ``sha256`` in hex."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """``size`` and ``root`` (hex) are those of the newest checkpoint in the database's copy, 0 and empty
    without one; ``entries`` counts what was recorded. ``made_at`` is RFC 3339 in UTC.
    """

    v: int
    made_at: str
    origin: str
    schema: str
    entries: int
    size: int
    root: str
    parts: Mapping[str, Sequence[BackupFile]]

    @property
    def files(self) -> list[BackupFile]:
        """All files of all parts."""
        return [file for files in self.parts.values() for file in files]


def describe_file(folder: Path, path: Path) -> BackupFile:
    """Return name, size and digest of a file of a backup."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return BackupFile(path.relative_to(folder).as_posix(), size, digest.hexdigest())


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the bytes of the manifest's file."""
    return (json.dumps(asdict(manifest), indent=1, sort_keys=True) + "\n").encode()


def load_manifest(folder: Path) -> Manifest:
    """Read the manifest of a backup.

    Raises CommandFailure: there is none, or it is no manifest of this version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise CommandFailure(
            f"{folder}：不是备份（缺少 {MANIFEST}）", f"{folder}: is no backup ({MANIFEST} is missing)"
        )
    try:
        told = json.loads(path.read_bytes())
        parts = {
            Part(name): tuple(BackupFile(str(f["name"]), int(f["size"]), str(f["sha256"])) for f in files)
            for name, files in told["parts"].items()
        }
        manifest = Manifest(
            v=int(told["v"]),
            made_at=str(told["made_at"]),
            origin=str(told["origin"]),
            schema=str(told["schema"]),
            entries=int(told["entries"]),
            size=int(told["size"]),
            root=str(told["root"]),
            parts=cast("Mapping[str, Sequence[BackupFile]]", parts),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        manifest = None
    if manifest is None or manifest.v != VERSION or not all(_stays_inside(f.name) for f in manifest.files):
        raise CommandFailure(
            f"{path}：不是第 {VERSION} 版的备份清单", f"{path}: is no backup manifest of version {VERSION}"
        )
    return manifest


def _stays_inside(name: str) -> bool:
    path = Path(name)
    return not path.is_absolute() and ".." not in path.parts and name not in ("", ".", MANIFEST)


def damaged_files(folder: Path, manifest: Manifest, parts: Sequence[Part]) -> Iterator[str]:
    """Yield the names of the files of these parts that are missing or not as they were written."""
    for part in parts:
        for file in manifest.parts.get(part, ()):
            path = folder / file.name
            if not path.is_file() or describe_file(folder, path) != file:
                yield file.name
