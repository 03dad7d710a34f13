"""How a process writes to SQLite: over one connection and under one lock, so that no writer ever polls for
another one and it is seen when somebody else wrote.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pysqlite3.dbapi2 as sqlite_driver  # type: ignore[import-untyped]
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from gateway.failpoints import Step
from gateway.lost_writes import is_lost_write


class SqliteWriter:
    """The writing connection of an engine of SQLite, opened when first needed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.RLock()
        self._connection: Connection | None = None
        self._version: object = None
        self.outside_commits = 0
        """How often another connection had committed when a transaction of ours began."""
        self.has_failed = False
        """Whether a write was lost by the disk: nothing is written here any more."""

    @contextmanager
    def transaction(self, commit: Step) -> Iterator[Connection]:
        """Open one transaction: committed within ``commit`` when the block returns, else rolled back.

        Raises OperationalError where the disk lost an earlier write.
        """
        with self._lock:
            if self.has_failed:
                lost = sqlite_driver.OperationalError("the disk lost an earlier write")
                raise OperationalError("BEGIN IMMEDIATE", None, lost)
            connection = self._open()
            try:
                with connection.begin() as transaction:
                    self._look_outside(connection)
                    yield connection
                    with commit:
                        transaction.commit()
            except DBAPIError as error:
                # Whether later flushes tell the truth is unknown: a restart derives everything anew.
                self.has_failed = self.has_failed or is_lost_write(error.orig)
                raise
            finally:
                if connection.invalidated or connection.get_transaction() is not None:
                    self._drop()

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def _open(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(tongyi_write=True)
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if connection.get_transaction() is not None:
            # A commit that failed: what state the driver's connection is in, only its end makes sure.
            connection.invalidate()
        connection.close()

    def _look_outside(self, connection: Connection) -> None:
        """Count it when another connection than ours has committed since.

        SQLite's own word: the value changes with commits of others and not with those of this connection.
        """
        version = (id(connection), connection.exec_driver_sql("PRAGMA data_version").scalar())
        if version != self._version:
            self.outside_commits += self._version is not None
            self._version = version
