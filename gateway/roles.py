"""Parts of a gateway as processes of their own on PostgreSQL: `tongyi sequencer | mirror | outbox | anchor |
delivery`.

Each process stands for election (`gateway.leadership`), builds its parts anew when elected, and gives them up
when the term is over; a database that went away, or a leader that was stopped too long, ends the term, not
the process. What the others must know of a role is in its report.

A fault in a role stops its loops and is reported; the sequencer then takes no more writes, as in one process.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import structlog
from sqlalchemy.exc import DBAPIError

from chain.canonical import JsonValue
from chain.errors import TransientChainError
from chain.evm.recursion import assert_recursion_limit
from gateway.ground import Ground, open_ground
from gateway.leadership import PING_SECONDS, Candidate, Fenced, Report, Role, Term, read_reports
from gateway.ledger.intake_clerk import IntakeClerk
from gateway.ledger.log_follower import LogFollower
from gateway.ledger.receipt_store import complete_receipts
from gateway.ledger.service import Ledger
from gateway.ledger.vault import Vault
from gateway.machinery import (
    Reconciler,
    build_anchorer,
    build_due,
    build_evidence,
    build_follower,
    build_ledger,
    build_settler,
    build_submitter,
)
from gateway.machinery_delivery import build_courier, build_teller
from gateway.runtime import prepare_process
from gateway.settings import Settings
from gateway.start_check import ASK_SECONDS, AnchorCheck, await_answer
from gateway.workers import Workers

_log = structlog.get_logger("roles")

_WAKE_SECONDS = 0.2
_SIGNING = frozenset((Role.OUTBOX, Role.ANCHOR))

Reporter = Callable[[], Report]
Announce = Callable[[Mapping[str, JsonValue]], None]


class RoleProcess:
    """One process of a role; `run` until `stop`."""

    def __init__(self, role: Role, settings: Settings) -> None:
        self._role = role
        self._settings = settings
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Ask `run` to return; may be called from a signal handler."""
        self._stopping.set()

    def run(self, announce: Announce) -> None:
        """Stand for election and lead, again and again; ``announce`` is given each change of standing.

        Raises:
            NotaryError: it cannot start, or the stored state contradicts itself.
        """
        with ExitStack() as stack:
            ground = open_ground(self._settings, stack, shared=True, signs=self._role in _SIGNING)
            candidate = Candidate(ground.database, self._role)
            stack.callback(candidate.close)
            while not self._stopping.is_set():
                announce({"role": self._role.value, "state": "standby", "pid": os.getpid()})
                with ExitStack() as term_stack:
                    term = candidate.elected(self._stopping, term_stack)
                    if term is not None:
                        self._lead(replace(ground, database=term.database), term, term_stack, announce)

    def _lead(self, ground: Ground, term: Term, stack: ExitStack, announce: Announce) -> None:
        """Do the role's work until the term or the process is over."""
        workers = Workers(lambda loop: None)
        try:
            reporter = _BUILDERS[self._role](ground, stack, workers)
            assert_recursion_limit()
            self._report(term, workers, reporter)
            announce({"role": self._role.value, "state": "leading", "epoch": term.epoch, "pid": os.getpid()})
            reported = time.monotonic()
            while not self._stopping.is_set() and not term.lost.wait(_WAKE_SECONDS):
                if time.monotonic() - reported >= PING_SECONDS:
                    self._report(term, workers, reporter)
                    reported = time.monotonic()
        except (DBAPIError, Fenced) as error:
            _log.error("the term ends", role=self._role.value, error=type(error).__name__)
            self._stopping.wait(PING_SECONDS)

    def _report(self, term: Term, workers: Workers, reporter: Reporter) -> None:
        report = reporter()
        failed = workers.failed
        term.report(replace(report, fault=report.fault or (failed[0] if failed else None)))


# --- what each role runs ---------------------------------------------------------------------------------


