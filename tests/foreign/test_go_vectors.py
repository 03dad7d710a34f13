"""The Go libraries of others give every vector the verdict we give it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.foreign.go_tool import run_go

VECTORS = Path(__file__).parents[1] / "vectors"
FOLDERS = ("checkpoint", "consistency", "inclusion", "proof_file", "window")


def test_go_agrees_on_every_vector() -> None:
    done = run_go("vectors", "run", ".", str(VECTORS))
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
    done = run_go("vectors", "run", ".", str(tmp_path))
    assert done.returncode == 1
    assert "sound-proofs.json: case 0: accepted true, want false" in done.stderr
