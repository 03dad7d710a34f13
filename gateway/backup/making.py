"""Making a backup: the parts are copied in the order in which they may lag, the database last.

The log's files are of an earlier moment than the database beside them, never of a later one: a database is
ahead of its files after every crash, and on start the files are written again from it. The folder appears
under its name only when everything in it is durable.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from gateway.backup.database_copy import OnRows, copy_database, copy_sqlite
from gateway.backup.manifest import (
    MANIFEST,
    VERSION,
    BackupFile,
    Manifest,
    Part,
    describe_file,
    encode_manifest,
)
from gateway.command_failures import CommandFailure
from gateway.data_folder import DataFolder
from gateway.db import Database, sqlite_url
from gateway.durable_files import flush_file, write_durably
from gateway.ledger.tables import checkpoints, entries, log_heads
from gateway.schema_state import stored_revision

_ORDER = (Part.LOG, Part.DOCUMENTS, Part.KEYS, Part.VAULT, Part.CHAIN, Part.DATABASE)


def part_places(part: Part, folder: DataFolder) -> tuple[Path, ...]:
    """Return where a part is in a data folder: files, and folders that are taken whole."""
    places: dict[Part, tuple[Path, ...]] = {
        Part.DATABASE: (folder.database,),
        Part.LOG: (folder.log,),
        Part.DOCUMENTS: (folder.deployment, folder.trust_root),
        Part.KEYS: (folder.keys, folder.platform_key),
        Part.VAULT: (folder.vault,),
        Part.CHAIN: (folder.chain,),
    }
    return places[part]


def part_files(part: Part, folder: DataFolder) -> list[Path]:
    """Return what of a part there is."""
    return [place for place in part_places(part, folder) if place.exists()]


def make_backup(
    folder: DataFolder, database: Database, to: Path, parts: Sequence[Part], on_rows: OnRows
) -> Manifest:
    """Copy ``parts`` into the new folder ``to``; of the caller it wants the folder's lock for `Part.CHAIN`.

    Raises:
        CommandFailure: ``to`` is there already, or a part is not; nothing was made.
    """
    if to.exists():
        raise CommandFailure(f"{to}：已存在", f"{to}: is there already")
    for part in parts:
        if part != Part.DATABASE and not part_files(part, folder):
            raise CommandFailure(f"{part}：数据目录中没有", f"{part}: is not in the data folder")
    to.parent.mkdir(parents=True, exist_ok=True)
    # Of the owner alone: entries, salts and sealed fields are in it.
    place = Path(tempfile.mkdtemp(dir=to.parent, prefix=f".{to.name}."))
    try:
        for part in sorted(parts, key=_ORDER.index):
            if part == Part.DATABASE:
                copy_database(database, place / folder.database.name, on_rows)
            else:
                _copy_part(part, folder, place)
        manifest = _describe(place, folder, database, parts)
        write_durably(place / MANIFEST, encode_manifest(manifest), mode=0o600)
        os.rename(place, to)
        flush_file(to)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return manifest


def _copy_part(part: Part, folder: DataFolder, place: Path) -> None:
    for source in part_files(part, folder):
        if part == Part.VAULT:
            copy_sqlite(source, place / source.name)
        elif source.is_dir():
            _copy_folder(source, place / source.name)
        else:
            shutil.copy2(source, place / source.name)
            flush_file(place / source.name)


def _copy_folder(source: Path, target: Path) -> None:
    """Copy files and folders below ``source``, but those being written: their names begin with a dot.

    A partial tile may be gone by its turn, as its full one was written since: the database gives it again.
    """
    target.mkdir(mode=0o700)
    for path in sorted(source.iterdir()):
        if path.name.startswith("."):
            continue
        try:
            if path.is_dir():
                _copy_folder(path, target / path.name)
            else:
                shutil.copy2(path, target / path.name)
                flush_file(target / path.name)
        except FileNotFoundError:
            continue
    flush_file(target)


def _describe(place: Path, folder: DataFolder, database: Database, parts: Sequence[Part]) -> Manifest:
    """Say what the copy holds, from the copy itself where there is one."""
    copy = place / folder.database.name
    with ExitStack() as stack:
        told = stack.enter_context(closing(Database(sqlite_url(copy)))) if copy.exists() else database
        with told.reader() as connection:
            count = connection.execute(select(func.count()).select_from(entries)).scalar_one()
            origin = connection.execute(select(log_heads.c.origin)).scalar()
            newest = connection.execute(
                select(checkpoints.c.size, checkpoints.c.root).order_by(checkpoints.c.size.desc()).limit(1)
            ).first()
        schema = stored_revision(told)
    if copy.exists():
        # To be opened is to be changed: its header says that a log may be beside it.
        flush_file(copy)
    size, root = (newest.size, newest.root.hex()) if newest is not None else (0, "")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    files = {str(part): _files_of(part, folder, place) for part in parts}
    return Manifest(VERSION, now, origin or "", schema or "", count, size, root, files)


def _files_of(part: Part, folder: DataFolder, place: Path) -> tuple[BackupFile, ...]:
    copies = [place / source.name for source in part_places(part, folder)]
    found = [path for copy in copies for path in (copy, *copy.rglob("*")) if path.is_file()]
    return tuple(describe_file(place, path) for path in sorted(found))
