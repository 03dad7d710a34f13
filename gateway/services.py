"""What the routes are given: one frozen set of services, assembled by the runtime (or by a test)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from chain.canonical import JsonValue
from chain.tiles import TilePath
from gateway.api.directory import Directory
from gateway.api.streams import Streams
from gateway.auth import Keyring
from gateway.cases.due import DueFigures
from gateway.cases.reading import CaseReader
from gateway.db import Database
from gateway.delivery.event_log import EventLog
from gateway.delivery.queue import DeliveryFigures
from gateway.delivery.subscriptions import Subscriptions
from gateway.evidence.assemble import BundleAssembler
from gateway.evidence.feed import Feed
from gateway.evidence.records import Records
from gateway.evidence.short_forms import ShortForms
from gateway.ledger.drafts import Answer, Submission
from gateway.ledger.genesis import Clock
from gateway.ledger.scrub import ScrubFigures
from gateway.ledger.vault import Entropy
from gateway.members.proposals import Proposals
from gateway.settings import Settings
from gateway.simulation import SimulatedClock
from gateway.standing import Standing
from gateway.telemetry import Telemetry


class Writes(Protocol):
    """The sequencer as the routes see it."""

    def submit(self, submission: Submission) -> Future[Answer]:
        """Queue one submission; the future gives its answer once durable."""
        ...

    def submit_group(self, submissions: Sequence[Submission]) -> Future[list[Answer]]:
        """Queue submissions together, in order; the future gives their answers once durable."""
        ...


class PublishedLog(Protocol):
    """The log as the public sees it; never more than the published checkpoint."""

    @property
    def vkey(self) -> str:
        """The log's verifier key."""
        ...

    def checkpoint(self) -> bytes | None:
        """Return the newest signed checkpoint."""
        ...

    def published_size(self) -> int:
        """Return that checkpoint's size."""
        ...

    def tile(self, path: TilePath) -> bytes | None:
        """Return a tile's or entry bundle's bytes; requires it to lie within the published size."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """One running gateway's parts. ``contracts`` maps names to 0x addresses, ``genesis_hash`` is hex."""

    settings: Settings
    database: Database
    keyring: Keyring
    telemetry: Telemetry
    sequencer: Writes
    log: PublishedLog
    standing: Standing
    records: Records
    directory: Directory
    cases: CaseReader
    due: Callable[[], DueFigures]
    scrub: Callable[[], ScrubFigures]
    feed: Feed
    events: EventLog
    webhooks: Subscriptions
    delivery: Callable[[], DeliveryFigures]
    streams: Streams
    proposals: Proposals
    bundles: BundleAssembler
    short_forms: ShortForms
    receipt: Callable[[int, bytes, str], JsonValue]
    chain_id: int
    log_id: bytes
    contracts: dict[str, str]
    genesis_hash: str
    trust_root: bytes
    trust_root_id: str
    trust_root_name: str
    schema_current: Callable[[], bool]
    chain_matches: Callable[[], bool]
    writable: Callable[[], bool]
    clock: Clock
    entropy: Entropy
    simulated: SimulatedClock | None
    set_chain_time: Callable[[int], object]
