"""Runs Go with what set-up brought: nothing is fetched, nothing comes from elsewhere on the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from scripts.setup_shell import Paths

FOREIGN = Path(__file__).parent
PATHS = Paths(FOREIGN.parents[1])


def run_go(module: str, *arguments: str, patience: float = 240) -> subprocess.CompletedProcess[str]:
    """Run ``go`` in one of this folder's modules."""
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "GOMODCACHE": str(PATHS.go_modules),
        "GOCACHE": str(PATHS.go_builds),
        "GOFLAGS": "-mod=readonly",
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
    }
    return subprocess.run(
        ["go", *arguments],
        cwd=FOREIGN / module,
        env=env,
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
    )
