"""The split engine: splits per second over the shipped tables, and a count of random splits that sum exactly.

``python -m scripts.benches.splits --sums`` checks 1,000,000 random amounts over 2,000 random tables.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from datetime import date
from time import perf_counter

from gateway.rules.split_tables import SPLIT_TABLES
from gateway.rules.splits import FixedLine, Share, SplitTable, split
from scripts.benches.rows import Reach, Row, make_row, rate_of, repeat_best

REACH = 200_000
FULL = (2_000, 500)
"""Random tables, and amounts for each of them."""


def random_table(chance: random.Random) -> SplitTable:
    """A table of 1 to 8 shares and up to 3 fixed lines, in random order; the residual may have nothing."""
    roles = chance.sample([f"role_{number:02d}" for number in range(40)], 11)
    cuts = sorted(chance.sample(range(1, 10_000), chance.randrange(8)))
    points = [end - start for start, end in zip([0, *cuts], [*cuts, 10_000], strict=True)]
    lines = [Share(role, part) for role, part in zip(roles, points, strict=False)]
    if chance.random() < 0.2:
        lines.append(Share(roles[10], 0))
    fixed = [FixedLine(role, chance.randrange(1, 20_000)) for role in roles[8 : 8 + chance.randrange(3)]]
    chance.shuffle(lines)
    residual = min(lines, key=lambda line: line.basis_points).role
    return SplitTable("random", 1, date(2026, 1, 1), tuple(lines), tuple(fixed), residual, "-")


def check_sums(tables: int, amounts: int, seed: int) -> int:
    """Split random amounts by random tables; return how many. Raises ValueError on a wrong sum."""
    chance = random.Random(seed)  # noqa: S311 the same amounts every run
    done = 0
    for _ in range(tables):
        table = random_table(chance)
        least = sum(line.amount for line in table.fixed)
        for _ in range(amounts):
            amount = least + chance.randrange(1 << chance.randrange(1, 62))
            legs = split(amount, table)
            if sum([part for _, part in legs]) != amount or min(legs, key=lambda leg: leg[1])[1] < 0:
                raise ValueError(f"{amount} split into {legs}")
            done += 1
    return done


def measure(count: int) -> float:
    """Splits a second: orders of 1 to 3,000 CNY over every shipped table."""
    chance = random.Random(11)  # noqa: S311 the same amounts every run
    work = [
        (chance.randrange(18_000, 300_000), SPLIT_TABLES[number % len(SPLIT_TABLES)])
        for number in range(count)
    ]

    def run() -> int:
        for amount, table in work:
            split(amount, table)
        return len(work)

    return repeat_best(lambda: rate_of(run), 3)


def run(short: bool) -> list[Row]:
    """The row of the table."""
    rate = measure(50_000 if short else 500_000)
    return [make_row("splits of an amount", rate, "/s", reach=Reach(REACH, "/s"))]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.benches.splits")
    parser.add_argument("--sums", action="store_true", help="check 1,000,000 random splits")
    options = parser.parse_args(argv)
    if options.sums:
        started = perf_counter()
        done = check_sums(*FULL, seed=30)
        print(f"{done:,} random splits sum exactly ({perf_counter() - started:.1f} s)")
    for row in run(short=False):
        print(f"{row.name}: {row.value:,.0f} {row.unit}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
