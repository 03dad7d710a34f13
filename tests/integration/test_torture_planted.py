"""The campaign's part ``planted`` as CI runs it: some bugs that the seed draws, each named by its oracle."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from scripts.faults.parts import Campaign, Job
from scripts.faults.planted.bugs import BUGS
from scripts.faults.planted.part import SHORT, list_jobs
from scripts.faults.planted.stories import STORIES
from scripts.faults.world import SQLITE, World

JOBS = list_jobs(Campaign("tongyi", short=True, cycles=1))


def no_clone(template: str | None) -> tuple[str, Callable[[], None]]:
    raise AssertionError("this world is on SQLite")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One warmed gateway that every case begins from."""
    with World(tmp_path_factory.mktemp("planted") / "world", SQLITE, no_clone) as world:
        world.warm()
        yield world


@pytest.mark.parametrize("job", JOBS, ids=[job.seed for job in JOBS])
def test_a_planted_bug_is_named(world: World, job: Job) -> None:
    outcome = job.work(world)
    assert (list(outcome.failures), outcome.fired) == ([], 1)


def test_the_long_form_has_every_bug() -> None:
    jobs = list_jobs(Campaign("tongyi", short=False, cycles=1))
    assert len(JOBS) == SHORT
    assert len({job.seed for job in jobs}) == len(jobs) == len(BUGS) >= 20
    assert {bug.story for bug in BUGS.values()} == set(STORIES)
