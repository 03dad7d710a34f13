"""In-process durable append: canonical entries, indexed, SQL with synchronous FULL, tiles, signed roots.

The path of the sequencer without judging what it is asked: entries are built, inserted and committed, then
integrated into tiles, recomputed, and signed for, batch by batch. As in a gateway the integrator has a thread
of its own: while it publishes one batch, the next is built. The clock stops when the last batch is published.
The peer, pymerkle on SQLite, commits each entry and neither signs nor publishes.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymerkle
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.operation import account_id, chapter_code
from chain.types import Address
from gateway.db import Database, execute, migrate, sqlite_url
from gateway.ledger.append import Batch, RandomPool
from gateway.ledger.drafts import Draft
from gateway.ledger.genesis import open_log
from gateway.ledger.identity import LogIdentity
from gateway.ledger.integrator import Integrator
from gateway.ledger.registers import Account
from gateway.ledger.service import system_clock
from gateway.ledger.tile_files import TileFiles
from scripts.benches.rows import Reach, Row, make_row, rate_of

BATCHES = (256, 4096)
MEMBERS = 500
CHAPTER = 31_010_001
PEER_ENTRIES = 1_500
REACH = 30_000
PEER_RATIO = 20


@dataclass(slots=True)
class Log:
    """An empty log with its integrator, and the accounts its entries are about."""

    database: Database
    integrator: Integrator
    accounts: list[Account]
    pool: RandomPool
    publisher: ThreadPoolExecutor
    publishing: Future[object] | None = None
    next_index: int = 1

    def append(self, drafts: Sequence[Draft]) -> None:
        """Append one batch: when this returns it is committed, and the one before it is published."""
        batch = Batch(self.next_index, system_clock(), self.pool, None)
        for number, draft in enumerate(drafts, self.next_index):
            subject = (self.accounts[number % MEMBERS],)
            batch.add(batch.build(draft, batch.draw_id(), subject, None), draft, CHAPTER, subject)
        with self.database.writer() as connection:
            batch.insert(connection)
            execute(connection, "UPDATE log_heads SET next_index = ?, at = ?", batch.next_index, batch.at)
        self.next_index = batch.next_index
        self.publish()
        self.integrator.offer(batch.leaves)
        self.publishing = self.publisher.submit(self.integrator.integrate)

    def publish(self) -> None:
        """Wait until the last committed batch is in a signed, published checkpoint."""
        if self.publishing is not None:
            self.publishing.result()


@contextmanager
def empty_log(folder: Path) -> Iterator[Log]:
    """A migrated SQLite database with a log in it."""
    database = Database(sqlite_url(folder / "log.sqlite3"))
    try:
        migrate(database)
        identity = LogIdentity("log.example/bench", Ed25519PrivateKey.generate())
        open_log(database, identity, clock=system_clock, entropy=os.urandom)
        files = TileFiles(folder / "log")
        integrator = Integrator(
            database, identity, files, clock=system_clock, interval=1.0, on_fault=_raise_fault
        )
        integrator.recover()
        addresses = [hashlib.sha256(b"%d" % number).digest()[:20] for number in range(MEMBERS)]
        accounts = [Account(address, CHAPTER, 1, 1, bytes(32)) for address in addresses]
        with ThreadPoolExecutor(1) as publisher:
            yield Log(database, integrator, accounts, RandomPool(os.urandom), publisher)
    finally:
        database.close()


def _raise_fault(reason: str) -> None:
    raise RuntimeError(f"the log stopped: {reason}")


def make_drafts(log: Log, count: int) -> list[Draft]:
    """Purchases as the demo records them, without private fields."""
    drafts = []
    for number in range(count):
        subject = log.accounts[(log.next_index + number) % MEMBERS]
        public = {
            "amount": str(1000 + number),
            "currency": "CNY",
            "basket": str(number),
            "store": "store-330",
        }
        drafts.append(
            Draft(
                "purchase.recorded",
                chapter_code(CHAPTER),
                None,
                (account_id(Address(subject.address)),),
                public=public,
            )
        )
    return drafts


def measure_ours(batch_size: int, entries: int) -> float:
    """Entries a second in batches of ``batch_size``, from drafts to signed checkpoints."""
    with tempfile.TemporaryDirectory() as folder, empty_log(Path(folder)) as log:
        drafts = make_drafts(log, entries)
        started = time.perf_counter()
        for first in range(0, entries, batch_size):
            log.append(drafts[first : first + batch_size])
        log.publish()
        seconds = time.perf_counter() - started
        if log.integrator.view.size != entries + 1:
            raise RuntimeError(f"published {log.integrator.view.size} of {entries + 1}")
        return entries / seconds


def measure_peer(entries: int) -> float:
    """pymerkle's SQLite tree, entry by entry, as its documentation shows."""
    with tempfile.TemporaryDirectory() as folder:
        with closing(pymerkle.SqliteTree(str(Path(folder) / "peer.sqlite3"))) as tree:
            data = [b"x" * 400 + b"%d" % number for number in range(entries)]

            def work() -> int:
                for entry in data:
                    tree.append_entry(entry)
                return entries

            return rate_of(work)


def run(short: bool) -> list[Row]:
    """One row for each batch size; the issue's bound is for batches of 256 and more."""
    peer = measure_peer(PEER_ENTRIES // 3 if short else PEER_ENTRIES)
    rows = []
    for batch_size in BATCHES:
        entries = batch_size * max(2, (8_192 if short else 65_536) // batch_size)
        rows.append(
            make_row(
                f"durable append, batches of {batch_size}",
                max(measure_ours(batch_size, entries) for _ in range(1 if short else 3)),
                "entries/s",
                reach=Reach(REACH, "entries/s"),
                peer="pymerkle SQLite, entries/s",
                peer_value=peer,
                ratio_reach=PEER_RATIO,
            )
        )
    return rows
