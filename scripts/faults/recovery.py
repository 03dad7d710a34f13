"""Part ``recovery``: how long a gateway with a large log takes to be ready again, and that nothing is amiss.

It is stopped in order, killed under load, and killed while it starts; each time ``tongyi serve`` is started
as an operator starts it, and ``/readyz`` must be 200. Afterwards answers of long ago are asked for again
under their keys, the gateway comes to rest, and everything is checked.

``python -m scripts.faults.recovery --keep FOLDER`` measures alone; what it makes there first serves every
later measure of as many entries.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from subprocess import TimeoutExpired

from scripts.faults.bulk import NotTaken, find_changed
from scripts.faults.checker import check
from scripts.faults.client import Client, Target, draw_request
from scripts.faults.parts import Campaign, Job
from scripts.faults.recovery_build import WHOLE_CHAIN, Kept, build, open_copy
from scripts.faults.recovery_check import find_differences
from scripts.faults.recovery_serving import NotReady, Serving, Start
from scripts.faults.results import Outcome
from scripts.faults.tree import receipt_holds
from scripts.faults.world import SQLITE, Case, NotQuiet, World

SHORT_ENTRIES, ENTRIES = 50_000, 1_000_000
READY_SECONDS = 10.0
"""Processor time until ready that the long form allows: the clock's is the same on a machine at rest."""
LOAD_SECONDS = 2.0
DIES_STARTING = (0.3, 2.0)
"""Seconds after its start at which a starting gateway is killed, at random between these."""
ANSWERED_WITHIN, QUIET_WITHIN = 120.0, 600.0
RECEIPTS = 200
"""Receipts of a batch whose signatures are verified; all are compared with those given first."""
RESTARTS = 3


@dataclass(slots=True)
class Found:
    """What came of the restarts: their times by what was before, how many were made, what failed."""

    starts: dict[str, Start] = field(default_factory=dict)
    fired: int = 0
    accepted: int = 0
    issues: int = 0
    failures: list[str] = field(default_factory=list)

    def describe(self) -> str:
        """Return the times, in a line."""
        return ", ".join(f"ready after {what} in {start}" for what, start in self.starts.items())


def run_restarts(folder: Path, entries: int, seed: str) -> Found:
    """Make or take the gateway kept in ``folder``, restart copies of it, check; see the module."""
    kept, found = build(folder, entries), Found()
    with open_copy(folder, kept) as case:
        serving = Serving(case.data, case.settings)
        try:
            restart(case, serving, seed, found)
            compare_answers(kept, serving, found)
            case.wait_quiet(QUIET_WITHIN, 0.5)
            if (code := serving.stop()) != 0:
                found.failures.append(f"O10 stop: ended with {code}")
            found.failures += find_differences(case.place)
            if entries <= WHOLE_CHAIN:
                found.failures += [str(failure) for failure in check(case.place)]
        except (NotReady, NotQuiet, NotTaken, OSError, TimeoutExpired) as error:
            found.failures.append(f"O10 {type(error).__name__}: {error}")
        finally:
            serving.close()
    return found


def restart(case: Case, serving: Serving, seed: str, found: Found) -> None:
    """Start after an end in order, after a kill under load, and after another one during the start."""
    chance = random.Random(seed)  # noqa: S311  repeatable, not secret
    found.starts["an end in order"] = serving.start()
    found.fired += 1
    target = Target(case.state.key, serving.port)
    accounts = case.state.accounts
    client = Client(
        case.place.journals, target, connections=4, draw=lambda number: draw_request(accounts, seed, number)
    )
    try:
        client.start()
        time.sleep(LOAD_SECONDS)
        target.port = None
        found.fired += serving.kill()
        found.starts["a kill"] = serving.start()
        target.port = serving.port
        time.sleep(LOAD_SECONDS)
        target.port = None
        serving.kill()
        serving.begin()
        time.sleep(chance.uniform(*DIES_STARTING))
        found.fired += serving.kill()
        found.starts["a kill while starting"] = serving.start()
        target.port = serving.port
        client.stop()
        if not client.join(ANSWERED_WITHIN):
            found.failures.append(f"O10 requests without an answer: {client.tally}")
    finally:
        client.close()
    found.accepted, found.issues = client.tally.accepted, client.tally.issues
    found.failures += [f"O10 answer: {what}" for what in client.tally.strange]


def compare_answers(kept: Kept, serving: Serving, found: Found) -> None:
    """Ask again for what was answered long ago: the same entries, the same receipts."""
    found.failures += find_changed(kept.bulk, kept.entries, serving.port, kept.key, kept.answers)
    for lines in kept.answers.values():
        for line in lines[:: max(1, len(lines) * len(kept.answers) // RECEIPTS)]:
            if not receipt_holds(line["receipt"], kept.vkey):
                found.failures.append(f"O1 receipt of {line['index']}: its signature does not hold")


def find_slow(found: Found) -> list[str]:
    """Return which starts took longer than allowed."""
    return [
        f"O10 ready after {what} in {start}, {READY_SECONDS:.0f} s are allowed"
        for what, start in found.starts.items()
        if start.cpu > READY_SECONDS
    ]


def run_recovery(fault: str, seed: str, entries: int, timed: bool, world: World) -> Outcome:
    """One case: all restarts of one large log, in a folder of their own."""
    began = time.monotonic()
    folder = world.folder / "recovery"
    try:
        found = run_restarts(folder, entries, seed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    failures = found.failures + (find_slow(found) if timed else [])
    seconds = time.monotonic() - began
    return Outcome(
        fault, seed, found.fired, tuple(failures), found.describe(), seconds,
        found.accepted, found.issues, RESTARTS,
    )  # fmt: skip


def list_jobs(campaign: Campaign) -> list[Job]:
    """Return the one case of the form asked for."""
    entries = SHORT_ENTRIES if campaign.short else ENTRIES
    fault = f"restarts with {entries:,} entries"
    seed = f"{campaign.seed}-recovery-{entries}"
    return [Job(fault, seed, SQLITE, partial(run_recovery, fault, seed, entries, not campaign.short))]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure restarts of what is kept in a folder."""
    parser = argparse.ArgumentParser(prog="recovery", description="Measure restarts with a large log.")
    parser.add_argument("--keep", type=Path, required=True, help="folder of what is made once")
    parser.add_argument("--entries", type=int, default=ENTRIES)
    parser.add_argument("--seed", default="tongyi")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args(argv)
    found = run_restarts(options.keep.resolve(), options.entries, options.seed)
    failures = found.failures + find_slow(found)
    for what, start in found.starts.items():
        print(f"ready after {what}: {start}")
    print("\n".join(f"✗ {failure}" for failure in failures) or "✓ nothing lost, nothing double")
    if options.json:
        starts = {what: {"clock": start.clock, "cpu": start.cpu} for what, start in found.starts.items()}
        print(json.dumps({"entries": options.entries, "starts": starts, "failures": failures}))
    return 1 if failures or found.fired != RESTARTS else 0


if __name__ == "__main__":
    sys.exit(main())
