"""The events as they were told: numbered, chained, in one stream for all chapters and one for each.

Read by the page, by server-sent events and by webhooks alike, so that all of them tell the same.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection, Row, Select, func, select, tuple_

from chain.canonical import JsonValue
from chain.event_chain import stream_start
from chain.operation import chapter_code
from gateway.db import Database
from gateway.delivery.tables import told_events
from gateway.mirror.tables import mirror_cursor, mirror_operations

Document = dict[str, JsonValue]
Cursor = tuple[int, int]
"""Block and log index of an event, in the order of telling."""
Told = Row[Any]
_LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose outcomes are told: one log (``origin``, ``log_id``) on one chain; ``depth`` blocks are final."""

    origin: str
    log_id: bytes
    chain_id: int
    depth: int


@dataclass(frozen=True, slots=True)
class NumberedEvent:
    """One event of a stream, and when it was told (RFC 3339)."""

    seq: int
    at: str
    document: Document


def stream_name(origin: str, chapter: int | None) -> str:
    """Return the name of a stream: the log's, and the chapter's code or ``all``."""
    return f"{origin}#{'all' if chapter is None else chapter_code(chapter)}"


class EventLog:
    """Reads told events; ``chapter`` is everywhere a chapter's number, None for all chapters."""

    def __init__(self, database: Database, subject: Subject) -> None:
        self._database = database
        self._subject = subject

    def stream(self, chapter: int | None) -> str:
        """Return the stream's name."""
        return stream_name(self._subject.origin, chapter)

    def events(self, after: Cursor, limit: int, chapter: int | None) -> list[Document]:
        """Return up to ``limit`` events behind the cursor, in order."""
        told = told_events.c
        with self._database.reader() as connection:
            wanted = self._select(chapter).where(tuple_(told.block_number, told.log_index) > after)
            rows = connection.execute(wanted.limit(limit)).all()
            return [one.document for one in self._numbered(connection, rows, chapter)]

    def since(self, seq: int, limit: int, chapter: int | None) -> list[NumberedEvent]:
        """Return up to ``limit`` events from number ``seq`` on."""
        with self._database.reader() as connection:
            rows = connection.execute(self._select(chapter).where(_number(chapter) >= seq).limit(limit)).all()
            return self._numbered(connection, rows, chapter)

    def last(self, chapter: int | None) -> int:
        """Return the number of the stream's last event, 0 where there is none."""
        wanted = select(func.max(_number(chapter))).where(*self._of(chapter))
        with self._database.reader() as connection:
            return connection.execute(wanted).scalar() or 0

    def wait_current(self, seconds: float) -> None:
        """Return when every outcome in a final block is told, or after ``seconds``."""
        until = time.monotonic() + seconds
        while not self.is_current() and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)

    def is_current(self) -> bool:
        """Say whether every outcome in a final block is told."""
        subject, done = self._subject, mirror_operations.c
        told = (
            select(func.coalesce(func.max(told_events.c.leaf_index), -1))
            .where(told_events.c.chain_id == subject.chain_id)
            .scalar_subquery()
        )
        final = (
            select(mirror_cursor.c.block_number - subject.depth)
            .where(mirror_cursor.c.chain_id == subject.chain_id)
            .scalar_subquery()
        )
        untold = (
            select(done.leaf_index)
            .where(done.chain_id == subject.chain_id, done.log_id == subject.log_id)
            .where(done.leaf_index > told, done.block_number <= final)
            .limit(1)
        )
        with self._database.reader() as connection:
            return connection.execute(untold).one_or_none() is None

    def _of(self, chapter: int | None) -> list[Any]:
        of = [told_events.c.chain_id == self._subject.chain_id]
        return of if chapter is None else [*of, told_events.c.chapter == chapter]

    def _select(self, chapter: int | None) -> Select[Any]:
        return select(told_events).where(*self._of(chapter)).order_by(_number(chapter))

    def _numbered(
        self, connection: Connection, rows: list[Told] | Any, chapter: int | None
    ) -> list[NumberedEvent]:
        """Return rows that follow each other as the stream's events."""
        if not rows:
            return []
        first, stream = _number_of(rows[0], chapter), self.stream(chapter)
        prev = self._hash_at(connection, first - 1, chapter)
        found = []
        for row in rows:
            document = chained(row.body, stream, _number_of(row, chapter), prev)
            found.append(NumberedEvent(_number_of(row, chapter), row.told_at, document))
            prev = row.hash if chapter is None else row.chapter_hash
        return found

    def _hash_at(self, connection: Connection, seq: int, chapter: int | None) -> bytes:
        column = told_events.c.hash if chapter is None else told_events.c.chapter_hash
        wanted = select(column).where(*self._of(chapter), _number(chapter) == seq)
        found = None if seq == 0 else connection.execute(wanted).scalar_one()
        return bytes(stream_start(self.stream(chapter)).hash) if found is None else cast("bytes", found)


def chained(body: str, stream: str, seq: int, prev: bytes) -> Document:
    """Return an event as its stream tells it."""
    return {**cast("Document", json.loads(body)), "stream": stream, "seq": seq, "prev": prev.hex()}


def _number(chapter: int | None) -> Any:
    return told_events.c.number if chapter is None else told_events.c.chapter_number


def _number_of(row: Told, chapter: int | None) -> int:
    return cast("int", row.number if chapter is None else row.chapter_number)
