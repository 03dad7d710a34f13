"""The Go libraries of others give every vector the verdict we give it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

MODULE = Path(__file__).parent / "vectors"
VECTORS = Path(__file__).parents[1] / "vectors"
FOLDERS = ("checkpoint", "consistency", "inclusion", "proof_file", "window")


def run_go(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the Go module with these arguments, with modules from set-up only: nothing is fetched."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "GOFLAGS": "-mod=readonly", "GOPROXY": "off", "GOTOOLCHAIN": "local"}
    return subprocess.run(
        ["go", "run", ".", *arguments],
        cwd=MODULE,
        env=env,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_go_agrees_on_every_vector() -> None:
    done = run_go(str(VECTORS))
    assert (done.returncode, done.stderr) == (0, "")
    want: dict[str, list[int]] = {}
    for folder in FOLDERS:
        counts = want.setdefault(folder, [0, 0])
        for path in (VECTORS / folder).glob("*.json"):
            file = json.loads(path.read_text())
            counts[0 if file["valid"] or file.get("go") == "accepts" else 1] += len(file["cases"])
    assert json.loads(done.stdout) == want


def test_go_run_fails_on_a_wrong_verdict(tmp_path: Path) -> None:
    for folder in FOLDERS:
        (tmp_path / folder).mkdir()
        for path in (VECTORS / folder).glob("sound-*.json"):
            (tmp_path / folder / path.name).write_text(path.read_text())
    swapped = json.loads((VECTORS / "window" / "sound-proofs.json").read_text())
    (tmp_path / "window" / "sound-proofs.json").write_text(json.dumps({**swapped, "valid": False}))
    done = run_go(str(tmp_path))
    assert done.returncode == 1
    assert "sound-proofs.json: case 0: accepted true, want false" in done.stderr
