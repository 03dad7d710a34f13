"""Tables of the ledger: the log's leaves, what was promised about them, and the projections that gate
acceptance.

The sequencer is the only writer, but for `checkpoints` and `log_trees` (integrator), `operations.outcome`
(outcome reader), `intake` and new rows of `credit_proposals` (processes that serve HTTP). Accounts are
20-byte addresses, chapters the number of their eight digits, hashes 32 bytes, amounts hundredths of a coin.
Everything below the line "projections" follows from the entries and may be rebuilt.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)

from gateway.db import ROW_NUMBER, metadata

log_heads = Table(
    "log_heads",
    metadata,
    Column("origin", Text, primary_key=True),
    # Fencing: a sequencer that finds another epoch here has been replaced and must stop.
    Column("epoch", BigInteger, nullable=False),
    Column("next_index", BigInteger, nullable=False),
    Column("at", Text, nullable=False),
)
"""One row per log: where the next entry goes. Moved by compare-and-set in the transaction of the entries."""

log_trees = Table(
    "log_trees",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
)
"""One row per log: the last (size, root) a signature was released for. Moved by compare-and-set."""

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", ROW_NUMBER, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("at", Text, nullable=False),
)
"""Every published checkpoint, as published: with the cosignatures of a quorum where a policy asks for one."""

proposed_checkpoints = Table(
    "proposed_checkpoints",
    metadata,
    Column("size", ROW_NUMBER, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("at", Text, nullable=False),
)
"""Every checkpoint signed under a witness policy, before it was shown to a witness; published or not."""

cosignatures = Table(
    "cosignatures",
    metadata,
    Column("size", ROW_NUMBER, primary_key=True, autoincrement=False),
    # The witness's name and key id, the signature line as received, and its time in Unix seconds.
    Column("witness", Text, primary_key=True),
    Column("key_id", LargeBinary, primary_key=True),
    Column("line", Text, nullable=False),
    Column("signed_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Cosignatures of published checkpoints, each verified by its witness's pinned key."""

