"""``tongyi fsck``: a stopped gateway's data, checked from its bytes up. Changes nothing, makes nothing.

1. The database's own integrity check. 2. Entries are dense from 0 and each leaf commits to its entry and
salt. 3. Every stored checkpoint is signed by this log and has the root its entries give. 4. The published
checkpoint is the newest stored one, and the API keys are those the entries name. 5. Every tile and entry
bundle of that size is there with exactly the bytes the entries give. On demand: 6. All cases are built once
more from the entries, in a database of their own, and compared row by row (`gateway.cases.replay`). 7.
Running sums are what all entries add up to (`gateway.cases.tallies`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection, select

from chain.checkpoint import open_checkpoint
from chain.errors import NotaryError
from chain.hashing import hash_leaf, sha256
from chain.merkle.tree import Tree
from chain.operation import chapter_code
from chain.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    encode_entry_bundle,
    entries_path,
    parse_tile_path,
    tile_path,
)
from gateway.case_rules import CASE_BOOK
from gateway.cases.compare import compare_cases
from gateway.cases.replay import rebuild_cases
from gateway.cases.tallies import find_difference
from gateway.data_folder import DataFolder
from gateway.db import Database, migrate, sqlite_url
from gateway.keys import KeyFolder
from gateway.ledger.api_keys import find_key_difference
from gateway.ledger.log_keys import load_log_keys, vkeys_at
from gateway.ledger.tables import checkpoints, entries
from gateway.ledger.tile_files import TileFiles
from gateway.rules.calendar import format_month
from gateway.stopped import stopped_gateway

MOST_FAULTS = 100


@dataclass(slots=True)
class Findings:
    """What was looked at and what is wrong; ``faults`` name a part and a place, never a value.

    ``cases`` are the rows of cases that are as the entries give them, None where they were not asked for.
    """

    entries: int = 0
    checkpoints: int = 0
    files: int = 0
    cases: int | None = None
    faults: list[str] = field(default_factory=list)

    def fault(self, text: str) -> None:
        """Keep one fault; the first hundred are enough."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(text)


def run_fsck(
    data: Path | None,
    database_url: str | None,
    *,
    cases: bool = False,
    on_entry: Callable[[int], None] | None = None,
) -> Findings:
    """Check a data folder that no gateway is using; with ``cases`` these too.

    ``on_entry`` is told how far the cases are built.

    Raises:
        CommandFailure: there is no gateway's data; nothing was made.
        FolderInUse: a gateway runs on it.
    """
    with stopped_gateway(data, database_url) as (folder, database):
        found = _check(database, folder)
        if cases:
            _check_cases(database, found, on_entry)
        return found


def _check(database: Database, folder: DataFolder) -> Findings:
    found, tree = Findings(), Tree()
    own = KeyFolder(folder.keys).log_identity(None).vkey
    bundles: list[bytes] = []
    with database.reader() as connection:
        if database.is_sqlite:
            answer = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
            if answer != "ok":
                found.fault("database: integrity check fails")
        for index, body, salt, leaf in _entries(connection, found):
            # After erasure both are gone. SQLite keeps whatever type was written, so that is looked at too.
            erased = body is None and salt is None
            whole = isinstance(body, bytes) and isinstance(salt, bytes)
            if not erased and not (whole and leaf[1:33] == sha256(bytes(salt or b"") + bytes(body or b""))):
                found.fault(f"entry {index}: its leaf does not commit to it")
            bundles.append(leaf)
            tree.append([hash_leaf(leaf)])
        newest = _check_checkpoints(connection, tree, own, found)
        key = find_key_difference(connection)
        if key is not None:
            found.fault(f"api key {key}: is not what the entries say")
    files = TileFiles(folder.log)
    if files.checkpoint() != newest[1]:
        found.fault("published checkpoint: is not the newest stored one")
    _check_files(files, tree, bundles, newest[0], found)
    return found


