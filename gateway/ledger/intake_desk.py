"""The intake's side of a process that serves HTTP: writes submissions as rows and waits for their answers.

To the routes it is the sequencer: an answer is given when the row's entries are committed and signed for, and
not before. Waiting submissions share a commit; several such processes may write at once.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import cast

import structlog
from sqlalchemy.exc import OperationalError

from gateway.db import Database, execute_many, fetch_all
from gateway.errors import Refusal
from gateway.failpoints import step
from gateway.ledger.drafts import Answer, Submission
from gateway.ledger.hints import Hints, give_hint
from gateway.ledger.intake_clerk import ANSWER_CHANNEL, INTAKE_CHANNEL
from gateway.ledger.intake_wire import decode_answers, encode_submissions
from gateway.ledger.vault import Entropy, Vault

_log = structlog.get_logger("intake")

PATIENCE_SECONDS = 45.0
"""How long an answer is waited for: longer than a new sequencer takes to be elected and to recover."""
LOOK_SECONDS = 0.05
"""How often answers are looked for without a hint."""
TICKET_SIZE = 16
_ROWS = 256
_INSERT = "INSERT INTO intake (ticket, payload) VALUES (?, ?) ON CONFLICT (ticket) DO NOTHING"
_ANSWERED = "SELECT ticket, answer FROM intake WHERE ticket = ANY(?) AND answer IS NOT NULL"


@dataclass(slots=True)
class _Row:
    """One row to be: its submissions, the future of their answers, and when waiting ends."""

    ticket: bytes
    submissions: Sequence[Submission]
    gives_up_at: float
    payload: bytes = b""
    future: Future[list[Answer]] = field(default_factory=Future)

    def refuse(self, code: str) -> None:
        """Answer every submission with one refusal."""
        self.future.set_result([Refusal(code)] * len(self.submissions))


class IntakeDesk:
    """Takes submissions from any thread; `run_writer` and `run_reader` are its two loops."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        entropy: Entropy,
        *,
        queue_limit: int,
        patience: float = PATIENCE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._vault = vault
        self._entropy = entropy
        self._queue_limit = queue_limit
        self._patience = patience
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._queue: deque[_Row] = deque()
        self._pending: dict[bytes, _Row] = {}
        self._waiting = 0
        self._closed = False

    def submit(self, submission: Submission) -> Future[Answer]:
        """Queue one submission; its future gives the answer once durable."""
        answer: Future[Answer] = Future()
        # From here on nobody can cancel it: what was handed over will be recorded.
        answer.set_running_or_notify_cancel()

        def take(group: Future[list[Answer]]) -> None:
            answer.set_result(group.result()[0])

        self.submit_group((submission,)).add_done_callback(take)
        return answer

    def submit_group(self, submissions: Sequence[Submission]) -> Future[list[Answer]]:
        """Queue submissions together, in order; the future gives their answers once durable.

        Requires an idempotency key of each: without one a repeat after a crash would be recorded twice.
        """
        if not all(submission.idempotency_key for submission in submissions):
            raise ValueError("a submission for another process needs an idempotency key")
        row = _Row(self._entropy(TICKET_SIZE), submissions, self._monotonic() + self._patience)
        row.future.set_running_or_notify_cancel()
        with self._changed:
            refused = self._refusal_code(len(submissions))
            if refused is None:
                self._waiting += len(submissions)
                self._queue.append(row)
                self._changed.notify()
        if refused is not None:
            row.refuse(refused)
        return row.future

    def _refusal_code(self, count: int) -> str | None:
        if self._closed or (self._waiting and self._waiting + count > self._queue_limit):
            return "ledger.busy"
        return None

    # --- writing rows ------------------------------------------------------------------------------------

    def run_writer(self, stop: threading.Event) -> None:
        """Write rows until ``stop`` is set."""
        while not stop.is_set():
            rows = self._take()
            if rows:
                self._write(rows, stop)

    def _take(self) -> list[_Row]:
        with self._changed:
            if not self._queue:
                self._changed.wait(LOOK_SECONDS)
            return [self._queue.popleft() for _ in range(min(len(self._queue), _ROWS))]

    def _write(self, rows: Sequence[_Row], stop: threading.Event) -> None:
        """Store rows in one commit, again until it is known that it happened or waiting for them ends."""
        for row in rows:
            row.payload = encode_submissions(row.submissions, row.ticket, self._vault, self._entropy)
        with self._changed:
            self._pending.update((row.ticket, row) for row in rows)
        while any(row.ticket in self._pending for row in rows) and not stop.is_set():
            try:
                with self._database.writer(step("intake.write")) as connection:
                    execute_many(connection, _INSERT, [(row.ticket, row.payload) for row in rows])
                    give_hint(connection, INTAKE_CHANNEL)
                # If we crash here, the rows are recorded and nobody is told: a repeat with the same key is.
                return
            except OperationalError as error:
                # It may have committed: the same tickets are not written twice.
                _log.warning("intake is not written", error=type(error).__name__)
                stop.wait(0.5)

    # --- waiting for answers -----------------------------------------------------------------------------

    def run_reader(self, stop: threading.Event) -> None:
        """Give answers to whoever waits until ``stop`` is set, then refuse the rest as unconfirmed."""
        hints = Hints(self._database, ANSWER_CHANNEL)
        try:
            while not stop.is_set():
                try:
                    found = self.collect()
                except OperationalError as error:
                    _log.warning("answers are not read", error=type(error).__name__)
                    stop.wait(0.5)
                    found = 0
                self._give_up(self._monotonic())
                if not found:
                    hints.wait(LOOK_SECONDS)
        finally:
            hints.close()
            self.close()

    def collect(self) -> int:
        """Give the answers there are; return how many rows had one."""
        with self._changed:
            tickets = list(self._pending)
        if not tickets:
            return 0
        with self._database.reader() as connection:
            answered = cast("list[tuple[bytes, bytes]]", fetch_all(connection, _ANSWERED, tickets))
        for ticket, answer in answered:
            self._settle(ticket, decode_answers(answer))
        return len(answered)

    def _settle(self, ticket: bytes, answers: list[Answer] | None) -> None:
        """Answer one row, None for: nobody knows."""
        with self._changed:
            row = self._pending.pop(ticket, None)
            if row is None:
                return
            self._waiting -= len(row.submissions)
        if answers is None:
            row.refuse("ledger.unconfirmed")
        elif len(answers) != len(row.submissions):
            row.refuse("internal")
        else:
            row.future.set_result(answers)

    def _give_up(self, now: float) -> None:
        with self._changed:
            late = [ticket for ticket, row in self._pending.items() if row.gives_up_at <= now]
        for ticket in late:
            self._settle(ticket, None)

    def close(self) -> None:
        """Take nothing more; whoever still waits is told that nothing is known."""
        with self._changed:
            self._closed = True
            # Rows not written yet are no different to their caller, who repeats with the same key.
            self._pending.update((row.ticket, row) for row in self._queue)
            self._queue.clear()
        self._give_up(float("inf"))
