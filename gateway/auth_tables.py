"""Table of API keys. A key itself is never stored: its SHA-256 is (the key has 160 random bits).

A row changes in the transaction of the entry that says so (`gateway.ledger.api_keys`), and nowhere else.
"""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, String, Table

from gateway.db import metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("request", LargeBinary(32), nullable=True, unique=True),
    Column("name", String(64), nullable=False),
    Column("scopes", String(512), nullable=False),
    Column("chapter", String(9), nullable=True),
    Column("created_at", String(24), nullable=False),
    Column("revoked_at", String(24), nullable=True),
    Column("ends_at", String(24), nullable=True),
    Column("replaces", String(32), nullable=True),
)
"""One row a key: ``scopes`` are joined by spaces, ``chapter`` NULL means all. ``request`` is the digest
of who asked for it under which idempotency key (NULL: made on first start, or on a stopped gateway), so that
none is made twice. ``revoked_at`` is when it was ended, ``ends_at`` when it ends after a rotation,
``replaces`` the key it follows."""
