"""The campaign's part ``soak`` as CI runs it: two minutes of single entries at a steady rate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.faults.soak import SHORT, SoakWorld, soak_one
from scripts.faults.world import SQLITE


def no_clone(template: str | None) -> tuple[str, Callable[[], None]]:
    raise AssertionError("this world is on SQLite")


@pytest.mark.timeout(900)
def test_nothing_grows_but_the_tree_and_nothing_is_lost(tmp_path: Path) -> None:
    with SoakWorld(tmp_path / "world", SQLITE, no_clone) as world:
        world.warm()
        outcome = soak_one("soak", "tongyi-soak-ci", SHORT, world)
    assert list(outcome.failures) == [], outcome.how
    assert outcome.fired == outcome.injected == SHORT.count, outcome.how
