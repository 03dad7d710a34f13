"""A process that would be easy to stop does not start: signatures in pure Python are 50 times slower."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TONGYI = str(Path(sys.executable).parent / "tongyi")
ELSEWHERE = ("--chain-url", "http://127.0.0.1:9", "--database-url", "postgresql+psycopg://127.0.0.1:9/x")


@pytest.mark.parametrize("command", ["serve", "api", "sequencer"])
def test_signatures_in_pure_python_are_refused(command: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [TONGYI, command, "--data", str(tmp_path / "data"), *ELSEWHERE],
        env={**os.environ, "ECC_BACKEND_CLASS": "eth_keys.backends.NativeECCBackend"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 4
    assert "eth_keys uses NativeECCBackend, wants CoinCurveECCBackend" in done.stderr
    assert not (tmp_path / "data").exists()
