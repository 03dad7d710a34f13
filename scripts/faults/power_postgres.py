"""A PostgreSQL server whose data lie on a file system that loses its power, killed with all its processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import psycopg

from scripts.faults.halting import halt, list_children
from tests.databases import server_binaries, user_prefix

_UP_WITHIN = 30.0
_OPTIONS = (
    "-c", "unix_socket_directories=", "-c", "shared_buffers=32MB", "-c", "max_connections=100",
    "-c", "dynamic_shared_memory_type=mmap", "-c", "min_wal_size=32MB", "-c", "max_wal_size=64MB",
)  # fmt: skip


class MountedServer:
    """One server with its data below a folder; always at the same port."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "postgresql"
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        self.url = f"postgresql://tongyi@127.0.0.1:{self._port}/postgres"
        self._environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "HOME": "/"}

    def make(self) -> None:
        """Make an empty cluster. Raises OSError where the machine has no server."""
        binaries = server_binaries()
        if binaries is None:
            raise OSError("no PostgreSQL server of the system")
        self._binaries = binaries
        self._data.mkdir(mode=0o700)
        prefix = user_prefix()
        if prefix:
            os.chown(self._data, 65534, 65534)
        subprocess.run(
            [*prefix, str(binaries / "initdb"), "-D", str(self._data), "-U", "tongyi", "-A", "trust",
             "-E", "UTF8"],
            check=True, capture_output=True, env=self._environment, cwd="/",
        )  # fmt: skip

    def start(self) -> None:
        """Start it and wait until it has recovered. Raises OSError."""
        self._process = subprocess.Popen(
            [*user_prefix(), str(self._binaries / "postgres"), "-D", str(self._data), "-h", "127.0.0.1",
             "-p", str(self._port), *_OPTIONS],
            env=self._environment, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + _UP_WITHIN
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
                return
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise OSError(f"PostgreSQL does not start: {error}") from None
                time.sleep(0.02)

    def halt(self) -> list[int]:
        """Stop it, so that it starts no more processes, and return it and all it has started."""
        process = self._process
        if process is None or process.poll() is not None:
            return []
        halt([process.pid])
        return [process.pid, *list_children(process.pid)]

    def kill(self) -> None:
        """End it and every process it started, at once. Does nothing where it does not run."""
        for pid in reversed(self.halt()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if self._process is not None:
            self._process.wait(20)
            self._process = None
