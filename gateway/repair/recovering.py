"""``tongyi recover``: what one store of a stopped gateway has lost is made again from the others.

1. Entries and stored checkpoints must hold by themselves, or nothing is done. 2. What was published,
anchored or cosigned must be in them, or nothing is done: bodies and salts exist nowhere else. Then, each
from what proves it: 3. tiles, bundles and the published checkpoint from SQL; 4. mirrored rows from the
chain; 5. operands, accounts, rights, balances, quotas and locks from the entries; 6. cases and receipts by
judging all entries again; 7. running sums. Nothing is deleted: replaced files and rows are kept in a folder
beside.

Without ``write`` the same is done to a copy, so what is told is what would be done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from sqlalchemy import Connection, select

from gateway.backup.database_copy import copy_database
from gateway.backup.restoring import new_aside
from gateway.case_rules import CASE_BOOK
from gateway.cases.compare import CASE_TABLES
from gateway.cases.replay import rebuild_cases
from gateway.cases.tables import tallies
from gateway.cases.tallies import Place, recompute_tallies
from gateway.command_failures import CommandFailure
from gateway.data_folder import DataFolder
from gateway.db import Database, sqlite_url
from gateway.fsck_command import Findings, StoredLog, read_log
from gateway.keys import KeyFolder
from gateway.ledger.identity import LogIdentity
from gateway.ledger.tile_files import TileFiles
from gateway.mirror.tables import MIRRORED
from gateway.repair.log_files import find_file_changes, write_file_changes
from gateway.repair.mirror_rows import Moved, mirror_again
from gateway.repair.promises import (
    Ahead,
    ChainView,
    anchored_ahead,
    open_chain,
    published_ahead,
    witnessed_ahead,
)
from gateway.repair.register_rows import empty_place, find_register_changes
from gateway.repair.registers import NotTold
from gateway.repair.rows import apply_changes, keep_rows
from gateway.row_compare import Change, find_changes
from gateway.schema_state import code_head, stored_revision
from gateway.settings import load_settings
from gateway.stopped import stopped_gateway

_SUM_COLUMNS = ("chapter", "name", "period", "part", "count", "amount")
_NAMED = 20
"""Repairs that are named one by one; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Repair:
    """What is put right: ``count`` files or rows of ``store``, from ``source``, the first of them by name."""

    store: str
    source: str
    count: int
    first: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something nobody repairs, or nobody has to: its code, two sizes where it has them, and what about."""

    code: str
    here: int | None = None
    there: int | None = None
    about: str = ""


@dataclass(slots=True)
class Report:
    """``contradictions`` are beyond repair, ``notes`` need none; ``needs`` is the least size a backup must
    hold, None where SQL holds all; ``aside`` is the folder with what was replaced.
    """

    written: bool
    entries: int = 0
    needs: int | None = None
    contradictions: list[Finding] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    aside: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether every store is now what the others say."""
        return not self.contradictions and (self.written or not self.repairs)


@dataclass(frozen=True, slots=True)
class _Work:
    """What all repairs need: the folder, its log, the chain where there is one, and who hears of progress."""

    folder: DataFolder
    identity: LogIdentity
    log: StoredLog
    chain: ChainView | None
    on_entry: Callable[[int], None] | None


def run_recover(
    data: Path | None,
    database_url: str | None,
    chain_url: str | None,
    *,
    write: bool = False,
    on_entry: Callable[[int], None] | None = None,
) -> Report:
    """Compare the stores of a data folder that no gateway is using; with ``write`` repair them.

    Raises:
        CommandFailure: there is no gateway's data, or its schema is not this version's; nothing was made.
        FolderInUse: a gateway runs on it.
        ChainError: a node was named and does not answer, or is on another chain.
    """
    settings = load_settings(data, chain_url=chain_url, database_url=database_url)
    report = Report(written=write)
    with stopped_gateway(data, database_url) as (folder, database), ExitStack() as stack:
        _check_schema(database)
        identity = KeyFolder(folder.keys).log_identity(None)
        found = Findings()
        log = read_log(database, identity.vkey, found)
        report.entries = log.tree.size
        if found.faults:
            report.contradictions = [Finding("sql.damaged", about=fault) for fault in found.faults]
            return report
        chain = stack.enter_context(open_chain(folder, settings.chain_url))
        work = _Work(folder, identity, log, chain, on_entry)
        _compare(work, database, settings.witness_policy, report)
        if not report.contradictions:
            _repair(work, database, report)
    return report


def _check_schema(database: Database) -> None:
    if stored_revision(database) != code_head():
        raise CommandFailure(
            "数据库的结构不是本版本的；请先用本版本启动网关一次",
            "the database has not this version's schema; start a gateway of this version on it first",
        )


def _compare(work: _Work, database: Database, policy: Path | None, report: Report) -> None:
    """Say what others hold of the log and its entries do not."""
    log = work.log
    found: list[Ahead | str | None] = [
        published_ahead(TileFiles(work.folder.log).checkpoint(), log.vkeys, log.tree)
    ]
    if work.chain is None:
        report.notes.append(Finding("chain.unknown"))
    else:
        found.append(anchored_ahead(work.chain, bytes(work.identity.log_id), log.tree))
    found.append(witnessed_ahead(policy, database, work.identity, log.tree))
    for one in found:
        if isinstance(one, str):
            report.notes.append(Finding(one))
        elif one is not None:
            report.contradictions.append(Finding(one.code, one.here, one.there, one.about))
            report.needs = max(report.needs or 0, one.there) or None


