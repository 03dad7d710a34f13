"""Part ``kills``: kill -9 of the whole gateway, of one process role, or of the chain's node, under load.

A job is a run of kills on one copy of a warmed gateway, with clients that never stop; then they are answered,
the gateway comes to rest, and the checker decides. A part of the kills hits a gateway that is just starting.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from functools import partial

from scripts.faults.chain_kills import CHAIN, run_chain_kills
from scripts.faults.checker import check
from scripts.faults.client import Client, Target, draw_request
from scripts.faults.fleets import Fleet, NotReady
from scripts.faults.parts import Campaign, Job
from scripts.faults.results import Outcome
from scripts.faults.world import POSTGRESQL, SQLITE, NotQuiet, World

KILLS_A_JOB = 10
ANSWERED_WITHIN = 60.0
LIVES_FOR = (0.1, 1.2)
"""Seconds between ready and kill, at random between these."""
DIES_STARTING = 0.25
"""Share of kills that hit a gateway before it is ready."""
STARTS_FOR = 0.5
"""Seconds after a start within which such a kill comes."""
VICTIMS: Sequence[tuple[str, str]] = (
    ("serve", SQLITE), ("sequencer", POSTGRESQL), ("serve", POSTGRESQL), ("outbox", POSTGRESQL),
    ("serve", SQLITE), ("mirror", POSTGRESQL), (CHAIN, SQLITE), ("anchor", POSTGRESQL),
    ("delivery", POSTGRESQL), ("api", POSTGRESQL),
)  # fmt: skip
"""Who is killed, a job each in turn, and on which database."""


def run_kills(fault: str, victim: str, seed: str, kills: int, world: World) -> Outcome:
    """Kill ``victim`` as often as asked under load, then let the checker decide."""
    began = time.monotonic()
    chance = random.Random(seed)  # noqa: S311  repeatable, not secret
    failures: list[str] = []
    with world.case() as case:
        target, fleet = Target(case.state.key), Fleet(case, victim)
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
                    fleet.wait(target)
                    time.sleep(chance.uniform(*LIVES_FOR))
                fleet.kill_one(target)
            fleet.wait(target)
            client.stop()
            if not client.join(ANSWERED_WITHIN):
                failures.append(f"O10 requests without an answer: {client.tally}; {fleet.last_words()}")
            case.wait_quiet()
            time.sleep(0.15)
            client.close()
            failures += fleet.ended + fleet.stop()
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
    """Return the jobs of as many kills as asked for, of one victim after the other."""
    jobs = []
    left, number = campaign.cycles, 0
    while left > 0:
        victim, database = VICTIMS[number % len(VICTIMS)]
        kills = min(KILLS_A_JOB, left)
        fault = f"kill -9 {victim} ({database})"
        seed = f"{campaign.seed}-kill-{number}-{victim}-{database}-{kills}"
        run = (
            partial(run_chain_kills, fault, seed, kills)
            if victim == CHAIN
            else partial(run_kills, fault, victim, seed, kills)
        )
        jobs.append(Job(fault, seed, database, run))
        left -= kills
        number += 1
    return jobs
