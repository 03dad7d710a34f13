"""RESULTS.md: the campaign's results as a page that is committed, a section for each part.

Written by the command alone (``--write-table``); parts that were not run keep the section they have.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from scripts.faults.results import Outcome, tabulate

PAGE = Path(__file__).with_name("RESULTS.md")
_ROOT = PAGE.parents[2]
PLANTED = "planted"
"""The part whose faults are bugs: it says who caught each."""
_HEAD = """# Results of the campaign

Written by `./scripts/torture --resume FILE --write-table`; how it is run: [README.md](README.md), what it
found: [FOUND.md](FOUND.md). A case counts as survived when its fault fired and every oracle holds.
"""


def write_page(parts: Mapping[str, tuple[int, Sequence[Outcome]]], seed: str, path: Path = PAGE) -> None:
    """Put a section for each part into the page; a part is how many cases it has and those that were run."""
    sections = _read_sections(path.read_text() if path.exists() else "")
    for name, (planned, outcomes) in parts.items():
        if outcomes:
            sections[name] = format_section(name, planned, outcomes, seed, describe_run())
    path.write_text("\n".join([_HEAD, *(sections[name].rstrip() + "\n" for name in sorted(sections))]))


def format_section(name: str, planned: int, outcomes: Sequence[Outcome], seed: str, run: str) -> str:
    """Return one part's section; ``run`` says when, where and of which commit."""
    rows = tabulate(outcomes)
    accepted, issues = sum(row.accepted for row in rows), sum(row.issues for row in rows)
    seconds = sum(row.seconds for row in rows)
    lines = [
        f"## {name}", "",
        f"{len(outcomes)} of {planned} cases run, seed `{seed}`, {run}. {accepted} entries acknowledged,",
        f"{issues} of them issues; {seconds:.0f} s of cases.", "",
    ]  # fmt: skip
    if name == PLANTED:
        return "\n".join([*lines, *format_caught(outcomes), ""])
    lines += ["| fault | injected | fired | survived | failures |", "|---|---|---|---|---|"]
    lines += [
        f"| {row.fault} | {row.injected} | {row.fired} | {row.survived} | {len(row.failures)} |"
        for row in rows
    ]
    failures = [
        f"- {row.fault}: `{' '.join(failure.split())[:160]}`" for row in rows for failure in row.failures
    ]
    return "\n".join([*lines, *(["", *failures] if failures else []), ""])


def format_caught(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the table of planted bugs: which oracle named each, in which story, under which seed.

    Each story was played without any bug under the same seed, and nothing was found.
    """
    caught = sum(outcome.survived for outcome in outcomes)
    lines = [
        f"{caught} of {len(outcomes)} planted bugs were caught by the oracle that must name them. The story",
        "of each was played without it under the same seed, and nothing was found.", "",
        "| planted bug | fired | caught by | where | seed |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for one in outcomes:
        story, oracle, seed = (part.strip() for part in one.how.split("|"))
        shown = oracle if one.survived else f"not by {oracle}: `{' '.join(one.failures)[:160]}`"
        lines.append(
            f"| {one.fault.removeprefix('planted: ')} | {one.fired} | {shown} | {story} | `{seed}` |"
        )
    return lines


def describe_run() -> str:
    """Return when, on what machine and of which commit."""
    cores, memory = os.cpu_count(), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    commit = _git("rev-parse", "--short", "HEAD") or "unknown"
    changed = " with changes" if _git("status", "--porcelain", "--", "gateway", "chain", "scripts") else ""
    date = datetime.now(UTC).date().isoformat()
    return f"{date}, {platform.machine()} with {cores} cores and {memory} GB, written at `{commit}`{changed}"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=_ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _read_sections(text: str) -> dict[str, str]:
    """Return the sections of a page by name, as they are."""
    return {found[0]: found[1] for found in re.findall(r"^(?=## (\S+)$)(.*?)(?=^## |\Z)", text, re.M | re.S)}
