"""Two sides of a table row for row, and what makes one side like the other.

Both sides are read in the order of their keys, so tables of any size are compared. What is replaced is kept
as lines of JSON in a folder of its own before a row changes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Table, Text, collate, select, tuple_

_PAGE = 2_000

Values = tuple[object, ...]
Skip = Callable[[Values], bool]
"""Says of a row that nothing can be said about it."""


@dataclass(frozen=True, slots=True)
class Change:
    """One row that differs: ``had`` is the stored one, ``want`` what the other stores give; None: no row."""

    table: Table
    key: Values
    had: Values | None
    want: Values | None

    @property
    def place(self) -> str:
        """Table and key, as a person reads them."""
        return f"{self.table.name} {' '.join(map(_shown, self.key))}"

    @property
    def how(self) -> str:
        """``missing``, ``extra``, or the columns that differ; never a value."""
        if self.had is None or self.want is None:
            return "missing" if self.had is None else "extra"
        names = [column.name for column in self.table.columns]
        return ", ".join(n for n, one, two in zip(names, self.had, self.want, strict=True) if one != two)


def find_changes(
    table: Table,
    stored: Connection,
    rebuilt: Connection,
    *,
    chain_id: int | None = None,
    skip: Skip | None = None,
) -> Iterator[Change]:
    """Yield what differs, in order of the keys; of one chain's rows where ``chain_id`` is given."""
    names = [column.name for column in table.columns]
    places = [names.index(column.name) for column in table.primary_key.columns]
    with closing(_rows(stored, table, chain_id)) as ours, closing(_rows(rebuilt, table, chain_id)) as theirs:
        left, right = next(ours, None), next(theirs, None)
        while left is not None or right is not None:
            one = None if left is None else tuple(left[place] for place in places)
            two = None if right is None else tuple(right[place] for place in places)
            first = one if two is None or (one is not None and _order(one) <= _order(two)) else two
            assert first is not None  # noqa: S101  one side has a row
            had = left if one == first else None
            want = right if two == first else None
            if had != want and not any(skip(row) for row in (had, want) if skip and row is not None):
                yield Change(table, first, had, want)
            left = next(ours, None) if had is not None else left
            right = next(theirs, None) if want is not None else right


def _rows(connection: Connection, table: Table, chain_id: int | None) -> Generator[Values, None, None]:
    # Both sides by their bytes: a database of its own language would sort texts in another order.
    collation = "BINARY" if connection.dialect.name == "sqlite" else "C"
    order = [
        collate(column, collation) if isinstance(column.type, Text) else column
        for column in table.primary_key.columns
    ]
    query = select(table).order_by(*order)
    if chain_id is not None:
        query = query.where(table.c.chain_id == chain_id)
    with connection.execution_options(yield_per=_PAGE).execute(query) as result:
        for row in result:
            yield tuple(row)


def _order(key: Values) -> list[object]:
    return [part.encode() if isinstance(part, str) else part for part in key]


def apply_changes(connection: Connection, changes: Sequence[Change]) -> None:
    """Give the stored side the rows of the other one. Requires that they are kept: see `keep_rows`."""
    for table in dict.fromkeys(change.table for change in changes):
        mine = [change for change in changes if change.table is table]
        columns = list(table.primary_key.columns)
        # All that goes before all that comes: two rows may have swapped what is unique.
        for change in mine:
            if change.had is not None:
                connection.execute(table.delete().where(tuple_(*columns) == tuple_(*change.key)))
        names = [column.name for column in table.columns]
        rows = [dict(zip(names, change.want, strict=True)) for change in mine if change.want is not None]
        if rows:
            connection.execute(table.insert(), rows)


def keep_rows(folder: Path, changes: Sequence[Change]) -> None:
    """Write what is replaced, and by what, to ``TABLE.ndjson`` in ``folder``; durable on return."""
    for table in dict.fromkeys(change.table for change in changes):
        descriptor = os.open(folder / f"{table.name}.ndjson", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            for change in changes:
                if change.table is table:
                    line = {"had": _told(table, change.had), "put": _told(table, change.want)}
                    file.write(json.dumps(line, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())


def _told(table: Table, row: Values | None) -> dict[str, object] | None:
    if row is None:
        return None
    return {
        column.name: value.hex() if isinstance(value, bytes) else value
        for column, value in zip(table.columns, row, strict=True)
    }


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
