"""The campaign's part ``failpoints`` as CI runs it: each step fails once, in the ways of all kinds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.failpoint_names import STEPS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(900)
def test_every_step_is_survived() -> None:
    command = [sys.executable, "-m", "scripts.faults", "--only", "failpoints", "--workers", "1", "--short"]
    done = subprocess.run([*command, "--json"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["passed"] and summary["failures"] == []
    assert summary["injected"] == summary["fired"] == summary["survived"] == len(STEPS)
    assert set(summary["faults"]) == {f"failpoint {name}" for name in STEPS}
