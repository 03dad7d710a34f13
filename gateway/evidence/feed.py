"""What happened on chain, as a feed: anchors, and outcomes of operations in final blocks."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Row, Select, select, tuple_

from chain.canonical import JsonValue
from chain.operation import OperationKind
from gateway.db import Database
from gateway.evidence.records import Outcome
from gateway.ledger.tables import entries
from gateway.mirror.tables import mirror_anchors, mirror_blocks, mirror_cursor, mirror_operations

Document = dict[str, JsonValue]
Cursor = tuple[int, int]
"""Block and log index of an event."""
Outcomes = tuple[int, int, int, int, int, int, str]
_BLOCK_END = 2**31
"""Above every log index."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a reader of events has come: ``told`` is the last event it had.

    ``searched`` (number, hash) is a final block up to which there is nothing else for it, so that the same
    blocks are not searched again; None where none is known.
    """

    told: Cursor
    searched: tuple[int, bytes] | None = None


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

    def events(self, after: Cursor, limit: int, chapter: int | None) -> list[Document]:
        """Return up to ``limit`` outcomes after (block, log index) in final blocks, in chain order."""
        with self._database.reader() as connection:
            return [_event(row) for row in connection.execute(self._outcomes(after, limit, chapter))]

    def news(self, place: Place, limit: int, chapter: int | None) -> tuple[list[Document], Place]:
        """Return what `events` gives after ``place``, and the place behind it.

        Searches only blocks that became final since ``place`` was returned.
        """
        with self._database.reader() as connection:
            final = self._final(connection)
            if final is None or place.searched == final:
                return [], place
            after = self._after(connection, place)
            found = [*connection.execute(self._outcomes(after, limit, chapter))]
        told = (found[-1].block_number, found[-1].log_index) if found else place.told
        searched = final if len(found) < limit else place.searched
        return [_event(row) for row in found], Place(told, searched)

    def _after(self, connection: Connection, place: Place) -> Cursor:
        """Return from where on to search: behind the blocks searched before, if these are still the same."""
        if place.searched is None:
            return place.told
        number, known = place.searched
        held = mirror_blocks.c
        now = connection.execute(
            select(held.hash).where(held.chain_id == self._chain_id, held.number == number)
        ).scalar()
        # An embedded chain may lose blocks it had called final with a kill: then nothing counts as searched.
        return max(place.told, (number, _BLOCK_END)) if now == known else place.told

    def _final(self, connection: Connection) -> tuple[int, bytes] | None:
        """Return (number, hash) of the newest final block."""
        blocks, cursor = mirror_blocks.c, mirror_cursor.c
        row = connection.execute(
            select(blocks.number, blocks.hash)
            .join(mirror_cursor, cursor.chain_id == blocks.chain_id)
            .where(cursor.chain_id == self._chain_id, blocks.number == cursor.block_number - self._depth)
        ).one_or_none()
        return None if row is None else (row.number, row.hash)

    def _outcomes(self, after: Cursor, limit: int, chapter: int | None) -> Select[Outcomes]:
        done = mirror_operations.c
        final = (
            select(mirror_cursor.c.block_number - self._depth)
            .where(mirror_cursor.c.chain_id == self._chain_id)
            .scalar_subquery()
        )
        wanted = (
            select(
                done.block_number, done.log_index, done.leaf_index, done.kind, done.reason, done.moved,
                entries.c.entry_id,
            )
            .join(entries, entries.c.log_index == done.leaf_index)
            .where(done.chain_id == self._chain_id, done.log_id == self._log_id, done.block_number <= final)
            .where(tuple_(done.block_number, done.log_index) > after)
            .order_by(done.block_number, done.log_index)
            .limit(limit)
        )  # fmt: skip
        return wanted if chapter is None else wanted.where(entries.c.chapter == chapter)


def _event(row: Row[Outcomes]) -> Document:
    return {
        "cursor": f"{row.block_number}:{row.log_index}",
        "type": "operation.refused" if row.reason else "operation.done",
        "entry": row.entry_id,
        "index": row.leaf_index,
        "kind": OperationKind(row.kind).label if 1 <= row.kind <= 9 else str(row.kind),
        "outcome": Outcome(row.reason, row.moved, row.block_number).document(),
    }
