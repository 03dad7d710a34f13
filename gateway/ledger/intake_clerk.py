"""The intake's side of the sequencer: takes rows that other processes wrote, records them, answers each once.

A row stays unanswered until its entries are committed and signed for. Whatever happens in between, the next
leader finds it unanswered and records it again: by their idempotency keys, entries that did commit are found
and not made twice. The answer is written where there is none, by the leader alone (`gateway.leadership`).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Protocol, cast

import structlog
from sqlalchemy.exc import OperationalError

from chain.base64_text import decode_base64
from chain.errors import FormatError
from gateway.db import Database, execute, execute_many, fetch_all
from gateway.errors import Refusal
from gateway.failpoints import step
from gateway.ledger.drafts import Accepted, Answer, Submission
from gateway.ledger.hints import Hints, give_hint
from gateway.ledger.intake_wire import decode_submissions, encode_answers
from gateway.ledger.receipt_store import store_receipts
from gateway.ledger.vault import Vault

_log = structlog.get_logger("intake")

INTAKE_CHANNEL = "tongyi_intake"
"""Hints that rows wait."""
ANSWER_CHANNEL = "tongyi_answer"
"""Hints that rows were answered."""
LOOK_SECONDS = 0.1
"""How often rows are looked for without a hint."""
KEPT_SECONDS = 120
"""How long an answered row is kept for whoever wrote it."""
_ROWS = 256
_MOST_TAKEN = 8_192
_PURGE_EVERY = 200

_WAITING = "SELECT id, ticket, payload FROM intake WHERE answer IS NULL AND id <> ALL(?) ORDER BY id LIMIT ?"
_ANSWER = """
UPDATE intake SET answer = ?, payload = NULL, answered_at = extract(epoch FROM clock_timestamp())
WHERE id = ? AND answer IS NULL"""
_PURGE = "DELETE FROM intake WHERE answered_at < extract(epoch FROM clock_timestamp()) - ?"

Answered = tuple[int, list[Answer]]
"""A row's id and what its submissions came to."""


class Recorder(Protocol):
    """The sequencer as the clerk sees it."""

    def submit_group(self, submissions: Sequence[Submission]) -> Future[list[Answer]]:
        """Queue submissions together, in order; the future gives their answers once durable."""
        ...


class IntakeClerk:
    """Moves rows to a sequencer of the same process and its answers back. Two loops, one thread each."""

    def __init__(self, database: Database, vault: Vault, recorder: Recorder) -> None:
        self._database = database
        self._vault = vault
        self._recorder = recorder
        # Rows handed to the sequencer and not answered yet, with the number of their submissions.
        self._taken: dict[int, int] = {}
        self._answers: SimpleQueue[Answered] = SimpleQueue()
        self._reading = True

    def run_reader(self, stop: threading.Event) -> None:
        """Hand rows to the sequencer, in their order, until ``stop`` is set."""
        hints = Hints(self._database, INTAKE_CHANNEL)
        try:
            while not stop.is_set():
                try:
                    found = self.take()
                except OperationalError as error:
                    _log.warning("intake is not read", error=type(error).__name__)
                    stop.wait(1.0)
                    continue
                if not found:
                    hints.wait(LOOK_SECONDS)
        finally:
            self._reading = False
            hints.close()

    def take(self) -> int:
        """Hand over the rows that wait; return how many there were."""
        # Before the snapshot: a row that leaves this list meanwhile is answered in every later snapshot.
        taken = list(self._taken)
        if sum(self._taken.values()) > _MOST_TAKEN:
            return 0
        with self._database.reader() as connection:
            rows = cast("list[tuple[int, bytes, bytes]]", fetch_all(connection, _WAITING, taken, _ROWS))
        for row_id, ticket, payload in rows:
            self._hand_over(row_id, ticket, payload)
        return len(rows)

    def _hand_over(self, row_id: int, ticket: bytes, payload: bytes) -> None:
        try:
            items = decode_submissions(payload, ticket, self._vault)
        except FormatError:
            _log.error("an intake row cannot be read", row=row_id)
            self._taken[row_id] = 0
            self._answers.put((row_id, []))
            return
        submissions = [item for item in items if isinstance(item, Submission)]
        self._taken[row_id] = len(submissions)

        def merge(future: Future[list[Answer]]) -> None:
            given = iter(future.result())
            self._answers.put(
                (row_id, [item if isinstance(item, Refusal) else next(given) for item in items])
            )

        # If we crash from here on, the row is unanswered and its entries may exist: see above.
        self._recorder.submit_group(submissions).add_done_callback(merge)

    def run_answerer(self, stop: threading.Event) -> None:
        """Write answers until ``stop`` is set and all that was taken is answered."""
        rounds = 0
        while self._reading or self._taken or not stop.is_set():
            answered = self._ready()
            if answered:
                self._write(answered, stop)
            rounds += 1
            if rounds % _PURGE_EVERY == 0:
                self._purge()

    def _ready(self) -> list[Answered]:
        """Return the answers there are, waiting a moment for the first."""
        answered: list[Answered] = []
        try:
            answered.append(self._answers.get(timeout=LOOK_SECONDS))
            while len(answered) < _ROWS:
                answered.append(self._answers.get_nowait())
        except Empty:
            pass
        return answered

    def _write(self, answered: Sequence[Answered], stop: threading.Event) -> None:
        """Store answers and signatures; a database that does not answer is waited out unless stopping."""
        while True:
            try:
                self._store(answered)
                break
            except OperationalError as error:
                _log.warning("answers are not stored", error=type(error).__name__)
                if stop.wait(0.5):
                    # The next leader answers these rows.
                    break
        for row_id, _ in answered:
            self._taken.pop(row_id, None)

    def _store(self, answered: Sequence[Answered]) -> None:
        signed = [
            (int(answer.index), _signature(answer))
            for _, answers in answered
            for answer in answers
            if isinstance(answer, Accepted)
        ]
        with self._database.writer(step("intake.answer")) as connection:
            execute_many(
                connection, _ANSWER, [(encode_answers(answers), row_id) for row_id, answers in answered]
            )
            store_receipts(connection, signed)
            give_hint(connection, ANSWER_CHANNEL)
        # If we crash here, the answers are there for whoever waits, or asks again with the same key.

    def _purge(self) -> None:
        try:
            with self._database.writer() as connection:
                execute(connection, _PURGE, KEPT_SECONDS)
        except OperationalError as error:
            _log.warning("answered rows are kept", error=type(error).__name__)


def _signature(accepted: Accepted) -> bytes:
    """Return the signature of a receipt made by `ReceiptSigner`, by the place it has in those bytes."""
    text = accepted.receipt.decode("ascii").partition('"signature":"')[2].partition('"')[0]
    return decode_base64(text, "receipt.signature")
