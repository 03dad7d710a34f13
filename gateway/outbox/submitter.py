"""Bring queued calls onto the chain: sign once, send the same bytes until mined, read what became of them.

Life of a row: `queued` (with its entry) -> `signed` (nonce, bytes and hash stored) -> `sent` (a node has
them) -> `mined` -> `final`; or `failed` (reverted, or refused for good and its nonce filled), or `replaced`
(somebody else used the nonce; the call is queued again, which every contract makes safe: what was done once
is refused the second time). A reorganisation moves rows back to `sent`. Crashing between any two steps
leaves rows from which the next start goes on; nothing in memory matters but pacing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import structlog

from chain.evm.client import EvmClient
from chain.evm.signers.base import Signer
from chain.types import Address
from gateway.db import Database, fetch_all
from gateway.outbox.calls import TransactionState
from gateway.outbox.fees import load_fees
from gateway.outbox.nonce_proof import load_proven_nonce
from gateway.outbox.order import CallOrder
from gateway.outbox.outcomes import OutcomeFinder
from gateway.outbox.rows import IN_FLIGHT, load_sent
from gateway.outbox.sender import Sender
from gateway.outbox.signing import NoncesTaken, SigningDesk
from gateway.outbox.tables import chain_transactions
from gateway.outbox.trouble import WAIT_OUT
from gateway.outbox.watcher import Watcher

_log = structlog.get_logger("outbox")
_rows = chain_transactions.c
_QUEUED = (TransactionState.QUEUED.value,)

_SELECT_SIGNERS = "SELECT DISTINCT signer FROM chain_transactions WHERE chain_id = ? AND state = ?"


@dataclass(frozen=True, slots=True)
class OutboxSettings:
    """How to send.

    ``finality_depth`` in blocks; ``rewind_limit`` is how far back final rows are looked at again when the
    chain lost blocks (an embedded one, after a kill). ``max_in_flight`` per key (go-ethereum's pool surely
    keeps 64 of one account). ``resend_after`` and ``pause`` in seconds, ``batch_bytes`` of signed bytes a
    request.
    """

    finality_depth: int
    rewind_limit: int
    max_in_flight: int = 128
    resend_after: float = 5.0
    pause: float = 0.1
    batch_bytes: int = 1_500_000
    patience: int = 3
    """Blocks to wait before a missing receipt below the account's nonce means a foreign transaction."""


class Submitter:
    """The one sender of a chain's outbox. A second one on its database does no harm: see `SigningDesk`."""

    def __init__(
        self,
        database: Database,
        client: EvmClient,
        *,
        chain_id: int,
        signers: Mapping[str, Signer],
        addresses: Mapping[str, Address],
        clock: Callable[[], str],
        settings: OutboxSettings,
        order: CallOrder,
    ) -> None:
        self._database = database
        self._client = client
        self._chain_id = chain_id
        self._signers = signers
        self._clock = clock
        self._settings = settings
        self._order = order
        self._desk = SigningDesk(
            database,
            chain_id=chain_id,
            signers=signers,
            addresses=addresses,
            max_in_flight=settings.max_in_flight,
            clock=clock,
        )
        self._sender = Sender(
            database, client, self._desk, resend_after=settings.resend_after, batch_bytes=settings.batch_bytes
        )
        self._watcher = Watcher(
            database,
            client,
            self._desk,
            self._sender,
            OutcomeFinder(client, addresses["TimeCredit"], overlap=max(settings.finality_depth, 2) + 2),
            chain_id=chain_id,
            signers=signers,
            clock=clock,
            finality_depth=settings.finality_depth,
            rewind_limit=settings.rewind_limit,
            max_in_flight=settings.max_in_flight,
            patience=settings.patience,
        )
        self._registered: set[str] = set()

    def run(self, stop: threading.Event) -> None:
        """Sign and send until ``stop`` is set; node trouble is waited out.

        Raises:
            FatalChainError: another chain, or a call of a contract that is not deployed.
        """
        self._loop(stop, self._bring)

    def watch(self, stop: threading.Event) -> None:
        """Follow what became of it until ``stop`` is set, beside `run`, in a thread of its own.

        Raises:
            FatalChainError: another chain.
        """
        self._loop(stop, self._watcher.step)

    def _loop(self, stop: threading.Event, step: Callable[[], bool]) -> None:
        while not stop.is_set():
            try:
                busy = step()
            except WAIT_OUT as error:
                _log.warning("outbox waits for the node", error=type(error).__name__, reason=str(error)[:200])
                # The connection may have come back to a chain that lost blocks.
                self._watcher.look_far_back()
                stop.wait(1.0)
                continue
            if not busy:
                stop.wait(self._settings.pause)

    def step(self) -> bool:
        """Sign, look and send once, all in this thread. Returns whether anything was signed or sent.

        Raises:
            TransientChainError: the node did not answer; what is stored stays true.
        """
        signed = self._sign_queued()
        self._watcher.step()
        return bool(self._send() + signed)

    def follow(self) -> None:
        """Look and send once, signing no call, so that what has a nonce comes to its end.

        Raises:
            TransientChainError: the node did not answer; what is stored stays true.
        """
        self._watcher.step()
        self._send()

    def _bring(self) -> bool:
        return bool(self._sign_queued() + self._send())

    def _sign_queued(self) -> int:
        """Sign what waits for a nonce and may go, see `CallOrder`. Returns how many were signed."""
        for role in self._signers:
            if role not in self._registered:
                self._reconcile(role)
        free = self._order.load_free(self._roles_with(_QUEUED))
        return sum(self._sign(role, free[role]) for role in self._signers if role in free)

    def _roles_with(self, states: Sequence[str]) -> set[str]:
        with self._database.reader() as connection:
            return {
                cast("str", row[0])
                for state in states
                for row in fetch_all(connection, _SELECT_SIGNERS, self._chain_id, state)
            }

    def _sign(self, role: str, only: Sequence[int] | None) -> int:
        try:
            return self._desk.sign_queued(role, load_fees(self._client), only)
        except NoncesTaken:
            return 0

    def _reconcile(self, role: str) -> None:
        """Compare the key's nonce here and on chain; see `SigningDesk.register_key`."""
        count = self._client.transaction_count(self._signers[role].address)
        self._desk.register_key(role, count, partial(load_proven_nonce, self._client))
        self._registered.add(role)

    def _send(self) -> int:
        """Send what was never sent and what is overdue. Returns how many transactions went out."""
        sent = 0
        flying = self._roles_with(IN_FLIGHT)
        for role in [role for role in self._signers if role in flying]:
            own = (_rows.chain_id == self._chain_id) & (_rows.signer == role) & _rows.state.in_(IN_FLIGHT)
            with self._database.reader() as connection:
                rows = load_sent(connection, own, self._settings.max_in_flight)
            sent += self._sender.send_due(rows)
        return sent
