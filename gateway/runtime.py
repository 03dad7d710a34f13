"""The whole gateway in one process: what is opened in which order, and closed in the other.

Start: folder lock, embedded chain, node, database and migrations, keys, log (genesis entry), contracts,
trust root, ledger, then the loops (anchor, evidence, settle, outbox, mirror), then HTTP. Stop: HTTP drains,
the ledger answers and publishes what waits, the loops end, the chain writes its state. Nothing that matters
is only in memory, so any of these steps may be a crash instead.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime

import structlog

from chain.canonical import JsonValue
from chain.errors import ChainError
from chain.evm.client import EvmClient
from chain.evm.local import LocalChain
from chain.evm.recursion import assert_recursion_limit, reset_recursion_limit
from chain.receipt import format_receipt, sign_receipt
from chain.trust_root import format_trust_root, trust_root_id
from gateway.anchor.anchorer import Anchorer, AnchorSettings
from gateway.anchor.evidence import EvidenceKeeper
from gateway.api.directory import Directory
from gateway.app import build_app
from gateway.auth import Keyring
from gateway.bootstrap import ANCHOR_ROLES, ensure_deployment, ensure_trust_root
from gateway.data_folder import DataFolder
from gateway.db import Database, migrate, sqlite_url
from gateway.evidence.assemble import BundleAssembler, Subject
from gateway.evidence.feed import Feed
from gateway.evidence.private_fields import PrivateFields
from gateway.evidence.records import Records
from gateway.keys import KeyFolder
from gateway.ledger.authorization import CreditDomain
from gateway.ledger.genesis import open_log
from gateway.ledger.outcomes import FinalOutcomes
from gateway.ledger.service import Ledger, system_clock
from gateway.ledger.vault import Vault
from gateway.members.chain_calls import RegisterPlanner
from gateway.mirror.follower import Follower, MirrorSettings
from gateway.mirror.reconcile import reconcile
from gateway.outbox.settler import Settler, SettleSettings
from gateway.outbox.submitter import OutboxSettings, Submitter
from gateway.schema_state import is_current
from gateway.server import Server, address_of, bind
from gateway.services import Services
from gateway.settings import Settings
from gateway.standing import Standing
from gateway.telemetry import Telemetry, configure_logging
from gateway.workers import Workers

_log = structlog.get_logger("runtime")

EMBEDDED_REWIND = 2_000
"""Blocks an embedded chain may lose when it is killed; the mirror and the outbox then follow it back."""
RECONCILE_SECONDS = 60.0
"""How often the mirror is held against the contract's storage."""
OTHERS_ANCHOR_SECONDS = 5.0
"""Least seconds between two anchors on a chain that is not the embedded one, where none are set."""
SENDING_ROLES = ("operator", "issuer", "freezer", "recoverer", "hq")
"""Keys whose transactions the outbox sends."""
EMBEDDED_WINDOW_GAS = 400_000_000
"""Gas of one settlement window where the node is our own and its blocks are large."""


