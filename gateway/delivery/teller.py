"""Numbering: every outcome in a final block becomes one event, once, in the order of the log.

An outcome is told when its block is final and never again: its leaf's place in the log, which no
reorganisation changes, decides what comes next. An embedded chain that is killed may lose blocks that counted
as final and settle the same leaves again in other blocks: these are not told twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, cast

import structlog
from sqlalchemy import Connection, Row, insert, select, text
from sqlalchemy.exc import DBAPIError

from chain.canonical import JsonValue, canonicalize
from chain.event_chain import hash_event, stream_start
from chain.operation import OperationKind
from gateway.db import Database
from gateway.delivery.event_log import Document, Subject, chained, stream_name
from gateway.delivery.tables import told_events
from gateway.evidence.records import Outcome
from gateway.failpoints import step
from gateway.ledger.tables import entries
from gateway.mirror.tables import mirror_cursor, mirror_operations

_log = structlog.get_logger("events")

PAUSE_SECONDS = 0.1
BATCH = 500
_TROUBLE_SECONDS = 2.0
_LOCK = (0x746F6E68, 64)
"""Advisory lock under which one process at a time numbers ("tonh", beside those of the roles)."""


class Teller:
    """Numbers outcomes of one log on one chain; of several at once the database lets one through."""

    def __init__(self, database: Database, subject: Subject, clock: Callable[[], str]) -> None:
        """``clock`` gives RFC 3339 UTC with milliseconds."""
        self._database = database
        self._subject = subject
        self._clock = clock

    def run(self, stop: threading.Event) -> None:
        """Number what becomes final until ``stop`` is set. Trouble of the database is waited out."""
        while not stop.is_set():
            try:
                told = self.tell()
            except DBAPIError as error:
                _log.warning("events wait for the database", error=type(error).__name__)
                stop.wait(_TROUBLE_SECONDS)
                continue
            if told < BATCH:
                stop.wait(PAUSE_SECONDS)

    def tell(self) -> int:
        """Number up to `BATCH` outcomes that became final; return how many."""
        with self._database.reader() as connection:
            if not self._waiting(connection, self._last(connection)):
                return 0
        # If we crash before this commits, nothing is numbered; the next round gives the same numbers.
        with self._database.writer(step("delivery.tell")) as connection:
            if not self._database.is_sqlite:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK[0]}, {_LOCK[1]})"))
            last = self._last(connection)
            rows = self._rows(connection, last, self._waiting(connection, last))
            if rows:
                connection.execute(insert(told_events), rows)
            return len(rows)

    def _last(self, connection: Connection) -> Row[Any] | None:
        wanted = (
            select(told_events)
            .where(told_events.c.chain_id == self._subject.chain_id)
            .order_by(told_events.c.number.desc())
            .limit(1)
        )
        return connection.execute(wanted).one_or_none()

    def _waiting(self, connection: Connection, last: Row[Any] | None) -> Sequence[Row[Any]]:
        """Return final outcomes behind the last one told, in the order of the log."""
        subject, done = self._subject, mirror_operations.c
        final = (
            select(mirror_cursor.c.block_number - subject.depth)
            .where(mirror_cursor.c.chain_id == subject.chain_id)
            .scalar_subquery()
        )
        wanted = (
            select(
                done.block_number, done.log_index, done.leaf_index, done.kind, done.reason, done.moved,
                entries.c.entry_id, entries.c.chapter,
            )
            .join(entries, entries.c.log_index == done.leaf_index, isouter=True)
            .where(done.chain_id == subject.chain_id, done.log_id == subject.log_id)
            .where(done.leaf_index > (-1 if last is None else last.leaf_index), done.block_number <= final)
            .order_by(done.leaf_index)
            .limit(BATCH)
        )  # fmt: skip
        found: Sequence[Any] = connection.execute(wanted).all()
        # An entry that is to be recovered yet is waited for: what is behind it must not be told before it.
        absent = next((place for place, row in enumerate(found) if row.entry_id is None), len(found))
        return found[:absent]

    def _rows(
        self, connection: Connection, last: Row[Any] | None, waiting: Sequence[Row[Any]]
    ) -> list[dict[str, object]]:
        subject, at = self._subject, self._clock()
        number, head = (0, None) if last is None else (last.number, last.hash)
        cursor = (-1, -1) if last is None else (last.block_number, last.log_index)
        chapters: dict[int, tuple[int, bytes | None]] = {}
        rows: list[dict[str, object]] = []
        for row in waiting:
            cursor = max((row.block_number, row.log_index), (cursor[0], cursor[1] + 1))
            body = canonicalize(_body(row, cursor)).decode()
            if row.chapter not in chapters:
                chapters[row.chapter] = self._chapter_head(connection, row.chapter)
            number, head = self._link(body, None, number, head)
            chapters[row.chapter] = self._link(body, row.chapter, *chapters[row.chapter])
            rows.append(
                {
                    "chain_id": subject.chain_id, "number": number, "chapter": row.chapter,
                    "chapter_number": chapters[row.chapter][0], "leaf_index": row.leaf_index,
                    "block_number": cursor[0], "log_index": cursor[1], "body": body, "hash": head,
                    "chapter_hash": chapters[row.chapter][1], "told_at": at,
                }
            )  # fmt: skip
        return rows

    def _chapter_head(self, connection: Connection, chapter: int) -> tuple[int, bytes | None]:
        wanted = (
            select(told_events.c.chapter_number, told_events.c.chapter_hash)
            .where(told_events.c.chain_id == self._subject.chain_id, told_events.c.chapter == chapter)
            .order_by(told_events.c.chapter_number.desc())
            .limit(1)
        )
        row = connection.execute(wanted).one_or_none()
        return (0, None) if row is None else (row.chapter_number, row.chapter_hash)

    def _link(self, body: str, chapter: int | None, number: int, head: bytes | None) -> tuple[int, bytes]:
        """Return number and hash of the next event of a stream whose last one is given."""
        stream = stream_name(self._subject.origin, chapter)
        prev = bytes(stream_start(stream).hash) if head is None else head
        return number + 1, bytes(hash_event(chained(body, stream, number + 1, prev)))


def _body(row: Row[Any], cursor: tuple[int, int]) -> Document:
    outcome = Outcome(row.reason, row.moved, row.block_number)
    return {
        "cursor": f"{cursor[0]}:{cursor[1]}",
        "type": "operation.refused" if row.reason else "operation.done",
        "entry": row.entry_id,
        "index": row.leaf_index,
        "kind": OperationKind(row.kind).label if 1 <= row.kind <= 9 else str(row.kind),
        "outcome": cast("JsonValue", outcome.document()),
    }
