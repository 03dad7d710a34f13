"""A member's pages: balance and statement of one account with 10,000 entries, over HTTP."""

from __future__ import annotations

import time
from hashlib import sha256

from scripts.benches.batches import record_lines
from scripts.benches.rows import Reach, Row, make_row, percentile
from scripts.benches.running import CHAPTER, Ground, wait_for

ENTRIES = 10_000
LIMIT_MS = 20.0


def record_entries(ground: Ground, member: str, entries: int) -> None:
    """Have purchases of one member accepted. Raises Refused."""
    lines = [
        {
            "type": "purchase.recorded",
            "chapter": CHAPTER,
            "subjects": [member],
            "public": {
                "amount": str(100 + number),
                "currency": "CNY",
                "receipt": sha256(f"page {number}".encode()).hexdigest(),
            },
            "idempotency_key": f"page-{number}",
        }
        for number in range(entries)
    ]
    record_lines(ground, lines, 1)


def run(ground: Ground, short: bool) -> list[Row]:
    """One row a page: the slowest but one of a hundred, in milliseconds."""
    member = ground.members[0]
    record_entries(ground, member, 1_000 if short else ENTRIES)
    wait_for(ground.client, "settled_index")
    rows = []
    for name in ("balance", "statement"):
        took: list[float] = []
        for _ in range(100):
            started = time.perf_counter()
            ground.client.get(f"/v1/accounts/{member}/{name}").require(name)
            took.append((time.perf_counter() - started) * 1000)
        rows.append(
            make_row(
                f"{name} page of a member with {1_000 if short else ENTRIES:,} entries, p99",
                percentile(took, 0.99),
                "ms",
                reach=Reach(LIMIT_MS, "ms", at_least=False),
            )
        )
    return rows
