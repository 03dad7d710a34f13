"""Tables of delivery: the events as they were told, webhooks, their secrets (sealed) and dead letters."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from gateway.db import metadata

told_events = Table(
    "told_events",
    metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    # Its number in the stream of all chapters, and in its chapter's; both dense from 1.
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("chapter", Integer, nullable=False),
    Column("chapter_number", BigInteger, nullable=False),
    Column("leaf_index", BigInteger, nullable=False),
    # Its cursor: ascends with `number`, whatever the chain does.
    Column("block_number", BigInteger, nullable=False),
    Column("log_index", BigInteger, nullable=False),
    # Canonical JSON without stream, seq and prev; the hashes are of the event with them, in either stream.
    Column("body", Text, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("chapter_hash", LargeBinary(32), nullable=False),
    Column("told_at", String(24), nullable=False),
    UniqueConstraint("chain_id", "chapter", "chapter_number"),
    Index("ix_told_events_cursor", "chain_id", "block_number", "log_index"),
    Index("ix_told_events_chapter_cursor", "chain_id", "chapter", "block_number", "log_index"),
    sqlite_with_rowid=False,
)
"""One row an event, written once: the outcome of one operation in a block that was final then."""

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(32), primary_key=True),
    # Digest of who asked under which idempotency key, so that none is made twice.
    Column("request", LargeBinary(32), nullable=False, unique=True),
    Column("key_id", String(32), nullable=False),
    # Null: the stream of all chapters.
    Column("chapter", Integer, nullable=True),
    Column("url", Text, nullable=False),
    Column("created_at", String(24), nullable=False),
    # active, disabled, deleted; and why it is not active.
    Column("state", String(16), nullable=False),
    Column("reason", String(32), nullable=True),
    # What is sent next, and the try it is at. Times are Unix seconds.
    Column("next_seq", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Float(53), nullable=False),
    # Counted up by each change from outside: an attempt that began before it leaves no trace.
    Column("generation", BigInteger, nullable=False),
    Column("failure", String(32), nullable=True),
    Column("failure_status", Integer, nullable=True),
)
"""One row a subscription; a deleted one keeps its row without its address."""

webhook_secrets = Table(
    "webhook_secrets",
    metadata,
    Column("webhook_id", String(32), ForeignKey("webhooks.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    # Sealed with the webhook's own key in the vault.
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", String(24), nullable=False),
    # Unix seconds; null: the present one.
    Column("expires_at", Float(53), nullable=True),
)
"""Every secret of a subscription; deliveries are signed with all that have not expired."""

dead_letters = Table(
    "webhook_dead_letters",
    metadata,
    Column("webhook_id", String(32), ForeignKey("webhooks.id"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    # dead, replaying, delivered
    Column("state", String(16), nullable=False),
    Column("failure", String(32), nullable=False),
    Column("failure_status", Integer, nullable=True),
    Column("attempts", Integer, nullable=False),
    Column("at", String(24), nullable=False),
)
"""Events a receiver did not take in all tries, until it has taken them."""
