"""Signatures of receipts kept in SQL, so that a process without the log's key can show an entry's receipt.

Written by the process that leads the log, after the entry's commit, in index order and without gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sqlalchemy import Connection

from chain.canonical import JsonValue
from chain.hashing import hash_leaf
from chain.receipt import Receipt, format_receipt
from chain.types import LeafHash, LeafIndex
from gateway.db import Database, execute_many, fetch_all
from gateway.errors import Refusal
from gateway.failpoints import step
from gateway.ledger.identity import LogIdentity

_PART = 4096
_SELECT_UNSIGNED = """
SELECT log_index, leaf_data, at FROM entries WHERE log_index >= ? AND log_index < ? ORDER BY log_index"""
_INSERT = "INSERT INTO receipts (log_index, signature) VALUES (?, ?) ON CONFLICT DO NOTHING"


def complete_receipts(database: Database, identity: LogIdentity) -> int:
    """Sign for every entry that has no signature yet; return how many there were.

    These are entries of a time when one process did everything, and those of a leader that was killed between
    commit and answer.
    """
    with database.reader() as connection:
        first = cast("int", fetch_all(connection, "SELECT count(*) FROM receipts")[0][0])
    start = first
    while True:
        with database.writer(step("intake.receipts")) as connection:
            rows = cast(
                "list[tuple[int, bytes, str]]", fetch_all(connection, _SELECT_UNSIGNED, start, start + _PART)
            )
            store_receipts(
                connection,
                [(index, identity.sign_receipt(index, hash_leaf(data), at)) for index, data, at in rows],
            )
        if not rows:
            return start - first
        start += len(rows)


def store_receipts(connection: Connection, signed: Sequence[tuple[int, bytes]]) -> None:
    """Keep (index, 64-byte signature) pairs; what is kept already stays."""
    execute_many(connection, _INSERT, signed)


class StoredReceipts:
    """Receipts of one log as other processes read them."""

    def __init__(self, database: Database, origin: str) -> None:
        self._database = database
        self._origin = origin

    def find(self, index: int, leaf_hash: bytes, at: str) -> JsonValue:
        """Return the receipt's JSON of a stored entry.

        Raises Refusal ``ledger.busy`` for an entry committed a moment ago and not signed for yet.
        """
        with self._database.reader() as connection:
            rows = fetch_all(connection, "SELECT signature FROM receipts WHERE log_index = ?", index)
        if not rows:
            raise Refusal("ledger.busy")
        signature = cast("bytes", rows[0][0])
        return dict(
            format_receipt(Receipt(self._origin, LeafIndex(index), LeafHash(leaf_hash), at, signature))
        )
