"""What a database must be and do: versions, and the settings that durability rests on, read back."""

from __future__ import annotations

from typing import Protocol

import pysqlite3.dbapi2 as sqlite_driver  # type: ignore[import-untyped]
from sqlalchemy import Connection
from sqlalchemy.pool import ConnectionPoolEntry

from chain.errors import NotaryError

SQLITE_MINIMUM = (3, 51, 3)
"""Oldest SQLite without the WAL-reset corruption (3.7.0 to 3.51.2)."""

POSTGRES_MINIMUM = 15
"""Oldest PostgreSQL major version supported."""


class DatabaseError(NotaryError):
    """The database is not one this product may run on.

    ``setting`` names what was looked at, ``got`` and ``want`` the two values.
    """

    def __init__(self, setting: str, *, got: object, want: object) -> None:
        super().__init__(f"{setting}: got {got}, want {want}")
        self.setting = setting
        self.got = got
        self.want = want


class _DriverCursor(Protocol):
    """The part of a DB-API cursor used here."""

    def execute(self, sql: str, /) -> object: ...
    def fetchone(self) -> tuple[object, ...] | None: ...
    def close(self) -> None: ...


class _DriverConnection(Protocol):
    """The part of a DB-API connection used here."""

    isolation_level: str | None

    def cursor(self) -> _DriverCursor: ...
    def rollback(self) -> None: ...


def check_sqlite_version() -> None:
    """Raise DatabaseError where the library is too old."""
    if sqlite_driver.sqlite_version_info < SQLITE_MINIMUM:
        raise DatabaseError("sqlite version", got=sqlite_driver.sqlite_version, want="3.51.3 or later")


def _pragma(cursor: _DriverCursor, name: str) -> object:
    cursor.execute(f"PRAGMA {name}")
    row = cursor.fetchone()
    return None if row is None else row[0]


def set_sqlite(connection: _DriverConnection, _record: ConnectionPoolEntry) -> None:
    """Set a new SQLite connection and read back what durability rests on (2 is FULL)."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for name, value in (("journal_mode", "WAL"), ("synchronous", "FULL"), ("foreign_keys", "ON")):
        cursor.execute(f"PRAGMA {name} = {value}")
        cursor.fetchone()
    cursor.execute("PRAGMA cache_size = -65536")
    cursor.execute("PRAGMA wal_autocheckpoint = 4000")
    for name, want in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
        got = _pragma(cursor, name)
        if got != want:
            raise DatabaseError(name, got=got, want=want)
    cursor.close()


def begin_sqlite(connection: Connection) -> None:
    """Start the transaction ourselves: IMMEDIATE for a writer, so that it never fails halfway for a lock."""
    write = bool(connection.get_execution_options().get("tongyi_write"))
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def check_postgres(connection: _DriverConnection, _record: ConnectionPoolEntry) -> None:
    """Refuse a server that is too old or acknowledges commits before they are durable."""
    cursor = connection.cursor()
    cursor.execute("SELECT current_setting('server_version_num')::int / 10000")
    version = (cursor.fetchone() or (0,))[0]
    if not isinstance(version, int) or version < POSTGRES_MINIMUM:
        raise DatabaseError("postgresql version", got=version, want=f"{POSTGRES_MINIMUM} or later")
    for name in ("fsync", "full_page_writes"):
        cursor.execute(f"SHOW {name}")
        got = (cursor.fetchone() or ("",))[0]
        if got != "on":
            raise DatabaseError(name, got=got, want="on")
    cursor.execute("SHOW synchronous_commit")
    got = (cursor.fetchone() or ("",))[0]
    if got in ("off", "local"):
        raise DatabaseError("synchronous_commit", got=got, want="on")
    cursor.close()
    # The queries began a transaction; isolation can only be set outside one.
    connection.rollback()
