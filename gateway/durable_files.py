"""Small files that a crash or a power cut leaves whole, and the flushing of files and folders."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_durably(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Replace a file so that a crash or power cut leaves the old or the new one whole."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        replace_durably(Path(name), path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def replace_durably(source: Path, path: Path) -> None:
    """Put a file in the place of another of its folder; a crash leaves both as they were, or it there."""
    os.replace(source, path)
    flush(path.parent)


def flush(place: str | Path) -> None:
    """Make a file's bytes, or the names in a folder, durable. Raises OSError."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_file(path: Path) -> None:
    """Make a file's bytes and its name durable. Raises OSError."""
    flush(path)
    flush(path.parent)
