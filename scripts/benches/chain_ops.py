"""Credit operations all the way: accepted over HTTP, logged, anchored, settled, mined and mirrored.

Measured against plain ERC-20 transfers on the same node, with the same one-second blocks, right afterwards.
"""

from __future__ import annotations

import json
import time

from scripts.benches import erc20
from scripts.benches.http_load import build_request, send_all
from scripts.benches.rows import Row, make_row
from scripts.benches.running import CHAPTER, Ground, wait_for
from scripts.benches.writes import BATCH_LINES, Refused

RATIO = 3


def measure_operations(ground: Ground, operations: int) -> float:
    """Operations a second, from the first request to the mirror of the last outcome."""
    url = f"{ground.addresses.gateway}/v1/entries/batch"
    requests = []
    for start in range(0, operations, BATCH_LINES):
        lines = [
            json.dumps(
                {
                    "type": "rebate.granted",
                    "chapter": CHAPTER,
                    "op": {
                        "kind": "transfer",
                        "from": ground.pool,
                        "to": ground.members[n % len(ground.members)],
                        "amount": str(1 + n % 900),
                    },
                    "idempotency_key": f"operation-{n}",
                },
                separators=(",", ":"),
            )
            for n in range(start, min(start + BATCH_LINES, operations))
        ]
        body = "\n".join(lines).encode() + b"\n"
        key = ground.addresses.platform_key
        requests.append(build_request(url, key, body, None, "application/x-ndjson"))
    started = time.perf_counter()
    answers, _ = send_all(url, requests, 2)
    wait_for(ground.client, "settled_index")
    seconds = time.perf_counter() - started
    accepted = sum(answer.body.count(b'"state":"accepted"') for answer in answers)
    if accepted != operations:
        raise Refused(f"{accepted} of {operations} operations were accepted")
    return operations / seconds


def run(ground: Ground, short: bool) -> list[Row]:
    """One row."""
    ours = measure_operations(ground, 8_000 if short else 40_000)
    peer = erc20.measure(ground.addresses.rpc, 2_000 if short else 10_000)
    return [
        make_row(
            "credit operations: HTTP, log, anchor, settle, mined, mirrored",
            ours,
            "ops/s",
            peer="ERC-20 transfers, pre-signed, batches of 100, /s",
            peer_value=peer,
            ratio_reach=RATIO,
        )
    ]
