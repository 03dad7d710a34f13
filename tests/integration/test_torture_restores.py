"""The campaign's part ``restores`` as CI runs it: every mix of old SQL, log files and chain, on SQLite."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(900)
def test_nothing_is_signed_on_old_data_and_only_what_follows_is_repaired() -> None:
    command = [sys.executable, "-m", "scripts.faults.torture", "--only", "restores", "--short", "--json"]
    done = subprocess.run([*command, "--workers", "1"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    summary = json.loads(done.stdout.splitlines()[-1])
    assert (summary["passed"], summary["failures"]) == (True, [])
    assert set(map(tuple, summary["faults"].values())) == {(1, 1, 1)} and summary["injected"] == 8
