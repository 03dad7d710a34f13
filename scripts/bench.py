"""The speed table: every row measured here and now, its peer in the same run. See scripts/benches."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from scripts.benches import append, chain_ops, mirror, proofs, writes
from scripts.benches.rows import Row, format_json, format_markdown, print_table
from scripts.benches.running import ground

GROUPS = ("append", "proofs", "writes", "chain", "mirror")


def describe_machine() -> str:
    """What the numbers were measured on."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    when = datetime.now(UTC).date()
    return (
        f"{cpus} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}, {when}"
    )


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def measure(groups: Sequence[str], short: bool) -> list[Row]:
    """Measure the chosen groups, those in this process first, those against a gateway last."""
    rows: list[Row] = []
    for name, run in (("append", append.run), ("proofs", proofs.run)):
        if name in groups:
            say(f"measuring {name} ...")
            rows += run(short)
    wanted = [name for name in ("writes", "chain", "mirror") if name in groups]
    if wanted:
        say("starting a gateway ...")
        with ground() as place:
            if "writes" in groups:
                say("measuring writes over HTTP ...")
                rows += writes.run(place, short)
            if "chain" in groups or "mirror" in groups:
                say("measuring credit operations ...")
                rows += chain_ops.run(place, short)
            if "mirror" in groups:
                say("measuring the mirror ...")
                rows += mirror.run(place, short)
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure the speed table.")
    parser.add_argument("--json", action="store_true", help="print the rows as a JSON array")
    parser.add_argument("--markdown", action="store_true", help="print the table as in README.md")
    parser.add_argument("--short", action="store_true", help="small sizes: to see that it works")
    parser.add_argument(
        "--only", action="append", choices=GROUPS, help="measure this group only (repeatable)"
    )
    options = parser.parse_args(argv)
    rows = measure(options.only or GROUPS, options.short)
    if options.json:
        print(format_json(rows))
    elif options.markdown:
        print(f"{describe_machine()}\n\n{format_markdown(rows)}")
    else:
        print_table(rows, describe_machine())
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
