"""Tables of the mirror: what the chain's events say, and nothing else.

Every row follows from blocks and events alone, so a rebuild into an empty database gives the same rows: no
wall-clock column, no counter of ours (what is ours alone is in `own_tables`). State that events overwrite
(rights, limits, signers) is kept as history; the current value is the newest row, so a rewind only deletes.
Sums (balances, used quota) are kept as sums and rewound by subtracting.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, SmallInteger, Table, Text
from sqlalchemy import text as sql

from gateway.db import metadata
from gateway.mirror.rule_tables import mirror_referral, mirror_rule_tables, mirror_seats


def _key(name: str) -> Column[int]:
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


def _hash_key(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, primary_key=True)


def _number(name: str, *, default: int | None = None) -> Column[int]:
    server_default = None if default is None else sql(str(default))
    return Column(name, BigInteger, nullable=False, server_default=server_default)


def _bytes(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


OUT_OF_RANGE = -1
"""Stands for a value of an event above 2^63 - 1; the exact one is in the raw log. The chain refuses such."""

mirror_cursor = Table(
    "mirror_cursor",
    metadata,
    _key("chain_id"),
    _bytes("genesis_hash"),
    _number("block_number"),
    _bytes("block_hash"),
)
"""The last mirrored block; every row below belongs to a block up to it."""

mirror_blocks = Table(
    "mirror_blocks",
    metadata,
    _key("chain_id"),
    _key("number"),
    _bytes("hash"),
    _bytes("parent_hash"),
    _number("timestamp"),
    _number("log_count"),
    sqlite_with_rowid=False,
)
"""Every block from the deployment's on; `parent_hash` of each is the `hash` of the one before."""

mirror_logs = Table(
    "mirror_logs",
    metadata,
    _key("chain_id"),
    _key("block_number"),
    _key("log_index"),
    _bytes("tx_hash"),
    _number("tx_index"),
    _bytes("address"),
    # Topics one after the other, 32 bytes each.
    _bytes("topics"),
    _bytes("data"),
    sqlite_with_rowid=False,
)
"""Raw events of our contracts, except the ERC-20 `Transfer` restatement of `OperationDone`."""

mirror_operations = Table(
    "mirror_operations",
    metadata,
    _key("chain_id"),
    _hash_key("log_id"),
    _key("leaf_index"),
    _bytes("leaf_hash"),
    Column("kind", SmallInteger, nullable=False),
    _bytes("from_address"),
    _bytes("to_address"),
    _number("amount"),
    _number("valid_until"),
    _bytes("ref"),
    _bytes("op_salt"),
    # What moved or was locked; 0 where refused. `moved_locked` is the locked part of a `recover`.
    _number("moved"),
    _number("moved_locked"),
    # 0 = done, else the contract's reason.
    Column("reason", SmallInteger, nullable=False),
    _number("block_number"),
    _number("log_index"),
    Index("ix_mirror_operations_block", "chain_id", "block_number", "log_index"),
    sqlite_with_rowid=False,
)
"""Outcome of every operation, with all operands."""

mirror_accounts = Table(
    "mirror_accounts",
    metadata,
    _key("chain_id"),
    _hash_key("address"),
    _number("chapter"),
    Column("kind", SmallInteger, nullable=False),
    Column("custody", SmallInteger, nullable=False),
    _bytes("home_log"),
    _bytes("commitment"),
    Column("may_send", Boolean, nullable=False),
    Column("may_receive", Boolean, nullable=False),
    Column("recovered_to", LargeBinary, nullable=True),
    _number("balance"),
    _number("locked"),
    _number("block_number"),
    _number("log_index"),
    Index("ix_mirror_accounts_chapter", "chain_id", "chapter"),
    Index("ix_mirror_accounts_block", "chain_id", "block_number"),
    sqlite_with_rowid=False,
)
"""Registered accounts, their rights, and what they hold (`balance` includes `locked`)."""

mirror_rights = Table(
    "mirror_rights",
    metadata,
    _key("chain_id"),
    _key("block_number"),
    _key("log_index"),
    _hash_key("address"),
    Column("may_send", Boolean, nullable=False),
    Column("may_receive", Boolean, nullable=False),
    _bytes("order_hash"),
    Index("ix_mirror_rights_address", "chain_id", "address", "block_number", "log_index"),
    sqlite_with_rowid=False,
)
"""History of `RightsChanged`, and of what `AccountRecovered` does to the rights of both accounts."""

mirror_recoveries = Table(
    "mirror_recoveries",
    metadata,
    _key("chain_id"),
    _key("block_number"),
    _key("log_index"),
    _bytes("from_address"),
    _bytes("to_address"),
    _bytes("order_hash"),
    Index("ix_mirror_recoveries_from", "chain_id", "from_address"),
    sqlite_with_rowid=False,
)
"""History of `AccountRecovered`."""

