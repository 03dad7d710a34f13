"""Tables of the mirror that do not follow from the chain: evidence of contradictions, and work left to do.

A rebuild does not give them again and `compare` does not look at them.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text

from gateway.db import metadata

mirror_halts = Table(
    "mirror_halts",
    metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("seen_hash", LargeBinary, primary_key=True),
    Column("stored_hash", LargeBinary, nullable=False),
    Column("seen_header", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""Why the mirror stopped: the block it keeps and the contradicting header (RLP), never overwritten."""

mirror_unproven = Table(
    "mirror_unproven",
    metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""Heavy blocks stored before their receipts proved their logs; a row goes when its block is proven."""
