"""``tongyi fsck``: a stopped gateway's data, checked from its bytes up. Changes nothing, makes nothing.

1. The database's own integrity check. 2. Entries are dense from 0 and each leaf commits to its entry and
salt. 3. Every stored checkpoint is signed by this log and has the root its entries give. 4. The published
checkpoint is the newest stored one, and the API keys are those the entries name. 5. Every tile and entry
bundle of that size is there with exactly the bytes the entries give. On demand: 6. The last anchor is of
the entries' tree, and the mirror is what the chain gives. 7. Operands, accounts, balances, quotas and locks
are those the entries give (`gateway.repair.registers`). 8. All cases are built once more from the entries,
in a database of their own, and compared row by row (`gateway.cases.replay`). 9. Running sums are what all
entries add up to (`gateway.cases.tallies`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
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
    list_tiles,
)
from gateway.case_rules import CASE_BOOK
from gateway.cases.compare import compare_cases
from gateway.cases.replay import rebuild_cases
from gateway.cases.tallies import find_difference
from gateway.db import Database, migrate, sqlite_url
from gateway.keys import KeyFolder
from gateway.ledger.api_keys import find_key_difference
from gateway.ledger.identity import LogIdentity
from gateway.ledger.log_keys import load_log_keys, vkeys_at
from gateway.ledger.proposed import newest_signed
from gateway.ledger.tables import checkpoints, entries
from gateway.ledger.tile_files import TileFiles, tile_bytes
from gateway.mirror.compare import compare_mirrors
from gateway.mirror.tables import MIRRORED
from gateway.repair.mirror_rows import mirror_again
from gateway.repair.promises import ChainView, anchored_ahead, open_chain
from gateway.repair.register_rows import find_register_changes
from gateway.repair.registers import NotTold
from gateway.rules.calendar import format_month
from gateway.stopped import stopped_gateway

MOST_FAULTS = 100

IN_SQL, CHECKPOINTS, KEYS = "entries and leaves", "entries and checkpoints", "entries and API keys"
PUBLISHED, TILES = "SQL and published checkpoint", "SQL and tiles"
ANCHORS, MIRROR = "SQL and anchors", "mirror and chain"
CASES, SUMS, REGISTERS = "entries and cases", "entries and running sums", "entries and registers"
"""Pairs of stores that are held against each other."""
PAIR_WORDS = {
    IN_SQL: "记录与叶", CHECKPOINTS: "记录与检查点", KEYS: "记录与 API 密钥", PUBLISHED: "SQL 与已发布检查点",
    TILES: "SQL 与瓦片文件", ANCHORS: "SQL 与链上锚定", MIRROR: "镜像与链", REGISTERS: "记录与账户余额等登记",
    CASES: "记录与事项", SUMS: "记录与累计数",
}  # fmt: skip
"""Each of them in Chinese."""


@dataclass(slots=True)
class Findings:
    """What was looked at and what is wrong; ``faults`` name a part and a place, never a value.

    ``pairs`` are the pairs of stores that were compared, each with its first difference, None where they
    agree. ``cases`` are the rows of cases that are as the entries give them, None where they were not asked
    for.
    """

    entries: int = 0
    checkpoints: int = 0
    files: int = 0
    cases: int | None = None
    faults: list[str] = field(default_factory=list)
    pairs: dict[str, str | None] = field(default_factory=dict)

    def fault(self, text: str, pair: str) -> None:
        """Keep one fault, of a pair of stores; the first hundred are enough."""
        if self.pairs.get(pair) is None:
            self.pairs[pair] = text
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(text)


@dataclass(frozen=True, slots=True)
class StoredLog:
    """What SQL says of the log: leaf data and tree of all entries, how many are ``signed`` for, and the
    newest published checkpoint: its ``size`` and ``note``. ``vkeys`` are all keys the log ever had.
    """

    leaves: list[bytes]
    tree: Tree
    signed: int
    size: int
    note: bytes | None
    vkeys: list[str]


def run_fsck(
    data: Path | None,
    database_url: str | None,
    *,
    cases: bool = False,
    on_entry: Callable[[int], None] | None = None,
    chain_url: str | None = None,
    embedded_chain: bool = False,
) -> Findings:
    """Check a data folder that no gateway is using; with ``cases`` these too.

    With a ``chain_url`` anchors and mirror are compared with that node, with ``embedded_chain`` with a copy
    of the folder's own chain. ``on_entry`` is told how far the cases are built.

    Raises:
        CommandFailure: there is no gateway's data; nothing was made.
        FolderInUse: a gateway runs on it.
        ChainError: the node does not answer, or is on another chain.
    """
    with stopped_gateway(data, database_url) as (folder, database):
        found, identity = Findings(), KeyFolder(folder.keys).log_identity(None)
        log = read_log(database, identity.vkey, found)
        _check_keys(database, found)
        _check_published(TileFiles(folder.log), log, found)
        if chain_url is not None or embedded_chain:
            with open_chain(folder, chain_url) as chain:
                _check_chain(database, chain, bytes(identity.log_id), log, found)
        if cases:
            _check_registers(database, identity, found)
            _check_cases(database, found, on_entry)
        return found


def read_log(database: Database, own: str, found: Findings) -> StoredLog:
    """Read the log from SQL, with what contradicts itself there; ``own`` is the vkey of the folder's key."""
    tree, leaves = Tree(), list[bytes]()
    with database.reader() as connection:
        found.pairs |= {IN_SQL: None, CHECKPOINTS: None}
        if database.is_sqlite:
            answer = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
            if answer != "ok":
                found.fault("database: integrity check fails", IN_SQL)
        for index, body, salt, leaf in _entries(connection, found):
            # After erasure both are gone. SQLite keeps whatever type was written, so that is looked at too.
            erased = body is None and salt is None
            whole = isinstance(body, bytes) and isinstance(salt, bytes)
            if not erased and not (whole and leaf[1:33] == sha256(bytes(salt or b"") + bytes(body or b""))):
                found.fault(f"entry {index}: its leaf does not commit to it", IN_SQL)
            leaves.append(leaf)
            tree.append([hash_leaf(leaf)])
        size, note, vkeys = _check_checkpoints(connection, tree, own, found)
        signed = newest_signed(connection)
    return StoredLog(leaves, tree, size if signed is None else signed.size, size, note, vkeys)


