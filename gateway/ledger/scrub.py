"""The scrub: what the log signed is read again and compared, before each signature and all the time.

The tree in memory gave the last signed root when it was built; every stored datum that a signature speaks of
is held against it: entries and operands, chains of accounts, checkpoints, API keys, tiles and bundles, the
published checkpoint. One pass over all of it is a cycle.

Before each signature: a log of at most `SMALL` entries is checked whole. A longer one is checked whole when
the database says that anybody else wrote to it since the last whole check (`change_mark`), and once after
each start. In between, a thread walks the cycle in rounds of `ROUND_WORK` seconds, shorter ones while many
entries come, which finds what was changed below SQL: in tiles, or in the bytes of the database's own files.

What is found stops signing and writing for good: `log.damaged(table=..., index=...)` names the first bad row
or file. Nothing is repaired here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from chain.tiles import list_tiles
from gateway.db import Database, fetch_all
from gateway.ledger.api_keys import find_key_difference
from gateway.ledger.damage import row_damage
from gateway.ledger.faults import LedgerFault
from gateway.ledger.identity import LogIdentity
from gateway.ledger.log_keys import own_keys
from gateway.ledger.log_view import LogView
from gateway.ledger.proposed import stored_note
from gateway.ledger.scrub_files import check_published, check_tile
from gateway.ledger.scrub_rows import (
    FIRST_LINK,
    Link,
    check_anchored,
    check_ends,
    check_entries,
    check_links,
    check_notes,
)
from gateway.ledger.tile_files import TileFiles
from gateway.telemetry import fault_place

_log = structlog.get_logger("scrub")

SMALL = 512
"""Entries up to which everything is compared before each signature."""
ROUND_SECONDS = 0.5
"""Pause between two rounds of the thread."""
ROUND_WORK = 0.05
"""Seconds a round may work: a tenth of the time, whatever the log's size."""
BUSY_GROWTH, BUSY_WORK = 1_000, 0.01
"""Signed entries since the round before, from which on it may work so many seconds: writers go first."""
REST_SECONDS = 2.0
"""Pause between two cycles of the thread."""

_ROWS = 512
_TILES = 8
_NOTES = ("checkpoints", "proposed_checkpoints")
_WRITTEN_ONCE = "'entries', 'account_entries', 'checkpoints', 'proposed_checkpoints'"
_SELECT_MARK = f"""
SELECT coalesce(sum(n_tup_upd + n_tup_del), 0), coalesce(min(stats.stats_reset)::text, '')
FROM pg_stat_user_tables t, pg_stat_database stats
WHERE t.schemaname = current_schema() AND t.relname IN ({_WRITTEN_ONCE})
  AND stats.datname = current_database()"""  # noqa: S608  constants


@dataclass(frozen=True, slots=True)
class ScrubFigures:
    """``age_seconds`` since a whole cycle ended, entries compared in the running one, whole cycles so far."""

    age_seconds: float
    position: int
    cycles: int


SCRUBBED_ELSEWHERE = ScrubFigures(-1.0, 0, 0)
"""What a process says that does not write the log: the sequencer's scrub shows in its fault alone."""


def change_mark(database: Database, connection: Connection) -> object:
    """Return a mark that differs once somebody else has changed what is written once.

    SQLite: how often another connection than our one writer committed anything, as of the begin of the last
    write transaction. PostgreSQL: the server's count of rows updated and deleted in those tables, where there
    are none; it follows a session's commit at the latest when that session ends or after ten seconds.
    """
    if database.is_sqlite:
        return database.outside_commits
    return fetch_all(connection, _SELECT_MARK)[0]


