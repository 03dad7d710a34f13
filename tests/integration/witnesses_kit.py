"""A real ``tongyi witness`` process for tests: on a free port, ended by its own pid."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from chain.hashing import sha256


def free_port() -> int:
    """Return a port that stays free while a witness is away: none that a connection may be given as its own,
    as a log that asks at an empty port again and again ends up holding it.
    """
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as found, contextlib.suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port


def copy_ledger(data: Path, into: Path) -> None:
    """Copy SQL and tiles of a stopped gateway, as an old backup has them: no chain, no keys."""
    into.mkdir(exist_ok=True)
    for path in data.glob("gateway.sqlite3*"):
        shutil.copy2(path, into)
    shutil.copytree(data / "log", into / "log")


def put_back(backup: Path, data: Path) -> None:
    """Put such a copy in the place of what is there."""
    for path in data.glob("gateway.sqlite3*"):
        path.unlink()
    shutil.rmtree(data / "log")
    copy_ledger(backup, data)


@dataclass(slots=True)
class Witnessing:
    """One running witness, on one free port for all its starts."""

    data: Path
    options: tuple[str, ...]
    port: int = field(default_factory=lambda: free_port())
    ready: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def start(self) -> Witnessing:
        """Start the process and wait for its ready line."""
        tongyi = str(Path(sys.executable).parent / "tongyi")
        self.data.parent.mkdir(parents=True, exist_ok=True)
        log = self.data.with_suffix(".log").open("ab")
        command = [tongyi, "witness", "--data", str(self.data), "--port", str(self.port), "--json"]
        self.process = subprocess.Popen(
            [*command, *self.options],
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        log.close()
        line = self.process.stdout.readline() if self.process.stdout else ""
        assert line, self.log()
        self.ready = json.loads(line)
        assert int(self.url.rpartition(":")[2]) == self.port
        return self

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it, gently or not, and return its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        try:
            return self.process.wait(30)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self.process is not None and self.process.poll() is None

    def log(self) -> str:
        """Return what it wrote to standard error."""
        return self.data.with_suffix(".log").read_text()

    @property
    def url(self) -> str:
        """Address of the witness."""
        return str(self.ready["witness"])

    @property
    def vkey(self) -> str:
        """Its key."""
        return str(self.ready["vkey"])

    def get(self, path: str) -> httpx2.Response:
        """GET a path as anyone may."""
        return httpx2.get(self.url + path, timeout=10, trust_env=False)

    def post(self, body: bytes, path: str = "/witness/add-checkpoint") -> httpx2.Response:
        """POST a body as a log does."""
        return httpx2.post(self.url + path, content=body, timeout=20, trust_env=False)

    def checkpoint(self, origin: str) -> bytes | None:
        """Return the checkpoint it cosigned last, None before the first."""
        answer = self.get(f"/witness/{sha256(origin.encode()).hex()}/checkpoint")
        return answer.content if answer.status_code == 200 else None