def _check_keys(database: Database, found: Findings) -> None:
    with database.reader() as connection:
        key = find_key_difference(connection)
    found.pairs[KEYS] = None
    if key is not None:
        found.fault(f"api key {key}: is not what the entries say", KEYS)


def _check_published(files: TileFiles, log: StoredLog, found: Findings) -> None:
    found.pairs |= {PUBLISHED: None, TILES: None}
    if files.checkpoint() != log.note:
        found.fault("published checkpoint: is not the newest stored one", PUBLISHED)
    _check_files(files, log.tree, log.leaves, log.size, found)


def _check_chain(
    database: Database, chain: ChainView | None, log_id: bytes, log: StoredLog, found: Findings
) -> None:
    if chain is None:
        return
    found.pairs |= {ANCHORS: None, MIRROR: None}
    ahead = anchored_ahead(chain, log_id, log.tree)
    if ahead is not None:
        found.fault(f"anchors: {ahead.text}", ANCHORS)
    chain_id = chain.deployment.chain_id
    with database.reader() as connection:
        for table in MIRRORED:
            other = connection.execute(select(table.c.chain_id).where(table.c.chain_id != chain_id)).first()
            if other is not None:
                found.fault(f"mirror: {table.name} {other[0]}: is of another chain than {chain_id}", MIRROR)
    with TemporaryDirectory() as folder:
        with closing(Database(sqlite_url(Path(folder) / "mirror.sqlite3"), pool_size=2)) as place:
            migrate(place)
            moved = mirror_again(database, place, chain, None)
            if moved is not None:
                found.fault(f"mirror: {moved.code}(mirrored={moved.mirrored}, head={moved.head})", MIRROR)
                return
            difference = compare_mirrors(database, place, chain_id).difference
    if difference is not None:
        found.fault(f"mirror: {difference.place} is not what the chain gives", MIRROR)


