"""The speed table: every row measured here and now, its peer in the same run. See scripts/benches."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from chain.evm.local import LocalChain
from gateway.heap import settle_heap
from scripts.benches import append, chain_ops, mirror, pages, proofs, splits, verify, writes
from scripts.benches.rows import Row, format_json, format_markdown, print_table
from scripts.benches.running import NO_ANCHORS, new_ground, same_ground, wait_for

PAGE = Path(__file__).resolve().parent.parent / "README.md"
MARKS = ("<!-- measured -->", "<!-- /measured -->")
"""Between these stands the table in README.md."""
GROUPS = ("append", "proofs", "verify", "splits", "writes", "pages", "chain", "mirror")


def describe_machine() -> str:
    """What the numbers were measured on."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    when = datetime.now(UTC).date()
    return (
        f"{cpus} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}, {when}"
    )


def measure_gateway(data: Path, groups: Sequence[str], short: bool) -> list[Row]:
    """The rows that need a running gateway: writes, a backlog of operations, the mirror of it all."""
    rows: list[Row] = []
    operations = 8_000 if short else 160_000
    say("starting a gateway ...")
    with new_ground(data) as place:
        if "writes" in groups:
            say("measuring writes over HTTP ...")
            rows += writes.run(place, short)
            wait_for(place.client, "settled_index")
        if "pages" in groups:
            say("measuring a member's pages ...")
            rows += pages.run(place, short)
    if not {"chain", "mirror"} & set(groups):
        return rows
    say("recording a backlog of credit operations ...")
    with same_ground(place, NO_ANCHORS) as idle:
        chain_ops.record_operations(idle, operations)
        before = chain_ops.last_transaction(data)
    say("measuring credit operations ...")
    with same_ground(place, {}) as place:
        rate = chain_ops.wait_for_backlog(place, operations, before)
        mirrored = mirror.run(place, short) if "mirror" in groups else []
    # The gateway has left, so that the node's only load is what is measured.
    say("measuring plain transfers on the same node ...")
    with LocalChain(data / "chain") as chain:
        return rows + chain_ops.run_peer(chain.url, short, rate) + mirrored


def update_page(page: str, machine: str, rows: Sequence[Row]) -> str:
    """Return the page with the part between the marks replaced. Raises ValueError where they are missing."""
    before, start, rest = page.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not start or not end:
        raise ValueError(f"the page lacks {MARKS[0]} or {MARKS[1]}")
    return f"{before}{start}\n{machine}\n\n{format_markdown(rows)}\n{end}{after}"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def measure(groups: Sequence[str], short: bool) -> list[Row]:
    """Measure the chosen groups, those in this process first, those against a gateway last."""
    rows: list[Row] = []
    for name, run in (
        ("append", append.run),
        ("proofs", proofs.run),
        ("verify", verify.run),
        ("splits", splits.run),
    ):
        if name in groups:
            say(f"measuring {name} ...")
            rows += run(short)
    if {"writes", "pages", "chain", "mirror"} & set(groups):
        with tempfile.TemporaryDirectory() as folder:
            rows += measure_gateway(Path(folder) / "data", groups, short)
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure the speed table.")
    parser.add_argument("--json", action="store_true", help="print the rows as a JSON array")
    parser.add_argument("--update", action="store_true", help="write the table into README.md as well")
    parser.add_argument("--short", action="store_true", help="small sizes: to see that it works")
    parser.add_argument(
        "--only", action="append", choices=GROUPS, help="measure this group only (repeatable)"
    )
    options = parser.parse_args(argv)
    # What is measured in this process runs in a gateway's otherwise, which does the same.
    settle_heap()
    rows = measure(options.only or GROUPS, options.short)
    if options.json:
        print(format_json(rows))
    else:
        print_table(rows, describe_machine())
    if options.update:
        PAGE.write_text(update_page(PAGE.read_text(), describe_machine(), rows))
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
