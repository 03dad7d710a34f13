"""The campaign's part ``kills`` as CI runs it: gateways, each role and the node are killed under load."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.faults.torture import SHORT_CYCLES

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(900)
def test_nothing_is_lost_or_done_twice_by_kills() -> None:
    command = [sys.executable, "-m", "scripts.faults", "--only", "kills", "--workers", "1", "--short"]
    done = subprocess.run([*command, "--json"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["passed"] and summary["failures"] == []
    assert summary["injected"] == summary["fired"] == summary["survived"] == SHORT_CYCLES
    assert len(summary["faults"]) == 9
    assert summary["accepted"] > 500 and summary["issues"] > 50
