"""The HTTP side built on a ground: the services of the routes, and the server that answers.

`tongyi serve` gives it the ledger of its own process, `tongyi api` what it knows of the others'.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chain.canonical import JsonValue
from chain.evm.client import EvmClient
from chain.evm.recursion import assert_recursion_limit
from chain.receipt import format_receipt, sign_receipt
from chain.trust_root import format_trust_root, trust_root_id
from gateway.api.directory import Directory
from gateway.api.streams import Streams
from gateway.app import build_app
from gateway.auth import Keyring
from gateway.cases.due import DueFigures
from gateway.cases.reading import CaseReader
from gateway.delivery.event_log import EventLog
from gateway.evidence.assemble import BundleAssembler, Subject
from gateway.evidence.feed import Feed
from gateway.evidence.private_fields import PrivateFields
from gateway.evidence.records import Records
from gateway.evidence.short_forms import ShortForms
from gateway.ground import Ground
from gateway.heap import settle_heap
from gateway.ledger.log_keys import load_log_keys
from gateway.ledger.log_view import LogView
from gateway.ledger.proposals import ApprovalSource
from gateway.ledger.scrub import ScrubFigures
from gateway.ledger.vault import Vault
from gateway.machinery_delivery import build_delivery_queue, build_subscriptions, told_subject
from gateway.members.proposals import Proposals
from gateway.outbox.settler import Held
from gateway.schema_state import is_current
from gateway.server import Server, address_of, bind
from gateway.services import PublishedLog, Services, Writes
from gateway.settings import Settings
from gateway.standing import Standing
from gateway.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class LedgerSide:
    """What the routes need of ledger and loops, wherever these run. ``receipt`` is as in `Services`."""

    writes: Writes
    log: PublishedLog
    view: LogView
    vault: Vault
    receipt: Callable[[int, bytes, str], JsonValue]
    mismatches: Callable[[], int]
    held: Callable[[], Held]
    due: Callable[[], DueFigures]
    scrub: Callable[[], ScrubFigures]
    writable: Callable[[], bool]


def signing_receipts(ground: Ground) -> Callable[[int, bytes, str], JsonValue]:
    """Return the source of receipts of a process that holds the log's key."""
    identity = ground.identity

    def receipt(index: int, leaf_hash: bytes, at: str) -> JsonValue:
        return dict(format_receipt(sign_receipt(identity.origin, index, leaf_hash, at, identity.key)))

    return receipt


def build_services(ground: Ground, ledger: LedgerSide) -> Services:
    """Return what the routes are given."""
    settings, database, chain_id, depth = ground.settings, ground.database, ground.chain_id, ground.depth
    log_id = ground.identity.log_id
    subject = Subject(
        ground.identity.origin, log_id, chain_id, ground.address("LogAnchor"), ground.address("TimeCredit"),
        trust_root_id(ground.trust_root), depth, _pinned_vkeys(ground),
    )  # fmt: skip
    private = PrivateFields(database, ledger.vault)
    bundles = BundleAssembler(database, ground.client, ledger.view, subject, private.open)
    return Services(
        settings=settings,
        database=database,
        keyring=Keyring(
            database,
            rate_per_second=settings.rate_per_second,
            public_rate_per_second=settings.public_rate_per_second,
            clock=ground.surroundings.clock,
        ),
        telemetry=Telemetry(),
        sequencer=ledger.writes,
        log=ledger.log,
        standing=_standing(ground, ledger),
        records=Records(database, chain_id=chain_id, log_id=log_id, depth=depth),
        directory=Directory(database, chain_id=chain_id, log_id=log_id),
        cases=CaseReader(database),
        due=ledger.due,
        scrub=ledger.scrub,
        feed=Feed(database, chain_id=chain_id, log_id=log_id),
        events=EventLog(database, told_subject(ground)),
        webhooks=build_subscriptions(ground, ledger.vault),
        delivery=build_delivery_queue(ground, ledger.vault).figures,
        streams=Streams(settings.streams_per_key),
        proposals=Proposals(
            database,
            ledger.vault,
            ApprovalSource(chain_id, depth),
            lifetime_days=settings.proposal_days,
            clock=ground.surroundings.clock,
            entropy=ground.surroundings.entropy("proposals"),
        ),
        bundles=bundles,
        short_forms=ShortForms(bundles, ground.identity.vkey, _own_from(ground), ground.identity.sign_root),
        receipt=ledger.receipt,
        chain_id=chain_id,
        log_id=log_id,
        genesis_hash=ground.deployment.genesis_hash.hex(),
        contracts={name: "0x" + address.hex() for name, address in ground.addresses().items()},
        trust_root=format_trust_root(ground.trust_root),
        trust_root_id=subject.trust_root.hex(),
        trust_root_name=ground.trust_root.name,
        schema_current=lambda: is_current(database),
        chain_matches=ground.chain_matches,
        writable=ledger.writable,
        clock=ground.surroundings.clock,
        entropy=ground.surroundings.entropy("requests"),
        simulated=ground.surroundings.simulated,
        set_chain_time=lambda seconds: _move_chain(ground.client, seconds),
    )