def _repair(work: _Work, database: Database, report: Report) -> None:
    with ExitStack() as stack:
        keeper = _Keeper(work.folder, report)
        target = database if report.written else stack.enter_context(_copy_of(database))
        _repair_files(work, keeper, report)
        _repair_mirror(work, target, keeper, report)
        _repair_registers(work, target, keeper, report)
        _repair_cases(work, target, keeper, report)
        with target.reader() as connection:
            changes = _sum_changes(connection)
        keeper.put(target, "running sums", "entries", changes)


class _Keeper:
    """Makes changes of rows, keeping what they replace; the folder for that is made by the first."""

    def __init__(self, folder: DataFolder, report: Report) -> None:
        self._folder = folder
        self._report = report
        self._aside: Path | None = None

    @property
    def aside(self) -> Path:
        """The folder for what is replaced."""
        if self._aside is None:
            self._aside = new_aside(self._folder)
            self._report.aside = str(self._aside)
        return self._aside

    def put(self, target: Database, store: str, source: str, changes: Sequence[Change]) -> None:
        """Give ``target`` the rows it lacks and take those it has not, and report them."""
        if not changes:
            return
        if self._report.written:
            keep_rows(self.aside, changes)
        # If we crash here, what would be replaced is kept and nothing is replaced: run it again.
        with target.writer() as connection:
            apply_changes(connection, changes)
        names = tuple(f"{change.place}: {change.how}" for change in changes[:_NAMED])
        self._report.repairs.append(Repair(store, source, len(changes), names))


@contextmanager
def _copy_of(database: Database) -> Iterator[Database]:
    with TemporaryDirectory() as folder:
        place = Path(folder) / "copy.sqlite3"
        copy_database(database, place, lambda _: None)
        with closing(Database(sqlite_url(place), pool_size=2)) as copy:
            yield copy


def _repair_files(work: _Work, keeper: _Keeper, report: Report) -> None:
    log, files = work.log, TileFiles(work.folder.log)
    changes = list(find_file_changes(files, log.tree, log.leaves, log.signed, log.note))
    if not changes:
        return
    if report.written:
        write_file_changes(files, changes, keeper.aside)
    names = tuple(f"{change.name}: {change.how}" for change in changes[:_NAMED])
    report.repairs.append(Repair("log files", "SQL", len(changes), names))


def _repair_mirror(work: _Work, target: Database, keeper: _Keeper, report: Report) -> None:
    if work.chain is None:
        return
    chain_id = work.chain.deployment.chain_id
    with empty_place() as place:
        moved = mirror_again(target, place, work.chain, work.on_entry)
        if isinstance(moved, Moved):
            report.notes.append(Finding(moved.code, moved.mirrored, moved.head, f"resend={moved.resend}"))
            return
        with target.reader() as stored, place.reader() as rebuilt:
            changes = list(find_changes(MIRRORED, stored, rebuilt, chain_id=chain_id))
    keeper.put(target, "mirror", "chain", changes)


def _repair_registers(work: _Work, target: Database, keeper: _Keeper, report: Report) -> None:
    try:
        changes = find_register_changes(target, work.identity)
    except NotTold as untold:
        report.contradictions.append(Finding(f"registers.{untold.why}", here=untold.index))
        return
    keeper.put(target, "registers", "entries", changes)


def _repair_cases(work: _Work, target: Database, keeper: _Keeper, report: Report) -> None:
    with empty_place() as place:
        stuck = rebuild_cases(target, place, CASE_BOOK, work.on_entry).stuck
        if stuck is not None:
            # What follows rests on what it changed: nothing can be said of any case.
            about = f"{stuck.type}: {stuck.code}"
            report.contradictions.append(Finding("cases.not_given", here=stuck.index, about=about))
            return
        with target.reader() as stored, place.reader() as rebuilt:
            changes = list(find_changes(CASE_TABLES, stored, rebuilt))
    keeper.put(target, "cases", "entries", changes)


def _sum_changes(connection: Connection) -> list[Change]:
    wanted = recompute_tallies(connection, CASE_BOOK.tallies)
    width = len(tallies.primary_key.columns)
    stored: dict[Place, tuple[int, int]] = {}
    for row in connection.execute(select(*(tallies.c[name] for name in _SUM_COLUMNS))):
        stored[cast("Place", tuple(row[:width]))] = row[width], row[width + 1]
    changes = []
    for place in sorted(wanted.keys() | stored.keys()):
        had, want = stored.get(place), wanted.get(place)
        # A sum of nothing may be a row, or none.
        if (had or (0, 0)) != (want or (0, 0)):
            changes.append(Change(tallies, place, _sum_row(place, had), _sum_row(place, want)))
    return changes


def _sum_row(place: Place, sums: tuple[int, int] | None) -> tuple[object, ...] | None:
    return None if sums is None else (*place, *sums)
