"""Requests drawn from the published interface itself: Schemathesis, all its checks, and in sequences.

A process of its own reads ``/openapi.json`` and asks a running gateway: the examples, every value at its
limits, drawn values right and wrong, then sequences along the document's links, where one answer's name is
what the next asks for. Three callers do so one after the other: one with every scope of every chapter, one
of a chapter, and one without a key. Every answer must be of a documented status and media type, fit its
schema, come in time, and be no undocumented 5xx; what is wrong must be refused, and so must a missing or
made-up key.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from scripts.faults.hostile.probing import OURS, furnish
from scripts.faults.hostile.stage import Caller, Stage, running
from scripts.faults.results import Outcome
from scripts.faults.world import World

ROOT = Path(__file__).resolve().parents[3]
HOOKS = "scripts.faults.hostile.schema_hooks"
_CONFIG = """
[checks]
max_response_time = 5.0

# The rules of an entry are more than a schema can say: what fits it may still be refused, with a code.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "404", "409", "422"]

# Told on purpose, with when to come again; each is in the document.
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "503", "507"]

# What is wrong in a line is refused in the line that answers it.
[[operations]]
include-path = "/v1/entries/batch"
checks.negative_data_rejection.enabled = false

[[operations]]
include-path = "/v1/events/stream"
max-stream-events = 1
# OpenAPI 3.1 has no schema for one event of a stream: the document says text.
checks.response_schema_conformance.enabled = false
"""
_BEARER = """
[auth.openapi.HTTPBearer]
bearer = "${TORTURE_KEY}"
"""
_COUNTED = "test_cases"
_REPRODUCE = re.compile(r"^ *curl .*$", re.M)
EVERYTHING, DRAWN = "examples,coverage,fuzzing,stateful", "fuzzing,stateful"
"""What is asked: the document's examples, each value at its limits, drawn ones, sequences."""
FEW = 5
"""Examples of each operation up to which limits are tried by one caller alone."""
PATIENCE = 3_600.0
"""Seconds after which Schemathesis itself counts as stuck."""
MOST_TOLD = 12


@dataclass(frozen=True, slots=True)
class Asker:
    """One caller: a name, its key, None for nobody's, what is asked, and how many examples are drawn."""

    name: str
    secret: str | None
    phases: str
    examples: int


def _key_name(secret: str) -> str:
    return "key_" + sha256(secret.encode()).digest()[:8].hex()


def _command(folder: Path, port: int, phases: str, seed: int, examples: int) -> list[str]:
    address = f"http://127.0.0.1:{port}/openapi.json"
    return [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(folder / "schemathesis.toml")),
        *("run", address, "--phases", phases, "--seed", str(seed), "--max-examples", str(examples)),
        *("--continue-on-failure", "--no-shrink"),
        *("--suppress-health-check", "all", "--generation-database", "none", "--request-timeout", "10"),
        *("--report", "json", "--report-json-path", str(folder / "report.json"), "--no-color"),
    ]


def _ask(stage: Stage, asker: Asker, folder: Path, seed: int, known: Mapping[str, str]) -> None:
    """Have one caller ask for everything; note what Schemathesis finds."""
    folder.mkdir(parents=True)
    config = _CONFIG if asker.secret is None else _BEARER + _CONFIG
    (folder / "schemathesis.toml").write_text(config)
    environment = {
        **os.environ, **known, "TORTURE_KEY": asker.secret or "",
        "SCHEMATHESIS_HOOKS": HOOKS, "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    done = subprocess.run(
        _command(folder, stage.port, asker.phases, seed, asker.examples),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    try:
        report = json.loads((folder / "report.json").read_text())
    except (OSError, ValueError):
        stage.fail(f"Schemathesis ended with {done.returncode}: {(done.stdout + done.stderr)[-800:]}")
        return
    stage.fired += int(report[_COUNTED]["generated"])
    for what in judge_report(report, done.stdout, done.returncode):
        stage.fail(f"{asker.name}: {what}")


def judge_report(report: dict[str, Any], output: str, code: int) -> Iterator[str]:
    """Yield what a run found: its failures, its errors, and that it did not ask for everything."""
    for failure in report["failures"]:
        named = ", ".join(failure["operations"][:4])
        yield f"O10 interface: {failure['title']} ({failure['count']} times) at {named}"
    for error in report["errors"]:
        yield f"O10 interface: error {error['title']} ({error['count']} times)"
    if not report["complete"] or report["stop_reason"] != "completed":
        yield f"O10 interface: stopped by {report['stop_reason']}"
    asked = report["operations"] or {}
    if not asked.get("tested") or asked["tested"] != asked["total"]:
        yield f"O10 interface: {asked.get('tested')} of {asked.get('total')} operations were asked for"
    if code and (report["failures"] or report["errors"]):
        for line in _REPRODUCE.findall(output)[:MOST_TOLD]:
            yield line.strip()[:400]
    elif code:
        yield f"Schemathesis ended with {code}: {output[-400:]}"


def run_schema(fault: str, seed: str, count: int, world: World) -> Outcome:
    """Ask at least ``count`` times by all callers, then hold the gateway to having lived through it."""
    began = time.monotonic()
    number = int.from_bytes(sha256(seed.encode()).digest()[:4])
    with running(world, seed, customers=False) as stage:
        platform = Caller(stage.port, stage.case.state.key)
        ours = furnish(platform, OURS, stage.case.state.accounts.pool, stage.port)
        platform.close()
        examples = examples_of(count)
        askers = (
            Asker("all", stage.case.state.key, EVERYTHING, examples),
            Asker("chapter", ours.secret, EVERYTHING if examples > FEW else DRAWN, examples),
            Asker("nobody", None, "fuzzing", max(1, examples // 10)),
        )
        known = {
            "TORTURE_CHAPTER": OURS,
            "TORTURE_ACCOUNTS": ",".join(ours.names["account"]),
            "TORTURE_KEPT_KEYS": ",".join(_key_name(one) for one in (stage.case.state.key, ours.secret)),
        }
        for place, asker in enumerate(askers):
            _ask(stage, asker, Path(f"{stage.case.data}.schemathesis") / asker.name, number + place, known)
    injected = max(count, stage.fired)
    return stage.outcome(fault, seed, injected, began)


def examples_of(count: int) -> int:
    """Return how many examples to draw of each operation for ``count`` requests in all."""
    return max(2, count // 1_000)
