"""The campaign's part ``disk`` as CI runs it: a call of each kind fails, and disks get full."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.faults.disk_part import CALLS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(600)
def test_a_disk_that_fails_or_is_full_takes_nothing_and_makes_nothing_false() -> None:
    command = [sys.executable, "-m", "scripts.faults.torture", "--only", "disk", "--short", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    summary = json.loads(done.stdout.splitlines()[-1])
    assert (summary["passed"], summary["failures"]) == (True, [])
    assert summary["injected"] == summary["fired"] == len(CALLS) + 3
    for kind in ("sqlite", "postgresql"):
        assert summary["faults"][f"disk full ({kind})"] == [1, 1, 1]