def _lead_sequencer(ground: Ground, stack: ExitStack, workers: Workers) -> Reporter:
    vault = Vault(ground.folder.vault, os.urandom)
    stack.callback(vault.close)
    ledger = build_ledger(ground, vault)
    stack.callback(ledger.stop)
    ledger.start()
    # Before the ledger stops: what was taken from the intake is answered first.
    stack.callback(workers.stop)
    clerk = IntakeClerk(ground.database, vault, ledger)
    due = build_due(ground, ledger)

    def begin() -> None:
        if ledger.fault is None:
            complete_receipts(ground.database, ground.identity)
            workers.add("due", due.run)
        else:
            _log.error("ledger is read-only", reason=ledger.fault)
        workers.add("answers", clerk.run_answerer)
        workers.add("intake", clerk.run_reader)
        workers.add("watch", partial(_watch_others, ground, ledger))

    if ledger.is_waiting:
        workers.add("start", partial(await_answer, ledger, begin))
    else:
        begin()
    return lambda: Report(
        fault=ledger.fault, due_recorded=due.figures.recorded, due_refused=due.figures.refused
    )


def _watch_others(ground: Ground, ledger: Ledger, stop: threading.Event) -> None:
    """Stop all writing when another role reports a contradiction."""
    while not stop.wait(PING_SECONDS):
        try:
            with ground.database.reader() as connection:
                reports = read_reports(connection)
        except DBAPIError as error:
            _log.warning("reports are not read", error=type(error).__name__)
            continue
        for role, (report, _) in reports.items():
            if role != Role.SEQUENCER.value and report.fault is not None:
                ledger.sequencer.stop_writes(report.fault)


def _lead_mirror(ground: Ground, stack: ExitStack, workers: Workers) -> Reporter:
    reconciler = Reconciler(ground)
    stack.callback(workers.stop)
    workers.add("mirror", build_follower(ground).run)
    workers.add("reconcile", reconciler.run)
    workers.add("events", build_teller(ground).run)
    return lambda: Report(mismatches=reconciler.mismatches)


def _lead_outbox(ground: Ground, stack: ExitStack, workers: Workers) -> Reporter:
    follower = LogFollower(ground.database, ground.identity.vkey)
    settler = build_settler(ground, follower.view)

    def begin() -> None:
        submitter = build_submitter(ground, follower.view)
        workers.add("outbox", submitter.run)
        workers.add("outcomes", submitter.watch)
        workers.add("settler", settler.run)

    stack.callback(workers.stop)
    workers.add("log", partial(_follow_checked, ground, follower, begin))
    return lambda: Report(held_index=settler.held.index, held_seconds=settler.held.seconds)


def _lead_anchor(ground: Ground, stack: ExitStack, workers: Workers) -> Reporter:
    follower = LogFollower(ground.database, ground.identity.vkey)

    def begin() -> None:
        workers.add("anchor", build_anchorer(ground, follower.view).run)

    stack.callback(workers.stop)
    workers.add("evidence", build_evidence(ground).run)
    workers.add("log", partial(_follow_checked, ground, follower, begin))
    return Report


def _lead_delivery(ground: Ground, stack: ExitStack, workers: Workers) -> Reporter:
    vault = Vault(ground.folder.vault, os.urandom, cached=False)
    stack.callback(vault.close)
    stack.callback(workers.stop)
    workers.add("delivery", build_courier(ground, vault).run)
    return Report


def _follow_checked(
    ground: Ground, follower: LogFollower, begin: Callable[[], None], stop: threading.Event
) -> None:
    """Follow the log; begin to sign for it once the chain agrees with its first checkpoint seen here.

    Raises LedgerFault when the chain holds another log: nothing is signed then.
    """
    check = AnchorCheck(ground.client, ground.deployment, ground.log_id)
    while not stop.is_set():
        try:
            if follower.catch_up():
                check(follower.view.tree)
                break
        except (TransientChainError, DBAPIError) as error:
            _log.warning("the start waits", error=type(error).__name__)
        stop.wait(ASK_SECONDS)
    if not stop.is_set():
        begin()
        follower.run(stop)


_BUILDERS: dict[Role, Callable[[Ground, ExitStack, Workers], Reporter]] = {
    Role.SEQUENCER: _lead_sequencer,
    Role.MIRROR: _lead_mirror,
    Role.OUTBOX: _lead_outbox,
    Role.ANCHOR: _lead_anchor,
    Role.DELIVERY: _lead_delivery,
}


def run_role(role: Role, settings: Settings, announce: Announce) -> None:
    """Run one process of a role until SIGTERM or SIGINT, then drain and close.

    Raises:
        NotaryError: it cannot start, or the stored state contradicts itself.
    """
    process = RoleProcess(role, settings)
    prepare_process(settings, process.stop)
    process.run(announce)
    _log.info("stopped", role=role.value)
