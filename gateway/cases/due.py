"""Steps whose time has come, recorded: by the gateway's own loop, and by whoever asks for it over HTTP.

Both submit the same drafts of the same principal under the same idempotency keys, so each step is recorded
once, whoever comes first. A step that is refused keeps nobody waiting: those after it are recorded, and it is
tried again in the next round.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import structlog
from sqlalchemy.exc import DBAPIError

from gateway.cases.book import CaseBook, DueStep
from gateway.cases.case import Case
from gateway.cases.world import DuePlace
from gateway.db import Database
from gateway.ledger.drafts import Accepted, Answer, Submission
from gateway.ledger.genesis import Clock
from gateway.telemetry import fault_place

_log = structlog.get_logger("due")

PRINCIPAL = "clock"
"""Whose submissions due steps are; with the step's key it is what makes a step one entry."""
BATCH = 200
"""Steps the loop hands to the sequencer at once: few enough that others are served in between."""
WAIT_CODES = frozenset({"ledger.read_only", "ledger.busy", "ledger.unconfirmed", "storage.full", "internal"})
"""Refusals that say nothing of the step: nobody could record anything now."""


class Recorder(Protocol):
    """The sequencer as it is seen here."""

    def submit_group(self, submissions: Sequence[Submission]) -> Future[list[Answer]]:
        """Queue submissions together, in order; the future gives their answers once durable."""
        ...


@dataclass(frozen=True, slots=True)
class Batch:
    """What came of a batch: each step with its answer, in order."""

    answers: tuple[tuple[DueStep, Answer], ...]

    @property
    def refused(self) -> dict[str, str]:
        """Code by key of each step that was refused."""
        return {step.key: answer.code for step, answer in self.answers if not isinstance(answer, Accepted)}

    @property
    def place(self) -> DuePlace:
        """Where the steps after this batch begin. Requires one step at least."""
        return self.answers[-1][0].place


@dataclass(frozen=True, slots=True)
class DueFigures:
    """``recorded`` steps since the loop began; ``refused`` of the last round, to be tried again."""

    recorded: int = 0
    refused: int = 0


class DueRecorder:
    """Records due steps of one database through one sequencer."""

    def __init__(self, database: Database, book: CaseBook, recorder: Recorder, clock: Clock) -> None:
        self._database = database
        self._book = book
        self._recorder = recorder
        self._clock = clock

    def record(self, limit: int, after: DuePlace | None = None) -> Batch:
        """Record at most ``limit`` steps that are due now, earliest first, from the place ``after`` on.

        Raises:
            DBAPIError: the database did not answer when asked what is due.
        """
        with self._database.reader() as connection:
            steps = self._book.find_due(connection, self._clock(), limit, after, _pass_over)
        group = [Submission(PRINCIPAL, step.key, b"", step.draft) for step in steps]
        # If we crash here, or the answer is lost, the step is found again, or was recorded under its key.
        answers = self._recorder.submit_group(group).result() if group else []
        return Batch(tuple(zip(steps, answers, strict=True)))

    def oldest_seconds(self) -> float:
        """Return for how many seconds the oldest step that is not recorded has been due, 0 without any."""
        now = self._clock()
        with self._database.reader() as connection:
            found = self._book.find_due(connection, now, 1, on_fault=_pass_over)
        return (now - found[0].place[0]) / 1000 if found else 0.0


def _pass_over(case: Case, error: Exception) -> None:
    """A defect in reading one case: it is named, and what else is due is recorded all the same."""
    _log.error(
        "due step fails", kind=case.kind, key=case.key, error=type(error).__name__, place=fault_place(error)
    )


class DueLoop:
    """Records what is due every ``seconds``; never, where that is 0. One thread."""

    def __init__(self, recorder: DueRecorder, seconds: float, *, batch: int = BATCH) -> None:
        self._recorder = recorder
        self._seconds = seconds
        self._batch = batch
        self._refused: dict[str, str] = {}
        self.figures = DueFigures()

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set. A database that does not answer is waited out."""
        while self._seconds and not stop.wait(self._seconds):
            try:
                self.round(stop)
            except DBAPIError as error:
                _log.warning("due steps wait for the database", error=type(error).__name__)

    def round(self, stop: threading.Event) -> None:
        """Record all that is due, batch by batch; what is refused is named and left for the next round."""
        place: DuePlace | None = None
        refused: dict[str, str] = {}
        while not stop.is_set():
            batch = self._recorder.record(self._batch, place)
            waits = sorted(set(batch.refused.values()) & WAIT_CODES)
            refused |= {key: code for key, code in batch.refused.items() if code not in WAIT_CODES}
            self._count(batch, refused)
            if waits:
                _log.warning("due steps wait", code=waits[0])
            if waits or len(batch.answers) < self._batch:
                break
            place = batch.place
        # Only what is still refused is remembered, so that a step refused again later is named again.
        self._refused = refused
        self.figures = DueFigures(self.figures.recorded, len(refused))

    def _count(self, batch: Batch, refused: dict[str, str]) -> None:
        recorded = 0
        for step, answer in batch.answers:
            if isinstance(answer, Accepted):
                # Replayed: somebody else had it recorded since it was read.
                recorded += not answer.replayed
            elif step.key in refused and self._refused.get(step.key) != answer.code:
                kind, key = step.case.kind, step.case.key
                _log.warning("due step refused", kind=kind, key=key, type=step.draft.type, code=answer.code)
        if recorded:
            _log.info("due steps recorded", number=recorded)
        self.figures = DueFigures(self.figures.recorded + recorded, len(refused))
