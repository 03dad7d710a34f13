"""CI's share of part ``hostile``: 50,000 requests that no client should send, and probes across chapters.

Real gateways on a real chain; each case ends with the independent checker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from scripts.faults.hostile.part import list_jobs
from scripts.faults.parts import Campaign, Job
from scripts.faults.world import SQLITE, World

JOBS = list_jobs(Campaign("tongyi", short=True, cycles=1))


def no_clone(template: str | None) -> tuple[str, Callable[[], None]]:
    raise AssertionError("this world is on SQLite")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One warmed gateway that every case begins from."""
    with World(tmp_path_factory.mktemp("hostile") / "world", SQLITE, no_clone) as world:
        world.warm()
        yield world


@pytest.mark.timeout(900)
@pytest.mark.parametrize("job", JOBS, ids=[job.seed for job in JOBS])
def test_nobody_hostile_gets_anything(world: World, job: Job) -> None:
    outcome = job.work(world)
    assert list(outcome.failures) == []
    assert outcome.fired == outcome.injected > 0


def test_these_are_the_promised_number() -> None:
    # Each probe is two requests.
    counts = [int(job.seed.rpartition("-")[2]) for job in JOBS]
    assert sum(counts) + counts[-1] >= 50_000
