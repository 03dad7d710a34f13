"""What happened on chain, as a feed: anchors, and outcomes of operations in final blocks."""

from __future__ import annotations

from sqlalchemy import select, tuple_

from chain.canonical import JsonValue
from chain.operation import OperationKind
from gateway.db import Database
from gateway.evidence.records import Outcome
from gateway.ledger.tables import entries
from gateway.mirror.tables import mirror_anchors, mirror_cursor, mirror_operations

Document = dict[str, JsonValue]


class Feed:
    """Reads one log's anchors and outcomes on one chain; ``depth`` blocks make a block final."""

    def __init__(self, database: Database, *, chain_id: int, log_id: bytes, depth: int) -> None:
        self._database = database
        self._chain_id = chain_id
        self._log_id = log_id
        self._depth = depth

    def anchors(self, after: int, limit: int) -> list[Document]:
        """Return up to ``limit`` anchors larger than ``after``, by size."""
        held = mirror_anchors.c
        wanted = (
            select(mirror_anchors)
            .where(held.chain_id == self._chain_id, held.log_id == self._log_id, held.size > after)
            .order_by(held.size)
            .limit(limit)
        )
        with self._database.reader() as connection:
            return [
                {
                    "size": row.size,
                    "root": row.root.hex(),
                    "previous_size": row.previous_size,
                    "block": row.block_number,
                    "tx_hash": "0x" + row.tx_hash.hex(),
                }
                for row in connection.execute(wanted)
            ]

    def events(self, after: tuple[int, int], limit: int, chapter: int | None) -> list[Document]:
        """Return up to ``limit`` outcomes after (block, log index) in final blocks, in chain order."""
        done = mirror_operations.c
        final = (
            select(mirror_cursor.c.block_number - self._depth)
            .where(mirror_cursor.c.chain_id == self._chain_id)
            .scalar_subquery()
        )
        wanted = (
            select(mirror_operations, entries.c.entry_id)
            .join(entries, entries.c.log_index == done.leaf_index)
            .where(done.chain_id == self._chain_id, done.log_id == self._log_id, done.block_number <= final)
            .where(tuple_(done.block_number, done.log_index) > after)
            .order_by(done.block_number, done.log_index)
            .limit(limit)
        )
        if chapter is not None:
            wanted = wanted.where(entries.c.chapter == chapter)
        with self._database.reader() as connection:
            return [
                {
                    "cursor": f"{row.block_number}:{row.log_index}",
                    "type": "operation.refused" if row.reason else "operation.done",
                    "entry": row.entry_id,
                    "index": row.leaf_index,
                    "kind": OperationKind(row.kind).label if 1 <= row.kind <= 9 else str(row.kind),
                    "outcome": Outcome(row.reason, row.moved, row.block_number).document(),
                }
                for row in connection.execute(wanted)
            ]
