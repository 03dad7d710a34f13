"""Writing over HTTP: batches, single entries over 32 connections, and how long until a checkpoint shows them.

Entries are purchases of two accounts, without private fields. The whole gateway runs meanwhile, chain and
settlement included, on the same machine as the load.
"""

from __future__ import annotations

import bisect
import json
import threading
import time
from collections.abc import Sequence
from hashlib import sha256

import httpx2

from scripts.benches.http_load import Answer, build_request, send_all
from scripts.benches.rows import Reach, Row, make_row, percentile
from scripts.benches.running import CHAPTER, Ground, wait_for

BATCH_LINES = 4_000
CONNECTIONS = 32
POLL_SECONDS = 0.01


class Refused(Exception):
    """The gateway refused part of the load; the run measures nothing."""


def purchase(ground: Ground, number: int, run: str) -> dict[str, object]:
    """One entry of the load."""
    member = ground.members[number % len(ground.members)]
    other = ground.members[(number * 7 + 1) % len(ground.members)]
    return {
        "type": "purchase.recorded",
        "chapter": CHAPTER,
        "subjects": [member, other] if member != other else [member],
        "public": {
            "amount": str(100 + number),
            "currency": "CNY",
            "basket": f"{run}-{number}",
            "receipt": sha256(f"{run} {number}".encode()).hexdigest(),
        },
    }


def measure_batches(ground: Ground, entries: int) -> float:
    """Entries a second, from the first byte sent to the checkpoint that holds the last."""
    url = f"{ground.addresses.gateway}/v1/entries/batch"
    requests = []
    for start in range(0, entries, BATCH_LINES):
        lines = [
            json.dumps(
                {**purchase(ground, n, "batch"), "idempotency_key": f"batch-{n}"}, separators=(",", ":")
            )
            for n in range(start, min(start + BATCH_LINES, entries))
        ]
        body = "\n".join(lines).encode() + b"\n"
        key = ground.addresses.platform_key
        requests.append(build_request(url, key, body, None, "application/x-ndjson"))
    started = time.perf_counter()
    answers, _ = send_all(url, requests, 2)
    wait_for(ground.client, "checkpoint_size")
    seconds = time.perf_counter() - started
    accepted = sum(answer.body.count(b'"state":"accepted"') for answer in answers)
    if accepted != entries:
        raise Refused(f"{accepted} of {entries} entries were accepted")
    return entries / seconds


class CheckpointWatch:
    """Notes when each published size was first seen, from the public checkpoint file."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/log/checkpoint"
        self._ended = threading.Event()
        self.sizes: list[int] = []
        self.times: list[float] = []
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> CheckpointWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        with httpx2.Client(trust_env=False) as http:
            while not self._ended.wait(POLL_SECONDS):
                answer = http.get(self._url)
                if answer.status_code != 200:
                    # The watch shares the public rate limit with nobody, but it may reach it.
                    continue
                size = int(answer.text.split("\n")[1])
                if not self.sizes or size > self.sizes[-1]:
                    self.sizes.append(size)
                    self.times.append(time.perf_counter())

    def delay_of(self, answer: Answer) -> float | None:
        """Seconds from an answer to the first checkpoint that holds its entry."""
        index = answer.json()["index"]
        place = bisect.bisect_right(self.sizes, int(str(index)))
        return max(0.0, self.times[place] - answer.at) if place < len(self.times) else None


def measure_singles(ground: Ground, entries: int) -> tuple[float, float, float]:
    """Entries a second, p99 of the answers in ms, p99 from answer to checkpoint in s."""
    url = f"{ground.addresses.gateway}/v1/entries"
    key = ground.addresses.platform_key
    requests = [
        build_request(
            url, key, json.dumps(purchase(ground, n, "single")).encode(), f"single-{n}", "application/json"
        )
        for n in range(entries)
    ]
    with CheckpointWatch(ground.addresses.gateway) as watch:
        answers, seconds = send_all(url, requests, CONNECTIONS)
        wait_for(ground.client, "checkpoint_size")
        time.sleep(1.0)
    _require_created(answers)
    delays = [watch.delay_of(answer) for answer in answers]
    if None in delays:
        raise Refused("an acknowledged entry is in no checkpoint")
    slowest = percentile([answer.seconds for answer in answers], 0.99)
    return entries / seconds, slowest * 1000, percentile([d for d in delays if d is not None], 0.99)


def _require_created(answers: Sequence[Answer]) -> None:
    refused = [answer for answer in answers if answer.status != 201]
    if refused:
        raise Refused(f"{len(refused)} of {len(answers)} refused: {refused[0].body.decode()[:300]}")


def run(ground: Ground, short: bool) -> list[Row]:
    """Four rows."""
    batch = measure_batches(ground, 8_000 if short else 40_000)
    wait_for(ground.client, "settled_index")
    rate, slowest, delay = measure_singles(ground, 1_000 if short else 8_000)
    return [
        make_row(
            "POST /v1/entries/batch, durable and in a checkpoint",
            batch,
            "entries/s",
            reach=Reach(10_000, "entries/s"),
        ),
        make_row(
            f"POST /v1/entries, {CONNECTIONS} connections, durable", rate, "/s", reach=Reach(1_000, "/s")
        ),
        make_row(
            f"POST /v1/entries, {CONNECTIONS} connections, p99",
            slowest,
            "ms",
            reach=Reach(100, "ms", at_least=False),
        ),
        make_row(
            "acknowledged to published checkpoint, p99", delay, "s", reach=Reach(2, "s", at_least=False)
        ),
    ]
