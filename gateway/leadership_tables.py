"""Tables of the process roles: who leads, and what leaders tell the others. Empty under `tongyi serve`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Table, Text

from gateway.db import metadata

role_epochs = Table(
    "role_epochs",
    metadata,
    Column("role", Text, primary_key=True),
    # Fencing: counted up with every election; a write transaction of an older epoch is refused.
    Column("epoch", BigInteger, nullable=False),
)
"""One row per role. Leaders hold it (FOR SHARE) while they write, so an election waits for their commits."""

role_reports = Table(
    "role_reports",
    metadata,
    Column("role", Text, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    # Seconds since 1970 by the database's clock.
    Column("seen_at", Float(53), nullable=False),
    # Loop or check that stopped this role, a code; null while it works.
    Column("fault", Text, nullable=True),
    Column("mismatches", BigInteger, nullable=False),
    # What holds settlement back, and for how many seconds.
    Column("held_index", BigInteger, nullable=True),
    Column("held_seconds", Float(53), nullable=False),
    # Due steps the sequencer's loop recorded since it began, and those its last round could not.
    Column("due_recorded", BigInteger, nullable=False),
    Column("due_refused", BigInteger, nullable=False),
)
"""One row per role that ever led: what readiness and status of `tongyi api` rest on."""
