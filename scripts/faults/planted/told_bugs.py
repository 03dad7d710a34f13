"""Bugs in what is told, to whom, and in what is on disk when it is."""

from __future__ import annotations

import os
from typing import Any

from gateway import database_checks, db
from gateway.auth import Principal
from gateway.delivery.event_log import Cursor, EventLog
from gateway.delivery.queue import DeliveryQueue, Item
from gateway.delivery.teller import Teller
from scripts.faults.planted.planting import Fire, put


def skip_an_outcome(fire: Fire) -> None:
    """One outcome is never told."""
    rows, done = Teller._rows, list[bool]()

    def rows_but_one(self: Teller, connection: Any, last: Any, waiting: Any) -> Any:
        if not done and len(waiting) > 1:
            done.append(True)
            fire()
            waiting = waiting[1:]
        return rows(self, connection, last, waiting)

    put(Teller, "_rows", rows_but_one)


def skip_behind_the_cursor(fire: Fire) -> None:
    """A page of events begins one behind where it should."""
    events = EventLog.events

    def events_behind(self: EventLog, after: Cursor, limit: int, chapter: int | None) -> Any:
        found = events(self, after, limit, chapter)
        if after == (0, 0) or not found:
            return found
        fire()
        return found[1:]

    put(EventLog, "events", events_behind)


def go_on_after_failure(fire: Fire) -> None:
    """A webhook's cursor goes on behind what its receiver did not take."""

    def failed(self: DeliveryQueue, item: Item, _: object) -> None:
        fire()
        self.acknowledged(item)

    put(DeliveryQueue, "failed", failed)


def forget_chapters(fire: Fire) -> None:
    """A key of one chapter sees all."""
    may_see = Principal.may_see

    def see(self: Principal, chapter: str | None) -> bool:
        if not may_see(self, chapter):
            fire()
        return True

    put(Principal, "may_see", see)


def leave_commits_in_memory(fire: Fire) -> None:
    """SQLite does not flush what it commits."""
    set_up = database_checks.set_sqlite

    def set_up_fast(connection: Any, record: Any) -> None:
        set_up(connection, record)
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous = OFF")
        cursor.close()
        fire()

    put(db, "set_sqlite", set_up_fast)


def leave_files_in_memory(fire: Fire) -> None:
    """Files of the log are put in their place without being flushed."""

    def flush(_: int) -> None:
        fire()

    put(os, "fsync", flush)