def clock_text() -> str:
    """Return the time as RFC 3339 UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Gateway:
    """One running gateway; `start`, then `serve` until a signal or `stop`, then `close`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = DataFolder(settings.data)
        self._exit = ExitStack()
        self._workers = Workers(self._on_fault)
        self._server: Server | None = None
        self.mismatches = 0
        self._stopping = threading.Event()

    def start(self) -> None:
        """Open everything up to the HTTP server.

        Raises:
            FolderInUse: another process has the data folder.
            FatalChainError: the chain is not the one this data belongs to.
            LedgerFault: the stored log contradicts itself or this key.
            DatabaseError: the database is too old or not durable.
        """
        settings, folder = self._settings, self._folder
        folder.lock()
        self._exit.callback(folder.unlock)
        self._rpc = self._start_chain()
        self._client = EvmClient(self._rpc)
        self._exit.callback(self._client.close)
        url = settings.database_url
        self._database = Database(url.get_secret_value() if url else sqlite_url(folder.database))
        self._exit.callback(self._database.close)
        migrate(self._database)
        keys = KeyFolder(folder.keys)
        self._identity = keys.log_identity(settings.origin)
        chain_id = self._client.chain_id()
        genesis_root = open_log(
            self._database, self._identity, clock=system_clock, entropy=os.urandom, chain_id=chain_id
        )
        self._deployment = ensure_deployment(folder, self._client, keys, self._identity, genesis_root)
        self._root = ensure_trust_root(folder, self._identity, self._deployment, settings.finality_depth)
        self._pinned = EvmClient(
            self._rpc,
            expected_chain_id=self._deployment.chain_id,
            expected_genesis=self._deployment.genesis_hash,
        )
        self._exit.callback(self._pinned.close)
        self._vault = Vault(folder.vault, os.urandom)
        self._exit.callback(self._vault.close)
        self._start_ledger()
        self._start_loops(keys)

    def _start_chain(self) -> str:
        if self._settings.chain_url is not None:
            return self._settings.chain_url
        chain = LocalChain(self._folder.chain, block_time=self._settings.block_time)
        self._exit.callback(chain.stop)
        return chain.start()

    @property
    def depth(self) -> int:
        """Blocks that make a block final: the setting, or more where the trust root asks for more."""
        return max(self._settings.finality_depth, self._root.required.depth)

    def _start_ledger(self) -> None:
        deployed = self._deployment
        self._ledger = Ledger(
            self._database,
            self._identity,
            self._vault,
            self._folder.log,
            interval=self._settings.integrate_interval,
            domain=CreditDomain(deployed.chain_id, deployed.address("TimeCredit")),
            planner=RegisterPlanner(deployed.chain_id, self._identity.log_id),
            outcomes=FinalOutcomes(deployed.chain_id, self._identity, self.depth),
            queue_limit=self._settings.write_queue,
        )
        self._ledger.start()
        self._exit.callback(self._ledger.stop)
        if self._ledger.fault is not None:
            _log.error("ledger is read-only", reason=self._ledger.fault)

    def _start_loops(self, keys: KeyFolder) -> None:
        deployed, view = self._deployment, self._ledger.view
        chain_id, log_id = deployed.chain_id, bytes(self._identity.log_id)
        anchor, credit = deployed.address("LogAnchor"), deployed.address("TimeCredit")
        addresses = {name: found.address for name, found in deployed.contracts.items()}
        embedded = self._settings.chain_url is None
        rewind = EMBEDDED_REWIND if embedded else self.depth
        database, client = self._database, self._pinned
        workers = self._workers
        self._exit.callback(workers.stop)
        submitter = Submitter(
            database, client, chain_id=chain_id, signers=keys.signers(*SENDING_ROLES), addresses=addresses,
            clock=clock_text, settings=OutboxSettings(finality_depth=self.depth, rewind_limit=rewind),
        )  # fmt: skip
        follower = Follower(
            database, client, [bytes(address) for address in addresses.values()], chain_id=chain_id,
            genesis_hash=deployed.genesis_hash,
            settings=MirrorSettings(rewind_limit=rewind, first_block=deployed.first_block),
        )  # fmt: skip
        anchorer = Anchorer(
            database, client, view, view, [keys.signer(role) for role in ANCHOR_ROLES], chain_id=chain_id,
            log_id=log_id, contract=anchor, clock=clock_text,
            settings=AnchorSettings(threshold=len(ANCHOR_ROLES), interval=self._anchor_interval()),
        )  # fmt: skip
        limits = SettleSettings(window_leaves=self._settings.window_leaves)
        if embedded:
            limits = SettleSettings(
                window_leaves=self._settings.window_leaves, window_gas=EMBEDDED_WINDOW_GAS
            )
        settler = self._settler = Settler(
            database, client, view, view, chain_id=chain_id, log_id=log_id, credit=credit, anchor=anchor,
            clock=clock_text, settings=limits,
        )  # fmt: skip
        evidence = EvidenceKeeper(
            database, client, chain_id=chain_id, log_id=log_id, contract=anchor, depth=self.depth
        )
        for name, loop in (
            ("outbox", submitter.run),
            ("mirror", follower.run),
            ("anchor", anchorer.run),
            ("settler", settler.run),
            ("evidence", evidence.run),
            ("reconcile", self._reconcile),
        ):
            workers.add(name, loop)

    def _anchor_interval(self) -> float:
        """Return the least seconds between anchors: on a chain of others each costs somebody something."""
        given = self._settings.anchor_interval
        if given is not None:
            return given
        return 0.0 if self._settings.chain_url is None else OTHERS_ANCHOR_SECONDS

    def _reconcile(self, stop: threading.Event) -> None:
        """Hold the mirror against the contract's storage now and then; what differs is counted and logged."""
        deployed = self._deployment
        while not stop.wait(RECONCILE_SECONDS):
            try:
                result = reconcile(
                    self._database,
                    self._pinned,
                    chain_id=deployed.chain_id,
                    credit=deployed.address("TimeCredit"),
                )
            except ChainError:
                # The node does not answer, or keeps that state no more: nothing is known, nothing changes.
                continue
            self.mismatches = len(result.mismatches)
            if result.mismatches:
                _log.error("mirror differs from the chain", block=result.block, values=self.mismatches)

    def _on_fault(self, loop: str) -> None:
        self._ledger.sequencer.stop_writes(loop)

    def build_services(self) -> Services:
        """Return what the routes are given."""
        settings, deployed, identity = self._settings, self._deployment, self._identity
        chain_id, log_id, database = deployed.chain_id, identity.log_id, self._database
        trust_root = format_trust_root(self._root)
        subject = Subject(
            identity.origin, log_id, chain_id, deployed.address("LogAnchor"), deployed.address("TimeCredit"),
            trust_root_id(self._root), self.depth,
        )  # fmt: skip
        private = PrivateFields(database, self._vault)
        return Services(
            settings=settings,
            database=database,
            keyring=Keyring(
                database,
                rate_per_second=settings.rate_per_second,
                public_rate_per_second=settings.public_rate_per_second,
            ),
            telemetry=Telemetry(),
            sequencer=self._ledger,
            log=self._ledger,
            standing=Standing(
                database,
                origin=identity.origin,
                log_id=log_id,
                chain_id=chain_id,
                chain_head=self._pinned.block_number,
                mismatches=lambda: self.mismatches,
                held=lambda: self._settler.held,
            ),
            records=Records(database, chain_id=chain_id, log_id=log_id, depth=self.depth),
            directory=Directory(database, chain_id=chain_id, log_id=log_id),
            feed=Feed(database, chain_id=chain_id, log_id=log_id, depth=self.depth),
            bundles=BundleAssembler(database, self._pinned, self._ledger.view, subject, private.open),
            receipt=self._receipt,
            chain_id=chain_id,
            log_id=log_id,
            contracts={name: "0x" + found.address.hex() for name, found in deployed.contracts.items()},
            trust_root=trust_root,
            trust_root_id=subject.trust_root.hex(),
            trust_root_name=self._root.name,
            schema_current=lambda: is_current(database),
            chain_matches=self._chain_matches,
            writable=lambda: self._ledger.fault is None and not self._workers.failed,
        )

    def _receipt(self, index: int, leaf_hash: bytes, at: str) -> JsonValue:
        identity = self._identity
        return dict(format_receipt(sign_receipt(identity.origin, index, leaf_hash, at, identity.key)))

    def _chain_matches(self) -> bool:
        try:
            self._pinned.check_chain()
        except ChainError:
            return False
        return True

    def serve(self, on_ready: Callable[[Mapping[str, JsonValue]], None]) -> None:
        """Answer HTTP until `stop`; ``on_ready`` is given the one line that says where everything is."""
        services = self.build_services()
        platform_key = services.keyring.ensure_platform_key(self._folder.platform_key)
        listener = bind(self._settings.host, self._settings.port)
        ready: dict[str, JsonValue] = {
            "gateway": address_of(listener),
            "rpc": self._rpc,
            "chain_id": self._deployment.chain_id,
            "vkey": self._identity.vkey,
            "platform_key": platform_key,
            "trust_root": str(self._folder.trust_root),
        }
        self._server = Server(build_app(services), lambda: on_ready(ready))
        assert_recursion_limit()
        try:
            if not self._stopping.is_set():
                self._server.run(sockets=[listener])
        finally:
            listener.close()

    def stop(self) -> None:
        """Ask `serve` to return; may be called from a signal handler, before or while it runs."""
        self._stopping.set()
        if self._server is not None:
            self._server.stop()

    def close(self) -> None:
        """Close everything that `start` opened, in the other order. Safe after a failed start."""
        self._exit.close()


def run_gateway(settings: Settings, on_ready: Callable[[Mapping[str, JsonValue]], None]) -> None:
    """Run one gateway until SIGTERM or SIGINT, then drain and close.

    Raises:
        NotaryError: it cannot start; nothing is left running.
    """
    configure_logging(settings.log_level)
    gateway = Gateway(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: gateway.stop())
    reset_recursion_limit()
    # Answers to people share the interpreter with the loops: they get their turn five times sooner.
    sys.setswitchinterval(0.001)
    try:
        gateway.start()
        gateway.serve(on_ready)
        _log.info("stopping")
    finally:
        gateway.close()
