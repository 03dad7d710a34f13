"""Where each case stands. The sequencer writes it with the entries, and all of it follows from them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text

from gateway.db import metadata

cases = Table(
    "cases",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("chapter", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("holder", Text),
    # Unix milliseconds at which somebody must act, NULL where nothing waits.
    Column("due_at", BigInteger),
    Column("document", Text, nullable=False),
    Column("opened_index", BigInteger, nullable=False),
    Column("changed_index", BigInteger, nullable=False),
    Index("ix_cases_chapter", "chapter", "kind", "state"),
    Index("ix_cases_holder", "holder", "kind"),
    Index("ix_cases_due", "due_at"),
    sqlite_with_rowid=False,
)
"""One row per case: a booking, a seat, a deposit. ``key`` is the entry that opened it, or a natural key."""

case_entries = Table(
    "case_entries",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("log_index", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""Which entries changed which case, in order."""

purchase_receipts = Table(
    "purchase_receipts",
    metadata,
    Column("receipt", LargeBinary, primary_key=True),
    # The address of the merchant that was paid; the number of the chapter, 4 bytes, where none is named.
    Column("payee", LargeBinary, primary_key=True),
    Column("log_index", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Which entry recorded a payee's receipt, see `gateway.cases.receipts`."""

tallies = Table(
    "tallies",
    metadata,
    Column("chapter", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    # Business month, yyyymm.
    Column("period", BigInteger, primary_key=True, autoincrement=False),
    # A role, an account, a fund; empty for a sum of the whole chapter.
    Column("part", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Running sums of entries and of the coins they moved, see `gateway.cases.tallies`."""
