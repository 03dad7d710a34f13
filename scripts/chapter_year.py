"""Play one chapter for a year from a seed, through the HTTP API of a gateway with a simulated clock.

The same seed gives the same ledger, down to its root. Progress and the twelve months go to stderr; the last
line on stdout is JSON with ``--json``, else the root in words.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from chain.checkpoint import open_checkpoint
from chain.evm.client import EvmClient
from scripts.retail.client import Client
from scripts.retail.service import Addresses, Service
from scripts.retail.settling import TOTAL_SUPPLY
from scripts.year.checks import Check, Closing, check_all
from scripts.year.fit import Fit, measure_fit
from scripts.year.ledger import read_ledger
from scripts.year.play import Plan, Year, plan_days
from scripts.year.report import print_months, summary
from scripts.year.stage import Stage

START = date(2027, 1, 1)
ORIGIN = "tongyi.example/chapter-year"
DAYS = 365


def settings(seed: str, block_time: str) -> dict[str, str]:
    """Environment of the simulated gateway."""
    return {
        "TONGYI_SIMULATION_SEED": seed,
        "TONGYI_SIMULATION_START": f"{START - timedelta(1)}T00:00:00Z",
        "TONGYI_ORIGIN": ORIGIN,
        "TONGYI_BLOCK_TIME": block_time,
    }


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def token_supply(stage: Stage, addresses: Addresses) -> int:
    """The token contract's own total, in hundredths."""
    contracts = stage.client.status()["contracts"]
    token = contracts["TimeCredit"] if isinstance(contracts, dict) else ""
    node = EvmClient(addresses.rpc)
    supply = int(str(node.call("eth_call", {"to": token, "data": TOTAL_SUPPLY}, "latest")), 16)
    node.close()
    return supply


def require_balanced(checks: Sequence[Check]) -> None:
    """Say what balances. Raises SystemExit naming every figure that does not."""
    failing = [check for check in checks if not check.holds]
    say(f"{len(checks) - len(failing)} of {len(checks)} conservation figures hold")
    if failing:
        lines = [f"{check.name}: {check.left:,} is not {check.right:,}" for check in failing]
        raise SystemExit("\n".join(["these figures do not hold:", *lines]))


def require_likeness(fits: Sequence[Fit]) -> None:
    """Say how like real payments the year is. Raises SystemExit naming what is too far from them."""
    for fit in fits:
        say(f"{fit.name}: {fit.measured / 100:.2f}%, really {fit.real / 100:.2f}%, of {fit.samples:,}")
    failing = [fit for fit in fits if not fit.holds]
    if failing:
        lines = [f"{fit.name}: {fit.measured} is not within {fit.tolerance} of {fit.real}" for fit in failing]
        raise SystemExit("\n".join(["unlike real payments, in basis points:", *lines]))


def run(options: argparse.Namespace) -> str:
    """Play the year on a gateway of its own; return the summary."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder) / "data", settings=settings(options.seed, options.block_time))
        with service as addresses, Client(addresses.gateway, addresses.platform_key) as client:
            # Chance that must repeat, not secrets.
            stage = Stage(client, random.Random(options.seed), START)  # noqa: S311
            days = plan_days(START, options.days, options.pairs_of)
            year = Year(stage, Plan(options.members, options.merchants, options.sales, days), say)
            year.play()
            checkpoint = open_checkpoint(client.get_bytes("/log/checkpoint"), [addresses.vkey])
            say(f"reading {checkpoint.size:,} entries back")
            ledger = read_ledger(client)
            supply = token_supply(stage, addresses)
            checks = check_all(Closing(stage, year.town, ledger, year.tables, year.limits, supply))
            fits = measure_fit(ledger, year.town.merchants)
            print_months(stage, ledger, checks, fits)
            require_balanced(checks)
            require_likeness(fits)
            seconds = time.perf_counter() - started
            return summary(stage, ledger, fits, checkpoint.root.hex(), checkpoint.size, seconds)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts/chapter_year", description=__doc__)
    parser.add_argument("--seed", default="tongyi", help="text that everything follows from (tongyi)")
    parser.add_argument("--members", type=int, default=1_000)
    parser.add_argument("--merchants", type=int, default=30)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--sales", type=int, default=185, help="sales a day (185)")
    parser.add_argument(
        "--pairs-of", type=int, default=1, help="play the first two of so many days; 1: all days"
    )
    parser.add_argument("--block-time", default="0.5", help="seconds between the chain's blocks (0.5)")
    parser.add_argument(
        "--short",
        action="store_true",
        help="60 members, 8 merchants, 12 sales a day, 2 of every 6 in 132 days",
    )
    parser.add_argument("--json", action="store_true", help="end with one line of JSON on stdout")
    options = parser.parse_args(argv)
    if options.short:
        options.members, options.merchants, options.sales = 60, 8, 12
        options.days, options.pairs_of = 132, 6
        # A short year mostly waits for the chain at the turn of a month.
        options.block_time = "0.2"
    line = run(options)
    print(line if options.json else f"root {line.split(chr(34))[3]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
