"""Hostile bytes: `raw_corpus` on connections of their own, several at once."""

from __future__ import annotations

import random
import threading
import time

from scripts.faults.hostile.exchange import Alone, send_alone
from scripts.faults.hostile.judging import judge
from scripts.faults.hostile.raw_corpus import SMUGGLED, Bytes, Keys, draw_bytes
from scripts.faults.hostile.stage import Stage, running
from scripts.faults.results import Outcome
from scripts.faults.world import World

CLIENTS = 24
"""Connections at once: most of them wait for the server to close."""


def judge_bytes(sent: Bytes, came: Alone) -> list[str]:
    """Return what is wrong with what came back to some bytes."""
    found = [what for answer in came.answers for what in judge(answer)]
    if came.silent:
        found.append("O10 hang: neither answer nor end")
    if len(came.answers) > sent.most:
        found.append(f"smuggled: {len(came.answers)} answers to one request")
    for answer in came.answers:
        if sent.statuses is not None and answer.status not in sent.statuses:
            found.append(f"taken: {answer.status}")
        if f'"instance":"{SMUGGLED}"'.encode() in answer.body:
            found.append("smuggled: what was in a body was read as a request")
    return found


def _send(stage: Stage, lock: threading.Lock, seed: str, numbers: range) -> None:
    keys = Keys(stage.case.state.key)
    for number in numbers:
        one = f"{seed}-{number}"
        sent = draw_bytes(random.Random(one), keys)  # noqa: S311  repeatable, not secret
        try:
            found = judge_bytes(sent, send_alone(stage.port, sent.data, reset=sent.reset))
        except OSError as error:
            found = [f"O10 no connection: {error}"]
        with lock:
            stage.fired += 1
            for what in found:
                stage.fail(f"{what} ({sent.sort}, {one}, {sent.data[:200]!r})")


def run_raw(fault: str, seed: str, count: int, world: World) -> Outcome:
    """Send the bytes of ``count`` connections, then hold the gateway to having lived through it."""
    began = time.monotonic()
    with running(world, seed) as stage:
        lock = threading.Lock()
        senders = [
            threading.Thread(target=_send, args=(stage, lock, seed, range(first, count, CLIENTS)))
            for first in range(CLIENTS)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    return stage.outcome(fault, seed, count, began)