entries = Table(
    "entries",
    metadata,
    Column("log_index", ROW_NUMBER, primary_key=True, autoincrement=False),
    Column("entry_id", Text, nullable=False, unique=True),
    Column("chapter", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("at", Text, nullable=False),
    # Null after erasure: salt and body then exist only with their holders.
    Column("salt", LargeBinary, nullable=True),
    Column("body", LargeBinary, nullable=True),
    Column("leaf_data", LargeBinary, nullable=False),
    Index("ix_entries_chapter", "chapter", "log_index"),
)
"""One row per leaf, dense from 0."""

operations = Table(
    "operations",
    metadata,
    Column("log_index", ROW_NUMBER, primary_key=True, autoincrement=False),
    Column("leaf_hash", LargeBinary, nullable=False, unique=True),
    Column("kind", SmallInteger, nullable=False),
    Column("sender", LargeBinary, nullable=False),
    Column("receiver", LargeBinary, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("valid_until", BigInteger, nullable=False),
    Column("ref", LargeBinary, nullable=False),
    # Null after erasure.
    Column("op_salt", LargeBinary, nullable=True),
    # abi.encode(bytes32 nonce, bytes signature) of an authorised operation.
    Column("evidence", LargeBinary, nullable=True),
    # What acceptance moved in the projections; undone once when the chain refuses the operation.
    Column("moved", BigInteger, nullable=False),
    # 0 = stands, 2 = refused by the chain for good, and undone here.
    Column("outcome", SmallInteger, nullable=False),
    Index("ix_operations_reversals", "ref", sqlite_where=text("kind = 8"), postgresql_where=text("kind = 8")),
)
"""Operands of the entries that hold an operation."""

account_entries = Table(
    "account_entries",
    metadata,
    Column("account", LargeBinary, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("log_index", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""The chain of each account's entries: seq counts from 1 without gaps."""

disclosures = Table(
    "disclosures",
    metadata,
    Column("log_index", ROW_NUMBER, primary_key=True, autoincrement=False),
    Column("account", LargeBinary, nullable=False),
    # 12-byte nonce, then AES-256-GCM of the disclosures joined by "~".
    Column("sealed", LargeBinary, nullable=False),
    Index("ix_disclosures_account", "account"),
)
"""Private fields of an entry, readable only with the data subject's key in the vault."""

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    # SHA-256 over principal and key.
    Column("digest", LargeBinary, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("log_index", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""What each (principal, key) was used for."""

authorizations = Table(
    "authorizations",
    metadata,
    Column("account", LargeBinary, primary_key=True),
    Column("nonce", LargeBinary, primary_key=True),
    Column("log_index", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Holders' authorizations already used, by (signer, nonce); never by signature bytes."""

credit_proposals = Table(
    "credit_proposals",
    metadata,
    Column("id", Text, primary_key=True),
    # SHA-256 over principal and key of the request that made it, and the request's fingerprint.
    Column("key_digest", LargeBinary, nullable=False, unique=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("chapter", BigInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    # The request as JSON: operands, and what else the entry will say; no private fields.
    Column("instruction", Text, nullable=False),
    # Private fields as JSON, sealed with the key of the operation's sender.
    Column("sealed", LargeBinary, nullable=True),
    Column("op_salt", LargeBinary, nullable=False),
    # What the officers approve: the operation's digest under that salt.
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("expires_at", Text, nullable=False),
    # The entry that used it, set once in that entry's transaction.
    Column("entry_id", Text, nullable=True),
    sqlite_with_rowid=False,
)
"""Operations that officers may approve on chain before they are recorded; never deleted."""

intake = Table(
    "intake",
    metadata,
    Column("id", ROW_NUMBER, primary_key=True, autoincrement=True),
    # 16 random bytes by which the process that wrote the row knows it again.
    Column("ticket", LargeBinary, nullable=False, unique=True),
    # Submissions as JSON, private fields sealed with their subject's key; null once answered.
    Column("payload", LargeBinary, nullable=True),
    # Answers as JSON, receipts included; null until all of the row is durable and signed for.
    Column("answer", LargeBinary, nullable=True),
    # Seconds since 1970 by the database's clock.
    Column("answered_at", Float(53), nullable=True),
    Index(
        "ix_intake_waiting",
        "id",
        sqlite_where=text("answer IS NULL"),
        postgresql_where=text("answer IS NULL"),
    ),
    Index("ix_intake_answered", "answered_at"),
)
"""Submissions for a sequencer in another process, in order of ``id``; rows go soon after their answer."""

receipts = Table(
    "receipts",
    metadata,
    Column("log_index", ROW_NUMBER, primary_key=True, autoincrement=False),
    # 64-byte Ed25519 signature of the receipt text.
    Column("signature", LargeBinary, nullable=False),
)
"""Signatures of receipts, for processes that serve entries without the log's key. Dense from 0 on start."""

# --- projections of accepted entries -------------------------------------------------------------------

chapters = Table(
    "chapters",
    metadata,
    Column("chapter", ROW_NUMBER, primary_key=True, autoincrement=False),
    Column("pool", LargeBinary, nullable=False),
    Column("daily_cap", BigInteger, nullable=False),
    Column("holding_cap", BigInteger, nullable=False),
    Column("log_index", BigInteger, nullable=False),
)
"""Open chapters with their pool account; a cap of 0 is not set."""

accounts = Table(
    "accounts",
    metadata,
    Column("account", LargeBinary, primary_key=True),
    Column("chapter", BigInteger, nullable=False),
    # 1 member, 2 merchant, 3 pool, 4 system
    Column("kind", SmallInteger, nullable=False),
    # 1 operator, 2 self
    Column("custody", SmallInteger, nullable=False),
    Column("commitment", LargeBinary, nullable=False),
    Column("may_send", Boolean, nullable=False),
    Column("may_receive", Boolean, nullable=False),
    Column("recovered_to", LargeBinary, nullable=True),
    Column("log_index", BigInteger, nullable=False),
    Index("ix_accounts_chapter", "chapter", "log_index"),
    sqlite_with_rowid=False,
)
"""Registered accounts."""

balances = Table(
    "balances",
    metadata,
    Column("account", LargeBinary, primary_key=True),
    Column("available", BigInteger, nullable=False),
    Column("locked", BigInteger, nullable=False),
    # Days since 1970-01-01 at UTC+8, and what was sent on that day.
    Column("day", BigInteger, nullable=False),
    Column("spent", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Effect of all accepted operations in ledger order: what may still be spent. The truth is on chain."""

quotas = Table(
    "quotas",
    metadata,
    Column("chapter", BigInteger, primary_key=True, autoincrement=False),
    Column("period", BigInteger, primary_key=True, autoincrement=False),
    Column("amount", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Issuance quota of a chapter and month (yyyymm at UTC+8)."""

locks = Table(
    "locks",
    metadata,
    Column("leaf_hash", LargeBinary, primary_key=True),
    Column("account", LargeBinary, nullable=False),
    # What is still locked; 0 when all was released or cancelled.
    Column("amount", BigInteger, nullable=False),
    Index("ix_locks_account", "account"),
    sqlite_with_rowid=False,
)
"""Locks by the leaf hash of their entry."""

outcome_cursors = Table(
    "outcome_cursors",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("next_index", BigInteger, nullable=False),
)
"""Up to which leaf the chain's final outcomes were read."""
