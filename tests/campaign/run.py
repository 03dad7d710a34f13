"""The mutation campaign: ``python -m tests.campaign.run`` (``scripts/campaign`` sets up first).

Works in chunks, each seeded by its number, and keeps what is done in a state file after every chunk: stopped
at any moment, it goes on from there. Prints a table, or with ``--json`` one line.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.campaign.bundle_edits import WORLDS, BundleWorld, try_bundles
from tests.campaign.proof_edits import ProofWorld, Tally, try_proofs

STATE = Path(".tongyi") / "campaign.json"
SEED = "tongyi 1"
BUNDLES, PROOFS = 500_000, 20_000_000
CHUNKS = {"bundles": 1_000, "proofs": 100_000}
VERSION = 1


@dataclass
class Progress:
    """One sort of mutants: how many of how many are done, what became of them, and CPU seconds spent."""

    wanted: int
    done: int = 0
    harmless: int = 0
    seconds: float = 0.0
    kinds: dict[str, int] = field(default_factory=dict)
    accepted: list[str] = field(default_factory=list)
    crashed: list[str] = field(default_factory=list)

    def add(self, tally: Tally, seconds: float) -> None:
        self.done += tally.tried
        self.harmless += tally.harmless
        self.seconds += seconds
        for kind, count in tally.kinds.items():
            self.kinds[kind] = self.kinds.get(kind, 0) + count
        self.accepted += tally.accepted
        self.crashed += tally.crashed


def load(path: Path, seed: str, wanted: dict[str, int]) -> dict[str, Progress]:
    """Return what is done so far. Raises ValueError where the file is of another seed or form."""
    if not path.exists():
        return {name: Progress(count) for name, count in wanted.items()}
    kept: Any = json.loads(path.read_text())
    if kept.get("v") != VERSION or kept.get("seed") != seed:
        raise ValueError(f"{path} is of another seed or version")
    return {name: Progress(**{**kept[name], "wanted": count}) for name, count in wanted.items()}


def save(path: Path, seed: str, progress: dict[str, Progress]) -> None:
    """Replace the state file in one step, so that a kill leaves the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"v": VERSION, "seed": seed, **{name: asdict(item) for name, item in progress.items()}})
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text)
    os.replace(fresh, path)


def chunk_runner(seed: str) -> Callable[[str, int, int], Tally]:
    """Return what runs ``count`` mutants of a sort from number ``start`` on."""
    proofs = ProofWorld()
    bundles = [BundleWorld(kind) for kind in WORLDS]

    def run(name: str, start: int, count: int) -> Tally:
        if name == "proofs":
            return try_proofs(proofs, f"{seed} {start}", count)
        return try_bundles(bundles[start // CHUNKS[name] % len(bundles)], seed, start, count)

    return run


def run_all(path: Path, seed: str, progress: dict[str, Progress], say: Callable[[str], None]) -> None:
    """Run what is left, chunk by chunk."""
    run = chunk_runner(seed)
    for name, item in progress.items():
        while item.done < item.wanted:
            count = min(CHUNKS[name], item.wanted - item.done)
            started = time.process_time()
            item.add(run(name, item.done, count), time.process_time() - started)
            save(path, seed, progress)
            say(f"{name}: {item.done:,} / {item.wanted:,}, {len(item.accepted)} accepted, "
                f"{len(item.crashed)} crashed, {item.seconds:.0f} s")  # fmt: skip


def describe_machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    day = datetime.now(UTC).date()
    return (
        f"{cores} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}, {day}"
    )


def format_table(seed: str, progress: dict[str, Progress]) -> str:
    """The result as Markdown, for ``tests/campaign/README.md``."""
    rows = [
        f"| {name} | {item.done:,} | {len(item.accepted)} | {len(item.crashed)} | {item.harmless:,} "
        f"| {item.seconds:,.0f} s |"
        for name, item in progress.items()
    ]
    head = "| mutants of | tried | accepted | crashed | harmless | CPU time |\n|---|---|---|---|---|---|"
    return f"Seed `{seed}`; {describe_machine()}.\n\n{head}\n" + "\n".join(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the campaign. Returns 0 when nothing was accepted and nothing crashed, 1 otherwise, 2 for usage."""
    parser = argparse.ArgumentParser(prog="scripts/campaign", description=__doc__)
    parser.add_argument("--bundles", type=int, default=BUNDLES, metavar="N")
    parser.add_argument("--proofs", type=int, default=PROOFS, metavar="N")
    parser.add_argument("--seed", default=SEED)
    parser.add_argument("--state", type=Path, default=STATE, metavar="FILE")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    try:
        wanted = {"bundles": options.bundles, "proofs": options.proofs}
        progress = load(options.state, options.seed, wanted)
    except (ValueError, OSError, KeyError, TypeError) as error:
        print(f"状态文件不可用 / the state file cannot be used: {error}", file=sys.stderr)
        return 2
    try:
        run_all(options.state, options.seed, progress, lambda text: print(text, file=sys.stderr, flush=True))
    except KeyboardInterrupt:
        print("已暂停，再次运行即可继续 / paused: run it again to go on", file=sys.stderr)
        return 130
    found = {name: asdict(item) for name, item in progress.items()}
    print(
        json.dumps({"seed": options.seed, **found}) if options.json else format_table(options.seed, progress)
    )
    return 1 if any(item.accepted or item.crashed for item in progress.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
