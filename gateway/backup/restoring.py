"""Putting a backup back. Nothing is deleted: what a part replaces is moved aside first, when asked for.

All files are copied beside their place, compared with the manifest and made durable before the first is
renamed; the database comes last, so that a restore that was cut off leaves a folder without one, where the
published checkpoint keeps a new log from beginning.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from gateway.backup.database_copy import NotEmptyDatabase, OnRows, restore_rows
from gateway.backup.making import part_files, part_places
from gateway.backup.manifest import Manifest, Part, damaged_files, load_manifest
from gateway.command_failures import CommandFailure
from gateway.data_folder import DataFolder
from gateway.db import Database
from gateway.durable_files import flush_file
from gateway.schema_state import is_known

_SIDE_FILES = ("-wal", "-shm")
"""What SQLite keeps beside a file: it belongs to that file alone and would damage another one."""


def check_backup(source: Path, parts: Sequence[Part] = ()) -> tuple[Manifest, list[Part]]:
    """Read a backup's manifest and compare every file of ``parts`` (all, where none is named) with it.

    Raises CommandFailure: it is no backup, lacks a part, is of a newer version, or a file is damaged.
    """
    manifest = load_manifest(source)
    chosen = list(parts) or [part for part in Part if part in manifest.parts]
    for part in chosen:
        if part not in manifest.parts:
            raise CommandFailure(f"{part}：备份中没有", f"{part}: is not in the backup")
    if not is_known(manifest.schema):
        raise CommandFailure(
            f"{source}：由较新的版本生成（结构 {manifest.schema}）",
            f"{source}: was made by a newer version (schema {manifest.schema})",
        )
    for name in damaged_files(source, manifest, chosen):
        raise CommandFailure(f"{name}：与备份清单不符", f"{name}: is not what the backup's manifest says")
    return manifest, chosen


def restore_backup(
    source: Path,
    folder: DataFolder,
    parts: Sequence[Part],
    on_rows: OnRows,
    *,
    server: Database | None = None,
    replace: bool = False,
) -> tuple[Manifest, Path | None]:
    """Put ``parts`` of the backup in ``source`` into a folder that nobody uses, under its lock.

    The database goes into ``server``, an empty PostgreSQL database, where one is given. Returns the manifest
    and the folder that has what was replaced, None where nothing was.

    Raises:
        CommandFailure: see `check_backup`; or a part is there already and ``replace`` was not asked for.
        FolderInUse: a gateway runs on the folder.
    """
    manifest, chosen = check_backup(source, parts)
    is_new = not folder.root.exists()
    folder.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.lock(create=False)
    try:
        present = list(_present(chosen, folder, server))
        if present and not replace:
            names = ", ".join(path.name for path in present)
            raise CommandFailure(
                f"{folder.root}：已有 {names}；要替换请用 --replace",
                f"{folder.root}: has {names} already; --replace moves them aside",
            )
        with _staged(source, folder, manifest, chosen) as staged:
            aside = _move_aside(folder, present)
            _put_in_place(staged, folder, chosen, server, on_rows)
    except BaseException:
        folder.unlock()
        if is_new and {path.name for path in folder.root.iterdir()} <= {"lock"}:
            shutil.rmtree(folder.root)
        raise
    folder.unlock()
    return manifest, aside


def _present(parts: Sequence[Part], folder: DataFolder, server: Database | None) -> Iterator[Path]:
    for part in parts:
        if part == Part.DATABASE and server is not None:
            continue
        for path in part_files(part, folder):
            if path.is_file() or any(path.iterdir()):
                yield path
        if part in (Part.DATABASE, Part.VAULT):
            file = folder.database if part == Part.DATABASE else folder.vault
            yield from (found for end in _SIDE_FILES if (found := Path(f"{file}{end}")).exists())


@contextmanager
def _staged(source: Path, folder: DataFolder, manifest: Manifest, parts: Sequence[Part]) -> Iterator[Path]:
    """Copy the files of ``parts`` below the data folder and compare the copies; gone when the block ends."""
    place = Path(tempfile.mkdtemp(dir=folder.root, prefix=".restore."))
    try:
        for part in parts:
            for file in manifest.parts[part]:
                target = place / file.name
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                shutil.copy2(source / file.name, target)
                flush_file(target)
        for name in damaged_files(place, manifest, parts):
            raise CommandFailure(f"{name}：复制后与备份不符", f"{name}: was not copied as it is")
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _move_aside(folder: DataFolder, present: Sequence[Path]) -> Path | None:
    if not present:
        return None
    aside = new_aside(folder)
    for path in present:
        os.rename(path, aside / path.name)
    flush_file(aside)
    return aside


def new_aside(folder: DataFolder) -> Path:
    """Make a folder for what is replaced, named by the time, in the data folder."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return Path(tempfile.mkdtemp(dir=folder.root, prefix=f"replaced-{stamp}-"))


def _put_in_place(
    staged: Path, folder: DataFolder, parts: Sequence[Part], server: Database | None, on_rows: OnRows
) -> None:
    for part in sorted(parts, key=lambda one: one == Part.DATABASE):
        if part == Part.DATABASE and server is not None:
            _fill(staged / folder.database.name, server, on_rows)
            continue
        for place in part_places(part, folder):
            if (staged / place.name).exists():
                if place.is_dir():
                    place.rmdir()
                os.rename(staged / place.name, place)
                flush_file(place)


def _fill(copy: Path, server: Database, on_rows: OnRows) -> None:
    try:
        restore_rows(copy, server, on_rows)
    except NotEmptyDatabase as full:
        raise CommandFailure(
            f"{full.table}：目标数据库已有数据；请给出空的数据库",
            f"{full.table}: the database has rows already; name an empty one",
        ) from full
