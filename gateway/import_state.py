"""How far an import came: one small file beside the imported one, replaced durably after each batch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from gateway.command_failures import EXIT_USAGE, CommandFailure
from gateway.durable_files import write_durably

EXIT_REFUSED = 1


class ImportFailure(CommandFailure):
    """The import cannot go on. ``exit_code`` as in the command's help."""

    def __init__(self, zh: str, reason: str, exit_code: int) -> None:
        super().__init__(zh, reason, exit_code)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class State:
    """How far an import came: ``done`` records are answered, their results fill ``result_bytes``."""

    file_sha256: str
    gateway: str
    rounding: str
    done: int = 0
    accepted: int = 0
    replayed: int = 0
    refused: int = 0
    dust: int = 0
    result_bytes: int = 0
    complete: bool = False
    codes: dict[str, int] = field(default_factory=dict)


def state_path(file: Path) -> Path:
    return file.with_name(file.name + ".import.json")


def results_path(file: Path) -> Path:
    return file.with_name(file.name + ".results.ndjson")


def load_state(path: Path) -> State | None:
    """Read a state file; None where there is none. Raises ImportFailure where it is not one of ours."""
    if not path.exists():
        return None
    try:
        return State(**json.loads(path.read_bytes()))
    except (ValueError, TypeError) as error:
        raise ImportFailure(
            f"{path.name} 不是导入的状态文件", f"{path.name} is not a state file of an import", EXIT_USAGE
        ) from error


def save_state(path: Path, state: State) -> None:
    """Replace the state file atomically and durably. Inverse of ``load_state``."""
    write_durably(path, json.dumps(asdict(state)).encode())
