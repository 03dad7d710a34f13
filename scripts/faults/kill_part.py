"""Part ``kills``: kill -9 of the whole gateway, or of one process role, at random times under load.

A job is a run of kills on one copy of a warmed gateway, with clients that never stop; then they are answered,
the gateway comes to rest, and the checker decides. A part of the kills hits a gateway that is just starting.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Sequence
from functools import partial

from scripts.faults.checker import check
from scripts.faults.client import Client, Target, draw_request
from scripts.faults.parts import Campaign, Job
from scripts.faults.results import Outcome
from scripts.faults.running import GatewayProcess
from scripts.faults.world import POSTGRESQL, SQLITE, Case, NotQuiet, World

KILLS_A_JOB = 10
ANSWERED_WITHIN = 60.0
LIVES_FOR = (0.1, 1.2)
"""Seconds between ready and kill, at random between these."""
DIES_STARTING = 0.25
"""Share of kills that hit a gateway before it is ready."""
STARTS_FOR = 0.5
"""Seconds after a start within which such a kill comes."""
ROLES = ("sequencer", "outbox", "anchor", "mirror", "api")
LEADING_WITHIN = 40.0


class NotReady(Exception):
    """A process did not get ready again."""


def _kill(process: GatewayProcess) -> bool:
    """Kill a process that runs; return whether it ended by that."""
    running = process.exit_code is None
    process.kill()
    return running and process.exit_code == -signal.SIGKILL


class Alone:
    """``tongyi serve``: everything in one process."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._process = case.process()
        self.fired = 0

    def start(self, target: Target) -> None:
        """Start all and wait until they are ready."""
        self._process = self._case.process()
        self._process.start()
        self._wait(target)

    def _wait(self, target: Target) -> None:
        if not self._process.wait_ready():
            raise NotReady(f"ended with {self._process.exit_code}: {self._process.log()[-600:]}")
        target.port = self._process.port

    def kill_one(self, target: Target) -> None:
        """Kill it, and start it again without waiting."""
        target.port = None
        self.fired += _kill(self._process)
        self._process = self._case.process()
        self._process.start()

    def survive(self, target: Target) -> None:
        """Wait until it is ready again."""
        self._wait(target)

    def stop(self) -> list[str]:
        """Ask all to end; return what did not end as it should."""
        code = self._process.stop()
        return [] if code == 0 else [f"O10 stop: ended with {code}"]

    def kill_all(self) -> None:
        """End whatever still runs."""
        if self._process.exit_code is None:
            self._process.kill()


class Apart:
    """The process roles on PostgreSQL, one process each."""

    def __init__(self, case: Case, victim: str) -> None:
        self._case = case
        self._victim = victim
        self._processes: dict[str, GatewayProcess] = {}
        self.fired = 0

    def start(self, target: Target) -> None:
        """Start all and wait until they are ready."""
        for role in ROLES:
            self._start(role)
        for role in ROLES:
            self._wait(role, target)

    def _start(self, role: str) -> None:
        self._processes[role] = self._case.process(role, name=role)
        self._processes[role].start()

    def _wait(self, role: str, target: Target) -> None:
        process = self._processes[role]
        deadline = time.monotonic() + LEADING_WITHIN
        while process.wait_ready():
            if role == "api":
                target.port = process.port
                return
            if process.ready["state"] == "leading":
                return
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        raise NotReady(f"{role} ended with {process.exit_code}: {process.log()[-600:]}")

    def kill_one(self, target: Target) -> None:
        """Kill the victim, and start it again without waiting."""
        if self._victim == "api":
            target.port = None
        self.fired += _kill(self._processes[self._victim])
        self._start(self._victim)

    def survive(self, target: Target) -> None:
        """Wait until it leads again."""
        self._wait(self._victim, target)

    def stop(self) -> list[str]:
        """Ask all to end; return what did not end as it should."""
        codes = {role: self._processes[role].stop() for role in reversed(ROLES)}
        return [f"O10 stop: {role} ended with {code}" for role, code in codes.items() if code != 0]

    def kill_all(self) -> None:
        """End whatever still runs."""
        for process in self._processes.values():
            if process.exit_code is None:
                process.kill()


def _fleet(case: Case, victim: str) -> Alone | Apart:
    return Alone(case) if victim == "serve" else Apart(case, victim)


def run_kills(fault: str, victim: str, seed: str, kills: int, world: World) -> Outcome:
    """Kill ``victim`` as often as asked under load, then let the checker decide."""
    began = time.monotonic()
    chance = random.Random(seed)  # noqa: S311  repeatable, not secret
    failures: list[str] = []
    with world.case() as case:
        target, fleet = Target(case.state.key), _fleet(case, victim)
        accounts = case.state.accounts
        client = Client(
            case.place.journals,
            target,
            connections=4,
            draw=lambda number: draw_request(accounts, seed, number),
        )
        try:
            fleet.start(target)
            client.start()
            for _ in range(kills):
                if chance.random() < DIES_STARTING:
                    time.sleep(chance.uniform(0.0, STARTS_FOR))
                else:
                    fleet.survive(target)
                    time.sleep(chance.uniform(*LIVES_FOR))
                fleet.kill_one(target)
            fleet.survive(target)
            client.stop()
            if not client.join(ANSWERED_WITHIN):
                failures.append(f"O10 requests without an answer: {client.tally}")
            case.wait_quiet()
            time.sleep(0.15)
            client.close()
            failures += fleet.stop()
            failures += [f"O10 answer: {what}" for what in client.tally.strange]
            failures += [str(failure) for failure in check(case.place)]
        except (NotReady, NotQuiet, OSError) as error:
            failures.append(f"O10 {type(error).__name__}: {error}")
        finally:
            client.close()
            fleet.kill_all()
        tally = client.tally
    seconds = time.monotonic() - began
    return Outcome(
        fault, seed, fleet.fired, tuple(failures), f"{tally.accepted} accepted", seconds,
        tally.accepted, tally.issues, kills,
    )  # fmt: skip


def list_jobs(campaign: Campaign) -> list[Job]:
    """Return the jobs of as many kills as asked for: half of them of whole gateways, half of single roles."""
    victims: Sequence[tuple[str, str]] = (
        ("serve", SQLITE), ("sequencer", POSTGRESQL), ("serve", POSTGRESQL), ("outbox", POSTGRESQL),
        ("serve", SQLITE), ("mirror", POSTGRESQL), ("serve", SQLITE), ("anchor", POSTGRESQL),
        ("serve", POSTGRESQL), ("api", POSTGRESQL),
    )  # fmt: skip
    jobs = []
    left, number = campaign.cycles, 0
    while left > 0:
        victim, database = victims[number % len(victims)]
        kills = min(KILLS_A_JOB, left)
        fault = f"kill -9 {victim} ({database})"
        seed = f"{campaign.seed}-kill-{number}-{victim}-{database}-{kills}"
        jobs.append(Job(fault, seed, database, partial(run_kills, fault, victim, seed, kills)))
        left -= kills
        number += 1
    return jobs
