"""Who leads a process role, and the fence that keeps a former leader from writing. PostgreSQL only.

1. A candidate holds a session of its own and tries the role's advisory lock. The server ends a session that
   says nothing for `LEASE_SECONDS`, so the lock of a leader that is gone, stopped or cut off becomes free.
2. In that same session the elected one ends the former leader's sessions and counts up the role's epoch.
3. Every write transaction of a leader begins by reading its role's epoch ``FOR SHARE``: another epoch refuses
   the transaction; the same one keeps an election waiting until the transaction has ended.

So of two that believe they lead, the older one cannot write, however long it was stopped between two steps.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from chain.errors import NotaryError
from gateway.db import Database, execute, fetch_all
from gateway.failpoints import step

_log = structlog.get_logger("leadership")

LEASE_SECONDS = 5
"""Silence after which the server takes a leader for gone."""
PING_SECONDS = 1.0
"""How often a leader says that it is there."""
TRY_SECONDS = 0.5
"""How often a candidate tries."""
_ROOM = 0x746F6E68
"""First key of the advisory locks ("tonh"); the second is the role's number."""


class Role(StrEnum):
    """What one process does of a gateway. Each is led by one process at a time."""

    SEQUENCER = "sequencer"
    MIRROR = "mirror"
    OUTBOX = "outbox"
    ANCHOR = "anchor"
    DELIVERY = "delivery"

    @property
    def number(self) -> int:
        """Second key of the role's advisory lock."""
        return list(Role).index(self) + 1


class Fenced(NotaryError):
    """A write was refused: another process leads the role by now. ``got`` and ``want`` are epochs."""

    def __init__(self, role: str, *, got: object, want: int) -> None:
        super().__init__(f"{role}: another process leads since epoch {got}, this one led in {want}")
        self.role = role
        self.got = got
        self.want = want


@dataclass(frozen=True, slots=True)
class Report:
    """What a leader tells the other processes; see the table `role_reports`."""

    fault: str | None = None
    mismatches: int = 0
    held_index: int | None = None
    held_seconds: float = 0.0
    due_recorded: int = 0
    due_refused: int = 0


class Term:
    """One period of leading: the fenced database to work with, and an event that says it is over."""

    def __init__(self, role: Role, epoch: int, database: Database, lost: threading.Event) -> None:
        self.role = role
        self.epoch = epoch
        self.database = database
        self.lost = lost

    def report(self, report: Report) -> None:
        """Store what the other processes should know. Raises Fenced when the term is over."""
        with self.database.writer(step("roles.report")) as connection:
            execute(
                connection, _REPORT, self.role.value, self.epoch, report.fault, report.mismatches,
                report.held_index, report.held_seconds, report.due_recorded, report.due_refused,
            )  # fmt: skip


_REPORT = """
INSERT INTO role_reports
  (role, epoch, seen_at, fault, mismatches, held_index, held_seconds, due_recorded, due_refused)
VALUES (?, ?, extract(epoch FROM clock_timestamp()), ?, ?, ?, ?, ?, ?)
ON CONFLICT (role) DO UPDATE SET epoch = excluded.epoch, seen_at = excluded.seen_at, fault = excluded.fault,
  mismatches = excluded.mismatches, held_index = excluded.held_index, held_seconds = excluded.held_seconds,
  due_recorded = excluded.due_recorded, due_refused = excluded.due_refused"""

_ELECT = """
INSERT INTO role_epochs (role, epoch) VALUES (?, 1)
ON CONFLICT (role) DO UPDATE SET epoch = role_epochs.epoch + 1 RETURNING epoch"""

