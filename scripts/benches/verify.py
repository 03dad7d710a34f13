"""Verifying a complete bundle offline: seals of four validators, three witnesses, receipt and state proofs.

The bundles are the committed vectors, so every run and every machine judges the same bytes.
"""

from __future__ import annotations

import time
from pathlib import Path

from chain.verify import verify_bundle
from scripts.benches.rows import Reach, Row, make_row

VECTORS = Path(__file__).resolve().parents[2] / "tests" / "vectors" / "bundle" / "v1"
BUNDLES = {"Clique": "three-witnesses", "QBFT": "three-witnesses-qbft"}
MOST_MILLISECONDS, MOST_KILOBYTES = 60, 24


def measure(name: str, times: int) -> tuple[float, int]:
    """Milliseconds within which 99 of 100 verifications end once warm, and bytes of the bundle.

    Raises AssertionError where the bundle does not pass: refusing is quicker than accepting.
    """
    bundle = (VECTORS / f"{name}.bundle.json").read_bytes()
    root = (VECTORS / f"{name}.trust-root.json").read_bytes()
    if verify_bundle(bundle, root).outcome != "pass":
        raise AssertionError(f"{name} does not verify")
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        verify_bundle(bundle, root)
        spent.append(time.perf_counter() - started)
    return sorted(spent)[times * 99 // 100] * 1_000, len(bundle)


def run(short: bool) -> list[Row]:
    """Two rows for each kind of seal."""
    rows = []
    for kind, name in BUNDLES.items():
        spent, size = measure(name, 100 if short else 1_000)
        limit = Reach(MOST_MILLISECONDS, "ms", at_least=False)
        rows.append(make_row(f"verify a full bundle offline, {kind}, p99", spent, "ms", reach=limit))
        limit = Reach(MOST_KILOBYTES, "KB", at_least=False)
        rows.append(make_row(f"full bundle with 3 witnesses, {kind}", size / 1_024, "KB", reach=limit))
    return rows
