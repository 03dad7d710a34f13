"""Part ``hostile``: clients that send what no client should, and look where they may not.

Everything follows from the seed; a case is a share of one sort's requests at one gateway, with customers that
must not notice. The long form is cut into cases so that it can be resumed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from scripts.faults.hostile.idle_part import run_idle
from scripts.faults.hostile.json_part import run_json
from scripts.faults.hostile.probe_part import run_probes
from scripts.faults.hostile.raw_part import run_raw
from scripts.faults.hostile.schema_part import run_schema
from scripts.faults.parts import Campaign, Job
from scripts.faults.results import Outcome
from scripts.faults.world import POSTGRESQL, SQLITE, World


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort of hostile requests: how many in all and at most in one case, in CI and in the long form."""

    fault: str
    run: Callable[[str, str, int, World], Outcome]
    short: int
    long: int
    share: int


SORTS = (
    Sort("hostile JSON", run_json, 39_000, 720_000, 40_000),
    Sort("hostile bytes", run_raw, 9_000, 180_000, 20_000),
    Sort("idle connections", run_idle, 2_000, 10_000, 10_000),
    Sort("Schemathesis", run_schema, 2_500, 100_000, 25_000),
    Sort("probes of another chapter", run_probes, 3_000, 100_000, 10_000),
)
DATABASES = (SQLITE, POSTGRESQL)
SHORT_SHARE = 13_000
"""What CI sends in one case at most."""


def list_jobs(campaign: Campaign) -> list[Job]:
    """Return the cases of every sort; the long form alternates between the databases."""
    jobs = []
    for sort in SORTS:
        left, number = sort.short if campaign.short else sort.long, 0
        while left > 0:
            count = min(left, SHORT_SHARE if campaign.short else sort.share)
            database = SQLITE if campaign.short else DATABASES[number % 2]
            fault = f"{sort.fault} ({database})"
            seed = f"{campaign.seed}-{sort.fault.replace(' ', '-')}-{number}-{database}-{count}"
            jobs.append(Job(fault, seed, database, partial(sort.run, fault, seed, count)))
            left, number = left - count, number + 1
    return jobs
