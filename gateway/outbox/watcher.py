"""Look at each new block for what became of transactions: mined, failed, dropped, replaced, final or gone.

Apart from signing and sending, because a node that executes a full block answers slowly: what is new must not
wait for news of what is old.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import structlog
from sqlalchemy import ColumnElement, or_

from chain.evm.client import EvmClient
from chain.evm.signers.base import Signer
from gateway.db import Database
from gateway.failpoints import step
from gateway.outbox.calls import TransactionState
from gateway.outbox.fees import load_fees
from gateway.outbox.nonce_proof import load_proven_nonce
from gateway.outbox.outcomes import Outcome, OutcomeFinder
from gateway.outbox.reverts import explain_failure
from gateway.outbox.rows import IN_FLIGHT, Move, Sent, load_raw, load_sent, move_row, move_rows, requeue
from gateway.outbox.sender import Sender
from gateway.outbox.signing import SigningDesk
from gateway.outbox.tables import chain_transactions

_log = structlog.get_logger("outbox")
_rows = chain_transactions.c
_State = TransactionState
_ENDED = (_State.MINED, _State.FINAL, _State.FAILED, _State.REPLACED)


class Watcher:
    """Watches the transactions of some keys on one chain."""

    def __init__(
        self,
        database: Database,
        client: EvmClient,
        desk: SigningDesk,
        sender: Sender,
        finder: OutcomeFinder,
        *,
        chain_id: int,
        signers: Mapping[str, Signer],
        clock: Callable[[], str],
        finality_depth: int,
        rewind_limit: int,
        max_in_flight: int,
        patience: int,
    ) -> None:
        """``patience`` in blocks, see `OutboxSettings` for the others."""
        self._database = database
        self._client = client
        self._desk = desk
        self._sender = sender
        self._finder = finder
        self._chain_id = chain_id
        self._signers = signers
        self._clock = clock
        self._finality_depth = finality_depth
        self._rewind_limit = rewind_limit
        self._max_in_flight = max_in_flight
        self._patience = patience
        self._head: int | None = None
        self._missing: dict[int, int] = {}
        self._gaps: dict[str, tuple[int, int]] = {}
        self._look_far_back = True
        self._looked_at = 0.0

    def look_far_back(self) -> None:
        """Look at final rows again next time: the chain may have lost blocks."""
        self._look_far_back = True

    def step(self) -> bool:
        """Look if the chain has another height than last time. Returns whether it had.

        Raises:
            TransientChainError: the node did not answer; what is stored stays true.
        """
        head = int(self._client.block_number())
        if head == self._head:
            return False
        self._look(head)
        self._head = head
        return True

    def _look(self, head: int) -> None:
        """Read what the chain says now about rows in flight and rows not yet final."""
        counts = self._client.transaction_counts([signer.address for signer in self._signers.values()])
        for role, count in zip(self._signers, counts, strict=True):
            self._check_loss(role, count)
            with self._database.reader() as connection:
                rows = load_sent(connection, self._own(role, IN_FLIGHT), self._max_in_flight)
            used = [row for row in rows if row.nonce < count]
            self._apply(used, self._finder.find(used, head) if used else [], head)
            self._check_dropped([row for row in rows if row.nonce >= count])
            # A count above our next nonce means that somebody else used the key.
            self._desk.register_key(role, count, partial(load_proven_nonce, self._client))
        self._looked_at = time.monotonic()
        self._check_canonical(head)

    def _own(self, role: str, states: Sequence[str]) -> ColumnElement[bool]:
        return (_rows.chain_id == self._chain_id) & (_rows.signer == role) & _rows.state.in_(states)

    def _check_dropped(self, waiting: Sequence[Sent]) -> None:
        """Send a key's transactions again at once where the node lost the next one: all others wait for it.

        anvil drops one that it tries before its turn, which happens when a large one ahead of it does not fit
        into a block any more.
        """
        sent_at = self._sender.sent_at(waiting[0]) if waiting else None
        if sent_at is None or sent_at >= self._looked_at:
            return
        if not self._client.knows_transaction(waiting[0].tx_hash):
            _log.warning("the node dropped a transaction", row=waiting[0].id, kind=waiting[0].kind)
            # Perhaps those behind it as well; asking for each would cost as much as sending it.
            for row in waiting:
                self._sender.forget(row.id)

    def _apply(self, rows: Sequence[Sent], outcomes: Sequence[Outcome], head: int) -> None:
        self._move([self._mined(outcome) for outcome in outcomes])
        found = {outcome.row.id for outcome in outcomes}
        late = []
        for row in rows:
            if row.id in found:
                self._missing.pop(row.id, None)
            elif head - self._missing.setdefault(row.id, head) >= self._patience:
                self._missing.pop(row.id)
                late.append(row)
        self._replace(self._foreign(late))

    def _move(self, moves: Sequence[Move]) -> None:
        """Store ``moves``; without any, the database's one writer is not waited for."""
        if moves:
            with self._database.writer(step("outbox.outcome")) as connection:
                move_rows(connection, moves)

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

    def _foreign(self, rows: Sequence[Sent]) -> list[Sent]:
        """Return which of a key's rows have a nonce that is proven used, by bytes the node says are not ours.

        A node that only does not give receipts, or counts what is not there, must not make us send anew.
        """
        if not rows:
            return []
        used = load_proven_nonce(self._client, self._signers[rows[0].signer].address)
        below = [row for row in rows if row.nonce < used]
        ours = [[one for one in (row.tx_hash, row.refused_hash) if one is not None] for row in below]
        known = iter(self._client.knows_transactions([one for hashes in ours for one in hashes]))
        return [
            row for row, hashes in zip(below, ours, strict=True) if not any([next(known) for _ in hashes])
        ]

    def _replace(self, rows: Sequence[Sent]) -> None:
        """Nonces are used and no transaction of ours used them: somebody else has the key."""
        if not rows:
            return
        first, count = rows[0], len(rows)
        _log.error("foreign transactions used nonces of ours", row=first.id, nonce=first.nonce, count=count)
        with self._database.writer(step("outbox.replace")) as connection:
            for row in rows:
                replaced = Move(row.id, row.state, _State.REPLACED, error="nonce used by another")
                # Another thread or process may have moved the row since it was read: then it is looked at
                # anew, and queued again once, with the move that ends it. Windows are planned anew from the
                # contract's cursor instead.
                if move_row(connection, replaced) and row.kind != "settle" and row.refused_hash is None:
                    requeue(connection, row.id, self._clock())

    def _check_loss(self, role: str, count: int) -> None:
        """Send again what the chain had and has no more: it lost blocks, or is behind. Both are safe."""
        address = bytes(self._signers[role].address)
        above = (
            (_rows.chain_id == self._chain_id) & (_rows.signer_address == address) & (_rows.nonce >= count)
        )
        with self._database.reader() as connection:
            rows = load_sent(connection, above, self._max_in_flight)
        lost = [row for row in rows if row.state in _ENDED]
        self._check_gap(role, count, rows)
        if self._sender.send_due(lost):
            self._look_far_back = True

    def _check_gap(self, role: str, count: int, above: Sequence[Sent]) -> None:
        """Fill nonces below our lowest that the chain asks for and no row has, once it has for long."""
        if not above or above[0].nonce <= count:
            self._gaps.pop(role, None)
            return
        former, seen = self._gaps.get(role, (count, 0))
        seen = seen + 1 if former == count else 1
        self._gaps[role] = (count, seen)
        if seen > self._patience:
            _log.error("nonces are missing on chain", signer=role, first=count, end=above[0].nonce)
            self._desk.fill_gap(role, count, above[0].nonce, load_fees(self._client))
            del self._gaps[role]

    def _check_canonical(self, head: int) -> None:
        """Move rows whose block is gone back to sent, and those deep enough to final."""
        depth = self._finality_depth
        watched = [
            _rows.state == _State.MINED.value,
            (_rows.state == _State.FAILED.value) & (_rows.block_number > head - depth),
        ]
        if self._look_far_back:
            far = _rows.block_number > head - self._rewind_limit
            watched.append((_rows.state == _State.FINAL.value) & far)
        with self._database.reader() as connection:
            rows = load_sent(connection, (_rows.chain_id == self._chain_id) & or_(*watched), 20_000)
        numbers = sorted({row.block_number for row in rows if row.block_number is not None})
        hashes = self._finder.block_hashes(numbers)
        moves = [move for row in rows if (move := self._settle_state(row, hashes, head - depth)) is not None]
        self._move(moves)
        if all(number <= head for number in numbers):
            self._look_far_back = False

    def _settle_state(self, row: Sent, hashes: Mapping[int, bytes], deep: int) -> Move | None:
        now = hashes.get(row.block_number) if row.block_number is not None else None
        if now is None:
            # The node is behind its own past: nothing is known, nothing changes.
            return None
        if now != row.block_hash:
            self._sender.forget(row.id)
            return Move(row.id, row.state, _State.SENT, error=row.error if row.refused_hash else None)
        if row.state is _State.MINED and row.block_number is not None and row.block_number <= deep:
            return Move(row.id, row.state, _State.FINAL, row.block_number, row.block_hash, None, row.mined_at)
        return None
