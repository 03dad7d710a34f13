"""The database scopes and the schema: transactions, durability settings, migrations equal to the tables in
code.
"""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import func, inspect, select
from sqlalchemy.exc import IntegrityError, OperationalError

from gateway import database_checks, db
from gateway.database_checks import DatabaseError
from gateway.db import Database, execute, execute_many, fetch_all, insert_rows, migrate
from gateway.ledger.tables import checkpoints
from gateway.schema import full_metadata


def test_migrated_schema_equals_tables_in_code(database: Database) -> None:
    with database.reader() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, full_metadata()) == []
        names = set(inspect(connection).get_table_names())
    assert names == set(full_metadata().tables) | {"alembic_version"}


def test_migrating_twice_changes_nothing(database: Database) -> None:
    migrate(database)
    with database.reader() as connection:
        assert fetch_all(connection, "SELECT count(*) FROM alembic_version") == [(1,)]


def test_the_schema_goes_down_to_nothing_and_up_again(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(db.__file__).parent / "migrations"))
    with database.writer() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    with database.reader() as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]
        assert fetch_all(connection, "SELECT count(*) FROM alembic_version") == [(0,)]
    migrate(database)
    with database.reader() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, full_metadata()) == []


def test_writer_rolls_back_when_the_block_raises(database: Database) -> None:
    rows = [(n, b"r" * 32, b"note", "2026-01-01T00:00:00.000Z") for n in range(3)]
    with pytest.raises(RuntimeError, match="stop"), database.writer() as connection:
        insert_rows(connection, "checkpoints", "size,root,note,at", rows)
        raise RuntimeError("stop")
    with database.reader() as connection:
        assert connection.scalar(select(func.count()).select_from(checkpoints)) == 0
    with database.writer() as connection:
        insert_rows(connection, "checkpoints", "size,root,note,at", rows)
    with database.reader() as connection:
        assert fetch_all(connection, "SELECT size, root FROM checkpoints WHERE size > ?", 0) == [
            (1, b"r" * 32),
            (2, b"r" * 32),
        ]


def test_statements_report_the_rows_they_touched(database: Database) -> None:
    with database.writer() as connection:
        insert_rows(connection, "log_trees", "origin,size,root", [("a", 1, b"x")])
        assert execute(connection, "UPDATE log_trees SET size = ? WHERE size = ?", 2, 1) == 1
        assert execute(connection, "UPDATE log_trees SET size = ? WHERE size = ?", 3, 1) == 0
        execute_many(
            connection, "INSERT INTO log_trees (origin, size, root) VALUES (?, ?, ?)", [("b", 5, b"y")]
        )
    with database.reader() as connection:
        assert fetch_all(connection, "SELECT origin, size FROM log_trees ORDER BY 1") == [("a", 2), ("b", 5)]


def test_reader_sees_one_snapshot(database: Database) -> None:
    with database.reader() as connection:
        before = fetch_all(connection, "SELECT count(*) FROM log_trees")
        with database.writer() as other:
            insert_rows(other, "log_trees", "origin,size,root", [("a", 1, b"x")])
        assert fetch_all(connection, "SELECT count(*) FROM log_trees") == before == [(0,)]


def test_many_writers_lose_no_update(database: Database) -> None:
    with database.writer() as connection:
        insert_rows(connection, "log_trees", "origin,size,root", [("a", 0, b"x")])

    def add() -> None:
        for _ in range(10):
            with database.writer() as connection:
                execute(connection, "UPDATE log_trees SET size = size + 1 WHERE origin = ?", "a")

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reader() as connection:
        assert fetch_all(connection, "SELECT size FROM log_trees") == [(80,)]


def test_every_sqlite_connection_is_durable(tmp_path: Path) -> None:
    database = Database(db.sqlite_url(tmp_path / "a.sqlite3"))
    with database.writer() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    database.close()


def test_old_sqlite_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_checks, "SQLITE_MINIMUM", (99, 0, 0))
    with pytest.raises(DatabaseError) as caught:
        Database(db.sqlite_url(tmp_path / "a.sqlite3"))
    assert caught.value.setting == "sqlite version"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        Database(url)
    assert caught.value.setting == "database url"


@pytest.mark.parametrize("major", [9, 13, 14])
def test_old_postgres_is_refused(major: int) -> None:
    asked: list[str] = []

    class Cursor:
        def execute(self, statement: str) -> None:
            asked.append(statement)

        def fetchone(self) -> tuple[int]:
            return (major,)

    connection = cast(Any, SimpleNamespace(cursor=Cursor))
    with pytest.raises(DatabaseError) as caught:
        database_checks.check_postgres(connection, cast(Any, None))
    assert (caught.value.setting, caught.value.got, caught.value.want) == (
        "postgresql version",
        major,
        "15 or later",
    )
    # It is the server's number that is asked, before anything else.
    assert asked == ["SELECT current_setting('server_version_num')::int / 10000"]


def test_postgres_is_asked_on_each_new_connection(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_checks, "POSTGRES_MINIMUM", 10_000)
    database = Database(postgres_url)
    with pytest.raises(DatabaseError) as caught, database.reader():
        pass
    assert (caught.value.setting, caught.value.want) == ("postgresql version", "10000 or later")
    assert isinstance(caught.value.got, int) and 15 <= caught.value.got < 100
    database.close()


def test_postgres_that_acknowledges_early_is_refused(postgres_url: str) -> None:
    separator = "&" if "?" in postgres_url else "?"
    database = Database(f"{postgres_url}{separator}options=-c%20synchronous_commit%3Doff")
    with pytest.raises(DatabaseError) as caught, database.reader():
        pass
    assert (caught.value.setting, caught.value.got) == ("synchronous_commit", "off")
    database.close()


def test_what_ends_a_bulk_write_is_told_as_any_other_error(database: Database) -> None:
    row = (1, b"r" * 32, b"n", "t")
    with pytest.raises(IntegrityError), database.writer() as connection:
        insert_rows(connection, "checkpoints", "size,root,note,at", [row, row])
    with database.writer() as connection:
        insert_rows(connection, "checkpoints", "size,root,note,at", [row])
    with database.reader() as connection:
        assert fetch_all(connection, "SELECT count(*) FROM checkpoints") == [(1,)]


def test_a_server_that_goes_away_before_a_bulk_write_is_told_as_one_that_is_away(postgres_url: str) -> None:
    database = Database(postgres_url)
    migrate(database)
    with pytest.raises(OperationalError), database.writer() as connection:
        ((session,),) = fetch_all(connection, "SELECT pg_backend_pid()")
        with database.session() as other:
            fetch_all(other, "SELECT pg_terminate_backend(?, 5000)", session)
        insert_rows(connection, "checkpoints", "size,root,note,at", [(1, b"r" * 32, b"n", "t")])
    with database.writer() as connection:
        insert_rows(connection, "checkpoints", "size,root,note,at", [(1, b"r" * 32, b"n", "t")])
    database.close()
