"""The campaign: chunks, its state file, going on after a stop, what it prints and how it exits."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.campaign import proof_edits, run

ROOT = Path(__file__).parents[2]
SMALL = {"bundles": 20, "proofs": 500}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "CHUNKS", SMALL)


def start(state: Path, bundles: int, proofs: int, *more: str) -> int:
    return run.main(["--state", str(state), "--bundles", str(bundles), "--proofs", str(proofs), *more])


def test_goes_on_where_it_stopped_and_ends_as_if_never_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, parts = tmp_path / "whole.json", tmp_path / "parts.json"
    assert start(whole, 60, 1_500) == 0
    for bundles, proofs in ((20, 0), (60, 500), (60, 1_500)):
        assert start(parts, bundles, proofs) == 0
    said = capsys.readouterr()
    assert said.err.count("bundles: 20 / ") == 2 and said.err.count("bundles: 60 / 60") == 2
    one, other = (json.loads(path.read_text()) for path in (whole, parts))
    for state in (one, other):
        for name in SMALL:
            del state[name]["seconds"]
    assert one == other
    assert one["bundles"]["done"] == 60 and one["proofs"]["done"] == 1_500
    assert "| bundles | 60 | 0 | 0 |" in said.out and "| proofs | 1,500 | 0 | 0 |" in said.out


def test_json_and_the_exit_code_of_a_flaw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(proof_edits, "verify_inclusion", lambda *args: None)
    assert start(tmp_path / "state.json", 0, 500, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["proofs"]["done"] == 500 and found["proofs"]["accepted"]
    assert found["bundles"]["done"] == 0


def test_a_state_of_another_seed_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "state.json"
    assert start(state, 0, 500) == 0
    before = state.read_text()
    assert start(state, 0, 500, "--seed", "another") == 2
    state.write_text("{")
    assert start(state, 0, 500) == 2
    state.write_text(before)
    assert start(state, 0, 500) == 0


def test_a_stop_leaves_a_state_to_go_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state, calls = tmp_path / "state.json", []

    def interrupted(path: Path, seed: str, progress: dict[str, run.Progress]) -> None:
        run_save(path, seed, progress)
        calls.append(path)
        if len(calls) == 2:
            raise KeyboardInterrupt

    run_save = run.save
    monkeypatch.setattr(run, "save", interrupted)
    assert start(state, 0, 1_500) == 130
    assert json.loads(state.read_text())["proofs"]["done"] == 1_000
    assert start(state, 0, 1_500) == 0
    assert len(calls) == 3


def test_help_is_bilingual_and_installs_nothing() -> None:
    done = subprocess.run(
        [ROOT / "scripts" / "campaign", "--help"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "Usage: ./scripts/campaign" in done.stdout and "进度保存在哪个文件" in done.stdout
    assert done.stderr == ""
