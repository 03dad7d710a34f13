"""Answers to what was committed: receipts are signed and futures filled while the next group is recorded."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue

import structlog

from chain.types import EntryId, LeafHash, LeafIndex
from gateway.errors import Refusal
from gateway.failpoints import step
from gateway.ledger.drafts import Accepted, Answer, Submission
from gateway.ledger.group import Recorded
from gateway.ledger.identity import LogIdentity
from gateway.ledger.receipts import ReceiptSigner
from gateway.telemetry import fault_place

_log = structlog.get_logger("sequencer")


@dataclass(slots=True)
class Waiting:
    """Submissions that arrived together and the future of their answers."""

    submissions: Sequence[Submission]
    future: Future[list[Answer]] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class _Committed:
    """What came of a group, to be signed and answered."""

    waiting: Sequence[Waiting]
    outcomes: Sequence[Recorded | Refusal]


class Answerer:
    """One thread that signs and answers, in the order of the commits."""

    def __init__(self, identity: LogIdentity) -> None:
        self._signer = ReceiptSigner(identity)
        self._unsigned: SimpleQueue[_Committed | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="receipts", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._signer.start()
        self._thread.start()

    def stop(self) -> None:
        """Answer what was given, then end the thread."""
        self._unsigned.put(None)
        self._thread.join()
        self._signer.stop()

    def give(self, waiting: Sequence[Waiting], outcomes: Sequence[Recorded | Refusal]) -> None:
        """Have submissions answered by outcomes in their order. Requires what is recorded to be durable."""
        self._unsigned.put(_Committed(waiting, outcomes))

    def _run(self) -> None:
        while (committed := self._unsigned.get()) is not None:
            try:
                answers = self._signed(committed.outcomes)
            except Exception as error:
                # The entries stand, and nobody has a receipt: the same keys will find both.
                _log.error("receipts not signed", error=type(error).__name__, place=fault_place(error))
                answers = [
                    one if isinstance(one, Refusal) else Refusal("ledger.unconfirmed")
                    for one in committed.outcomes
                ]
            start = 0
            for waiting in committed.waiting:
                end = start + len(waiting.submissions)
                waiting.future.set_result(answers[start:end])
                start = end

    def _signed(self, outcomes: Sequence[Recorded | Refusal]) -> list[Answer]:
        """Sign for committed entries. A signature follows from its entry: a replay gets the same bytes."""
        recorded = [outcome for outcome in outcomes if isinstance(outcome, Recorded)]
        with step("ledger.receipts"):
            receipts = iter(self._signer.receipts([(one.index, one.leaf_hash, one.at) for one in recorded]))
        return [
            outcome
            if isinstance(outcome, Refusal)
            else Accepted(
                EntryId(outcome.entry_id),
                LeafIndex(outcome.index),
                LeafHash(outcome.leaf_hash),
                outcome.at,
                next(receipts),
                outcome.replayed,
            )
            for outcome in outcomes
        ]
