"""The whole database as one SQLite file, whatever it lives in, and back into either kind.

A copy is one snapshot, so it is a state the gateway really had. On SQLite it is written without the pages
that deletions left behind: what was erased before is not in it. A PostgreSQL server's own tools know more
(archives, a moment in between); this copy needs none of them and can be put back into either kind.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import cast

import pysqlite3.dbapi2 as sqlite_driver  # type: ignore[import-untyped]
from sqlalchemy import Connection, Table, select, text

from chain.errors import NotaryError
from gateway.db import Database, Row, fetch_all, insert_rows, migrate, sqlite_url
from gateway.durable_files import flush_file
from gateway.schema import full_metadata

_PART = 2_000

OnRows = Callable[[int], None]
"""Told how many rows are copied so far."""


class NotEmptyDatabase(NotaryError):
    """The database to put a copy into has rows already; ``table`` is the first that has."""

    def __init__(self, table: str) -> None:
        super().__init__(table)
        self.table = table


def copy_database(source: Database, target: Path, on_rows: OnRows) -> None:
    """Write a snapshot of ``source`` to the new SQLite file ``target``, durable on return."""
    if source.is_sqlite:
        copy_sqlite(Path(cast("str", source.url.database)), target)
        return
    with closing(Database(sqlite_url(target), pool_size=1)) as place:
        migrate(place)
        _copy_rows(source, place, on_rows)
    # The last connection has put everything into the file itself; a log beside it would not be copied along.
    with closing(sqlite_driver.connect(str(target), isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    flush_file(target)


def copy_sqlite(source: Path, target: Path) -> None:
    """Write a snapshot of one SQLite file to another, which must not be there yet; durable on return."""
    with closing(sqlite_driver.connect(str(source), isolation_level=None, timeout=30.0)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))
    target.chmod(0o600)
    flush_file(target)


def restore_rows(copy: Path, target: Database, on_rows: OnRows) -> None:
    """Put the rows of a copy into an empty database, all or none. Raises NotEmptyDatabase.

    The copy itself is brought to the newest revision, so that both have the same columns.
    """
    migrate(target)
    with closing(Database(sqlite_url(copy), pool_size=1)) as source:
        migrate(source)
        _copy_rows(source, target, on_rows)


def _copy_rows(source: Database, target: Database, on_rows: OnRows) -> None:
    done = 0
    with source.reader() as reading, target.writer() as writing:
        for table in full_metadata().sorted_tables:
            if fetch_all(writing, f"SELECT 1 FROM {table.name} LIMIT 1"):  # noqa: S608  a name of ours
                raise NotEmptyDatabase(table.name)
            found = reading.execution_options(yield_per=_PART, stream_results=True).execute(select(table))
            columns = ",".join(f'"{column.name}"' for column in table.columns)
            for rows in found.partitions(_PART):
                insert_rows(writing, table.name, columns, cast("list[Row]", [tuple(row) for row in rows]))
                done += len(rows)
                on_rows(done)
            if not target.is_sqlite:
                _continue_numbers(writing, table)


def _continue_numbers(connection: Connection, table: Table) -> None:
    """Have PostgreSQL number the next row behind the copied ones, as SQLite does by itself."""
    column = table.autoincrement_column
    if column is not None:
        name = f"pg_get_serial_sequence('{table.name}', '{column.name}')"
        last = f"(SELECT max({column.name}) FROM {table.name})"  # noqa: S608  names of ours
        connection.execute(text(f"SELECT setval({name}, coalesce({last}, 1), {last} IS NOT NULL)"))
