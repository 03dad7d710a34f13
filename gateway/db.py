"""The database: engines, transaction scopes, bulk writes, migrations. The only module that commits.

SQLite (the library bundled with ``pysqlite3``, never the system's) serves one process; PostgreSQL 15 or
later serves several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import cast

import pysqlite3.dbapi2 as sqlite_driver  # type: ignore[import-untyped]
from sqlalchemy import BigInteger, Connection, Engine, Integer, MetaData, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from gateway.database_checks import (
    DatabaseError,
    begin_sqlite,
    check_postgres,
    check_sqlite_version,
    set_sqlite,
)
from gateway.failpoints import UNNAMED, Step, step
from gateway.sqlite_writer import SqliteWriter

_LIST_PART = 500

_ROWS_AT_ONCE = (64, 8, 1)

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""Names of constraints and indexes, the same on both databases."""

metadata = MetaData(naming_convention=NAMING)
"""Every room's tables."""

ROW_NUMBER = BigInteger().with_variant(Integer, "sqlite")
"""64-bit primary key; on SQLite it is the row id itself."""

Row = Sequence[object]
"""Values of one row, in column order."""


class Database:
    """One database by its SQLAlchemy URL, with scopes for reading and writing.

    ``fence`` is called at the start of every write transaction and may refuse it by raising. ``name`` is how
    the server knows our sessions. Raises DatabaseError when the server or library is too old or a durability
    setting does not hold.
    """

    def __init__(
        self,
        url: str | URL,
        *,
        pool_size: int = 12,
        name: str = "tongyi",
        fence: Callable[[Connection], None] | None = None,
    ) -> None:
        self.url = supported_url(url)
        self._name = name
        self._fence = fence
        self.dialect = self.url.get_backend_name()
        self.engine = self._sqlite_engine(pool_size) if self.is_sqlite else self._postgres_engine(pool_size)
        self._sqlite_writer = SqliteWriter(self.engine) if self.is_sqlite else None

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the one-process database."""
        return self.dialect == "sqlite"

    @property
    def outside_commits(self) -> int:
        """How often another connection than our writer had committed to SQLite when we began to write."""
        return 0 if self._sqlite_writer is None else self._sqlite_writer.outside_commits

    @property
    def has_failed(self) -> bool:
        """Whether a write of SQLite's was lost by the disk: nothing is written here any more."""
        return self._sqlite_writer is not None and self._sqlite_writer.has_failed

    @contextmanager
    def writer(self, commit: Step = UNNAMED) -> Iterator[Connection]:
        """Open one write transaction: committed when the block returns, rolled back when it raises.

        ``commit`` is what a test fails the commit by.
        """
        if self._sqlite_writer is None:
            with self.engine.connect() as connection, connection.begin() as transaction:
                if self._fence is not None:
                    self._fence(connection)
                yield connection
                with commit:
                    transaction.commit()
            return
        with self._sqlite_writer.transaction(commit) as connection:
            yield connection

    @contextmanager
    def reader(self) -> Iterator[Connection]:
        """Open one read transaction: everything read inside comes from one snapshot."""
        with self.engine.connect() as plain:
            if self.is_sqlite:
                connection = plain
            else:
                connection = plain.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            with connection.begin():
                yield connection

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """Open one session in which every statement is its own transaction. PostgreSQL only."""
        with self.engine.connect() as plain:
            yield plain.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def exclusive(self, room: int, key: int) -> Iterator[None]:
        """Keep other processes out of the block; SQLite has one process anyway, by its folder's lock."""
        if self.is_sqlite:
            yield
            return
        with self.session() as session:
            fetch_all(session, "SELECT pg_advisory_lock(?, ?)", room, key)
            # If we crash here, the session ends and the lock with it.
            try:
                yield
            finally:
                fetch_all(session, "SELECT pg_advisory_unlock(?, ?)", room, key)

    def settle(self) -> None:
        """Have what a crash left in SQLite's write-ahead log written into the database's own file.

        Where a flush had failed before it, the system may hold pages that the disk never got and call them
        clean: no later flush writes them, only a new write does. Requires to be alone with the file.
        """
        if not self.is_sqlite:
            return
        connection = self.engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            connection.close()

    def close(self) -> None:
        """Close every pooled connection."""
        if self._sqlite_writer is not None:
            self._sqlite_writer.close()
        self.engine.dispose()

    def _sqlite_engine(self, pool_size: int) -> Engine:
        check_sqlite_version()
        engine = create_engine(
            self.url,
            module=sqlite_driver,
            pool_size=pool_size,
            max_overflow=-1,
            connect_args={"check_same_thread": False, "timeout": 30.0, "cached_statements": 512},
        )
        event.listen(engine, "connect", set_sqlite)
        event.listen(engine, "begin", begin_sqlite)
        return engine

    def _postgres_engine(self, pool_size: int) -> Engine:
        engine = create_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=-1,
            pool_pre_ping=True,
            connect_args={"application_name": self._name},
        )
        event.listen(engine, "connect", check_postgres)
        return engine


