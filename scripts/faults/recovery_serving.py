"""``tongyi serve`` as an operator starts it, with its time to ready: by the clock and by the processor."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.faults.soak_meters import cpu_seconds

READY_WITHIN = 180.0
END_WITHIN = 120.0
LOOK = 0.02


class NotReady(Exception):
    """A gateway did not get ready; its last words."""


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds from the call of the command until ``/readyz`` was 200, and of processor time until then."""

    clock: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.clock:.1f} s ({self.cpu:.1f} s CPU)"


class Serving:
    """One gateway on a data folder; `start`, then `kill` or `stop`, and `start` again."""

    def __init__(self, data: Path, settings: Mapping[str, str]) -> None:
        self._data = data
        self._log = data.with_suffix(".log")
        self._settings = dict(settings)
        self._child: subprocess.Popen[str] | None = None
        self._begun = 0.0
        self.ready: dict[str, Any] = {}

    @property
    def port(self) -> int:
        """Where it answers. Requires `wait`."""
        return int(str(self.ready["gateway"]).rpartition(":")[2])

    def start(self) -> Start:
        """Start and wait until it is ready. Raises NotReady."""
        self.begin()
        return self.wait()

    def begin(self) -> None:
        """Start; does not wait."""
        self._begun = time.monotonic()
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                [str(Path(sys.executable).parent / "tongyi"), "serve", "--data", str(self._data)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
                env={**os.environ, **self._settings, "PYTHONUNBUFFERED": "1"}, start_new_session=True,
            )  # fmt: skip

    def wait(self) -> Start:
        """Wait for the ready line, then for ``/readyz``. Raises NotReady."""
        child = self._running()
        assert child.stdout is not None  # noqa: S101
        watch = threading.Timer(READY_WITHIN, child.kill)
        watch.start()
        line = child.stdout.readline()
        watch.cancel()
        if not line:
            raise NotReady(f"ended with {child.wait(END_WITHIN)}: {self._last_words()}")
        self.ready = json.loads(line)
        last = ""
        while time.monotonic() - self._begun < READY_WITHIN:
            status, last = self._ask_ready()
            if status == 200:
                return Start(time.monotonic() - self._begun, cpu_seconds(child.pid))
            time.sleep(LOOK)
        raise NotReady(f"/readyz: {last}; {self._last_words()}")

    def _ask_ready(self) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError as error:
            return 0, type(error).__name__
        finally:
            connection.close()

    def kill(self) -> bool:
        """Kill it as a power cut would; return whether it ran and ended by that."""
        child, self._child = self._running(), None
        ran = child.poll() is None
        child.kill()
        return ran and _end(child) == -signal.SIGKILL

    def stop(self) -> int:
        """Ask it to end; return its exit code. Raises TimeoutExpired where it does not."""
        child, self._child = self._running(), None
        child.send_signal(signal.SIGTERM)
        try:
            return _end(child)
        except subprocess.TimeoutExpired:
            child.kill()
            raise

    def close(self) -> None:
        """End whatever still runs."""
        if self._child is not None:
            self.kill()

    def _running(self) -> subprocess.Popen[str]:
        assert self._child is not None  # noqa: S101  requires `begin`
        return self._child

    def _last_words(self) -> str:
        return self._log.read_text(errors="replace")[-1_000:] if self._log.exists() else ""


def _end(child: subprocess.Popen[str]) -> int:
    """Wait for a process that is about to end; return its exit code. Raises TimeoutExpired."""
    code = child.wait(END_WITHIN)
    if child.stdout is not None:
        child.stdout.close()
    return code
