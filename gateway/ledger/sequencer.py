"""The sequencer: the only writer of the log. One thread gives every entry its place; many requests share one
commit.

Life of a group: take what waits, one SQL transaction, commit, sign receipts, answer. Nothing is answered as
accepted before its transaction is durable. An error of the database leaves the outcome unknown, so the
registers are dropped, the head is read again, and the same group runs once more: keys that did commit are
found and answered as such.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from chain.typed_data import Place
from gateway.db import Database, execute
from gateway.errors import Refusal
from gateway.failpoints import step
from gateway.ledger.acceptance import moment_of
from gateway.ledger.answering import Answerer, Waiting
from gateway.ledger.append import Batch, Leaf, RandomPool
from gateway.ledger.damage import names_place
from gateway.ledger.drafts import Answer, Submission
from gateway.ledger.faults import LedgerFault, refusal_of
from gateway.ledger.genesis import Clock, Head, read_head, take_epoch
from gateway.ledger.group import ChainPlanner, Group, Recorded
from gateway.ledger.identity import LogIdentity
from gateway.ledger.proposals import ApprovalSource
from gateway.ledger.recovery import read_committed
from gateway.ledger.registers import Registers
from gateway.ledger.steps import CaseRules
from gateway.ledger.vault import Entropy, Vault
from gateway.telemetry import fault_place

_log = structlog.get_logger("sequencer")

GROUP_LIMIT = 4096
"""Submissions of one transaction at most."""

IDLE_SECONDS = 0.5
"""How long the thread waits before it looks for outcomes of the chain."""


class OutcomeUndo(Protocol):
    """Takes back, in the registers, what the chain refused for good."""

    def undo(self, connection: Connection, registers: Registers, rules: CaseRules | None = None) -> int:
        """Process the outcomes that became final; return how many operations were undone."""
        ...


class Sequencer:
    """Accepts submissions from any thread and commits them in arrival order."""

    def __init__(
        self,
        database: Database,
        identity: LogIdentity,
        vault: Vault,
        *,
        clock: Clock,
        entropy: Entropy,
        on_commit: Callable[[list[Leaf]], None],
        place: Place | None = None,
        planner: ChainPlanner | None = None,
        outcomes: OutcomeUndo | None = None,
        rules: CaseRules | None = None,
        approvals: ApprovalSource | None = None,
        queue_limit: int = 20_000,
    ) -> None:
        self._database = database
        self._identity = identity
        self._vault = vault
        self._clock = clock
        self._pool = RandomPool(entropy)
        self._on_commit = on_commit
        self._place = place
        self._planner = planner
        self._outcomes = outcomes
        self._rules = rules
        self._approvals = approvals
        self._queue_limit = queue_limit
        self._answerer = Answerer(identity)
        self._registers = Registers()
        self._head = Head(0, 0, 0)
        # Whether a transaction failed and the log's end was not read again since.
        self._unknown = False
        self._queue: deque[Waiting] = deque()
        self._queued = 0
        self._wake = threading.Condition()
        self._stopping = False
        self._fault: str | None = None
        self._held: str | None = None
        self._thread = threading.Thread(target=self._run, name="sequencer", daemon=True)

    # --- for callers -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Take a new epoch and begin. Raises LedgerFault when the stored log contradicts itself."""
        with self._database.writer(step("start.epoch")) as connection:
            self._head = take_epoch(connection, self._identity.origin)
        self._answerer.start()
        self._thread.start()

    def stop(self) -> None:
        """Answer what waits, then end the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()
            self._answerer.stop()

    def stop_writes(self, reason: str) -> None:
        """Refuse everything from now on with ``ledger.read_only``; ``reason`` is a code, it is shown.

        The first one stays, but for one that names the damaged place where the first did not.
        """
        if self._fault is None or (names_place(reason) and not names_place(self._fault)):
            self._fault = reason

    def hold(self, reason: str | None) -> None:
        """Refuse like `stop_writes` for as long as ``reason`` is not None; a fault stays whatever comes."""
        self._held = reason

    @property
    def fault(self) -> str | None:
        """Why the ledger takes no writes, None while it does."""
        return self._fault or ("storage" if self._disk_has_failed else self._held)

    @property
    def _disk_has_failed(self) -> bool:
        return self._database.has_failed or self._vault.has_failed

    def submit(self, submission: Submission) -> Future[Answer]:
        """Queue one submission; its future gives the answer once durable."""
        answer: Future[Answer] = Future()
        # From here on nobody can cancel it: what was submitted will be recorded.
        answer.set_running_or_notify_cancel()

        def take(group: Future[list[Answer]]) -> None:
            answer.set_result(group.result()[0])

        self._enqueue((submission,)).add_done_callback(take)
        return answer

    def submit_group(self, submissions: Sequence[Submission]) -> Future[list[Answer]]:
        """Queue submissions together, in order; the future gives their answers once durable.

        Requires at most ``GROUP_LIMIT`` of them.
        """
        return self._enqueue(submissions)

    def submit_many(self, submissions: Sequence[Submission]) -> list[Answer]:
        """Submit in order, wait, and return the answers in the same order."""
        parts = [
            self._enqueue(submissions[start : start + GROUP_LIMIT])
            for start in range(0, len(submissions), GROUP_LIMIT)
        ]
        return [answer for part in parts for answer in part.result()]

    def _enqueue(self, submissions: Sequence[Submission]) -> Future[list[Answer]]:
        waiting = Waiting(submissions)
        with self._wake:
            refusal = self._refusal_now(len(submissions))
            if refusal is None:
                self._queue.append(waiting)
                self._queued += len(submissions)
                self._wake.notify()
                return waiting.future
        waiting.future.set_result([refusal] * len(submissions))
        return waiting.future

    def _refusal_now(self, count: int) -> Refusal | None:
        if self.fault is not None:
            return Refusal("ledger.read_only", reason=self.fault)
        if self._stopping:
            return Refusal("ledger.read_only", reason="stopping")
        if self._queued and self._queued + count > self._queue_limit:
            return Refusal("ledger.busy")
        return None

    # --- the thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            taken = self._take()
            if taken is None:
                return
            submissions = [submission for waiting in taken for submission in waiting.submissions]
            self._answerer.give(taken, self._record(submissions))

    def _take(self) -> list[Waiting] | None:
        """Return what waits, at most a group, empty when idle; None when stopping and all is answered."""
        with self._wake:
            if not self._queue and not self._stopping:
                self._wake.wait(IDLE_SECONDS)
            if not self._queue:
                return None if self._stopping else []
            taken = [self._queue.popleft()]
            count = len(taken[0].submissions)
            while self._queue and count + len(self._queue[0].submissions) <= GROUP_LIMIT:
                taken.append(self._queue.popleft())
                count += len(taken[-1].submissions)
            self._queued -= count
            return taken

    def _record(self, submissions: Sequence[Submission]) -> list[Recorded | Refusal]:
        if self._fault is not None:
            return [Refusal("ledger.read_only", reason=self._fault)] * len(submissions)
        try:
            if self._unknown:
                self._recover()
            return self._commit_twice(submissions)
        except LedgerFault as fault:
            _log.error("sequencer stopped", error=fault.check, got=fault.got, want=fault.want)
            self.stop_writes(fault.check)
            return [Refusal("ledger.read_only", reason=fault.check)] * len(submissions)
        except (DBAPIError, OSError) as error:
            _log.warning("group not stored", error=type(error).__name__, place=fault_place(error))
            if self._disk_has_failed:
                self.stop_writes("storage")
                return [Refusal("ledger.read_only", reason="storage")] * len(submissions)
            return [refusal_of(error)] * len(submissions)
        except Exception as error:
            _log.error("sequencer stopped", error=type(error).__name__, place=fault_place(error))
            # A defect: the state is unknown, so nothing more is written until a restart has read it again.
            self.stop_writes("internal")
            return [Refusal("internal")] * len(submissions)

    def _commit_twice(self, submissions: Sequence[Submission]) -> list[Recorded | Refusal]:
        try:
            return self._commit(submissions)
        except (DBAPIError, OSError):
            if self._disk_has_failed:
                # What is read now need not be what the disk holds.
                raise
            self._recover()
        # Without a key nothing could tell whether the first try had committed.
        again = [s for s in submissions if s.idempotency_key]
        try:
            answers = iter(self._commit(again))
        except BaseException:
            self._recover()
            raise
        return [next(answers) if s.idempotency_key else Refusal("ledger.busy") for s in submissions]

    def _recover(self) -> None:
        """Drop what the failed transaction left in memory and read where the log really ends."""
        self._unknown = True
        self._registers.forget()
        with self._database.reader() as connection:
            head = read_head(connection, self._identity.origin)
            leaves = read_committed(connection, self._head.next_index, head.next_index)
        if head.epoch != self._head.epoch:
            raise LedgerFault("replaced by another sequencer", got=head.epoch, want=self._head.epoch)
        self._head = head
        if leaves:
            # The transaction did commit, and its leaves were never handed on.
            self._on_commit(leaves)
        self._unknown = False

    def _commit(self, submissions: Sequence[Submission]) -> list[Recorded | Refusal]:
        now = max(self._head.milliseconds, self._clock())
        moment = moment_of(now)
        # Idle rounds commit, too: what the chain refused is taken back.
        commit = step("ledger.commit") if submissions else step("ledger.outcomes")
        with self._database.writer(commit) as connection:
            if self._outcomes is not None:
                self._outcomes.undo(connection, self._registers, self._rules)
            batch = Batch(self._head.next_index, now, self._pool, self._vault)
            group = Group(
                connection, self._registers, batch, moment,
                vault=self._vault, place=self._place, planner=self._planner, rules=self._rules,
                approvals=self._approvals,
            )  # fmt: skip
            answers = group.run(submissions)
            group.store()
            if batch.leaves:
                self._move_head(connection, batch)
        # If we crash here, the entries are durable and nobody was told: a repeat with the same key finds
        # them, and the integrator of the next start reads them from SQL.
        if batch.leaves:
            self._head.next_index = batch.next_index
            self._head.milliseconds = now
            self._on_commit(batch.leaves)
        return answers

    def _move_head(self, connection: Connection, batch: Batch) -> None:
        head = self._head
        moved = execute(
            connection,
            "UPDATE log_heads SET next_index = ?, at = ? WHERE origin = ? AND epoch = ? AND next_index = ?",
            batch.next_index, batch.at, self._identity.origin, head.epoch, head.next_index,
        )  # fmt: skip
        if moved != 1:
            raise LedgerFault("replaced by another sequencer", got="another head", want=head.next_index)
