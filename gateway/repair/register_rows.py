"""Registers in SQL against those that the entries give, row for row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.db import Database, fetch_all, migrate, sqlite_url
from gateway.ledger.identity import LogIdentity
from gateway.repair.registers import DERIVED, derive_registers
from gateway.row_compare import Change, find_changes


@contextmanager
def empty_place() -> Iterator[Database]:
    """Give an empty database of the newest schema, gone when the block ends."""
    with (
        TemporaryDirectory() as folder,
        closing(Database(sqlite_url(Path(folder) / "place.sqlite3"), pool_size=2)) as place,
    ):
        migrate(place)
        yield place


def find_register_changes(database: Database, identity: LogIdentity) -> list[Change]:
    """Return what of operands, accounts, balances, quotas and locks the entries do not give.

    Raises NotTold: an entry that cannot be read again.
    """
    with empty_place() as place:
        with database.reader() as stored:
            wanted = derive_registers(stored, identity.origin, _chain_of(database), bytes(identity.log_id))
        with place.writer() as connection:
            wanted.store(connection)
        with database.reader() as stored, place.reader() as rebuilt:
            return [
                change
                for change in find_changes(DERIVED, stored, rebuilt)
                if not any(wanted.skips(change.table, row) for row in (change.had, change.want) if row)
            ]


def _chain_of(database: Database) -> int:
    """Return the chain that is mirrored, 0 where none is."""
    with database.reader() as connection:
        rows = fetch_all(connection, "SELECT chain_id FROM mirror_cursor")
    return int(str(rows[0][0])) if rows else 0
