"""Bring queued calls onto the chain: sign once, send the same bytes until mined, read what became of them.

Life of a row: `queued` (with its entry) -> `signed` (nonce, bytes and hash stored) -> `sent` (a node has
them) -> `mined` -> `final`; or `failed` (reverted, or refused for good and its nonce filled), or `replaced`
(somebody else used the nonce; the call is queued again, which every contract makes safe: what was done once
is refused the second time). A reorganisation moves rows back to `sent`. Crashing between any two steps
leaves rows from which the next start goes on; nothing in memory matters but pacing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import structlog
from sqlalchemy import ColumnElement, or_

from chain.evm.client import EvmClient
from chain.evm.signers.base import Signer
from chain.types import Address
from gateway.db import Database, fetch_all
from gateway.outbox.broadcast import Answer, Delivery, Signed, send_rows
from gateway.outbox.calls import TransactionState
from gateway.outbox.fees import load_fees
from gateway.outbox.order import CallOrder
from gateway.outbox.outcomes import Outcome, OutcomeFinder
from gateway.outbox.reverts import explain_failure
from gateway.outbox.rows import Move, Sent, load_raw, load_sent, move_rows, requeue
from gateway.outbox.signing import NoncesTaken, SigningDesk
from gateway.outbox.tables import chain_transactions
from gateway.outbox.trouble import WAIT_OUT

_log = structlog.get_logger("outbox")
_rows = chain_transactions.c
_State = TransactionState
_QUEUED = (_State.QUEUED.value,)
_IN_FLIGHT = (_State.SIGNED.value, _State.SENT.value)
_ENDED = (_State.MINED, _State.FINAL, _State.FAILED, _State.REPLACED)

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
        self._finder = OutcomeFinder(
            client, addresses["TimeCredit"], overlap=max(settings.finality_depth, 2) + 2
        )
        self._head: int | None = None
        self._registered: set[str] = set()
        self._sent_at: dict[int, float] = {}
        self._missing: dict[int, int] = {}
        self._gaps: dict[str, tuple[int, int]] = {}
        self._look_far_back = True
        self._looked_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Send until ``stop`` is set; node trouble is waited out.

        Raises:
            FatalChainError: another chain, or a call of a contract that is not deployed.
        """
        while not stop.is_set():
            try:
                busy = self.step()
            except WAIT_OUT as error:
                _log.warning("outbox waits for the node", error=type(error).__name__, reason=str(error)[:200])
                # The connection may have come back to a chain that lost blocks.
                self._look_far_back = True
                stop.wait(1.0)
                continue
            if not busy:
                stop.wait(self._settings.pause)

    def step(self) -> bool:
        """Sign, send and look once. Returns whether anything was signed or sent.

        Raises:
            TransientChainError: the node did not answer; what is stored stays true.
        """
        head = int(self._client.block_number())
        is_new = head != self._head
        signed = self._sign_queued()
        if is_new:
            self._look(head)
        sent = self._send()
        self._head = head
        return bool(signed or sent)

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
        self._desk.register_key(role, count)
        self._registered.add(role)

    # --- sending -----------------------------------------------------------------------------------------

    def _send(self) -> int:
        """Send what was never sent and what is overdue. Returns how many transactions went out."""
        now = time.monotonic()
        sent = 0
        flying = self._roles_with(_IN_FLIGHT)
        for role in [role for role in self._signers if role in flying]:
            with self._database.reader() as connection:
                rows = load_sent(connection, self._own(role, _IN_FLIGHT), self._settings.max_in_flight)
            due = [row for row in rows if self._is_due(row, now)]
            sent += self._send_rows(due, now)
        return sent

    def _own(self, role: str, states: Sequence[str]) -> ColumnElement[bool]:
        return (_rows.chain_id == self._chain_id) & (_rows.signer == role) & _rows.state.in_(states)

    def _is_due(self, row: Sent, now: float) -> bool:
        last = self._sent_at.get(row.id)
        return last is None or now - last > self._settings.resend_after

    def _send_rows(self, rows: Sequence[Sent], now: float) -> int:
        """Send in batches; note what came of all of them at once: the mirror may long hold the database."""
        size, answered = self._settings.batch_bytes, list[Delivery]()
        try:
            for deliveries in send_rows(self._client, self._bytes_of(rows), batch_bytes=size):
                answered += deliveries
        finally:
            # If we crash here, the node has the bytes and the rows still say signed: they are sent again.
            self._note(answered, now)
        return len(rows)

    def _bytes_of(self, rows: Sequence[Sent]) -> Iterator[Signed]:
        for row in rows:
            with self._database.reader() as connection:
                raw = load_raw(connection, row.id, row.tx_hash)
            if raw is not None:
                yield row, raw

    def _note(self, deliveries: Sequence[Delivery], now: float) -> None:
        taken = [d.row for d in deliveries if d.answer is Answer.TAKEN and d.row.state is _State.SIGNED]
        if taken:
            with self._database.writer() as connection:
                move_rows(connection, [Move(r.id, r.state, _State.SENT, error=r.error) for r in taken])
        for delivery in deliveries:
            self._sent_at[delivery.row.id] = now
            if delivery.answer is Answer.NEVER and delivery.row.refused_hash is None:
                _log.error("the node refuses a call", row=delivery.row.id, kind=delivery.row.kind)
                self._desk.fill_nonce(delivery.row, delivery.reason or "", load_fees(self._client))
                del self._sent_at[delivery.row.id]
            elif delivery.answer is Answer.UNKNOWN:
                _log.warning("a send is unknown", row=delivery.row.id, reason=delivery.reason)

    # --- looking -----------------------------------------------------------------------------------------

    def _look(self, head: int) -> None:
        """Read what the chain says now about rows in flight and rows not yet final."""
        for role, signer in self._signers.items():
            count = self._client.transaction_count(signer.address)
            self._check_loss(role, count)
            with self._database.reader() as connection:
                rows = load_sent(connection, self._own(role, _IN_FLIGHT), self._settings.max_in_flight)
            used = [row for row in rows if row.nonce < count]
            self._apply(used, self._finder.find(used, head) if used else [], head)
            self._check_dropped([row for row in rows if row.nonce >= count])
            # A count above our next nonce means that somebody else used the key.
            self._desk.register_key(role, count)
        self._looked_at = time.monotonic()
        self._check_canonical(head)

    def _check_dropped(self, waiting: Sequence[Sent]) -> None:
        """Send a key's transactions again at once where the node lost the next one: all others wait for it.

        anvil drops one that it tries before its turn, which happens when a large one ahead of it does not fit
        into a block any more.
        """
        sent_at = self._sent_at.get(waiting[0].id) if waiting else None
        if sent_at is None or sent_at >= self._looked_at:
            return
        if not self._client.knows_transaction(waiting[0].tx_hash):
            _log.warning("the node dropped a transaction", row=waiting[0].id, kind=waiting[0].kind)
            # Perhaps those behind it as well; asking for each would cost as much as sending it.
            for row in waiting:
                self._sent_at.pop(row.id, None)

    def _apply(self, rows: Sequence[Sent], outcomes: Sequence[Outcome], head: int) -> None:
        moves = [self._mined(outcome) for outcome in outcomes]
        with self._database.writer() as connection:
            move_rows(connection, moves)
        found = {outcome.row.id for outcome in outcomes}
        for row in rows:
            if row.id in found:
                self._sent_at.pop(row.id, None)
                self._missing.pop(row.id, None)
            elif head - self._missing.setdefault(row.id, head) >= self._settings.patience:
                self._replace(row)

    def _mined(self, outcome: Outcome) -> Move:
        row, succeeded = outcome.row, outcome.succeeded
        error = None
        if row.refused_hash is not None and outcome.tx_hash != row.refused_hash:
            # The empty transaction in its place was mined: the call itself never will be.
            succeeded, error = False, row.error
        elif not succeeded:
            with self._database.reader() as connection:
                raw = load_raw(connection, row.id, row.tx_hash) or b""
            sender = self._signers[row.signer].address
            error = explain_failure(self._client, raw, sender, outcome)
            _log.warning("a call failed on chain", row=row.id, kind=row.kind, error=error)
        after = _State.MINED if succeeded else _State.FAILED
        return Move(row.id, row.state, after, outcome.block_number, outcome.block_hash, error, self._clock())

    def _replace(self, row: Sent) -> None:
        """The nonce is used and no transaction of ours used it: somebody else has the key."""
        _log.error("a foreign transaction used a nonce of ours", row=row.id, nonce=row.nonce)
        with self._database.writer() as connection:
            move_rows(connection, [Move(row.id, row.state, _State.REPLACED, error="nonce used by another")])
            if row.kind != "settle" and row.refused_hash is None:
                # Windows are planned anew from the contract's cursor instead.
                requeue(connection, row.id, self._clock())
        self._missing.pop(row.id, None)

    def _check_loss(self, role: str, count: int) -> None:
        """Send again what the chain had and has no more: it lost blocks, or is behind. Both are safe."""
        address = bytes(self._signers[role].address)
        above = (
            (_rows.chain_id == self._chain_id) & (_rows.signer_address == address) & (_rows.nonce >= count)
        )
        with self._database.reader() as connection:
            rows = load_sent(connection, above, self._settings.max_in_flight)
        lost = [row for row in rows if row.state in _ENDED]
        self._check_gap(role, count, rows)
        now = time.monotonic()
        due = [row for row in lost if self._is_due(row, now)]
        if due:
            self._look_far_back = True
            self._send_rows(due, now)

    def _check_gap(self, role: str, count: int, above: Sequence[Sent]) -> None:
        """Fill nonces below our lowest that the chain asks for and no row has, once it has for long."""
        if not above or above[0].nonce <= count:
            self._gaps.pop(role, None)
            return
        former, seen = self._gaps.get(role, (count, 0))
        seen = seen + 1 if former == count else 1
        self._gaps[role] = (count, seen)
        if seen > self._settings.patience:
            _log.error("nonces are missing on chain", signer=role, first=count, end=above[0].nonce)
            self._desk.fill_gap(role, count, above[0].nonce, load_fees(self._client))
            del self._gaps[role]

    def _check_canonical(self, head: int) -> None:
        """Move rows whose block is gone back to sent, and those deep enough to final."""
        depth = self._settings.finality_depth
        watched = [
            _rows.state == _State.MINED.value,
            (_rows.state == _State.FAILED.value) & (_rows.block_number > head - depth),
        ]
        if self._look_far_back:
            far = _rows.block_number > head - self._settings.rewind_limit
            watched.append((_rows.state == _State.FINAL.value) & far)
        with self._database.reader() as connection:
            rows = load_sent(connection, (_rows.chain_id == self._chain_id) & or_(*watched), 20_000)
        numbers = sorted({row.block_number for row in rows if row.block_number is not None})
        hashes = self._finder.block_hashes(numbers)
        moves = [move for row in rows if (move := self._settle_state(row, hashes, head - depth)) is not None]
        with self._database.writer() as connection:
            move_rows(connection, moves)
        if all(number <= head for number in numbers):
            self._look_far_back = False

    def _settle_state(self, row: Sent, hashes: Mapping[int, bytes], deep: int) -> Move | None:
        now = hashes.get(row.block_number) if row.block_number is not None else None
        if now is None:
            # The node is behind its own past: nothing is known, nothing changes.
            return None
        if now != row.block_hash:
            self._sent_at.pop(row.id, None)
            return Move(row.id, row.state, _State.SENT, error=row.error if row.refused_hash else None)
        if row.state is _State.MINED and row.block_number is not None and row.block_number <= deep:
            return Move(row.id, row.state, _State.FINAL, row.block_number, row.block_hash, None, row.mined_at)
        return None
