"""A stranger's check: proof files, a pinned trust root, no network; then the same files, one bit flipped."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from scripts.retail.client import Client

EXIT_PASS = 0
READERS = 8


@dataclass(frozen=True, slots=True)
class Checked:
    """What the isolated verifier said: outcomes counted, the failing step of each file that did not pass."""

    outcomes: Counter[str]
    failed_steps: Counter[str]
    exit_code: int
    isolation: str


class VerifierFailure(Exception):
    """The verifier itself did not run as it must; ``output`` is what it printed."""

    def __init__(self, output: str) -> None:
        super().__init__(f"tongyi verify did not run: {output.strip()[-2000:]}")
        self.output = output


def choose_records(records: Sequence[tuple[str, str]], count: int, seed: int) -> list[tuple[str, str]]:
    """One random record each of ``count`` random members, the same for the same seed."""
    by_member: dict[str, list[str]] = {}
    for member, entry in records:
        by_member.setdefault(member, []).append(entry)
    choice = random.Random(seed)  # noqa: S311 a sample to show, not a secret
    members = choice.sample(sorted(by_member), min(count, len(by_member)))
    return [(member, choice.choice(by_member[member])) for member in members]


def write_proofs(
    client: Client, chosen: Sequence[tuple[str, str]], folder: Path, on_progress: Callable[[], None]
) -> list[Path]:
    """Fetch each record's proof file."""
    folder.mkdir(parents=True, exist_ok=True)

    def fetch(entry: str) -> Path:
        path = folder / f"{entry}.proof.json"
        path.write_bytes(client.get_proof(entry))
        on_progress()
        return path

    with ThreadPoolExecutor(READERS) as workers:
        return list(workers.map(fetch, [entry for _, entry in chosen]))


def flip_one_bit(content: bytes, choice: random.Random) -> bytes:
    """The same bytes with one bit the other way, anywhere in the file."""
    place = choice.randrange(len(content) * 8)
    changed = bytearray(content)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def flip_all(files: Sequence[Path], folder: Path, seed: int) -> list[Path]:
    """Write a copy of each file with one bit flipped."""
    folder.mkdir(parents=True, exist_ok=True)
    choice = random.Random(seed)  # noqa: S311 places to try, not a secret
    flipped = []
    for file in files:
        flipped.append(folder / file.name)
        flipped[-1].write_bytes(flip_one_bit(file.read_bytes(), choice))
    return flipped


def verify_offline(files: Sequence[Path], trust_root: Path, live_server: str) -> Checked:
    """Run ``tongyi verify`` over the files in a process without a network.

    ``live_server`` is an address that answers here and must be out of the verifier's reach; the process tries
    it first. Raises VerifierFailure when it is not isolated or prints no verdicts.
    """
    server = urlsplit(live_server)
    argv = [sys.executable, "-m", "scripts.retail.isolation", str(server.hostname), str(server.port)]
    argv += ["verify", "--json", "--trust-root", str(trust_root), *map(str, files)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    isolation = next(
        (line.removeprefix("isolated by ") for line in done.stderr.splitlines() if "isolated by" in line), ""
    )
    verdicts = read_verdicts(done.stdout)
    if not isolation or len(verdicts) != len(files):
        raise VerifierFailure(done.stderr + done.stdout)
    outcomes = Counter(str(verdict["outcome"]) for verdict in verdicts)
    failed = Counter(name for verdict in verdicts if (name := failed_step(verdict)) is not None)
    return Checked(outcomes, failed, done.returncode, isolation)


def read_verdicts(output: str) -> list[Mapping[str, object]]:
    """The verdicts ``tongyi verify --json`` prints, one object a file."""
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def failed_step(verdict: Mapping[str, object]) -> str | None:
    """Number and name of the first step that failed."""
    steps = verdict.get("steps")
    for step in steps if isinstance(steps, list) else ():
        if step["status"] == "failed":
            return f"{step['number']} {step['name']}"
    return None
