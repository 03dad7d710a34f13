"""Credit operations through the outbox: from a backlog of accepted ones to the mirror of the last outcome.

The backlog is recorded by a gateway that does not anchor; the next one on the same folder anchors and settles
it. The clock runs from the first transaction put into its outbox. The peer, plain ERC-20 transfers on the
same chain with the same one-second blocks, runs after the gateway has left and is signed before its clock
starts.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path

from scripts.benches import erc20
from scripts.benches.batches import record_lines
from scripts.benches.rows import Row, make_row
from scripts.benches.running import CHAPTER, Ground, wait_for

RATIO = 3


def record_operations(ground: Ground, operations: int) -> None:
    """Have transfers from the pool to the members accepted. Raises Refused."""
    lines = [
        {
            "type": "credit.transferred",
            "chapter": CHAPTER,
            "op": {
                "kind": "transfer",
                "from": ground.pool,
                "to": ground.members[n % len(ground.members)],
                "amount": str(1 + n % 900),
            },
            "idempotency_key": f"operation-{n}",
        }
        for n in range(operations)
    ]
    record_lines(ground, lines, 2)


def last_transaction(data: Path) -> int:
    """Number of the newest transaction in the outbox."""
    return int(_ask(data, "SELECT coalesce(max(id), 0) FROM chain_transactions"))


def first_after(data: Path, number: int) -> float:
    """Unix time at which the first transaction after ``number`` was put into the outbox."""
    at = _ask(data, f"SELECT min(created_at) FROM chain_transactions WHERE id > {number:d}")  # noqa: S608
    return datetime.fromisoformat(str(at)).timestamp()


def _ask(data: Path, query: str) -> str:
    with closing(sqlite3.connect(f"file:{data / 'gateway.sqlite3'}?mode=ro", uri=True)) as connection:
        return str(connection.execute(query).fetchone()[0])


def wait_for_backlog(ground: Ground, operations: int, before: int) -> float:
    """Operations a second of a gateway that has just started on a backlog."""
    wait_for(ground.client, "settled_index")
    return operations / (time.time() - first_after(ground.data, before))


def run_peer(url: str, short: bool, ours: float) -> list[Row]:
    """The row: ours against plain transfers on the chain that has just carried ours, alone on its node.

    Their number makes both runs about equally long, eight blocks or more.
    """
    peer = erc20.measure(url, 2_000 if short else 50_000)
    return [
        make_row(
            "credit operations: outbox, settle, mined, mirrored",
            ours,
            "ops/s",
            peer="ERC-20 transfers, pre-signed, batches of 100, /s",
            peer_value=peer,
            ratio_reach=RATIO,
        )
    ]
