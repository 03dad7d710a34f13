"""What makes one side of a table like the other: rows replaced, and kept before.

What is replaced is kept as lines of JSON in a folder of its own before a row changes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, Table, tuple_

from gateway.row_compare import Change, Values


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
