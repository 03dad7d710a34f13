"""All tables of all rooms, imported for their effect on `gateway.db.metadata`: the schema of migrations."""

from __future__ import annotations

from sqlalchemy import MetaData

import gateway.anchor.tables
import gateway.auth_tables
import gateway.cases.tables
import gateway.delivery.tables
import gateway.leadership_tables
import gateway.ledger.tables
import gateway.mirror.own_tables
import gateway.mirror.tables
import gateway.outbox.tables  # noqa: F401  imported for its tables
from gateway.db import metadata


def full_metadata() -> MetaData:
    """Return the metadata with every room's tables loaded."""
    return metadata
