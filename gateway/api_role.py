"""`tongyi api`: HTTP in a process of its own on PostgreSQL. Several may run; none is elected.

Writes go through the intake to whichever sequencer leads; everything else is read from SQL, the node and the
log's folder. It signs nothing.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack

import structlog
from sqlalchemy.exc import DBAPIError

from chain.canonical import JsonValue
from gateway.assembly import Front, LedgerSide, build_services
from gateway.cases.due import DueFigures
from gateway.db import Database
from gateway.ground import open_ground
from gateway.leadership import Report, Role, read_reports
from gateway.ledger.intake_desk import IntakeDesk
from gateway.ledger.log_follower import FollowedLog, LogFollower
from gateway.ledger.receipt_store import StoredReceipts
from gateway.ledger.scrub import SCRUBBED_ELSEWHERE
from gateway.ledger.tile_files import TileFiles
from gateway.ledger.vault import Vault
from gateway.outbox.settler import Held
from gateway.runtime import prepare_process
from gateway.settings import Settings
from gateway.workers import Workers

_log = structlog.get_logger("api")

ABSENT_SECONDS = 10.0
"""Age of the sequencer's last report from which on no writes are expected to be answered."""
_FRESH_SECONDS = 0.5


class Reports:
    """What the leading processes last reported, read at most twice a second."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._found: dict[str, tuple[Report, float]] = {}

    def _read(self) -> dict[str, tuple[Report, float]]:
        with self._lock:
            if time.monotonic() - self._read_at > _FRESH_SECONDS:
                with self._database.reader() as connection:
                    self._found = read_reports(connection)
                self._read_at = time.monotonic()
            return self._found

    def of(self, role: Role) -> Report:
        """Return a role's last report, an empty one where it never led."""
        return self._read().get(role.value, (Report(), 0.0))[0]

    def held(self) -> Held:
        """Return what holds settlement back, as the outbox reported it."""
        report = self.of(Role.OUTBOX)
        return Held(report.held_index, report.held_seconds)

    def due(self) -> DueFigures:
        """Return what the sequencer's loop came to with due steps."""
        report = self.of(Role.SEQUENCER)
        return DueFigures(report.due_recorded, report.due_refused)

    def writable(self) -> bool:
        """Say whether a sequencer is there and no role has stopped writing."""
        try:
            found = self._read()
        except DBAPIError:
            return False
        _, age = found.get(Role.SEQUENCER.value, (Report(), float("inf")))
        return age < ABSENT_SECONDS and all(report.fault is None for report, _ in found.values())


def run_api(settings: Settings, on_ready: Callable[[Mapping[str, JsonValue]], None]) -> None:
    """Answer HTTP until SIGTERM or SIGINT, then drain and close.

    Raises:
        NotaryError: it cannot start; nothing is left running.
    """
    front = Front(settings)
    prepare_process(settings, front.stop)
    with ExitStack() as stack:
        stack.callback(front.close)
        ground = open_ground(settings, stack, shared=True, signs=False)
        database, identity = ground.database, ground.identity
        vault = Vault(ground.folder.vault, os.urandom, cached=False)
        stack.callback(vault.close)
        follower = LogFollower(database, identity.vkey)
        follower.catch_up()
        desk = IntakeDesk(database, vault, os.urandom, queue_limit=settings.write_queue)
        workers = Workers(lambda loop: desk.close())
        stack.callback(workers.stop)
        for name, run in (
            ("log", follower.run),
            ("intake", desk.run_writer),
            ("answers", desk.run_reader),
        ):
            workers.add(name, run)
        reports = Reports(database)
        ledger = LedgerSide(
            writes=desk,
            log=FollowedLog(follower.view, TileFiles(ground.folder.log), identity.vkey),
            view=follower.view,
            vault=vault,
            receipt=StoredReceipts(database, identity.origin).find,
            mismatches=lambda: reports.of(Role.MIRROR).mismatches,
            held=reports.held,
            due=reports.due,
            scrub=lambda: SCRUBBED_ELSEWHERE,
            writable=lambda: reports.writable() and not workers.failed,
        )
        front.serve(ground, build_services(ground, ledger), on_ready)
        _log.info("stopping")