def _check_registers(database: Database, identity: LogIdentity, found: Findings) -> None:
    found.pairs[REGISTERS] = None
    try:
        changes = find_register_changes(database, identity)
    except NotTold as untold:
        found.fault(f"entry {untold.index}: registers cannot be told from it: {untold.why}", REGISTERS)
        return
    for change in changes[:1]:
        found.fault(f"{change.place}: is not what the entries give: {change.how}", REGISTERS)


def _check_cases(database: Database, found: Findings, on_entry: Callable[[int], None] | None) -> None:
    found.pairs |= {CASES: None, SUMS: None}
    with TemporaryDirectory() as folder:
        place = Database(sqlite_url(Path(folder) / "cases.sqlite3"), pool_size=2)
        try:
            migrate(place)
            stuck = rebuild_cases(database, place, CASE_BOOK, on_entry).stuck
            if stuck is not None:
                # Everything after it rests on what it changed: nothing more can be said.
                found.cases = 0
                found.fault(
                    f"entry {stuck.index}: the rules do not give this {stuck.type}: {stuck.code}", CASES
                )
                return
            compared = compare_cases(database, place)
        finally:
            place.close()
    found.cases = sum(compared.rows.values())
    if compared.difference is not None:
        found.fault(
            f"{compared.difference.place}: is not what the entries give: {compared.difference.how}", CASES
        )
    with database.reader() as connection:
        sum_differs = find_difference(connection, CASE_BOOK.tallies)
    if sum_differs is not None:
        chapter, name, period, part = sum_differs.place
        named = " ".join((chapter_code(chapter), format_month(period), name, part)).rstrip()
        found.fault(f"running sum {named}: is not what the entries give", SUMS)


def _entries(
    connection: Connection, found: Findings
) -> Iterator[tuple[int, bytes | None, bytes | None, bytes]]:
    wanted = select(entries.c.log_index, entries.c.body, entries.c.salt, entries.c.leaf_data).order_by(
        entries.c.log_index
    )
    for row in connection.execution_options(yield_per=4_096).execute(wanted):
        if row.log_index != found.entries:
            found.fault(f"entry {found.entries}: is missing", IN_SQL)
            return
        found.entries += 1
        yield row.log_index, row.body, row.salt, row.leaf_data
    if not found.entries:
        # Every log begins with its genesis entry.
        found.fault("entry 0: is missing", IN_SQL)


def _check_checkpoints(
    connection: Connection, tree: Tree, own: str, found: Findings
) -> tuple[int, bytes | None, list[str]]:
    newest: tuple[int, bytes | None] = (0, None)
    try:
        keys = load_log_keys(connection)
    except NotaryError:
        # Said already: the entry that names a key does not hold.
        keys = []
    if keys and keys[-1].vkey != own:
        found.fault("log key: is not the one the entries name last", CHECKPOINTS)
    for row in connection.execute(select(checkpoints).order_by(checkpoints.c.size)):
        found.checkpoints += 1
        newest = row.size, row.note
        try:
            told = open_checkpoint(row.note, vkeys_at(keys, row.size) or [own])
        except NotaryError:
            found.fault(f"checkpoint {row.size}: is not signed by this log", CHECKPOINTS)
            continue
        if row.size > tree.size:
            found.fault(f"checkpoint {row.size}: there are only {tree.size} entries", CHECKPOINTS)
        elif (told.size, told.root) != (row.size, tree.root(row.size)):
            found.fault(f"checkpoint {row.size}: its entries give another root", CHECKPOINTS)
    return *newest, [key.vkey for key in keys] or [own]


def _check_files(files: TileFiles, tree: Tree, leaves: list[bytes], size: int, found: Findings) -> None:
    if size > tree.size:
        return
    for path in list_tiles(size):
        found.files += 1
        got = files.tile(path)
        if got is None:
            found.fault(f"{path.name}: is missing", TILES)
        elif got != tile_bytes(path, tree, leaves):
            found.fault(f"{path.name}: has other bytes than its entries give", TILES)
