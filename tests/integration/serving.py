"""A real ``tongyi serve`` (or ``tongyi api``) process for tests: on free ports, ended by its own pid."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2

from gateway.fsck_command import run_fsck
from gateway.rules.calendar import business_month

READY_SECONDS = 90.0


@dataclass(slots=True)
class Serving:
    """One running gateway and a client with its platform key."""

    data: Path
    options: tuple[str, ...] = ()
    command: str = "serve"
    ready: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    _client: httpx2.Client | None = None
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def start(self) -> Serving:
        """Start the process and wait for its ready line."""
        tongyi = str(Path(sys.executable).parent / "tongyi")
        command = [tongyi, self.command, "--data", str(self.data), "--port", "0"]
        self.data.parent.mkdir(parents=True, exist_ok=True)
        log = self.data.with_suffix(".log").open("ab")
        self.process = subprocess.Popen(
            [*command, *self.options],
            # What is due is recorded when a test says so, unless it is about the loop that does it.
            env={"TONGYI_DUE_SECONDS": "0", **os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        log.close()
        timer = threading.Timer(READY_SECONDS, self.process.kill)
        timer.start()
        line = self.process.stdout.readline() if self.process.stdout else ""
        timer.cancel()
        assert line, self.log()
        self.ready = json.loads(line)
        self._client = self.new_client(self.ready["platform_key"])
        return self

    def stop(self) -> int:
        """Ask it to end and return its exit code."""
        assert self.process is not None
        if self._client is not None:
            self._client.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()

    def log(self) -> str:
        """Return what it wrote to standard error."""
        return self.data.with_suffix(".log").read_text()

    def stop_and_check(self) -> None:
        """Ask it to end, then hold all its cases against its entries."""
        assert self.stop() == 0
        found = run_fsck(self.data, None, cases=True)
        assert found.faults == [] and found.cases

    @property
    def url(self) -> str:
        """Address of the gateway."""
        return str(self.ready["gateway"])

    @property
    def client(self) -> httpx2.Client:
        """Client with the platform key."""
        assert self._client is not None
        return self._client

    def new_client(self, key: str | None) -> httpx2.Client:
        """Return a client with another key, or without one."""
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    def fresh_key(self) -> str:
        """Return an idempotency key not used before."""
        return f"test-{time.time_ns()}-{next(self._numbers)}"

    def post(
        self,
        path: str,
        body: Mapping[str, object],
        *,
        key: str | None = None,
        client: httpx2.Client | None = None,
    ) -> httpx2.Response:
        """POST a JSON body under an idempotency key."""
        headers = {"idempotency-key": f'"{key or self.fresh_key()}"'}
        return (client or self.client).post(path, json=body, headers=headers)

    def made(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """POST what must be accepted and return the answer."""
        response = self.post(path, body)
        assert response.status_code == 201, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def open_chapter(self, code: str, *, quota: int = 10_000_000, fill: int = 1_000_000) -> str:
        """Open a chapter with this month's quota and a filled pool; return the pool."""
        pool = str(self.made("/v1/chapters", {"code": code})["pool"])
        period = business_month(int(datetime.now(UTC).timestamp()))
        self.made(f"/v1/chapters/{code}/quotas", {"period": period, "amount": str(quota)})
        if fill:
            self.made("/v1/credits/issue", {"chapter": code, "to": pool, "amount": str(fill)})
        return pool

    def join(self, chapter: str, kind: str = "member", **more: object) -> str:
        """Register an account and return it."""
        return str(self.made("/v1/members", {"chapter": chapter, "kind": kind, **more})["account"])

    def wait_state(self, entry_id: str, state: str, timeout: float = 30.0) -> dict[str, Any]:
        """Wait until an entry is in ``state`` and return it."""
        deadline = time.monotonic() + timeout
        while True:
            entry: dict[str, Any] = self.client.get(f"/v1/entries/{entry_id}").json()
            if entry["state"] == state:
                return entry
            assert time.monotonic() < deadline, entry
            time.sleep(0.1)

    def proof(self, entry_id: str, query: str = "", timeout: float = 30.0) -> bytes:
        """Wait for an entry's bundle and return it."""
        deadline = time.monotonic() + timeout
        while True:
            response = self.client.get(f"/v1/entries/{entry_id}/proof{query}")
            if response.status_code == 200:
                return response.content
            assert response.json()["code"] == "proof.pending", response.text
            assert "retry-after" in response.headers
            assert time.monotonic() < deadline
            time.sleep(0.2)