def supported_url(url: str | URL) -> URL:
    """Return the URL with the one driver used for its database.

    Raises:
        DatabaseError: it is the URL of another kind of database.
        ArgumentError: it is no URL; what it holds is not told.
    """
    try:
        parsed = make_url(url)
    except ValueError:
        # Of a port that is no number: the library reads it by int(), whose error quotes what stands there.
        raise ArgumentError("the port is no number") from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise DatabaseError("database url", got="an in-memory database", want="a file")
        return parsed.set(drivername="sqlite+pysqlite")
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    raise DatabaseError("database url", got=backend, want="sqlite or postgresql")


def sqlite_url(path: Path) -> str:
    """Return the URL of the SQLite file at ``path``."""
    return str(URL.create("sqlite", database=str(path)))


@lru_cache(maxsize=512)
def driver_sql(dialect: str, sql: str) -> str:
    """Return ``sql``, written with ``?`` placeholders, in the driver's own placeholder style."""
    return sql if dialect == "sqlite" else sql.replace("?", "%s")


def fetch_all(connection: Connection, sql: str, *parameters: object) -> list[tuple[object, ...]]:
    """Return all rows of a hand-written query with ``?`` placeholders, as plain tuples."""
    statement = driver_sql(connection.dialect.name, sql)
    result = connection.exec_driver_sql(statement, tuple(parameters))
    return cast("list[tuple[object, ...]]", result.cursor.fetchall() if result.cursor else [])


def fetch_in(connection: Connection, sql: str, values: Sequence[object]) -> list[tuple[object, ...]]:
    """Return all rows of a query whose ``(@)`` stands for the list of ``values``, asked for in parts."""
    rows: list[tuple[object, ...]] = []
    for start in range(0, len(values), _LIST_PART):
        part = values[start : start + _LIST_PART]
        rows += fetch_all(connection, sql.replace("@", ",".join("?" * len(part))), *part)
    return rows


def execute(connection: Connection, sql: str, *parameters: object) -> int:
    """Run one hand-written statement with ``?`` placeholders and return the number of rows it touched."""
    statement = driver_sql(connection.dialect.name, sql)
    return connection.exec_driver_sql(statement, tuple(parameters)).rowcount


def execute_many(connection: Connection, sql: str, rows: Sequence[Row]) -> None:
    """Run one hand-written statement with ``?`` placeholders for each row."""
    if rows:
        statement = driver_sql(connection.dialect.name, sql)
        connection.exec_driver_sql(statement, cast("list[tuple[object, ...]]", rows))


def insert_rows(connection: Connection, table: str, columns: str, rows: Sequence[Row]) -> None:
    """Insert rows in bulk: COPY on PostgreSQL, statements of many rows on SQLite.

    ``columns`` is the comma-separated column list; each row is a tuple in that order.
    """
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        _insert_sqlite(connection, f"INSERT INTO {table} ({columns}) VALUES ", columns.count(",") + 1, rows)  # noqa: S608
        return
    sql, driver = f"COPY {table} ({columns}) FROM STDIN", connection.dialect.loaded_dbapi
    try:
        with closing(connection.connection.cursor()) as cursor, cursor.copy(sql) as copy:
            for row in rows:
                copy.write_row(row)
    except driver.Error as error:
        # The library above the driver does not see this one: told as it tells all others.
        told = DBAPIError.instance(sql, None, error, driver.Error, dialect=connection.dialect)
        raise cast("DBAPIError", told) from error


def _insert_sqlite(connection: Connection, sql: str, width: int, rows: Sequence[Row]) -> None:
    """Insert as many rows a statement as are left, by the sizes of ``_ROWS_AT_ONCE``.

    Each run of a statement hands the interpreter to whichever thread waits for it, and getting it back may
    take a whole turn: row by row, a busy neighbour makes a thousand rows take a second.
    """
    marks = "(" + ",".join("?" * width) + ")"
    start = 0
    for size in _ROWS_AT_ONCE:
        statement = sql + ",".join([marks] * size)
        while len(rows) - start >= size:
            part = rows[start : start + size]
            connection.exec_driver_sql(statement, tuple([value for row in part for value in row]))
            start += size


def migrate(database: Database) -> None:
    """Bring the schema to the newest revision; does nothing when it is there already."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with database.writer(step("start.migrate")) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
