"""Two sets of cases and receipts row for row: equal, or the first row that differs; on both databases."""

from __future__ import annotations

from gateway.cases.tables import case_entries, cases, purchase_receipts
from gateway.db import Database
from gateway.row_compare import Comparison, compare_tables

CASE_TABLES = (cases, case_entries, purchase_receipts)
"""What the entries and the rules give again."""


def compare_cases(stored: Database, rebuilt: Database) -> Comparison:
    """Compare all rows in order of their keys."""
    with stored.reader() as ours, rebuilt.reader() as theirs:
        return compare_tables(CASE_TABLES, ours, theirs)
