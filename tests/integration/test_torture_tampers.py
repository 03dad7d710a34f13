"""The campaign's part ``tampers`` as CI runs it: each guarded table once, some hundred bits of tiles."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from scripts.faults.tamper_table import TABLES, Guard

ROOT = Path(__file__).resolve().parents[2]


def test_whatever_is_changed_behind_the_gateways_back_is_found() -> None:
    command = [sys.executable, "-m", "scripts.faults.torture", "--only", "tampers", "--short", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["passed"] and summary["failures"] == []
    assert summary["faults"]["tamper bits of tiles, stopped"] == [250, 250, 250]
    signed = sum(one.guard in (Guard.SCRUB, Guard.SIGNATURE) for one in TABLES.values())
    changed = sum(row[1] for fault, row in summary["faults"].items() if not fault.startswith("tamper bits"))
    # Some tables have no rows in a young chapter, where one of four changes can be made alone.
    assert changed > 2 * signed
