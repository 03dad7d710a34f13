"""Tables of the outbox: one row per signed transaction, one row per signing key."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from gateway.db import metadata

_ROW_ID = BigInteger().with_variant(Integer, "sqlite")

chain_transactions = Table(
    "chain_transactions",
    metadata,
    Column("id", _ROW_ID, primary_key=True, autoincrement=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("signer", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("gas", BigInteger, nullable=False),
    # Cleared when the bytes are signed: `raw` holds the calldata from then on.
    Column("calldata", LargeBinary, nullable=True),
    Column("state", Text, nullable=False),
    Column("signer_address", LargeBinary, nullable=True),
    Column("nonce", BigInteger, nullable=True),
    Column("raw", LargeBinary, nullable=True),
    Column("tx_hash", LargeBinary, nullable=True),
    # Set when the node refused the call for good and an empty transaction fills its nonce.
    Column("refused_hash", LargeBinary, nullable=True),
    Column("block_number", BigInteger, nullable=True),
    Column("block_hash", LargeBinary, nullable=True),
    Column("log_id", LargeBinary, nullable=True),
    Column("window_start", BigInteger, nullable=True),
    Column("window_end", BigInteger, nullable=True),
    Column("anchored_size", BigInteger, nullable=True),
    Column("run", BigInteger, nullable=True),
    Column("error", Text, nullable=True),
    Column("sends", Integer, nullable=False, server_default=text("0")),
    Column("created_at", Text, nullable=False),
    Column("signed_at", Text, nullable=True),
    Column("mined_at", Text, nullable=True),
    UniqueConstraint("chain_id", "signer_address", "nonce"),
    CheckConstraint(
        "state IN ('queued', 'signed', 'sent', 'mined', 'final', 'failed', 'replaced')", name="state"
    ),
    CheckConstraint(
        "state IN ('queued', 'failed') OR (nonce IS NOT NULL AND raw IS NOT NULL AND tx_hash IS NOT NULL)",
        name="signed_bytes",
    ),
    Index("ix_chain_transactions_state", "chain_id", "state", "signer", "id"),
    Index("ix_chain_transactions_hash", "chain_id", "tx_hash"),
    Index("ix_chain_transactions_kind", "chain_id", "kind", "id"),
    Index("ix_chain_transactions_reference", "reference"),
)
"""One row per call and nonce. `id` is the order of sending for one signer."""

chain_signers = Table(
    "chain_signers",
    metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("address", LargeBinary, primary_key=True),
    Column("signer", Text, nullable=False),
    Column("next_nonce", BigInteger, nullable=False),
)
"""The one owner of each key's nonces: whoever moves `next_nonce` by compare-and-set signed those nonces."""
