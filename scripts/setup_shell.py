"""What a set-up stands on: places of a clone, commands whose output is kept, stamps over the files they need.

Plain standard library, because nothing else is there yet: see ``scripts/setup.py``.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HEARTBEAT_SECONDS = 15.0


class SetupError(Exception):
    """A step failed. ``step`` names it, ``log`` holds its whole output, ``fix`` says what to do."""

    def __init__(self, step: str, reason: str, fix: str, log: Path | None = None) -> None:
        super().__init__(f"{step}: {reason}")
        self.step = step
        self.reason = reason
        self.fix = fix
        self.log = log


@dataclass(frozen=True, slots=True)
class Paths:
    """Where the parts of one clone live. ``root`` is the repository."""

    root: Path

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def state(self) -> Path:
        return self.root / ".tongyi" / "setup"

    @property
    def contracts(self) -> Path:
        return self.root / "contracts"

    @property
    def foreign(self) -> Path:
        return self.root / "tests" / "foreign"

    @property
    def geth(self) -> Path:
        """The consortium's node, built here."""
        return self.root / ".tongyi" / "geth" / "geth"

    @property
    def go_modules(self) -> Path:
        """Sources of Go modules."""
        return self.root / ".tongyi" / "go" / "modules"

    @property
    def go_builds(self) -> Path:
        """What Go has compiled."""
        return self.root / ".tongyi" / "go" / "builds"

    def tool(self, name: str) -> Path:
        """An executable of the virtual environment."""
        return self.venv / "bin" / name


@dataclass(frozen=True, slots=True)
class Step:
    """One part of the set-up: done when ``needs`` are unchanged since its stamp and ``proof`` exists."""

    name: str
    fix: str
    needs: tuple[Path, ...]
    proof: Path
    run: Callable[[StepLog], None]


def fingerprint(needs: Sequence[Path], root: Path) -> str:
    """SHA-256 over the clone's own path (installs point at it) and the names and bytes of ``needs``."""
    digest = hashlib.sha256(f"{root}\n".encode())
    for path in needs:
        content = path.read_bytes() if path.exists() else b"<absent>"
        digest.update(f"{path.relative_to(root)}\n{len(content)}\n".encode() + content)
    return digest.hexdigest()


def tool_environment(paths: Paths, environ: Mapping[str, str]) -> dict[str, str]:
    """What every child sees: the clone's own tools first, caches inside the clone when there is no HOME."""
    env = dict(environ)
    env["PATH"] = f"{paths.venv / 'bin'}{os.pathsep}{env.get('PATH', os.defpath)}"
    env["VIRTUAL_ENV"] = str(paths.venv)
    env.pop("PYTHONHOME", None)
    env.pop("PYTHONPATH", None)
    env.setdefault("GOTOOLCHAIN", "local")
    env.setdefault("GOFLAGS", "-modcacherw")
    # What was downloaded for this clone stays with it: a HOME comes and goes, the stamp of set-up stays.
    env["GOMODCACHE"], env["GOCACHE"] = str(paths.go_modules), str(paths.go_builds)
    home = env.get("HOME", "")
    if not home or not os.access(home, os.W_OK):
        cache = paths.root / ".tongyi" / "cache"
        cache.mkdir(parents=True, exist_ok=True)
        env["HOME"] = str(cache)
    return env


class StepLog:
    """Runs the commands of one step, keeps their output in one file and shows that something is happening."""

    def __init__(self, step: str, fix: str, paths: Paths) -> None:
        self.step = step
        self.fix = fix
        self.paths = paths
        self.path = paths.state / f"{step.replace(' ', '-')}.log"
        paths.state.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(b"")

    def command(self, *argv: str | Path, cwd: Path | None = None) -> None:
        """Run one command. Raises SetupError with the tail of the output when it fails."""
        with self.path.open("ab") as log:
            log.write(f"$ {' '.join(map(str, argv))}\n".encode())
            log.flush()
            try:
                with heartbeat(self.step):
                    done = subprocess.run(
                        [str(part) for part in argv],
                        cwd=cwd or self.paths.root,
                        env=tool_environment(self.paths, os.environ),
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        check=False,
                    )
            except OSError as error:
                raise SetupError(self.step, f"{argv[0]}: {error.strerror}", self.fix, self.path) from error
        if done.returncode != 0:
            reason = f"{Path(str(argv[0])).name} ended with exit code {done.returncode}"
            raise SetupError(self.step, reason, self.fix, self.path)


@contextmanager
def heartbeat(step: str) -> Iterator[None]:
    """Say every few seconds that a long step still runs."""
    ended = threading.Event()
    started = time.monotonic()

    def beat() -> None:
        while not ended.wait(HEARTBEAT_SECONDS):
            say(f"        {step}: still working, {time.monotonic() - started:.0f} s")

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def say(text: str) -> None:
    """Progress goes to stderr, so that stdout stays for results."""
    print(text, file=sys.stderr, flush=True)
