"""Gateways as processes of the campaign, begun from a process that has everything loaded already.

A start then costs what the gateway itself needs and not the second that Python takes to import it. What runs
in such a process is what ``tongyi serve`` and the process roles run. Ended by its own pid alone.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from scripts.faults.disk_calls import install as install_disk_calls

ROTATE_LOG = "rotate-log"
"""The command that gives the log a new key, of a stopped gateway."""
ROTATE_API, ROTATE_SIGNER = "rotate-api", "rotate-signer"
"""The same for the platform's API key, and for the key of `SIGNER`, which the environment has then."""
SIGNER = "freezer"
DAY = 86_400
READY_SECONDS = 60.0
END_SECONDS = 60.0
_CONTEXT = multiprocessing.get_context("forkserver")
_LOADED = (
    "gateway.runtime", "gateway.roles", "gateway.api_role", "gateway.settings", "gateway.server",
    "gateway.schema", "chain.evm.signers.keystore", "chain.evm.deploy", "alembic.command",
    "uvicorn.loops.auto", "uvicorn.protocols.http.auto", "uvicorn.lifespan.on", "scripts.faults.running",
)  # fmt: skip


def preload() -> None:
    """Have every later process begin with the gateway loaded; call once, first."""
    _CONTEXT.set_forkserver_preload(list(_LOADED))


def _write_whole(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    part.replace(path)


def run_gateway_here(command: str, data: str, environment: Mapping[str, str], ready: str, log: str) -> None:
    """Be ``tongyi COMMAND`` on a data folder, or rotate its key; the ready line becomes ``ready``."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.setsid()
    os.environ.update(environment)
    install_disk_calls(Path(data), environment)
    from gateway.leadership import Role
    from gateway.roles import run_role
    from gateway.runtime import run_gateway
    from gateway.settings import load_settings
    from scripts.faults.planted.planting import SETTING, plant

    settings = load_settings(Path(data))
    if (planted := environment.get(SETTING)) is not None:
        plant(planted)

    def announce(line: Mapping[str, object]) -> None:
        _write_whole(Path(ready), json.dumps(line))

    if command == "serve":
        run_gateway(settings, announce)
    elif command in (ROTATE_LOG, ROTATE_API, ROTATE_SIGNER):
        _rotate_here(command, Path(data))
    elif command == "api":
        from gateway.api_role import run_api

        run_api(settings, announce)
    else:
        run_role(Role(command), settings, announce)


def _rotate_here(command: str, data: Path) -> None:
    """Be ``tongyi rotate`` of the log's key, the platform's API key, or a signer's."""
    if command == ROTATE_LOG:
        from gateway.log_rotation import run_rotate_log

        run_rotate_log(data, None, "scheduled")
    elif command == ROTATE_API:
        from gateway.api_key_rotation import run_rotate_api
        from gateway.ledger.api_keys import key_id

        name = key_id(sha256((data / "platform_key").read_bytes().strip()).digest())
        run_rotate_api(data, None, name, "scheduled", DAY)
    else:
        from chain.evm.signers.base import LocalKey
        from gateway.signer_rotation import run_rotate_signer

        secret = os.environ[f"TORTURE_{SIGNER.upper()}"]
        address = "0x" + LocalKey(bytes.fromhex(secret.removeprefix("0x"))).address.hex()
        run_rotate_signer(data, None, None, SIGNER, "scheduled", address)


@dataclass(slots=True)
class GatewayProcess:
    """One process of a gateway; `start` it, then `kill` or `stop`."""

    command: str
    data: Path
    environment: Mapping[str, str]
    name: str = ""
    ready: dict[str, Any] = field(default_factory=dict)
    _process: ForkServerProcess | None = None

    @property
    def _files(self) -> tuple[Path, Path]:
        name = self.name or self.command
        return self.data.with_suffix(f".{name}.ready"), self.data.with_suffix(f".{name}.log")

    def start(self) -> None:
        """Begin; does not wait."""
        ready, log = self._files
        ready.unlink(missing_ok=True)
        arguments = (self.command, str(self.data), dict(self.environment), str(ready), str(log))
        self._process = _CONTEXT.Process(target=run_gateway_here, args=arguments, daemon=True)
        self._process.start()

    def wait_ready(self, timeout: float = READY_SECONDS) -> bool:
        """Wait for the ready line; False when the process ended before, or the time is over."""
        ready, _ = self._files
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if ready.exists():
                self.ready = json.loads(ready.read_text())
                return True
            if self.exit_code is not None:
                return False
            time.sleep(0.01)
        return False

    def wait_end(self, timeout: float) -> None:
        """Wait until it has ended, or the time is over. Requires `start`."""
        assert self._process is not None  # noqa: S101
        self._process.join(timeout)

    @property
    def pid(self) -> int:
        """Its process id. Requires `start`."""
        assert self._process is not None and self._process.pid is not None  # noqa: S101
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended, minus the signal's number where one ended it; None while it runs."""
        return None if self._process is None else self._process.exitcode

    @property
    def port(self) -> int:
        """Where it answers. Requires `wait_ready` of a process that serves HTTP."""
        return int(str(self.ready["gateway"]).rpartition(":")[2])

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None  # noqa: S101
        self._process.kill()
        self._process.join()

    def stop(self) -> int | None:
        """Ask it to end and return its exit code; None where it had to be killed."""
        assert self._process is not None  # noqa: S101
        if self._process.exitcode is None:
            os.kill(self.pid, signal.SIGTERM)
        self._process.join(END_SECONDS)
        if self._process.exitcode is None:
            self.kill()
            return None
        return self._process.exitcode

    def log(self) -> str:
        """Return what it wrote."""
        _, log = self._files
        return log.read_text() if log.exists() else ""
