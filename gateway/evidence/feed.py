"""The anchors of one log on one chain, as readers get them. Outcomes are told by `gateway.delivery`."""

from __future__ import annotations

from sqlalchemy import select

from chain.canonical import JsonValue
from gateway.db import Database
from gateway.mirror.tables import mirror_anchors

Document = dict[str, JsonValue]


class Feed:
    """Reads one log's anchors on one chain."""

    def __init__(self, database: Database, *, chain_id: int, log_id: bytes) -> None:
        self._database = database
        self._chain_id = chain_id
        self._log_id = log_id

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
