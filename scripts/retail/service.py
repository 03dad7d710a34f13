"""A gateway under the demo: ``tongyi serve`` as a child process, ended by its own pid and by nothing else."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

READY_SECONDS = 120.0
STOP_SECONDS = 60.0


class ServiceError(Exception):
    """The gateway did not start or did not stop as it must; ``log`` is where it says why."""

    def __init__(self, reason: str, log: Path) -> None:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:]) if log.exists() else ""
        super().__init__(f"{reason}; its log is {log}\n{tail}")
        self.reason = reason
        self.log = log


@dataclass(frozen=True, slots=True)
class Addresses:
    """What ``tongyi serve`` prints when it is ready."""

    gateway: str
    rpc: str
    chain_id: int
    vkey: str
    platform_key: str
    trust_root: Path


class Service:
    """One ``tongyi serve`` on a data folder; as a context manager, leaving it stops the process cleanly."""

    def __init__(
        self, data: Path, *options: str, port: int = 0, settings: Mapping[str, str] | None = None
    ) -> None:
        self.data = data
        self._settings = dict(settings or {})
        self.log = data.parent / f"{data.name}.log"
        self._argv = [
            *(str(Path(sys.executable).parent / "tongyi"), "serve"),
            *("--data", str(data), "--port", str(port), *options),
        ]
        self._child: subprocess.Popen[str] | None = None

    def start(self) -> Addresses:
        """Start it and wait for its ready line. Raises ServiceError."""
        self.data.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C reaches the demo alone, which then stops the gateway in order.
            self._child = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **self._settings, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        try:
            return self._await_ready(self._child)
        except BaseException:
            self.stop(check=False)
            raise

    def _await_ready(self, child: subprocess.Popen[str]) -> Addresses:
        lines: queue.Queue[str] = queue.Queue()
        stdout = child.stdout

        def pump() -> None:
            for line in stdout or ():
                lines.put(line)
            lines.put("")

        threading.Thread(target=pump, daemon=True).start()
        try:
            line = lines.get(timeout=READY_SECONDS)
        except queue.Empty as error:
            raise ServiceError(f"the gateway was not ready within {READY_SECONDS:.0f} s", self.log) from error
        if not line:
            raise ServiceError(f"the gateway ended with exit code {child.wait(STOP_SECONDS)}", self.log)
        ready = json.loads(line)
        return Addresses(
            ready["gateway"],
            ready["rpc"],
            int(ready["chain_id"]),
            ready["vkey"],
            ready["platform_key"],
            Path(ready["trust_root"]),
        )

    def stop(self, *, check: bool = True) -> None:
        """Ask it to end (SIGTERM) and wait. Raises ServiceError unless it ends by itself with exit code 0."""
        child, self._child = self._child, None
        if child is None:
            return
        child.send_signal(signal.SIGTERM)
        try:
            code = child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired as error:
            child.kill()
            child.wait()
            raise ServiceError(f"the gateway did not stop within {STOP_SECONDS:.0f} s", self.log) from error
        if check and code != 0:
            raise ServiceError(f"the gateway stopped with exit code {code}", self.log)

    def __enter__(self) -> Addresses:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(check=error is None)
