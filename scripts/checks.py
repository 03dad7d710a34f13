"""Runs every check, cheapest first, stops at the first that fails and prints what each one took.

The last line on stdout has the form of pytest's closing line: pytest's own when all checks before it passed,
else one that counts the checks. The exit code is 0 only when everything passed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateway.doctor_command import native_binary

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv" / "bin" / "python"
STRICT = ("--match-contract", "LedgerInvariants|AllianceInvariants")
STRICT_PROFILE = {"FOUNDRY_PROFILE": "strict"}
"""Invariants once more where nothing a handler calls may revert."""
MOST_WORKERS = 8
"""Each worker has gateways, chains and a PostgreSQL of its own; more would share too few long files."""


@dataclass(frozen=True, slots=True)
class Check:
    """One command. ``part`` is the file it cannot do without, ``source`` what brings that file."""

    name: str
    argv: tuple[str, ...]
    part: Path
    source: str
    cwd: Path = ROOT
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """How one check ended: ``closing`` is its last line, ``exit_code`` None where its part is missing."""

    name: str
    seconds: float
    exit_code: int | None
    closing: str


def spread_tests(cores: int | None) -> tuple[str, ...]:
    """Options of pytest that give each core a worker, whole files at a time; none for a single core."""
    workers = min(cores or 1, MOST_WORKERS)
    return () if workers == 1 else ("-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder")


def list_checks(python: Path = PYTHON, root: Path = ROOT) -> list[Check]:
    """All checks in the order they run: the quick ones first, the test suite last."""
    tools, contracts = python.parent, root / "contracts"
    locked = "requirements-dev.txt, installed by scripts/setup.py"
    forge, npm = native_binary("forge"), "npm package @foundry-rs/forge, installed by scripts/setup.py"
    scripts, ours = root / "scripts", "this repository"

    def module(name: str, *argv: str) -> tuple[str, ...]:
        return (str(python), "-m", name, *argv)

    return [
        Check("ruff check", (str(tools / "ruff"), "check", "."), tools / "ruff", locked),
        Check("ruff format", (str(tools / "ruff"), "format", "--check", "."), tools / "ruff", locked),
        Check("mypy strict", module("mypy"), tools / "mypy", locked),
        Check(
            "contract artifacts",
            module("chain.evm.artifacts", "--check"),
            contracts / "node_modules" / "solc" / "soljson.js",
            "npm package solc, installed by scripts/setup.py",
        ),
        Check("vectors", module("scripts.gen_vectors", "--check"), scripts / "gen_vectors.py", ours),
        Check("forge", (str(forge), "test"), forge, npm, contracts),
        Check("forge strict", (str(forge), "test", *STRICT), forge, npm, contracts, STRICT_PROFILE),
        Check("gas table", module("tests.contracts.gas", "--check"), forge, npm),
        Check("slither", (str(scripts / "slither"),), scripts / "slither", ours),
        Check("pytest", module("pytest", "tests", *spread_tests(os.cpu_count())), tools / "pytest", locked),
    ]


def run_check(check: Check, show: Callable[[str], None]) -> Result:
    """Run one check, passing its output on line by line."""
    started = time.monotonic()
    if not check.part.exists():
        reason = f"{check.name}: {check.part} is missing; it comes with {check.source}"
        show(reason + "\n")
        return Result(check.name, 0.0, None, reason)
    path = f"{PYTHON.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    closing = ""
    with subprocess.Popen(
        check.argv,
        cwd=check.cwd,
        env={**os.environ, "PATH": path, **check.env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as child:
        for line in child.stdout or ():
            show(line)
            closing = line.strip() or closing
    return Result(check.name, time.monotonic() - started, child.returncode, closing)


def format_table(results: Sequence[Result], skipped: Sequence[str]) -> str:
    """One row per check: how it ended and how long it took."""
    width = max(len(name) for name in [*(r.name for r in results), *skipped, "total"])
    rows = []
    for result in results:
        mark = "✓" if result.exit_code == 0 else "✗"
        rows.append(f"  {mark} {result.name:<{width}} {result.seconds:8.1f} s")
    rows += [f"  - {name:<{width}}  not run" for name in skipped]
    total = sum(result.seconds for result in results)
    rows.append(f"    {'total':<{width}} {total:8.1f} s")
    return "\n".join(rows)


def closing_line(results: Sequence[Result]) -> str:
    """pytest's own last line when it ran; else the checks counted in the same form."""
    last = results[-1]
    if last.name == "pytest" and last.exit_code is not None and last.closing:
        return last.closing
    failed = sum(result.exit_code != 0 for result in results)
    passed = len(results) - failed
    counts = [f"{failed} failed"] * bool(failed) + [f"{passed} passed"] * bool(passed)
    return f"{', '.join(counts)} in {sum(result.seconds for result in results):.2f}s"


def run_all(checks: Sequence[Check], show: Callable[[str], None]) -> list[Result]:
    """Run the checks in order up to the first that fails."""
    results: list[Result] = []
    for check in checks:
        show(f"── {check.name}\n")
        results.append(run_check(check, show))
        if results[-1].exit_code != 0:
            break
    return results


def write_out(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts/test", description="Run every check.")
    parser.add_argument("--only", action="append", metavar="CHECK", help="run this check only (repeatable)")
    options = parser.parse_args(argv)
    checks = list_checks()
    names = [check.name for check in checks]
    unknown = [name for name in options.only or () if name not in names]
    if unknown:
        parser.error(f"no check named {unknown[0]!r}; there are: {', '.join(names)}")
    chosen = [check for check in checks if not options.only or check.name in options.only]
    results = run_all(chosen, write_out)
    ran = {result.name for result in results}
    write_out("\n" + format_table(results, [check.name for check in chosen if check.name not in ran]) + "\n")
    write_out(closing_line(results) + "\n")
    return 0 if all(result.exit_code == 0 for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
