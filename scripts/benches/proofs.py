"""Inclusion proofs from a log of a million entries, and the memory such a log takes.

Runs in a process of its own, so that what it holds is what is measured.
"""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from chain.hashing import hash_leaf
from chain.merkle.prove import inclusion_proof
from chain.merkle.tree import Tree
from chain.merkle.verify import verify_inclusion
from scripts.benches.rows import Reach, Row, make_row

BATCH = 4096


def resident_bytes() -> int:
    """Memory this process holds at present."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise OSError("VmRSS is not in /proc/self/status")


def leaf_hashes(start: int, end: int) -> Iterator[bytes]:
    """Leaf hashes as the log has them: of 65-byte leaf data."""
    for index in range(start, end):
        commitment = hashlib.sha256(index.to_bytes(8, "big")).digest()
        yield hash_leaf(b"\x01" + commitment + bytes(32))


def build_tree(size: int) -> Tree:
    """A log of ``size`` leaves, appended as the sequencer does."""
    tree = Tree()
    for start in range(0, size, BATCH):
        tree.append(leaf_hashes(start, min(start + BATCH, size)))
    return tree


def measure(size: int, proofs: int) -> dict[str, float]:
    """Proofs a second at random places, and bytes the tree takes. Every hundredth proof is checked."""
    before = resident_bytes()
    tree = build_tree(size)
    held = resident_bytes() - before
    places = random.Random(9162).choices(range(size), k=proofs)  # noqa: S311 the same places every run
    started = time.perf_counter()
    built = [inclusion_proof(tree, index, size) for index in places]
    seconds = time.perf_counter() - started
    root = tree.root(size)
    for index, proof in list(zip(places, built, strict=True))[::100]:
        verify_inclusion(index, size, tree.leaf_hash(index), proof, root)
    return {"rate": proofs / seconds, "bytes": float(held)}


def run(short: bool) -> list[Row]:
    """Both rows of the table."""
    size, proofs = (1_000_000, 20_000) if short else (1_000_000, 100_000)
    argv = [sys.executable, "-m", __name__, str(size), str(proofs)]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    got = json.loads(done.stdout)
    return [
        make_row(f"inclusion proofs, log of {size:,}", got["rate"], "/s", reach=Reach(20_000, "/s")),
        make_row(
            f"memory of a log of {size:,}", got["bytes"] / 1e6, "MB", reach=Reach(300, "MB", at_least=False)
        ),
    ]


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), int(sys.argv[2]))))
