"""The campaign's parts ``reorgs``, ``lies`` and ``nonces`` as CI runs them: some of each kind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from scripts.faults.lies import SHORT_STEP, list_cells
from scripts.faults.nonces import SHORT_CALLS
from scripts.faults.two_nodes import SHARES

ROOT = Path(__file__).resolve().parents[2]


def test_a_node_that_changes_its_chain_lies_or_loses_harms_nothing() -> None:
    command = [sys.executable, "-m", "scripts.faults.torture", "--short", "--json"]
    for part in ("reorgs", "lies", "nonces"):
        command += ["--only", part]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["passed"] and summary["failures"] == []
    lies = len(list_cells()) // SHORT_STEP
    faults = summary["faults"]
    assert faults["lies of every kind"][2] in (lies, lies + 1)
    assert faults["two nodes: one behind or forked or forging (sqlite)"] == [3 * len(SHARES)] * 3
    assert faults["two nodes: forked below finality (sqlite)"] == [1, 1, 1]
    for storm in ("one database", "two databases by mistake"):
        assert faults[f"two outboxes, {storm}"] == [SHORT_CALLS] * 3
    assert faults["reorg below finality"] == [1, 1, 1]
    assert faults["node comes back older"] == [1, 1, 1]
    assert faults["reorgs nested"] == [3, 3, 3]