class Scrub:
    """Compares what one log signed. ``signed`` gives its size; any thread may call `before_signing`."""

    def __init__(
        self,
        database: Database,
        identity: LogIdentity,
        files: TileFiles,
        view: LogView,
        *,
        signed: Callable[[], int],
        on_fault: Callable[[str], None],
    ) -> None:
        self._database = database
        self._identity = identity
        self._files = files
        self._view = view
        self._tree = view.tree
        self._signed = signed
        self._on_fault = on_fault
        self._fault: LedgerFault | None = None
        self._checked: object = None
        self._seen: dict[str, dict[int, int]] = {table: {} for table in _NOTES}
        self._position = 0
        self._grown_from = 0
        self._cycles = 0
        self._ended_at = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scrub", daemon=True)

    @property
    def figures(self) -> ScrubFigures:
        """How far it is."""
        return ScrubFigures(time.monotonic() - self._ended_at, self._position, self._cycles)

    def start(self) -> None:
        """Begin to walk the cycle."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def before_signing(self) -> object:
        """Check what is signed so far, as the module says; return the mark the next signature rests on.

        Raises LedgerFault naming the first bad place, also when the thread found one.
        """
        if self._fault is not None:
            raise self._fault
        with self._database.reader() as connection:
            mark = change_mark(self._database, connection)
        if mark != self._checked or self._signed() <= SMALL:
            self.check()
            self._checked = mark
        return mark

    def is_current(self, connection: Connection, mark: object) -> bool:
        """Say in the signature's own transaction whether `before_signing` still holds."""
        return change_mark(self._database, connection) == mark

    def check(self) -> None:
        """Walk one whole cycle now. Raises LedgerFault naming the first bad place."""
        for _ in self._cycle():
            pass

    def check_notes(self) -> None:
        """Check every stored checkpoint now. Raises LedgerFault naming the first bad one."""
        for _ in self._checkpoints(self._signed()):
            pass

    # --- one cycle -------------------------------------------------------------------------------------

    def _cycle(self) -> Iterator[int]:
        """Walk all that is signed in short steps, yielding how many entries were compared so far."""
        size = self._signed()
        if size:
            subjects = 0
            for start in range(0, size, _ROWS):
                end = min(start + _ROWS, size)
                with self._database.reader() as connection:
                    subjects += check_entries(connection, self._tree, start, end)
                yield end
            yield from (size for _ in self._links(size, subjects))
            yield from (size for _ in self._checkpoints(size))
            for number, path in enumerate(list_tiles(size)):
                check_tile(self._files, path, self._tree)
                if number % _TILES == 0:
                    yield size
        self._cycles += 1
        self._ended_at = time.monotonic()

    def _links(self, size: int, subjects: int) -> Iterator[None]:
        place: Link | None = FIRST_LINK
        found = 0
        while place is not None:
            with self._database.reader() as connection:
                place, below = check_links(connection, size, place, _ROWS)
            found += below
            yield
        if found != subjects:
            raise row_damage("account_entries", found)

    def _checkpoints(self, size: int) -> Iterator[None]:
        with self._database.reader() as connection:
            keys = own_keys(connection, self._identity)
            check_ends(connection)
            if (key := find_key_difference(connection)) is not None:
                raise row_damage("api_keys", key)
        yield
        for table, seen in self._seen.items():
            # Another walk, begun later, may have met larger ones.
            missing = {known for known in tuple(seen) if known <= size}
            after: int | None = -1
            while after is not None:
                with self._database.reader() as connection:
                    after, met = check_notes(connection, table, self._tree, keys, seen, after, _ROWS)
                missing.difference_update(met)
                yield
            if missing:
                raise row_damage(table, min(missing))
        shown = self._view.size
        note = self._files.checkpoint()
        with self._database.reader() as connection:
            if stored_note(connection, size) is None:
                raise row_damage("checkpoints", size)
            check_anchored(connection, bytes(self._identity.log_id))
            check_published(shown, note, connection)
        yield

    # --- the thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        cycle = self._cycle()
        pause = 0.0
        while not self._stop.wait(pause):
            try:
                pause = ROUND_SECONDS if self._advance(cycle) else REST_SECONDS
                if pause == REST_SECONDS:
                    cycle = self._cycle()
            except LedgerFault as fault:
                self._found(fault)
                return
            except (DBAPIError, OSError) as error:
                _log.warning("scrub waits", error=type(error).__name__, place=fault_place(error))
                cycle, pause = self._cycle(), REST_SECONDS
            except Exception as error:
                _log.error("scrub ended", error=type(error).__name__, place=fault_place(error))
                self._on_fault("scrub")
                return

    def _advance(self, cycle: Iterator[int]) -> bool:
        """Work for one round; False when the cycle has ended."""
        size = self._signed()
        is_busy = size - self._grown_from >= BUSY_GROWTH
        self._grown_from = size
        deadline = time.monotonic() + (BUSY_WORK if is_busy else ROUND_WORK)
        for position in cycle:
            self._position = position
            if time.monotonic() >= deadline or self._stop.is_set():
                return True
        return False

    def _found(self, fault: LedgerFault) -> None:
        """Keep the first bad place: a cycle under way may have met a later one."""
        try:
            self.check()
        except LedgerFault as first:
            fault = first
        except (DBAPIError, OSError) as error:
            _log.warning("not looked at again", error=type(error).__name__)
        self._fault = fault
        _log.error("stored data are not what was signed", reason=fault.check)
        self._on_fault(fault.check)
