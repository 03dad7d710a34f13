"""The fault campaign; ``scripts/torture`` installs what it needs. How to add a fault: README.md beside this.

Parts are run by name, each as a list of cases that several workers take up; results go to stdout as a table,
progress to stderr. With ``--resume FILE`` each result is a line there as soon as it is known, and a later run
with the same file and seed goes on behind it.

Exit codes: 0 every fault fired and every oracle holds; 1 otherwise; 2 wrong options; 130 paused by Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from scripts.faults.disk_part import list_jobs as list_disk
from scripts.faults.failpoint_part import list_jobs as list_failpoints
from scripts.faults.hostile.part import list_jobs as list_hostile
from scripts.faults.kill_part import list_jobs as list_kills
from scripts.faults.lies import list_jobs as list_lies
from scripts.faults.nonces import list_jobs as list_nonces
from scripts.faults.parts import Campaign, Job, run_jobs
from scripts.faults.planted.part import list_jobs as list_planted
from scripts.faults.postgres import Databases
from scripts.faults.power_part import list_jobs as list_power
from scripts.faults.recovery import list_jobs as list_recovery
from scripts.faults.reorgs import list_jobs as list_reorgs
from scripts.faults.restore_part import list_jobs as list_restores
from scripts.faults.results import Outcome, format_table, from_json, summarize, tabulate, to_json
from scripts.faults.results_page import write_page
from scripts.faults.running import preload
from scripts.faults.soak import list_jobs as list_soak
from scripts.faults.tampers import list_jobs as list_tampers
from scripts.faults.two_nodes import list_jobs as list_two_nodes
from tests.databases import choose_temporary_folder, postgres_server

PARTS = {
    "failpoints": list_failpoints,
    "kills": list_kills,
    "reorgs": list_reorgs,
    "lies": lambda campaign: [*list_lies(campaign), *list_two_nodes(campaign)],
    "nonces": list_nonces,
    "tampers": list_tampers,
    "hostile": list_hostile,
    "restores": list_restores,
    "soak": list_soak,
    "recovery": list_recovery,
    "planted": list_planted,
    "power": list_power,
    "disk": list_disk,
}
"""Every part by name: gives its jobs for a campaign."""
EXIT_PASS, EXIT_FAILED, EXIT_PAUSED = 0, 1, 130
CYCLES, SHORT_CYCLES = 2_000, 100


class Record:
    """Results of a campaign, kept in a file where one is named."""

    def __init__(self, path: Path | None, seed: str) -> None:
        self._path = path
        self.outcomes: list[Outcome] = []
        if path is not None and path.exists():
            first, *lines = path.read_text().splitlines()
            if json.loads(first) != {"seed": seed}:
                raise SystemExit(f"{path}: belongs to a campaign of another seed  属于另一个种子的运行")
            self.outcomes = [from_json(json.loads(line)) for line in lines]
        elif path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"seed": seed}) + "\n")

    def add(self, outcome: Outcome) -> None:
        """Keep one more."""
        self.outcomes.append(outcome)
        if self._path is not None:
            with self._path.open("a") as file:
                file.write(json.dumps(to_json(outcome)) + "\n")

    def has(self, job: Job) -> bool:
        """Whether a job was done before."""
        return any(outcome.seed == job.seed for outcome in self.outcomes)


def say(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


def follow(outcomes: Iterable[Outcome], record: Record, total: int) -> Iterator[Outcome]:
    """Keep each result and say it."""
    for outcome in outcomes:
        record.add(outcome)
        mark = "✓" if outcome.survived else "✗"
        done = len(record.outcomes)
        say(f"{mark} {done}/{total} {outcome.fault} {outcome.seed} {outcome.how} {outcome.seconds:.1f} s")
        for failure in outcome.failures:
            say(f"    {failure}")
        yield outcome


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the options; ends with exit code 2 where they are wrong."""
    parser = argparse.ArgumentParser(prog="scripts/torture", description="The fault campaign.")
    parser.add_argument("--only", action="append", choices=sorted(PARTS), help="run this part only")
    parser.add_argument("--short", action="store_true", help="what CI runs")
    parser.add_argument("--cycles", type=int, help="how many kills in all")
    parser.add_argument("--seed", default="tongyi", help="what everything random is drawn from")
    parser.add_argument("--workers", type=int, default=2, help="how many gateways at once")
    parser.add_argument("--resume", type=Path, help="keep progress here, and go on from there")
    parser.add_argument("--write-table", action="store_true", help="put the results into RESULTS.md")
    parser.add_argument("--match", default="", help="run only cases whose seed has this in it")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args(argv)
    if options.cycles is None:
        options.cycles = SHORT_CYCLES if options.short else CYCLES
    if options.cycles < 1 or options.workers < 1:
        parser.error("--cycles and --workers: at least 1")
    return options


def run(options: argparse.Namespace) -> int:
    """Run the parts asked for and print what came of them."""
    began = time.monotonic()
    record = Record(options.resume, options.seed)
    campaign = Campaign(options.seed, options.short, options.cycles)
    parts = {name: PARTS[name](campaign) for name in options.only or PARTS}
    jobs = [job for part in parts.values() for job in part]
    left = [job for job in jobs if options.match in job.seed and not record.has(job)]
    code = EXIT_PASS
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    preload()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=choose_temporary_folder())))
        server = Databases(stack.enter_context(postgres_server()))
        try:
            for _ in follow(run_jobs(left, folder, server.clone, options.workers), record, len(jobs)):
                pass
        except KeyboardInterrupt:
            say("paused  已暂停")
            code = EXIT_PAUSED
    if options.write_table:
        seeds = {name: {job.seed for job in part} for name, part in parts.items()}
        write_page(
            {
                name: (len(part), [one for one in record.outcomes if one.seed in seeds[name]])
                for name, part in parts.items()
            },
            options.seed,
        )
    rows = tabulate(record.outcomes)
    summary = summarize(rows, options.seed, time.monotonic() - began)
    print(format_table(rows))
    if options.json:
        print(json.dumps(summary))
    return code or (EXIT_PASS if summary["passed"] else EXIT_FAILED)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``scripts/torture``."""
    return run(parse(argv))


if __name__ == "__main__":
    sys.exit(main())
