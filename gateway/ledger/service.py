"""One log, whole: sequencer, integrator and view together, with the one rule that any fault stops all
writing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

from chain.errors import NotaryError, TransientChainError
from chain.merkle.tree import Tree
from chain.tiles import TilePath
from chain.typed_data import Place
from gateway.db import Database
from gateway.ledger.damage import whole_tile
from gateway.ledger.drafts import Answer, Submission
from gateway.ledger.faults import LedgerFault
from gateway.ledger.first_difference import name_place
from gateway.ledger.genesis import Clock
from gateway.ledger.group import ChainPlanner
from gateway.ledger.identity import LogIdentity
from gateway.ledger.integrator import Integrator
from gateway.ledger.log_view import LogView
from gateway.ledger.proposals import ApprovalSource
from gateway.ledger.scrub import ScrubFigures
from gateway.ledger.sequencer import OutcomeUndo, Sequencer
from gateway.ledger.steps import CaseRules
from gateway.ledger.tile_files import TileFiles
from gateway.ledger.vault import Entropy, Vault
from gateway.witness.collector import Collector


def system_clock() -> int:
    """Return Unix milliseconds of the system's clock."""
    return time.time_ns() // 1_000_000


UNANSWERED = "chain.unanswered"
"""Why nothing is written while it is not known what the chain holds."""


class StartWaits(NotaryError):
    """Nobody has contradicted our tree and too few have answered: ask again. ``reason`` says who did not."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


StartCheck = Callable[[Tree], None]
"""Compares all stored entries with promises kept elsewhere, before anything is signed.

Raises LedgerFault where they contradict each other, TransientChainError or StartWaits where nobody answered.
"""


class Ledger:
    """The running ledger of one log. Requires `gateway.ledger.genesis.open_log` to have been called once.

    ``folder`` holds the log's static files. A fault found at start leaves the ledger readable and refuses
    writes.
    """

    def __init__(
        self,
        database: Database,
        identity: LogIdentity,
        vault: Vault,
        folder: Path,
        *,
        clock: Clock = system_clock,
        entropy: Entropy = os.urandom,
        interval: float = 0.25,
        place: Place | None = None,
        planner: ChainPlanner | None = None,
        outcomes: OutcomeUndo | None = None,
        rules: CaseRules | None = None,
        approvals: ApprovalSource | None = None,
        queue_limit: int = 20_000,
        start_check: StartCheck | None = None,
        collector: Collector | None = None,
    ) -> None:
        self.vkey = identity.vkey
        self._start_check = start_check
        self._is_running = False
        self._waits_for: str | None = None
        self._database = database
        self._files = TileFiles(folder)
        self.integrator = Integrator(
            database, identity, self._files, clock=clock, interval=interval, on_fault=self._stop_writes,
            collector=collector,
        )  # fmt: skip
        self.sequencer = Sequencer(
            database, identity, vault, clock=clock, entropy=entropy, on_commit=self.integrator.offer,
            place=place, planner=planner, outcomes=outcomes, rules=rules, approvals=approvals,
            queue_limit=queue_limit,
        )  # fmt: skip

    def start(self) -> None:
        """Recover, compare, then take writes; a fault leaves the ledger read-only with `fault` set.

        Where the comparison has no answer yet, `resume` tries again.
        """
        try:
            self.integrator.recover()
        except LedgerFault as fault:
            self.sequencer.stop_writes(name_place(fault, self._database, self._files).check)
            return
        self.resume()

    def resume(self) -> bool:
        """Compare with the promises kept elsewhere; begin when they hold. Returns whether writes are taken.

        Does nothing after a fault, and when the ledger is running.
        """
        if self._is_running or (self.fault is not None and not self.is_waiting):
            return self._is_running
        try:
            if self._start_check is not None:
                self._start_check(self.view.tree)
            self.integrator.start()
            self.sequencer.start()
            self.integrator.scrub.start()
        except (TransientChainError, StartWaits) as waits:
            self._waits_for = waits.reason if isinstance(waits, StartWaits) else UNANSWERED
            self.sequencer.hold(self._waits_for)
            return False
        except LedgerFault as fault:
            self.sequencer.stop_writes(fault.check)
            return False
        self._is_running = True
        self._waits_for = None
        self.sequencer.hold(None)
        return True

    def stop(self) -> None:
        """Answer and publish what waits, then end."""
        self.sequencer.stop()
        self.integrator.stop()

    def _stop_writes(self, reason: str) -> None:
        self.sequencer.stop_writes(reason)

    @property
    def fault(self) -> str | None:
        """Why the ledger takes no writes, None while it does."""
        return self.sequencer.fault

    @property
    def is_waiting(self) -> bool:
        """Whether writes wait for an answer about what is kept elsewhere, and for nothing else."""
        return self._waits_for is not None and self.fault == self._waits_for

    @property
    def view(self) -> LogView:
        """The published log."""
        return self.integrator.view

    def submit(self, submission: Submission) -> Future[Answer]:
        """Queue one submission; its future gives the answer once durable."""
        return self.sequencer.submit(submission)

    def submit_group(self, submissions: Sequence[Submission]) -> Future[list[Answer]]:
        """Queue submissions together, in order; the future gives their answers once durable."""
        return self.sequencer.submit_group(submissions)

    def submit_many(self, submissions: Sequence[Submission]) -> list[Answer]:
        """Submit in order, wait, and return the answers in the same order."""
        return self.sequencer.submit_many(submissions)

    def checkpoint(self) -> bytes | None:
        """Return the newest signed checkpoint."""
        return self._files.checkpoint()

    @property
    def scrub(self) -> ScrubFigures:
        """How far what is stored has been compared with what was signed."""
        return self.integrator.scrub.figures

    def published_size(self) -> int:
        """Return the size of the newest signed checkpoint."""
        return self.view.size

    def tile(self, path: TilePath) -> bytes | None:
        """Return a tile's or entry bundle's bytes, None when there is no such file.

        Requires the path to lie within the published size. Raises Refusal ``log.damaged`` rather than give
        out bytes that the log did not sign for.
        """
        return whole_tile(path, self._files.tile(path), self.view.tree)
