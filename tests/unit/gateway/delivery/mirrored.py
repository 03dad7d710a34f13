"""A mirror for tests of delivery: blocks that settle leaves, taken back where a test says so."""

from __future__ import annotations

from dataclasses import dataclass, field

from chain.operation import chapter_number
from chain.types import ChapterCode
from gateway.db import Database, insert_rows
from gateway.delivery.event_log import EventLog, Subject
from gateway.delivery.teller import Teller

CHAIN, LOG, DEPTH, ORIGIN = 31_337, b"l" * 32, 2, "log.example/test"
FIRST, SECOND = (chapter_number(ChapterCode(code)) for code in ("3101-0001", "3101-0002"))
SUBJECT = Subject(ORIGIN, LOG, CHAIN, DEPTH)
AT = "2026-11-18T10:06:40.000Z"


@dataclass(slots=True)
class Mirrored:
    """A database with a mirror that a test writes, and what tells of it."""

    database: Database
    teller: Teller = field(init=False)
    events: EventLog = field(init=False)

    def __post_init__(self) -> None:
        self.teller = Teller(self.database, SUBJECT, lambda: AT)
        self.events = EventLog(self.database, SUBJECT)

    def mine(self, block: int, *leaves: int, chapter: int = FIRST, entries: bool = True) -> None:
        """Mirror a block that settles ``leaves``, as the new head; odd leaves are refused."""
        with self.database.writer() as connection:
            connection.exec_driver_sql("DELETE FROM mirror_cursor")
            insert_rows(
                connection, "mirror_cursor", "chain_id,genesis_hash,block_number,block_hash",
                [(CHAIN, b"g" * 32, block, b"b" * 32)],
            )  # fmt: skip
            insert_rows(
                connection, "mirror_operations",
                "chain_id,log_id,leaf_index,leaf_hash,kind,from_address,to_address,amount,valid_until,ref,"
                "op_salt,moved,moved_locked,reason,block_number,log_index",
                [(CHAIN, LOG, leaf, b"h", 2, b"f", b"t", 5, 0, b"r", b"s", 5, 0, leaf % 2, block, number)
                 for number, leaf in enumerate(leaves)],
            )  # fmt: skip
        if entries:
            self.record(*leaves, chapter=chapter)

    def record(self, *leaves: int, chapter: int = FIRST) -> None:
        """Have the entries of ``leaves``."""
        with self.database.writer() as connection:
            insert_rows(
                connection, "entries", "log_index,entry_id,chapter,type,at,leaf_data",
                [(leaf, f"entry-{leaf}", chapter, "gift.sent", "", b"") for leaf in leaves],
            )  # fmt: skip

    def rewind(self, block: int) -> None:
        """Take back all blocks from ``block`` on; the entries stay, as in the ledger."""
        with self.database.writer() as connection:
            connection.exec_driver_sql(f"DELETE FROM mirror_operations WHERE block_number >= {block}")
            connection.exec_driver_sql(f"UPDATE mirror_cursor SET block_number = {block - 1}")

    def tell(self, block: int, *leaves: int, chapter: int = FIRST) -> None:
        """Settle ``leaves`` in a block, make it final and tell of it."""
        self.mine(block, *leaves, chapter=chapter)
        self.mine(block + DEPTH)
        while self.teller.tell():
            pass
