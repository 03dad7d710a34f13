"""The campaign's part ``failpoints`` as CI runs it: each day the eighth whose turn it is."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scripts.faults.failpoint_cases import list_points
from scripts.faults.failpoint_part import is_of_share

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(900)
def test_steps_are_survived_in_every_way() -> None:
    turn = datetime.now(UTC).date().toordinal()
    command = [sys.executable, "-m", "scripts.faults", "--only", "failpoints", "--workers", "1", "--json"]
    done = subprocess.run(
        [*command, "--turn", str(turn)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    summary = json.loads(done.stdout.splitlines()[-1])
    points = [point for point in list_points() if is_of_share(point.seed, turn)]
    assert summary["passed"] and summary["failures"] == []
    assert summary["injected"] == summary["fired"] == summary["survived"] == len(points) > 30
    assert set(summary["faults"]) == {point.fault for point in points}
