"""Part ``soak``: a gateway under a steady load of single entries, on a chain of one-second blocks.

What it takes is read each second (`soak_meters`): memory may grow by what the log's tree grows, everything
else has to stay where it is. Then rest, the end in order, and the independent checker as in every part.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from chain.evm.local import LocalChain
from scripts.faults.bulk import Bulk, NotTaken, record_all
from scripts.faults.checker import check
from scripts.faults.client import Accounts, Request, Target, draw_request
from scripts.faults.parts import Campaign, Job
from scripts.faults.results import Outcome
from scripts.faults.soak_client import Pace, SteadyClient
from scripts.faults.soak_meters import Reading, cpu_seconds, find_growth, measure_growth, read_meters
from scripts.faults.world import SQLITE, Case, Clone, NotQuiet, World

BLOCK_SECONDS = 1.0
FILL = 110_000
"""Entries there are before the first reading: SQLite's cache of the writing connection is full by then."""
KINDS = (1, 9, 90)
"""Of a hundred entries: issues, transfers, and purchases with private fields."""
LOOK = 1.0
"""Seconds between two readings."""
ANSWERED_WITHIN, QUIET_WITHIN = 300.0, 300.0
SETTLED_SECONDS = 5.0
"""Seconds of load before the first reading: threads and connections are made by then."""


@dataclass(frozen=True, slots=True)
class Soak:
    """How long, in seconds, at how many entries a second."""

    seconds: int
    rate: int

    @property
    def count(self) -> int:
        """How many entries that is."""
        return self.seconds * self.rate


SHORT, LONG = Soak(120, 100), Soak(1_800, 300)


class SoakWorld(World):
    """A world whose chain has blocks as a real one, and whose gateway has the settings it has by itself."""

    def __init__(self, folder: Path, kind: str, clone: Clone) -> None:
        super().__init__(folder, kind, clone)
        self._warmed = False
        self._chain = LocalChain(folder / "chain", block_time=BLOCK_SECONDS, kept_states=512)

    def warm(self) -> None:
        """Make the state. Once."""
        super().warm()
        self._warmed = True

    def settings(self, database: str | None) -> dict[str, str]:
        """Return the environment: what only speeds a test up is left out once the state is made."""
        settings = super().settings(database)
        quick = ("TONGYI_ANCHOR_INTERVAL", "TONGYI_INTEGRATE_INTERVAL", "TONGYI_DUE_SECONDS")
        return {name: value for name, value in settings.items() if not (self._warmed and name in quick)}


def draw(accounts: Accounts, seed: str, number: int) -> Request:
    """Return one entry of the load."""
    return draw_request(accounts, seed, number, KINDS)


def run_soak(fault: str, seed: str, soak: Soak, world: World) -> Outcome:
    """Keep the load up for as long as asked, read the meters, and let the checker decide."""
    own = world.beside(f"soak-{seed}", SoakWorld)
    with own:
        own.warm()
        return soak_one(fault, seed, soak, own)


def soak_one(fault: str, seed: str, soak: Soak, world: World) -> Outcome:
    """The same in a world of this part's own, which is warm."""
    began = time.monotonic()
    failures: list[str] = []
    readings: list[Reading] = []
    pace, busy = Pace(), 0.0
    with world.case() as case:
        process = case.process()
        process.start()
        try:
            if not process.wait_ready():
                raise NotQuiet(process.log()[-1_000:])
            target = Target(case.state.key, process.port)
            fill(case, seed, target)
            before = cpu_seconds(process.pid)
            pace = keep_up(case, seed, soak, target, process.pid, readings)
            busy = (cpu_seconds(process.pid) - before) / max(readings[-1].seconds, 1.0)
            case.wait_quiet(QUIET_WITHIN)
            if (code := process.stop()) != 0:
                failures.append(f"O10 stop: ended with {code}: {process.log()[-600:]}")
            failures += [str(failure) for failure in check(case.place)]
        except (NotQuiet, NotTaken, OSError) as error:
            failures.append(f"O10 {type(error).__name__}: {error}")
        finally:
            if process.exit_code is None:
                process.kill()
    failures += [f"O10 answer: {what}" for what in pace.strange[:5]]
    failures += find_growth(readings)
    seconds = time.monotonic() - began
    return Outcome(
        fault, seed, pace.accepted + pace.refused, tuple(failures), describe(pace, readings, busy), seconds,
        pace.accepted, pace.issues, soak.count,
    )  # fmt: skip


def fill(case: Case, seed: str, target: Target) -> None:
    """Record what has to be there before the first reading."""
    accounts, journals = case.state.accounts, case.place.journals
    bulk = Bulk(accounts.chapter, accounts.pool, accounts.members, f"{seed}-fill", transfers=False)
    journals.mkdir(parents=True, exist_ok=True)
    with (journals / "fill.ndjson").open("w") as asked:
        # That somebody asked for them; what came of each is no concern of the soak.
        for number in range(FILL):
            asked.write(json.dumps({"ask": f"{bulk.seed}-{number}", "order": bulk.order(number)}) + "\n")
    record_all(bulk, FILL, target.port or 0, target.key)


def keep_up(case: Case, seed: str, soak: Soak, target: Target, pid: int, readings: list[Reading]) -> Pace:
    """Post at the rate asked for, reading the meters meanwhile; return what came of it."""
    accounts, place = case.state.accounts, case.place
    wal = case.data / "gateway.sqlite3-wal"
    client = SteadyClient(
        place.journals, target, rate=soak.rate, count=soak.count, draw=partial(draw, accounts, seed)
    )
    begun = time.monotonic()
    client.start()
    try:
        # On a machine that does not bear the rate it takes longer, and is read for longer.
        while not client.join(LOOK) and (passed := time.monotonic() - begun) < soak.seconds + ANSWERED_WITHIN:
            if passed >= SETTLED_SECONDS:
                readings.append(read_meters(pid, wal, passed, client.pace.accepted))
        if not client.join(0.0):
            client.pace.strange.append(f"only {client.pace.accepted} of {soak.count} were answered")
    finally:
        client.close()
    return client.pace


def describe(pace: Pace, readings: Sequence[Reading], busy: float) -> str:
    """Return what was measured, in a line."""
    if len(readings) < 2:
        return f"{pace.accepted} accepted"
    growth, first, last = measure_growth(readings), readings[0], readings[-1]
    took, late = (pace.share(values, 0.99) * 1000 for values in (pace.took, pace.late))
    return (
        f"{pace.accepted} accepted, {pace.refused} refused, {pace.again} asked again, answers p50 "
        f"{pace.share(pace.took, 0.5) * 1000:.0f} p99 {took:.0f} ms, late p99 {late:.0f} ms, "
        f"{first.memory >> 10} to {last.memory >> 10} MiB, {growth.each:.0f} KiB in 1,000 entries over the "
        f"second half, {last.files} files, {last.threads} threads, WAL {max(r.wal for r in readings) >> 20} "
        f"MiB, {busy:.2f} cores"
    )


def list_jobs(campaign: Campaign) -> list[Job]:
    """Return the one soak of the form asked for."""
    soak = SHORT if campaign.short else LONG
    fault = f"soak of {soak.rate} entries/s"
    seed = f"{campaign.seed}-soak-{soak.seconds}-{soak.rate}"
    return [Job(fault, seed, SQLITE, partial(run_soak, fault, seed, soak))]
