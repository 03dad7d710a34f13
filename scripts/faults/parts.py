"""Parts of the campaign as lists of jobs, and the workers that take them up.

A worker is a thread with a world of its own (one chain, one warmed state of one kind of database); the work
is done by the gateways' processes. Jobs of one kind of database share what is warmed for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from scripts.faults.results import Outcome
from scripts.faults.world import Clone, World


@dataclass(frozen=True, slots=True)
class Campaign:
    """What is asked for: a seed, whether it is the short form, how many kills."""

    seed: str
    short: bool
    cycles: int


@dataclass(frozen=True, slots=True)
class Job:
    """One case: the fault's name, the ``seed`` that repeats it, the kind of database, the work."""

    fault: str
    seed: str
    database: str
    work: Callable[[World], Outcome]


class _Pool:
    """Jobs by kind of database; a worker stays with a kind while there are jobs of it."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, list[Job]] = {}
        for job in reversed(jobs):
            self._jobs.setdefault(job.database, []).append(job)
        self._workers = dict.fromkeys(self._jobs, 0)

    def choose(self) -> str | None:
        """Return the kind with the most jobs a worker, None when all are taken."""
        with self._lock:
            kinds = [kind for kind, jobs in self._jobs.items() if jobs]
            if not kinds:
                return None
            kind = max(kinds, key=lambda one: len(self._jobs[one]) / (1 + self._workers[one]))
            self._workers[kind] += 1
            return kind

    def take(self, kind: str) -> Job | None:
        """Return the next job of a kind, None when there is none."""
        with self._lock:
            return self._jobs[kind].pop() if self._jobs[kind] else None

    def leave(self, kind: str) -> None:
        """A worker is done with a kind."""
        with self._lock:
            self._workers[kind] -= 1

    def clear(self) -> None:
        """Give out nothing more."""
        with self._lock:
            for jobs in self._jobs.values():
                jobs.clear()


def run_jobs(jobs: Sequence[Job], folder: Path, clone: Clone, workers: int) -> Iterator[Outcome]:
    """Run jobs and yield each result as it is known. A job that breaks is a result that failed."""
    pool = _Pool(jobs)
    results: SimpleQueue[Outcome] = SimpleQueue()

    def work(number: int) -> None:
        rounds = 0
        while (kind := pool.choose()) is not None:
            rounds += 1
            with World(folder / f"worker-{number}-{rounds}", kind, clone) as world:
                world.warm()
                while (job := pool.take(kind)) is not None:
                    results.put(_done(job, world))
            pool.leave(kind)

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(workers)]
    for thread in threads:
        thread.start()
    try:
        left = len(jobs)
        while left and (any(thread.is_alive() for thread in threads) or not results.empty()):
            try:
                yield results.get(timeout=0.2)
                left -= 1
            except Empty:
                continue
    finally:
        pool.clear()
        for thread in threads:
            thread.join(120)
    if left:
        raise RuntimeError(f"{left} cases were not run: a worker broke")


def _done(job: Job, world: World) -> Outcome:
    try:
        return job.work(world)
    except Exception as error:  # the campaign goes on, and says so
        return Outcome(job.fault, job.seed, 0, (f"broke: {type(error).__name__}: {error}",))