mirror_locks = Table(
    "mirror_locks",
    metadata,
    _key("chain_id"),
    _hash_key("leaf_hash"),
    _bytes("address"),
    _number("amount"),
    _bytes("ref"),
    # Sum of its releases and cancels; the lock's rest is `amount - ended`.
    _number("ended"),
    _number("block_number"),
    Index("ix_mirror_locks_address", "chain_id", "address"),
    Index("ix_mirror_locks_block", "chain_id", "block_number"),
    sqlite_with_rowid=False,
)
"""Locks by the leaf hash of their operation; `address` is the holder when locked, see recoveries."""

mirror_limits = Table(
    "mirror_limits",
    metadata,
    _key("chain_id"),
    _key("block_number"),
    _key("log_index"),
    # quota, daily_cap or holding_cap
    Column("kind", Text, nullable=False),
    _number("chapter"),
    # yyyymm for a quota, else 0
    _number("period"),
    _number("amount"),
    Index("ix_mirror_limits_chapter", "chain_id", "kind", "chapter", "period", "block_number", "log_index"),
    sqlite_with_rowid=False,
)
"""History of `QuotaSet`, `DailyCapSet`, `HoldingCapSet`; the newest row of a key holds."""

mirror_quotas = Table(
    "mirror_quotas",
    metadata,
    _key("chain_id"),
    _key("chapter"),
    _key("period"),
    _number("used", default=0),
    sqlite_with_rowid=False,
)
"""Issued per chapter of the receiver and month (yyyymm at UTC+8 of the block's time)."""

mirror_registry = Table(
    "mirror_registry",
    metadata,
    _key("chain_id"),
    _hash_key("log_id"),
    _bytes("genesis_root"),
    _number("max_growth"),
    _number("block_number"),
    _number("log_index"),
    sqlite_with_rowid=False,
)
"""Logs registered with the anchor contract."""

mirror_log_signers = Table(
    "mirror_log_signers",
    metadata,
    _key("chain_id"),
    _key("block_number"),
    _key("log_index"),
    _bytes("log_id"),
    # Addresses one after the other, 20 bytes each.
    _bytes("signers"),
    Column("threshold", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""History of `SignersSet`."""

mirror_successions = Table(
    "mirror_successions",
    metadata,
    _key("chain_id"),
    _key("block_number"),
    _key("log_index"),
    _bytes("old_log"),
    _bytes("new_log"),
    sqlite_with_rowid=False,
)
"""`LogSucceeded` events."""

mirror_anchors = Table(
    "mirror_anchors",
    metadata,
    _key("chain_id"),
    _hash_key("log_id"),
    _key("size"),
    _bytes("root"),
    _number("previous_size"),
    _bytes("tx_hash"),
    _number("block_number"),
    _number("log_index"),
    Index("ix_mirror_anchors_block", "chain_id", "block_number", "log_index"),
    sqlite_with_rowid=False,
)
"""Anchored sizes and roots."""

mirror_settlements = Table(
    "mirror_settlements",
    metadata,
    _key("chain_id"),
    _hash_key("log_id"),
    _key("start"),
    _number("end"),
    _number("anchored_size"),
    _bytes("tx_hash"),
    _number("block_number"),
    _number("log_index"),
    Index("ix_mirror_settlements_block", "chain_id", "block_number", "log_index"),
    sqlite_with_rowid=False,
)
"""Settled windows `[start, end)`."""

mirror_passed = Table(
    "mirror_passed",
    metadata,
    _key("chain_id"),
    _hash_key("log_id"),
    _key("leaf_index"),
    _bytes("leaf_hash"),
    _number("block_number"),
    _number("log_index"),
    Index("ix_mirror_passed_block", "chain_id", "block_number"),
    sqlite_with_rowid=False,
)
"""Leaves passed without opening, by co-signature."""

mirror_policies = Table(
    "mirror_policies",
    metadata,
    _key("chain_id"),
    _key("block_number"),
    _key("log_index"),
    _bytes("policy"),
    # One byte per role kind.
    _bytes("kinds"),
    Column("threshold", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""`PolicyRegistered` events."""

mirror_approvals = Table(
    "mirror_approvals",
    metadata,
    _key("chain_id"),
    _key("block_number"),
    _key("log_index"),
    _bytes("policy"),
    _bytes("digest"),
    _bytes("approver"),
    _number("chapter"),
    Column("kind", SmallInteger, nullable=False),
    Index("ix_mirror_approvals_digest", "chain_id", "policy", "digest"),
    sqlite_with_rowid=False,
)
"""`Approved` events."""

MIRRORED: tuple[Table, ...] = (
    mirror_cursor,
    mirror_blocks,
    mirror_logs,
    mirror_operations,
    mirror_accounts,
    mirror_rights,
    mirror_recoveries,
    mirror_locks,
    mirror_limits,
    mirror_quotas,
    mirror_registry,
    mirror_log_signers,
    mirror_successions,
    mirror_anchors,
    mirror_settlements,
    mirror_passed,
    mirror_policies,
    mirror_approvals,
    mirror_seats,
    mirror_rule_tables,
    mirror_referral,
)
"""Tables that a rebuild must give again, row for row."""

BY_BLOCK: tuple[Table, ...] = tuple(
    table for table in MIRRORED if "block_number" in table.c and table is not mirror_cursor
)
"""Tables whose rows each belong to one block and go away with it."""