def _own_from(ground: Ground) -> int:
    """Return the first size that the log's present key signs; it changes on a stopped gateway alone."""
    with ground.database.reader() as connection:
        return next(
            key.start
            for key in load_log_keys(connection)
            if key.end is None and key.vkey == ground.identity.vkey
        )


def _pinned_vkeys(ground: Ground) -> tuple[str, ...]:
    root = ground.trust_root
    logs = [key.vkey for key in root.logs if key.origin == ground.identity.origin]
    return tuple(dict.fromkeys((ground.identity.vkey, *logs, *(one.vkey for one in root.witnesses))))


def _move_chain(client: EvmClient, seconds: int) -> None:
    """Have the next block of a simulated gateway's chain at this time, unless it is there already."""
    if seconds > client.header(int(client.block_number())).timestamp:
        client.call("evm_setNextBlockTimestamp", seconds)


def _standing(ground: Ground, ledger: LedgerSide) -> Standing:
    return Standing(
        ground.database,
        origin=ground.identity.origin,
        log_id=ground.log_id,
        chain_id=ground.chain_id,
        chain_head=ground.client.block_number,
        mismatches=ledger.mismatches,
        held=ledger.held,
    )


class Front:
    """The HTTP server of one process: holds its address from the first; `serve` answers until `stop`."""

    def __init__(self, settings: Settings) -> None:
        """Take the address, before anything else is made that a taken one would leave behind.

        Raises:
            CommandFailure: it is taken or not ours.
        """
        self._listener = bind(settings.host, settings.port)
        self._server: Server | None = None
        self._stopping = threading.Event()

    def serve(
        self, ground: Ground, services: Services, on_ready: Callable[[Mapping[str, JsonValue]], None]
    ) -> None:
        """Answer HTTP until `stop`; ``on_ready`` is given the one line that says where everything is."""
        folder, path = ground.folder, ground.folder.platform_key
        ready: dict[str, JsonValue] = {
            "gateway": address_of(self._listener),
            "rpc": ground.rpc,
            "chain_id": ground.chain_id,
            "vkey": ground.identity.vkey,
            # Keys are never made behind the operator's back: none where he took the file away.
            "platform_key": path.read_text("ascii").strip() if path.exists() else None,
            "trust_root": str(folder.trust_root),
        }

        def announce() -> None:
            settle_heap()
            on_ready(ready)

        self._server = Server(build_app(services), announce, services.streams.close)
        assert_recursion_limit()
        if not self._stopping.is_set():
            self._server.run(sockets=[self._listener])

    def stop(self) -> None:
        """Ask `serve` to return; may be called from a signal handler, before or while it runs."""
        self._stopping.set()
        if self._server is not None:
            self._server.stop()

    def close(self) -> None:
        """Give the address back."""
        self._listener.close()
