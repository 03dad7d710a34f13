"""The process roles for tests: each a real process, its announcements read as they come, ended by its pid."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.integration.serving import Serving

TONGYI = str(Path(sys.executable).parent / "tongyi")
ELECTED_SECONDS = 60.0
ROLES = ("sequencer", "mirror", "outbox", "anchor", "delivery")


@dataclass(slots=True)
class RoleProcess:
    """One running ``tongyi ROLE``."""

    name: str
    process: subprocess.Popen[str]
    log_path: Path
    lines: list[dict[str, Any]] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def read(self) -> None:
        """Collect announcements until the process ends."""
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                with self._changed:
                    self.lines.append(json.loads(line))
                    self._changed.notify_all()

    @property
    def state(self) -> str | None:
        """What it announced last."""
        return str(self.lines[-1]["state"]) if self.lines else None

    def wait_state(self, state: str, timeout: float = ELECTED_SECONDS) -> dict[str, Any]:
        """Wait until the last announcement says ``state`` and return it."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.state == state, timeout), (self.lines, self.log())
            return self.lines[-1]

    def log(self) -> str:
        """Return what it wrote to standard error."""
        return self.log_path.read_text()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> int:
        """Ask it to end and return its exit code."""
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.process.terminate()
        try:
            return self.process.wait(60)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()


@dataclass(slots=True)
class Town:
    """A gateway as separate processes on one database and one chain."""

    data: Path
    options: tuple[str, ...]
    running: list[RoleProcess] = field(default_factory=list)
    apis: list[Serving] = field(default_factory=list)

    def start(self, name: str) -> RoleProcess:
        """Start a process of a role without waiting for it."""
        log_path = self.data.parent / f"{name}-{len(self.running)}.log"
        with log_path.open("ab") as log:
            process = subprocess.Popen(
                [TONGYI, name, "--data", str(self.data), *self.options],
                stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True,
            )  # fmt: skip
        started = RoleProcess(name, process, log_path)
        threading.Thread(target=started.read, daemon=True).start()
        self.running.append(started)
        return started

    def start_api(self) -> Serving:
        """Start an HTTP process and wait for it."""
        api = Serving(self.data, self.options, "api").start()
        self.apis.append(api)
        return api

    def leader(self, name: str) -> RoleProcess:
        """Return the process of a role that leads, or did last, and still runs."""
        return next(
            one
            for one in reversed(self.running)
            if one.name == name and one.state == "leading" and one.process.poll() is None
        )

    def end(self) -> list[int]:
        """Stop all and return their exit codes, HTTP first."""
        codes = [api.stop() for api in self.apis if api.process and api.process.poll() is None]
        return codes + [one.stop() for one in self.running if one.process.poll() is None]


class Customer:
    """Posts small gifts without pause, each under its own key, repeating what was not confirmed."""

    def __init__(self, api: Serving, chapter: str, pool: str, member: str) -> None:
        self._api = api
        self._body = {
            "type": "credit.transferred",
            "chapter": chapter,
            "op": {"kind": "transfer", "from": pool, "to": member, "amount": "1"},
        }
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.acknowledged: dict[str, dict[str, Any]] = {}
        self.repeats = 0
        self.faults: list[str] = []

    def __enter__(self) -> Customer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(150)
        assert not self._thread.is_alive()

    def wait_for(self, count: int, timeout: float = 90.0) -> None:
        """Wait until ``count`` more gifts are acknowledged."""
        wanted = len(self.acknowledged) + count
        deadline = time.monotonic() + timeout
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < deadline and not self.faults, (len(self.acknowledged), self.faults)
            time.sleep(0.05)

    def _run(self) -> None:
        client = self._api.new_client(self._api.ready["platform_key"])
        with client:
            while not self._stop.is_set():
                self._one(client, self._api.fresh_key())
                time.sleep(0.02)

    def _one(self, client: Any, key: str) -> None:
        while True:
            try:
                answer = self._api.post("/v1/entries", self._body, key=key, client=client)
            except OSError as error:
                self.faults.append(repr(error))
                return
            if answer.status_code == 201:
                self.acknowledged[key] = answer.json()
                return
            self.repeats += 1
            if not answer.json()["retryable"]:
                self.faults.append(answer.text)
                return
            time.sleep(0.1)
