"""Typed access to the outbox's rows; the only place that changes a transaction's state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, bindparam, func, insert, select, text, update

from chain.errors import NotaryError
from chain.evm.transactions import read_transaction
from gateway.outbox.calls import LEGAL_TRANSITIONS, TransactionState
from gateway.outbox.tables import chain_transactions as transactions

_ORDER_LOCK = 0x746F6E67
"""First key of the PostgreSQL advisory lock that orders anchors and windows ("tong")."""


IN_FLIGHT = (TransactionState.SIGNED.value, TransactionState.SENT.value)
"""States of a transaction that has a nonce and no known outcome."""


class IllegalTransition(NotaryError):
    """A row was asked to make a move that `LEGAL_TRANSITIONS` does not list: a defect of the outbox."""

    def __init__(self, got: TransactionState, want: TransactionState) -> None:
        super().__init__(f"transaction state: {got} may not become {want}")
        self.got = got
        self.want = want


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction that has a nonce: what is needed to look for its outcome. Its bytes: `load_raw`."""

    id: int
    kind: str
    target: str
    signer: str
    state: TransactionState
    nonce: int
    tx_hash: bytes
    refused_hash: bytes | None
    gas: int
    block_number: int | None
    block_hash: bytes | None
    error: str | None
    mined_at: str | None


_SENT_COLUMNS = (
    transactions.c.id,
    transactions.c.kind,
    transactions.c.target,
    transactions.c.signer,
    transactions.c.state,
    transactions.c.nonce,
    transactions.c.tx_hash,
    transactions.c.refused_hash,
    transactions.c.gas,
    transactions.c.block_number,
    transactions.c.block_hash,
    transactions.c.error,
    transactions.c.mined_at,
)


def lock_order(connection: Connection, chain_id: int) -> None:
    """Hold the order of anchors and windows of a chain until the transaction ends.

    SQLite's write transaction is exclusive already; PostgreSQL needs a lock of its own.
    """
    if connection.dialect.name == "postgresql":
        # Both keys of the two-key form are 32 bits wide.
        keys = {"room": _ORDER_LOCK, "key": chain_id & 0x7FFFFFFF}
        connection.execute(text("SELECT pg_advisory_xact_lock(:room, :key)"), keys)


def load_sent(
    connection: Connection, where: ColumnElement[bool], limit: int, *, newest: bool = False
) -> list[Sent]:
    """Return rows with a nonce, ordered by signer's nonce (descending where ``newest``)."""
    order = transactions.c.nonce.desc() if newest else transactions.c.nonce.asc()
    query = select(*_SENT_COLUMNS).where(where, transactions.c.nonce.is_not(None))
    rows = connection.execute(query.order_by(order).limit(limit)).mappings()
    return [Sent(**{**row, "state": TransactionState(row["state"])}) for row in rows]


def count_open(
    connection: Connection, chain_id: int, address: bytes, states: Sequence[TransactionState]
) -> int:
    """Return how many transactions that a key signed are in one of ``states``."""
    columns = transactions.c
    own = (columns.chain_id == chain_id) & (columns.signer_address == address) & columns.state.in_(states)
    return connection.execute(select(func.count()).where(own)).scalar_one()


def load_raw(connection: Connection, row_id: int, tx_hash: bytes) -> bytes | None:
    """Return a row's signed bytes, None where it holds another transaction by now."""
    query = select(transactions.c.raw).where(transactions.c.id == row_id, transactions.c.tx_hash == tx_hash)
    found: bytes | None = connection.execute(query).scalar_one_or_none()
    return found


@dataclass(frozen=True, slots=True)
class Move:
    """One row's change of state; the other fields become the row's (None clears them)."""

    id: int
    before: TransactionState
    after: TransactionState
    block_number: int | None = None
    block_hash: bytes | None = None
    error: str | None = None
    mined_at: str | None = None


_MOVE = (
    update(transactions)
    .where(transactions.c.id == bindparam("row_id"), transactions.c.state == bindparam("before"))
    .values(
        state=bindparam("after"),
        block_number=bindparam("number"),
        block_hash=bindparam("hash"),
        error=bindparam("reason"),
        mined_at=bindparam("mined"),
    )
)


def move_rows(connection: Connection, moves: Sequence[Move]) -> None:
    """Make each move whose row still is in the state it was seen in; another process may have been first.

    Raises:
        IllegalTransition: a move is not in `LEGAL_TRANSITIONS`; nothing was changed.
    """
    for move in moves:
        _check(move)
    if moves:
        connection.execute(_MOVE, [_values(move) for move in moves])


def move_row(connection: Connection, move: Move) -> bool:
    """Make one move; return whether the row still was in the state it was seen in.

    Raises:
        IllegalTransition: as for `move_rows`.
    """
    _check(move)
    return connection.execute(_MOVE, _values(move)).rowcount == 1


def _check(move: Move) -> None:
    if (move.before, move.after) not in LEGAL_TRANSITIONS:
        raise IllegalTransition(move.before, move.after)


def _values(move: Move) -> dict[str, object]:
    return {
        "row_id": move.id,
        "before": move.before.value,
        "after": move.after.value,
        "number": move.block_number,
        "hash": move.block_hash,
        "reason": move.error,
        "mined": move.mined_at,
    }


_COPIED = ("chain_id", "kind", "target", "signer", "reference", "gas", "log_id", "anchored_size")


def requeue(connection: Connection, row_id: int, at: str) -> None:
    """Queue the call of a replaced row again, as a new row, with the calldata its signed bytes carry."""
    row = connection.execute(select(transactions).where(transactions.c.id == row_id)).mappings().one()
    values = {name: row[name] for name in _COPIED}
    calldata = read_transaction(row["raw"]).fields.data
    connection.execute(
        insert(transactions).values(
            **values, calldata=calldata, state=TransactionState.QUEUED.value, created_at=at
        )
    )
