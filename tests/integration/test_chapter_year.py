"""The year of one chapter: from one seed the same ledger twice, from another seed another one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from scripts.year.themes import ENTRIES, FIGURES, REFUSALS

ROOT = Path(__file__).resolve().parents[2]


def play(seed: str, *options: str) -> dict[str, object]:
    command = [sys.executable, "-m", "scripts.chapter_year", "--json", "--seed", seed, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    document: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return document


def test_one_seed_gives_one_ledger_that_holds_every_theme() -> None:
    first, second = play("river", "--short"), play("river", "--short")
    assert first["root"] == second["root"]
    assert first["counts"] == second["counts"]
    assert isinstance(first["entries"], int)
    assert first["entries"] > 2_000
    fit = first["fit"]
    assert isinstance(fit, dict)
    assert set(fit) == {"Gini of receipts", "repeated payments", "on another date in UTC"}
    assert all(measured > 0 for measured, *_ in fit.values())
    themes = first["themes"]
    assert isinstance(themes, dict)
    assert set(themes) == {*ENTRIES, *REFUSALS, *FIGURES}
    assert [theme for theme, number in themes.items() if number < 1] == []


def test_another_seed_gives_another_ledger() -> None:
    tiny = ("--members", "40", "--merchants", "4", "--days", "2", "--sales", "4", "--block-time", "0.2")
    assert play("river", *tiny)["root"] != play("mountain", *tiny)["root"]