_END_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = ? AND datname = current_database() AND usename = current_user"""


def fence(role: Role, epoch: int, lost: threading.Event) -> Callable[[Connection], None]:
    """Return the check at the start of every write transaction of the term."""

    def check(connection: Connection) -> None:
        rows = fetch_all(connection, "SELECT epoch FROM role_epochs WHERE role = ? FOR SHARE", role.value)
        got = rows[0][0] if rows else None
        if got != epoch:
            lost.set()
            raise Fenced(role.value, got=got, want=epoch)

    return check


class Candidate:
    """One process that may lead ``role``; `elected` waits for its turn. One thread."""

    def __init__(self, database: Database, role: Role) -> None:
        self._role = role
        # A session of its own, outside the pool that the rest of the process works with.
        self._control = Database(database.url, pool_size=1, name=f"tongyi {role.value} candidate")
        self._url = database.url

    def close(self) -> None:
        """Give up standing for election."""
        self._control.close()

    def elected(self, stop: threading.Event, stack: ExitStack) -> Term | None:
        """Wait until this process leads; None once ``stop`` is set. ``stack`` ends the term.

        A database that does not answer is waited out.
        """
        while not stop.is_set():
            try:
                term = self._try(stop, stack)
            except DBAPIError as error:
                _log.warning("candidate waits for the database", error=type(error).__name__)
                stop.wait(PING_SECONDS)
                continue
            if term is not None:
                return term
        return None

    def _try(self, stop: threading.Event, stack: ExitStack) -> Term | None:
        with ExitStack() as attempt:
            session = attempt.enter_context(self._control.session())
            # Not given back to the pool: with the session everything it holds ends.
            attempt.callback(session.invalidate)
            execute(session, f"SET idle_session_timeout = '{LEASE_SECONDS}s'")
            while not self._locked(session):
                if stop.wait(TRY_SECONDS):
                    return None
            epoch = self._count_up(session)
            lost = threading.Event()
            name = _session_name(self._role, epoch)
            database = Database(self._url, name=name, fence=fence(self._role, epoch, lost))
            stack.enter_context(attempt.pop_all())
            stack.callback(database.close)
            term = Term(self._role, epoch, database, lost)
            pinger = threading.Thread(target=self._ping, args=(session, term), name="leader", daemon=True)
            stack.callback(pinger.join)
            stack.callback(lost.set)
            pinger.start()
            _log.info("leading", role=self._role.value, epoch=epoch)
            return term

    def _locked(self, session: Connection) -> bool:
        rows = fetch_all(session, "SELECT pg_try_advisory_lock(?, ?)", _ROOM, self._role.number)
        return rows[0][0] is True

    def _count_up(self, session: Connection) -> int:
        """End what the former leader has open, and begin a new epoch; both in the session that holds the
        lock.
        """
        rows = fetch_all(session, "SELECT epoch FROM role_epochs WHERE role = ?", self._role.value)
        if rows:
            former = _session_name(self._role, cast("int", rows[0][0]))
            # A stopped process may have left a transaction open that the next statement would wait for.
            fetch_all(session, _END_SESSIONS, former)
        # If we crash here, nobody leads and the next one elected does the same.
        return cast("int", fetch_all(session, _ELECT, self._role.value)[0][0])

    def _ping(self, session: Connection, term: Term) -> None:
        while not term.lost.wait(PING_SECONDS):
            try:
                rows = fetch_all(session, "SELECT epoch FROM role_epochs WHERE role = ?", term.role.value)
            except DBAPIError as error:
                _log.error("leadership lost", role=term.role.value, error=type(error).__name__)
                term.lost.set()
                return
            if rows[0][0] != term.epoch:
                _log.error("leadership lost", role=term.role.value, epoch=rows[0][0])
                term.lost.set()


def _session_name(role: Role, epoch: int) -> str:
    return f"tongyi {role.value} {epoch}"


_SELECT_REPORTS = """
SELECT role, fault, mismatches, held_index, held_seconds, due_recorded, due_refused,
  extract(epoch FROM clock_timestamp()) - seen_at
FROM role_reports"""


def read_reports(connection: Connection) -> dict[str, tuple[Report, float]]:
    """Return each role's report with its age in seconds."""
    found: dict[str, tuple[Report, float]] = {}
    for role, fault, mismatches, index, seconds, recorded, refused, age in cast(
        "list[tuple[str, str | None, int, int | None, float, int, int, float]]",
        fetch_all(connection, _SELECT_REPORTS),
    ):
        found[role] = Report(fault, mismatches, index, seconds, recorded, refused), float(age)
    return found
