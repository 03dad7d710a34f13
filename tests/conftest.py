"""Fixtures every test may use: a database of each kind the product runs on.

A run may have several processes (pytest-xdist): each has a PostgreSQL server and gateways of its own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.db import Database, sqlite_url
from tests.databases import choose_temporary_folder, fresh_postgres, postgres_server, prepare
from tests.order import sort_files


def pytest_configure() -> None:
    """Put what tests write where no disk is waited for; other processes of the run inherit it."""
    folder = choose_temporary_folder()
    if folder is not None:
        os.environ["TMPDIR"] = tempfile.tempdir = folder


def pytest_report_header() -> str:
    return f"temporary files: {tempfile.gettempdir()}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        sort_files(items)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """URL of this process's PostgreSQL server."""
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "migrated.sqlite3"
    prepare(sqlite_url(path))
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> Iterator[str]:
    """URL of a PostgreSQL database with the newest schema, to be copied."""
    with fresh_postgres(postgres_url) as url:
        prepare(url)
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty database with the newest schema, once of each kind."""
    if request.param == "sqlite":
        path = tmp_path / "test.sqlite3"
        shutil.copyfile(request.getfixturevalue("migrated_sqlite"), path)
        yield sqlite_url(path)
    else:
        server, template = (request.getfixturevalue(name) for name in ("postgres_url", "migrated_postgres"))
        with fresh_postgres(server, template) as url:
            yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database of each kind."""
    opened = Database(database_url)
    try:
        yield opened
    finally:
        opened.close()
