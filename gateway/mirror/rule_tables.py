"""Tables of the mirror for seats, split tables and gates of referral: what events say, as history.

The present state is the newest row of a key, so a rewind only deletes; see `gateway.mirror.tables`.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, SmallInteger, Table, Text

from gateway.db import metadata


def _key(name: str) -> Column[int]:
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _bytes(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


mirror_seats = Table(
    "mirror_seats",
    metadata,
    _key("chain_id"),
    _key("block_number"),
    _key("log_index"),
    # granted, renewed, released or lapsed
    Column("event", Text, nullable=False),
    _number("chapter"),
    _bytes("industry"),
    # The holder at that time; later recoveries are in `mirror_recoveries`.
    _bytes("merchant"),
    # End of the term in Unix seconds, exclusive; 0 where released.
    _number("until"),
    # Grants and renewals so far; 0 where released or lapsed.
    _number("term"),
    # Of a grant or renewal; else empty.
    _bytes("certificate"),
    # Code and order of a release; else empty.
    _bytes("reason_code"),
    _bytes("order_hash"),
    Index("ix_mirror_seats_seat", "chain_id", "chapter", "industry", "block_number", "log_index"),
    Index("ix_mirror_seats_merchant", "chain_id", "merchant", "block_number", "log_index"),
    sqlite_with_rowid=False,
)
"""History of seats. Where the newest row of a seat is granted or renewed, it is held before `until`."""

mirror_rule_tables = Table(
    "mirror_rule_tables",
    metadata,
    _key("chain_id"),
    Column("table_id", LargeBinary, primary_key=True),
    _key("chapter"),
    _key("version"),
    Column("kind", SmallInteger, nullable=False),
    _number("effective_from"),
    _bytes("residual"),
    _bytes("table_hash"),
    # Lines one after the other, 41 bytes each: role, kind (1 byte), value (8 bytes, big-endian).
    _bytes("lines"),
    _number("block_number"),
    _number("log_index"),
    Index("ix_mirror_rule_tables_effect", "chain_id", "table_id", "chapter", "effective_from"),
    Index("ix_mirror_rule_tables_block", "chain_id", "block_number"),
    sqlite_with_rowid=False,
)
"""Published versions of split tables; chapter 0 is the network."""

mirror_referral = Table(
    "mirror_referral",
    metadata,
    _key("chain_id"),
    _key("block_number"),
    _key("log_index"),
    # announced, activated, lowered or withdrawn
    Column("event", Text, nullable=False),
    Column("gate", SmallInteger, nullable=False),
    Column("value", SmallInteger, nullable=False),
    # Of an announcement or activation; else empty.
    _bytes("opinion"),
    # Of an announcement, Unix seconds; else 0.
    _number("ready_at"),
    Index("ix_mirror_referral_gate", "chain_id", "gate", "block_number", "log_index"),
    sqlite_with_rowid=False,
)
"""History of the gates of referral. The newest activated or lowered row of a gate is in force; without one,
the depth is 1 and all else off."""
