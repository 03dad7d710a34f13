"""Reading entries back: one by id, many by cursor, with where each stands. SQL filters by chapter, always.

An entry of another chapter is not found, in the same way as one that does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Row, Select, func, select

from chain.canonical import JsonValue
from chain.hashing import hash_leaf, sha256
from chain.types import LeafIndex
from gateway.db import Database
from gateway.errors import Refusal
from gateway.ledger.tables import checkpoints, cosignatures, entries, operations, proposed_checkpoints
from gateway.mirror.tables import (
    mirror_anchors,
    mirror_cursor,
    mirror_operations,
    mirror_settlements,
)

REASONS = (
    "none",
    "unknown_kind",
    "expired",
    "unknown_sender",
    "unknown_receiver",
    "sender_blocked",
    "receiver_blocked",
    "insufficient_balance",
    "bad_amount",
    "quota_exceeded",
    "daily_cap_exceeded",
    "holding_cap_exceeded",
    "bad_authorization",
    "not_approved",
    "unknown_lock",
    "bad_original",
    "wrong_parties",
    "wrong_home_log",
    "not_recovered",
    "passed",
    "lock_exists",
)
"""Names of the contract's reasons of refusal, by number."""


@dataclass(frozen=True, slots=True)
class Record:
    """One entry as stored. ``body`` and ``salt`` are None once erased."""

    index: LeafIndex
    entry_id: str
    chapter: int
    type: str
    at: str
    body: bytes | None
    salt: bytes | None
    leaf_data: bytes
    op_salt: bytes | None
    acts: bool

    @property
    def leaf_hash(self) -> bytes:
        """RFC 9162 leaf hash of the leaf data."""
        return hash_leaf(self.leaf_data)

    @property
    def is_whole(self) -> bool:
        """Whether the leaf commits to what is stored of the entry; of an erased one there is nothing."""
        if self.body is None and self.salt is None:
            return True
        # SQLite keeps whatever type was written.
        if not (isinstance(self.body, bytes) and isinstance(self.salt, bytes)):
            return False
        return sha256(self.salt + self.body) == self.leaf_data[1:33]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the contract did with an operation; ``reason`` 0 is done."""

    reason: int
    moved: int
    block: int

    def document(self) -> dict[str, JsonValue]:
        """Return the outcome as JSON shows it."""
        return {
            "status": "refused" if self.reason else "done",
            "reason": REASONS[self.reason] if self.reason < len(REASONS) else str(self.reason),
            "moved": str(self.moved),
            "block": self.block,
        }


class Records:
    """Reads one log's entries and their outcomes on one chain."""

    def __init__(self, database: Database, *, chain_id: int, log_id: bytes, depth: int) -> None:
        """``depth`` blocks on top make a block final."""
        self._database = database
        self._chain_id = chain_id
        self._log_id = log_id
        self._depth = depth

    def get(self, entry_id: str, chapter: int | None) -> Record:
        """Return the entry. ``chapter`` None sees every chapter.

        Raises:
            Refusal: ``entry.unknown``, also for another chapter's; ``log.damaged``.
        """
        with self._database.reader() as connection:
            return self._one(connection, _scoped(_SELECT.where(entries.c.entry_id == entry_id), chapter))

    def at(self, index: int) -> Record:
        """Return the entry at an index. Raises Refusal ``entry.unknown``."""
        with self._database.reader() as connection:
            return self._one(connection, _SELECT.where(entries.c.log_index == index))

    def _one(self, connection: Connection, wanted: Columns) -> Record:
        row: Fields
        for row in connection.execute(wanted):
            record = _record(row)
            if not record.is_whole:
                raise Refusal("log.damaged")
            return record
        raise Refusal("entry.unknown")

    def page(self, after: int, limit: int, chapter: int | None) -> list[Record]:
        """Return up to ``limit`` entries with an index above ``after``, in order."""
        wanted = _SELECT.where(entries.c.log_index > after).order_by(entries.c.log_index).limit(limit)
        with self._database.reader() as connection:
            return [_record(row) for row in connection.execute(_scoped(wanted, chapter))]

    def outcome(self, index: int) -> tuple[Outcome | None, bytes | None]:
        """Return (outcome, hash of the settling transaction) of a leaf, None where the chain has not said."""
        with self._database.reader() as connection:
            return self._outcome(connection, index), self._transaction(connection, index)

    def state(self, index: int) -> str:
        """Return where a leaf stands: accepted, logged, cosigned, anchored, settled or final; each only adds.

        Derived from checkpoints and the mirror each time, never stored, so it cannot go stale. ``cosigned``
        stands between logged and anchored where a policy asks for witnesses.
        """
        with self._database.reader() as connection:
            settled_in = self._settled_in(connection, index)
            if settled_in is not None:
                head = connection.execute(
                    select(mirror_cursor.c.block_number).where(mirror_cursor.c.chain_id == self._chain_id)
                ).scalar()
                return "final" if head is not None and settled_in <= head - self._depth else "settled"
            if (self._anchored(connection) or 0) > index:
                return "anchored"
            if (connection.execute(select(func.max(cosignatures.c.size))).scalar() or 0) > index:
                return "cosigned"
            sizes = (checkpoints.c.size, proposed_checkpoints.c.size)
            signed = [connection.execute(select(func.max(size))).scalar() or 0 for size in sizes]
        return "logged" if max(signed) > index else "accepted"

    def _anchored(self, connection: Connection) -> int | None:
        return connection.execute(
            select(func.max(mirror_anchors.c.size)).where(
                mirror_anchors.c.chain_id == self._chain_id, mirror_anchors.c.log_id == self._log_id
            )
        ).scalar()

    def _settled_in(self, connection: Connection, index: int) -> int | None:
        """Return the block whose window consumed the leaf."""
        window = self._window(connection, index)
        return None if window is None else window[1]

    def _outcome(self, connection: Connection, index: int) -> Outcome | None:
        done = mirror_operations.c
        row = connection.execute(
            select(done.reason, done.moved, done.block_number).where(
                done.chain_id == self._chain_id, done.log_id == self._log_id, done.leaf_index == index
            )
        ).one_or_none()
        return None if row is None else Outcome(row.reason, row.moved, row.block_number)

    def _transaction(self, connection: Connection, index: int) -> bytes | None:
        window = self._window(connection, index)
        return None if window is None else window[0]

    def _window(self, connection: Connection, index: int) -> tuple[bytes, int] | None:
        """Return (transaction hash, block) of the settlement window that consumed the leaf."""
        windows = mirror_settlements.c
        row = connection.execute(
            select(windows.tx_hash, windows.end, windows.block_number)
            .where(windows.chain_id == self._chain_id, windows.log_id == self._log_id, windows.start <= index)
            .order_by(windows.start.desc())
            .limit(1)
        ).one_or_none()
        return None if row is None or row.end <= index else (row.tx_hash, row.block_number)


_SELECT = select(
    entries.c.log_index,
    entries.c.entry_id,
    entries.c.chapter,
    entries.c.type,
    entries.c.at,
    entries.c.body,
    entries.c.salt,
    entries.c.leaf_data,
    operations.c.op_salt,
    operations.c.log_index.label("operation"),
).select_from(entries.outerjoin(operations, operations.c.log_index == entries.c.log_index))

Columns = Select[tuple[int, str, int, str, str, bytes, bytes, bytes, bytes, int]]
Fields = Row[tuple[int, str, int, str, str, bytes, bytes, bytes, bytes, int]]


def _scoped(wanted: Columns, chapter: int | None) -> Columns:
    return wanted if chapter is None else wanted.where(entries.c.chapter == chapter)


def _record(row: Fields) -> Record:
    return Record(
        index=LeafIndex(row.log_index),
        entry_id=row.entry_id,
        chapter=row.chapter,
        type=row.type,
        at=row.at,
        body=row.body,
        salt=row.salt,
        leaf_data=row.leaf_data,
        op_salt=row.op_salt,
        acts=row.operation is not None,
    )
