"""Private fields of a record, opened with their subject's key. Nothing opened here is kept or logged."""

from __future__ import annotations

from sqlalchemy import select

from gateway.db import Database
from gateway.evidence.records import Record
from gateway.ledger.tables import disclosures
from gateway.ledger.vault import Vault


class PrivateFields:
    """Opens disclosures of one gateway's records."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def open(self, record: Record) -> list[str]:
        """Return the record's disclosures (RFC 9901); none once its subject's key was destroyed."""
        wanted = select(disclosures.c.account, disclosures.c.sealed).where(
            disclosures.c.log_index == record.index
        )
        with self._database.reader() as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            return []
        plain = self._vault.open(row.account, record.entry_id, row.sealed)
        return [] if plain is None else plain.decode("ascii").split("~")
