"""Outbox, settler, anchorer and mirror around one test network, stepped by hand or run in threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import select

from chain.evm.client import EvmClient
from chain.evm.signers.base import LocalKey
from gateway.anchor.anchorer import Anchorer, AnchorSettings
from gateway.anchor.evidence import EvidenceKeeper
from gateway.db import Database
from gateway.mirror.follower import Follower, MirrorSettings, Progress
from gateway.mirror.source import Receipts
from gateway.outbox.credit_views import load_cursor
from gateway.outbox.order import CallOrder
from gateway.outbox.settler import Settler, SettleSettings
from gateway.outbox.submitter import OutboxSettings, Submitter
from gateway.outbox.tables import chain_transactions
from tests.integration.chain_kit import LOG_ID, Network


def clock() -> str:
    """A fixed time: no test depends on it."""
    return "2026-01-01T00:00:00.000Z"


@dataclass
class Pipeline:
    """The machinery of one gateway on one network and database."""

    network: Network
    database: Database
    depth: int = 2
    rewind_limit: int = 256
    window_leaves: int = 400
    resend_after: float = 0.0
    receipts: Receipts = Receipts.ALL
    submitter: Submitter = field(init=False)
    settler: Settler = field(init=False)
    anchorer: Anchorer = field(init=False)
    evidence: EvidenceKeeper = field(init=False)
    follower: Follower = field(init=False)

    def __post_init__(self) -> None:
        network, database, chain_id = self.network, self.database, self.network.chain_id
        self.submitter = self.new_submitter(network.client)
        self.settler = Settler(
            database,
            network.client,
            network.log,
            network.log,
            chain_id=chain_id,
            log_id=LOG_ID,
            credit=network.addresses["TimeCredit"],
            anchor=network.addresses["LogAnchor"],
            clock=clock,
            settings=SettleSettings(window_leaves=self.window_leaves),
        )
        self.anchorer = Anchorer(
            database,
            network.client,
            network.log,
            network.log,
            network.anchor_keys,
            place=network.place("LogAnchor"),
            log_id=LOG_ID,
            clock=clock,
            settings=AnchorSettings(threshold=2),
        )
        self.evidence = EvidenceKeeper(
            database,
            network.client,
            chain_id=chain_id,
            log_id=LOG_ID,
            contract=network.addresses["LogAnchor"],
            depth=self.depth,
        )
        self.follower = self.new_follower(database)

    def new_submitter(
        self,
        client: EvmClient,
        signers: Mapping[str, LocalKey] | None = None,
        resend_after: float | None = None,
    ) -> Submitter:
        """Return a sender over this client, with these keys only."""
        network = self.network
        patience = self.resend_after if resend_after is None else resend_after
        cursor = partial(load_cursor, client, network.addresses["TimeCredit"], LOG_ID)
        return Submitter(
            self.database,
            client,
            chain_id=network.chain_id,
            signers=signers or network.signers,
            addresses=network.addresses,
            clock=clock,
            settings=OutboxSettings(self.depth, self.rewind_limit, resend_after=patience),
            order=CallOrder(self.database, network.log, cursor, chain_id=network.chain_id),
        )

    def new_follower(self, database: Database, *, rewind_limit: int | None = None) -> Follower:
        """Return a follower of this network into a database."""
        limit = self.rewind_limit if rewind_limit is None else rewind_limit
        return Follower(
            database,
            self.network.client,
            self.network.contracts,
            chain_id=self.network.chain_id,
            genesis_hash=self.network.genesis_hash,
            settings=MirrorSettings(rewind_limit=limit, receipts=self.receipts),
        )

    def turn(self) -> None:
        """One step of everything and one block."""
        self.anchorer.step()
        while self.settler.step():
            pass
        self.submitter.step()
        self.network.mine()
        self.submitter.step()

    def settle(self, turns: int = 40) -> None:
        """Take turns until every published leaf is executed."""
        for _ in range(turns):
            if self.network.cursor() == self.network.log.published:
                return
            self.turn()
        raise AssertionError(
            f"cursor is {self.network.cursor()} of {self.network.log.published}: {self.states()}"
        )

    def finish(self) -> None:
        """Settle, bury everything under enough blocks, and mirror it."""
        self.settle()
        self.network.mine(self.depth + 1)
        self.submitter.step()
        self.submitter.step()
        self.mirror()

    def mirror(self, follower: Follower | None = None) -> list[Progress]:
        """Step the follower until it is at the head."""
        done = []
        for _ in range(500):
            progress = (follower or self.follower).step()
            done.append(progress)
            if progress in (Progress.CURRENT, Progress.BEHIND):
                return done
        raise AssertionError("the mirror never reached the head")

    def states(self) -> list[tuple[str, str, str | None]]:
        """Return kind, state and error of every row, in order."""
        rows = chain_transactions.c
        with self.database.reader() as connection:
            found = connection.execute(select(rows.kind, rows.state, rows.error).order_by(rows.id))
            return [(row.kind, row.state, row.error) for row in found]


def until(condition: Callable[[], bool], *, seconds: float = 30.0) -> None:
    """Wait until ``condition`` holds; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


class Threads:
    """Loops in threads; `end` stops them and raises what any of them raised."""

    def __init__(self, *loops: Callable[[threading.Event], None]) -> None:
        self._stop = threading.Event()
        self._errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        for loop in loops:
            self.add(loop)

    def add(self, loop: Callable[[threading.Event], None]) -> None:
        """Start one more."""
        self._threads.append(threading.Thread(target=self._run, args=(loop,), daemon=True))
        self._threads[-1].start()

    def _run(self, loop: Callable[[threading.Event], None]) -> None:
        try:
            loop(self._stop)
        except BaseException as error:
            self._errors.append(error)

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(15)
            assert not thread.is_alive(), "a loop did not stop"
        if self._errors:
            raise self._errors[0]

    def __enter__(self) -> Threads:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