def _check_cases(database: Database, found: Findings, on_entry: Callable[[int], None] | None) -> None:
    with TemporaryDirectory() as folder:
        place = Database(sqlite_url(Path(folder) / "cases.sqlite3"), pool_size=2)
        try:
            migrate(place)
            stuck = rebuild_cases(database, place, CASE_BOOK, on_entry).stuck
            if stuck is not None:
                # Everything after it rests on what it changed: nothing more can be said.
                found.cases = 0
                found.fault(f"entry {stuck.index}: the rules do not give this {stuck.type}: {stuck.code}")
                return
            found.cases, difference = compare_cases(database, place)
        finally:
            place.close()
    if difference is not None:
        place_of = f"case {difference.kind} {difference.key}"
        found.fault(f"{place_of}: {difference.table} is not what the entries give: {difference.what}")
    with database.reader() as connection:
        sum_differs = find_difference(connection, CASE_BOOK.tallies)
    if sum_differs is not None:
        chapter, name, period, part = sum_differs.place
        named = " ".join((chapter_code(chapter), format_month(period), name, part)).rstrip()
        found.fault(f"running sum {named}: is not what the entries give")


def _entries(
    connection: Connection, found: Findings
) -> Iterator[tuple[int, bytes | None, bytes | None, bytes]]:
    wanted = select(entries.c.log_index, entries.c.body, entries.c.salt, entries.c.leaf_data).order_by(
        entries.c.log_index
    )
    for row in connection.execution_options(yield_per=4_096).execute(wanted):
        if row.log_index != found.entries:
            found.fault(f"entry {found.entries}: is missing")
            return
        found.entries += 1
        yield row.log_index, row.body, row.salt, row.leaf_data
    if not found.entries:
        # Every log begins with its genesis entry.
        found.fault("entry 0: is missing")


def _check_checkpoints(
    connection: Connection, tree: Tree, own: str, found: Findings
) -> tuple[int, bytes | None]:
    newest: tuple[int, bytes | None] = (0, None)
    try:
        keys = load_log_keys(connection)
    except NotaryError:
        # Said already: the entry that names a key does not hold.
        keys = []
    if keys and keys[-1].vkey != own:
        found.fault("log key: is not the one the entries name last")
    for row in connection.execute(select(checkpoints).order_by(checkpoints.c.size)):
        found.checkpoints += 1
        newest = row.size, row.note
        try:
            told = open_checkpoint(row.note, vkeys_at(keys, row.size) or [own])
        except NotaryError:
            found.fault(f"checkpoint {row.size}: is not signed by this log")
            continue
        if row.size > tree.size:
            found.fault(f"checkpoint {row.size}: there are only {tree.size} entries")
        elif (told.size, told.root) != (row.size, tree.root(row.size)):
            found.fault(f"checkpoint {row.size}: its entries give another root")
    return newest


def _check_files(files: TileFiles, tree: Tree, leaves: list[bytes], size: int, found: Findings) -> None:
    if size > tree.size:
        return
    for first in range(0, size, TILE_WIDTH):
        part = leaves[first : min(first + TILE_WIDTH, size)]
        _check_file(files, entries_path(first // TILE_WIDTH, len(part)), encode_entry_bundle(part), found)
    level = 0
    while size >> (TILE_HEIGHT * level):
        count = size >> (TILE_HEIGHT * level)
        for first in range(0, count, TILE_WIDTH):
            end = min(first + TILE_WIDTH, count)
            nodes = tree.nodes(TILE_HEIGHT * level, first, end)
            _check_file(files, tile_path(level, first // TILE_WIDTH, end - first), nodes, found)
        level += 1


def _check_file(files: TileFiles, name: str, want: bytes, found: Findings) -> None:
    found.files += 1
    got = files.tile(parse_tile_path(name))
    if got is None:
        found.fault(f"{name}: is missing")
    elif got != want:
        found.fault(f"{name}: has other bytes than its entries give")
