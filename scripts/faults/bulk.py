"""Many entries at once, for parts that need a large log before they begin: NDJSON batches, two at a time.

Knows nothing of the product, like `client`. Answers are kept where they are asked for again later.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from scripts.faults.client import order_of

BATCH = 4_000
CONNECTIONS = 2
PATIENCE = 120.0


class NotTaken(Exception):
    """The gateway refused a part of a batch; what follows would measure nothing."""


@dataclass(frozen=True, slots=True)
class Bulk:
    """Entries of one chapter, each following from its number: transfers from the pool, or purchases."""

    chapter: str
    pool: str
    members: Sequence[str]
    seed: str
    transfers: bool

    def order(self, number: int) -> str:
        """Return the mark by which a purchase is found again."""
        return order_of(f"{self.seed}-{number}")

    def line(self, number: int) -> Mapping[str, object]:
        """Return one entry as a line of a batch."""
        member = self.members[number % len(self.members)]
        body: dict[str, object] = {"chapter": self.chapter, "idempotency_key": f"{self.seed}-{number}"}
        if self.transfers:
            body["op"] = {"kind": "transfer", "from": self.pool, "to": member, "amount": str(1 + number % 9)}
            return {**body, "type": "credit.transferred"}
        public = {"amount": str(100 + number), "currency": "CNY", "receipt": self.order(number)}
        return {**body, "type": "purchase.recorded", "subjects": [member], "public": public}

    def body(self, batch: int, entries: int) -> bytes:
        """Return the batch of that number of ``entries`` in all."""
        numbers = range(batch * BATCH, min((batch + 1) * BATCH, entries))
        return b"".join(json.dumps(self.line(n), separators=(",", ":")).encode() + b"\n" for n in numbers)


def post_batch(port: int, key: str, body: bytes) -> list[dict[str, Any]]:
    """Post one batch; return what each line was answered. Raises NotTaken, OSError, HTTPException."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        headers = {"authorization": f"Bearer {key}", "content-type": "application/x-ndjson"}
        connection.request("POST", "/v1/entries/batch", body, headers)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise NotTaken(f"{answer.status} {content[:300]!r}")
    lines = [json.loads(line) for line in content.splitlines()]
    refused = [line for line in lines if line.get("state") != "accepted"]
    asked = body.count(b"\n")
    if refused or len(lines) != asked:
        raise NotTaken(f"{len(lines) - len(refused)} of {asked} lines were accepted: {refused[:1]}")
    return lines


def record_all(
    bulk: Bulk, entries: int, port: int, key: str, keep: Sequence[int] = ()
) -> dict[int, list[dict[str, Any]]]:
    """Post ``entries`` entries; return the answers of the batches whose numbers are in ``keep``."""
    wanted, kept = set(keep), dict[int, list[dict[str, Any]]]()

    def post(batch: int) -> None:
        answers = post_batch(port, key, bulk.body(batch, entries))
        if batch in wanted:
            kept[batch] = answers

    with ThreadPoolExecutor(CONNECTIONS) as workers:
        for _ in workers.map(post, range(count_batches(entries))):
            pass
    return kept


def count_batches(entries: int) -> int:
    """Return how many batches so many entries are."""
    return -(-entries // BATCH)


def find_changed(
    bulk: Bulk, entries: int, port: int, key: str, kept: Mapping[int, Sequence[Mapping[str, Any]]]
) -> Iterator[str]:
    """Ask again for batches that were answered before; say which line was answered otherwise."""
    for batch, before in kept.items():
        again = post_batch(port, key, bulk.body(batch, entries))
        for number, (first, second) in enumerate(zip(before, again, strict=True), batch * BATCH):
            if any(first[name] != second[name] for name in ("id", "index", "leaf_hash", "receipt")):
                yield f"O2 {bulk.seed}-{number}: accepted as {first['id']}, asked again as {second['id']}"
                break
            if not second.get("replayed"):
                yield f"O2 {bulk.seed}-{number}: recorded again when it was asked for again"
                break
