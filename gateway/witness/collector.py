"""Cosignatures for our own log: every signed checkpoint is shown to all witnesses until the quorum is met.

One thread a witness asks for the checkpoint that is the target now, so that a slow or dead one holds nobody
up; one more thread sets the target and releases it. A target stays until the quorum is met or its time is
over and a newer one waits: otherwise witnesses that are each at another size would never agree on one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy.exc import DBAPIError

from chain.checkpoint import parse_vkey
from chain.errors import FormatError
from chain.witness_policy import WitnessPolicy
from gateway.telemetry import fault_place
from gateway.witness.client import Cosignature, Proofs, WitnessClient, WitnessTrouble

_log = structlog.get_logger("witnesses")

ROUND_SECONDS = 5.0
"""How long one checkpoint is asked for before a newer one takes its place."""
GRACE_SECONDS = 0.25
"""How long those that are answering may still take once the quorum is met."""
JOIN_SECONDS = 5.0
"""How long an end waits for a question that is under way."""
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 4.0
"""Seconds between two questions to a witness that gave none, doubling."""


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A checkpoint our log has signed and keeps."""

    size: int
    root: bytes
    note: bytes


Release = Callable[[SignedNote, Sequence[Cosignature]], None]
"""Keeps the cosignatures and publishes the note with them. May raise DBAPIError: it is tried again."""


def build_clients(policy: WitnessPolicy, deadline: float) -> list[WitnessClient]:
    """Return a client of each witness of a policy.

    Raises FormatError naming a witness whose URL the policy does not give, or is none.
    """
    clients = []
    for witness in policy.witnesses:
        name = parse_vkey(witness.vkey).name
        if witness.url is None or not witness.url.startswith(("http://", "https://")):
            raise FormatError(f"policy: witness {name}", "has no http or https URL to ask at")
        clients.append(WitnessClient(witness.vkey, witness.url, deadline=deadline))
    return clients


def _guarded(run: Callable[[], None]) -> None:
    try:
        run()
    except Exception as error:
        _log.error("thread ended", error=type(error).__name__, place=fault_place(error))


class Collector:
    """Collects for one log. `start` once, `offer` what is signed, `stop`."""

    def __init__(
        self,
        policy: WitnessPolicy,
        clients: Sequence[WitnessClient],
        *,
        round_seconds: float = ROUND_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._clients = clients
        self._round_seconds = round_seconds
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._newest: SignedNote | None = None
        self._target: SignedNote | None = None
        self._given: dict[str, Cosignature] = {}
        # Witnesses whose last answer was none: nobody waits for these once the quorum is met.
        self._failing: set[str] = set()
        self._stopping = False
        self._threads: list[threading.Thread] = []

    def start(self, proofs: Proofs, release: Release, on_fault: Callable[[str], None]) -> None:
        """Begin to ask; ``on_fault`` is told when publishing cannot go on."""
        runs = [(f"witness {client.name}", partial(self._ask, client, proofs)) for client in self._clients]
        runs.append(("witnesses", partial(self._publish, release, on_fault)))
        for name, run in runs:
            thread = threading.Thread(target=_guarded, args=(run,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def offer(self, signed: SignedNote) -> None:
        """Hand over a checkpoint that is signed and durable; only the newest waits."""
        with self._changed:
            self._newest = signed
            self._changed.notify_all()

    def stop(self) -> None:
        """End every thread; what is not released is asked for again after the next start."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            # A witness that answers by drops must not hold the process up: nothing it says counts any more.
            thread.join(JOIN_SECONDS)
        for client in self._clients:
            client.close()

    # --- one thread for each witness ----------------------------------------------------------------------

    def _ask(self, client: WitnessClient, proofs: Proofs) -> None:
        pause, last_reason = 0.0, ""
        while (target := self._next_for(client, pause)) is not None:
            try:
                cosignature = client.cosign(target.note, target.size, proofs)
            except WitnessTrouble as trouble:
                pause = min(LONGEST_PAUSE, pause * 2 or FIRST_PAUSE)
                if trouble.reason != last_reason:
                    # Once for each kind of trouble, not once for each question.
                    _log.warning(
                        "no cosignature", witness=client.name, reason=trouble.reason, size=trouble.size
                    )
                last_reason = trouble.reason
                self._took(client, target, None)
                continue
            if last_reason:
                _log.info("cosigns again", witness=client.name, size=target.size)
            pause, last_reason = 0.0, ""
            self._took(client, target, cosignature)

    def _next_for(self, client: WitnessClient, pause: float) -> SignedNote | None:
        """Return what this witness is to be asked for, after ``pause`` seconds; None when stopping."""
        with self._changed:
            if pause:
                self._changed.wait_for(lambda: self._stopping, pause)
            self._changed.wait_for(
                lambda: self._stopping or (self._target is not None and client.vkey not in self._given)
            )
            return None if self._stopping else self._target

    def _took(self, client: WitnessClient, asked: SignedNote, cosignature: Cosignature | None) -> None:
        with self._changed:
            if cosignature is None:
                self._failing.add(client.vkey)
            else:
                self._failing.discard(client.vkey)
                if self._target == asked:
                    self._given[client.vkey] = cosignature
            self._changed.notify_all()

    # --- the thread that releases -------------------------------------------------------------------------

    def _publish(self, release: Release, on_fault: Callable[[str], None]) -> None:
        while (met := self._next_met()) is not None:
            target, cosignatures = met
            while not self._stopping:
                try:
                    release(target, cosignatures)
                    break
                except DBAPIError as error:
                    _log.warning(
                        "cosignatures not stored", error=type(error).__name__, place=fault_place(error)
                    )
                    self._wait(lambda: self._stopping, 1.0)
                except Exception as error:
                    _log.error("publishing stopped", error=type(error).__name__, place=fault_place(error))
                    on_fault("witnesses")
                    return

    def _next_met(self) -> tuple[SignedNote, list[Cosignature]] | None:
        """Return the next checkpoint whose quorum is met, with its cosignatures; None when stopping."""
        done = 0 if self._target is None else self._target.size
        with self._changed:
            self._target, self._given = None, {}
            self._changed.wait_for(
                lambda: self._stopping or (self._newest is not None and self._newest.size > done)
            )
            while not self._stopping and self._newest is not None:
                self._target, self._given = self._newest, {}
                self._changed.notify_all()
                self._wait_for_quorum(self._monotonic() + self._round_seconds)
                if self._is_met():
                    self._changed.wait_for(lambda: self._stopping or self._is_all(), GRACE_SECONDS)
                    return self._target, [
                        self._given[client.vkey] for client in self._clients if client.vkey in self._given
                    ]
        return None

    def _wait_for_quorum(self, until: float) -> None:
        """Wait until the quorum is met, or the time is over and something newer waits. Holds the lock."""
        while not self._stopping and not self._is_met():
            left = until - self._monotonic()
            if left <= 0 and self._newest != self._target:
                return
            self._changed.wait(left if left > 0 else None)

    def _is_met(self) -> bool:
        return self._policy.is_met(self._given)

    def _is_all(self) -> bool:
        return all(client.vkey in self._given or client.vkey in self._failing for client in self._clients)

    def _wait(self, condition: Callable[[], bool], seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(condition, seconds)
