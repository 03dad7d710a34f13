"""Tables of the anchor room: the evidence kept for bundles, captured while the chain still answers for it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, Table

from gateway.db import metadata

anchor_evidence = Table(
    "anchor_evidence",
    metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("log_id", LargeBinary, primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("contract", LargeBinary, nullable=False),
    Column("tx_hash", LargeBinary, nullable=False),
    Column("tx_index", BigInteger, nullable=False),
    # Position of the `Anchored` event within the receipt.
    Column("log_index", BigInteger, nullable=False),
    Column("receipt", LargeBinary, nullable=False),
    # RLP list of the nodes from the receipts root down.
    Column("receipt_proof", LargeBinary, nullable=False),
    Column("block_number", BigInteger, nullable=False),
    Column("block_hash", LargeBinary, nullable=False),
    Column("header", LargeBinary, nullable=False),
    # RLP list of the nodes from the state root down to the contract's account.
    Column("account_proof", LargeBinary, nullable=False),
    Column("code_hash", LargeBinary, nullable=False),
    # True when `anchor_headers` holds the headers that follow, to the finality depth.
    Column("complete", Boolean, nullable=False),
    Index("ix_anchor_evidence_complete", "chain_id", "complete"),
)
"""One row per mined anchor; replaced when a reorganisation moves the anchor to another block."""

anchor_headers = Table(
    "anchor_headers",
    metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
    Column("parent_hash", LargeBinary, nullable=False),
    Column("header", LargeBinary, nullable=False),
)
"""Headers (RLP) of anchored blocks and of those that follow them."""
