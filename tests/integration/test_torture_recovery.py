"""The campaign's part ``recovery`` as CI runs it: restarts with 50,000 entries; no time is asserted."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.faults.recovery import RESTARTS, SHORT_ENTRIES, run_restarts


@pytest.mark.timeout(900)
def test_a_large_log_is_ready_again_after_every_end(tmp_path: Path) -> None:
    found = run_restarts(tmp_path / "kept", SHORT_ENTRIES, "tongyi-recovery-ci")
    assert found.failures == [], found.describe()
    assert found.fired == RESTARTS == len(found.starts)
    assert found.accepted > 100 and found.issues > 0
