"""The whole gateway in one process: what is opened in which order, and closed in the other.

Start: address, folder lock, embedded chain, node, database and migrations, keys, log (genesis entry),
contracts, trust root, ledger, then the loops (anchor, evidence, settle, outbox, mirror, due steps), then
HTTP. Stop: HTTP drains, the loops end, the ledger answers and publishes what waits, the chain writes its
state. Nothing that matters is only in memory, so any of these steps may be a crash instead.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial

import structlog

from chain.canonical import JsonValue
from chain.evm.recursion import reset_recursion_limit
from chain.evm.transactions import assert_coincurve
from gateway.assembly import Front, LedgerSide, build_services, signing_receipts
from gateway.ground import open_ground
from gateway.ledger.vault import Vault
from gateway.machinery import (
    Loop,
    Reconciler,
    build_anchorer,
    build_due,
    build_evidence,
    build_follower,
    build_ledger,
    build_settler,
    build_submitter,
    once_published,
)
from gateway.machinery_delivery import build_courier, build_teller
from gateway.settings import Settings
from gateway.start_check import await_answer
from gateway.telemetry import configure_logging
from gateway.workers import Workers

_log = structlog.get_logger("runtime")


class Gateway:
    """One running gateway; `start`, then `serve` until a signal or `stop`, then `close`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._exit = ExitStack()
        self._workers = Workers(self._on_fault)
        self._front = Front(settings)
        self._exit.callback(self._front.close)

    def start(self) -> None:
        """Open everything up to the HTTP server.

        Raises:
            FolderInUse: another process has the data folder.
            FatalChainError: the chain is not the one this data belongs to.
            LedgerFault: the stored log contradicts itself or this key.
            DatabaseError: the database is too old or not durable.
        """
        self._ground = open_ground(self._settings, self._exit, shared=False)
        self._vault = Vault(self._ground.folder.vault, self._ground.surroundings.entropy("vault"))
        self._exit.callback(self._vault.close)
        self._ledger = build_ledger(self._ground, self._vault)
        self._ledger.start()
        self._exit.callback(self._ledger.stop)
        if self._ledger.fault is not None:
            _log.error("ledger is read-only", reason=self._ledger.fault)
        self._start_loops()

    def _start_loops(self) -> None:
        ground, view = self._ground, self._ledger.view
        self._exit.callback(self._workers.stop)
        self._settler = build_settler(ground, view)
        self._reconciler = Reconciler(ground)
        self._due = build_due(ground, self._ledger)
        submitter = build_submitter(ground, view)
        reading: dict[str, Loop] = {
            "mirror": build_follower(ground).run,
            "evidence": build_evidence(ground).run,
            "reconcile": self._reconciler.run,
            "events": build_teller(ground).run,
            "delivery": build_courier(ground, self._vault).run,
        }
        signing: dict[str, Loop] = {
            "outbox": submitter.run,
            "outcomes": submitter.watch,
            "anchor": build_anchorer(ground, view).run,
            "settler": once_published(view, self._settler.run),
            "due": self._due.run,
        }

        def begin() -> None:
            # A ledger that contradicts the chain is shown as it is; nothing is signed for it.
            for name, loop in (reading if self._ledger.fault else reading | signing).items():
                self._workers.add(name, loop)

        if self._ledger.is_waiting:
            self._workers.add("start", partial(await_answer, self._ledger, begin))
        else:
            begin()

    def _on_fault(self, loop: str) -> None:
        self._ledger.sequencer.stop_writes(loop)

    def serve(self, on_ready: Callable[[Mapping[str, JsonValue]], None]) -> None:
        """Answer HTTP until `stop`; ``on_ready`` is given the one line that says where everything is."""
        ledger = LedgerSide(
            writes=self._ledger,
            log=self._ledger,
            view=self._ledger.view,
            vault=self._vault,
            receipt=signing_receipts(self._ground),
            mismatches=lambda: self._reconciler.mismatches,
            held=lambda: self._settler.held,
            due=lambda: self._due.figures,
            scrub=lambda: self._ledger.scrub,
            writable=lambda: self._ledger.fault is None and not self._workers.failed,
        )
        self._front.serve(self._ground, build_services(self._ground, ledger), on_ready)

    def stop(self) -> None:
        """Ask `serve` to return; may be called from a signal handler, before or while it runs."""
        self._front.stop()

    def close(self) -> None:
        """Close everything that `start` opened, in the other order. Safe after a failed start."""
        self._exit.close()


def prepare_process(settings: Settings, stop: Callable[[], None]) -> None:
    """Set what is one for the whole process: logs, signals, recursion limit, turns of threads.

    Raises:
        FatalChainError: signatures would be checked in pure Python.
    """
    configure_logging(settings.log_level)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())
    assert_coincurve()
    reset_recursion_limit()
    # Answers to people share the interpreter with the loops: they get their turn five times sooner.
    sys.setswitchinterval(0.001)


def run_gateway(settings: Settings, on_ready: Callable[[Mapping[str, JsonValue]], None]) -> None:
    """Run one gateway until SIGTERM or SIGINT, then drain and close.

    Raises:
        NotaryError: it cannot start; nothing is left running.
    """
    gateway = Gateway(settings)
    prepare_process(settings, gateway.stop)
    try:
        gateway.start()
        gateway.serve(on_ready)
        _log.info("stopping")
    finally:
        gateway.close()
