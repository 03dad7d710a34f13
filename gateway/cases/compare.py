"""Two sets of cases and receipts row for row: equal, or the first row that differs; on both databases."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from itertools import zip_longest

from sqlalchemy import Connection, Table, Text, collate, select

from gateway.cases.tables import case_entries, cases, purchase_receipts
from gateway.db import Database

_PAGE = 2_000
_KEY = 2
"""Columns that name a case, or a receipt and whose it is."""


@dataclass(frozen=True, slots=True)
class CaseDifference:
    """The first row that differs, by table and case; of a receipt its hash and its payee's address.

    ``what`` is ``missing`` where only the rebuilt side has the row, ``extra`` where only the stored one, else
    the columns that differ. Values are not told: a document names accounts.
    """

    table: str
    kind: str
    key: str
    what: str


def compare_cases(stored: Database, rebuilt: Database) -> tuple[int, CaseDifference | None]:
    """Compare all rows in order of their keys; return how many are equal and the first that is not."""
    count = 0
    with stored.reader() as ours, rebuilt.reader() as theirs:
        for table in (cases, case_entries, purchase_receipts):
            with closing(_rows(ours, table)) as left, closing(_rows(theirs, table)) as right:
                for one, other in zip_longest(left, right):
                    if one != other:
                        return count, _difference(table, one, other)
                    count += 1
    return count, None


def _rows(connection: Connection, table: Table) -> Generator[tuple[object, ...], None, None]:
    # Both sides by their bytes: a database of its own language would sort texts in another order.
    order = [
        collate(column, _collation(connection)) if isinstance(column.type, Text) else column
        for column in table.primary_key.columns
    ]
    query = select(table).order_by(*order)
    with connection.execution_options(yield_per=_PAGE).execute(query) as result:
        for row in result:
            # Hashes and addresses as texts, so that a difference can be told.
            yield tuple(value.hex() if isinstance(value, bytes) else value for value in row)


def _collation(connection: Connection) -> str:
    return "BINARY" if connection.dialect.name == "sqlite" else "C"


def _difference(
    table: Table, left: tuple[object, ...] | None, right: tuple[object, ...] | None
) -> CaseDifference:
    width = len(table.primary_key.columns)
    keys = [row[:width] for row in (left, right) if row is not None]
    first = min(keys, key=lambda key: [str(part).encode() for part in key[:_KEY]] + list(key[_KEY:]))
    if left is None or left[:width] != first:
        what = "missing"
    elif right is None or right[:width] != first:
        what = "extra"
    else:
        names = [column.name for column in table.columns]
        what = ", ".join(name for name, one, other in zip(names, left, right, strict=True) if one != other)
    return CaseDifference(table.name, str(first[0]), str(first[1]), what)
