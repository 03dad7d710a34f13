"""One running witness: folder, key, state, HTTP; until it is told to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from chain.canonical import JsonValue
from chain.checkpoint import KeyKind, cosignature_line, format_vkey, parse_vkey
from chain.errors import FormatError
from chain.witness_policy import parse_policy
from gateway.data_folder import DataFolder
from gateway.keys import KeyFolder
from gateway.server import Server, address_of, bind
from gateway.witness.app import WitnessService, build_witness_app
from gateway.witness.state import WitnessState

STATE_FILE = "witness.sqlite3"
"""File in the witness's folder of what it has cosigned last."""
MOST_CONNECTIONS = 512
"""Connections held at once; more are refused, so that idle ones cannot use up the process."""


@dataclass(frozen=True, slots=True)
class WitnessSettings:
    """How one witness runs. ``name`` None: one is made on first start and kept."""

    data: Path
    logs: Mapping[str, tuple[str, ...]]
    name: str | None = None
    host: str = "127.0.0.1"
    port: int = 0


def read_logs(policy: Path | None, vkeys: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the trusted vkeys by origin: those of a policy file's log lines, and ``vkeys``.

    Raises FormatError where one is no log's key, or where there is none; OSError.
    """
    found = {} if policy is None else parse_policy(policy.read_bytes()).log_vkeys()
    for vkey in vkeys:
        key = parse_vkey(vkey)
        if key.kind is not KeyKind.LOG:
            raise FormatError("log", "is the key of a witness, not of a log")
        if vkey not in found.get(key.name, ()):
            found[key.name] = (*found.get(key.name, ()), vkey)
    if not found:
        raise FormatError("log", "no log is named: give a policy file with log lines, or vkeys")
    return found


class WitnessProcess:
    """Opens everything on construction; `run` until `stop`, then `close`."""

    def __init__(self, settings: WitnessSettings) -> None:
        """Raises FolderInUse, FormatError, DatabaseError or OSError; nothing is left open then."""
        self._exit = ExitStack()
        with ExitStack() as opening:
            folder = DataFolder(settings.data)
            if folder.database.exists() or (folder.keys / "log.json").exists():
                # A log that witnesses itself would be a second signature by one hand, in one folder.
                raise FormatError("data", "is a gateway's folder; a witness needs its own")
            folder.lock()
            opening.callback(folder.unlock)
            name, key = KeyFolder(folder.keys).cosigner(settings.name)
            self.vkey = format_vkey(name, key.public_key(), KeyKind.COSIGNER)
            state = WitnessState(
                folder.root / STATE_FILE,
                lambda text, at: cosignature_line(text, name, key, at),
                lambda: int(time.time()),
            )
            opening.callback(state.close)
            self._listener = bind(settings.host, settings.port)
            opening.callback(self._listener.close)
            self._exit = opening.pop_all()
        self._app = build_witness_app(WitnessService(self.vkey, settings.logs, state))
        self._name = name
        self._origins: list[JsonValue] = [*sorted(settings.logs)]
        self._server: Server | None = None
        self._stopped = False

    def run(self, on_ready: Callable[[Mapping[str, JsonValue]], None]) -> None:
        """Answer until `stop`; ``on_ready`` is given where it is and whose key it has."""
        line: dict[str, JsonValue] = {
            "witness": address_of(self._listener),
            "name": self._name,
            "vkey": self.vkey,
            "logs": self._origins,
        }
        self._server = Server(self._app, lambda: on_ready(line), lambda: None, connections=MOST_CONNECTIONS)
        if not self._stopped:
            self._server.run(sockets=[self._listener])

    def stop(self) -> None:
        """Ask `run` to return; may be called from a signal handler."""
        self._stopped = True
        if self._server is not None:
            self._server.stop()

    def close(self) -> None:
        """Close everything."""
        self._exit.close()
