"""Two mirrors row for row: equal, or the first row that differs. Works across SQLite and PostgreSQL."""

from __future__ import annotations

from gateway.db import Database
from gateway.mirror.tables import MIRRORED
from gateway.row_compare import Comparison, compare_tables


def compare_mirrors(stored: Database, rebuilt: Database, chain_id: int) -> Comparison:
    """Compare every mirrored row of a chain, table by table, in the order of the primary keys.

    Both must stand at one block, or the cursor is the first difference. Reads one snapshot of each side.
    """
    with stored.reader() as ours, rebuilt.reader() as theirs:
        return compare_tables(MIRRORED, ours, theirs, chain_id=chain_id)
