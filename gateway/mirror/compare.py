"""Two mirrors row for row: equal, or the first row that differs. Works across SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from itertools import zip_longest

from sqlalchemy import Connection, Table, select

from gateway.db import Database
from gateway.mirror.tables import MIRRORED

_PAGE = 2_000


@dataclass(frozen=True, slots=True)
class Difference:
    """The first row that differs; a side is None where the row is missing there."""

    table: str
    key: tuple[object, ...]
    left: tuple[object, ...] | None
    right: tuple[object, ...] | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What `compare_mirrors` found: rows looked at per table, and the first difference, None where equal."""

    rows: dict[str, int]
    difference: Difference | None


def compare_mirrors(left: Database, right: Database, chain_id: int) -> Comparison:
    """Compare every mirrored row of a chain, table by table, in the order of the primary keys.

    Both must stand at one block, or the cursor is the first difference. Reads one snapshot of each side.
    """
    counts: dict[str, int] = {}
    with left.reader() as ours, right.reader() as theirs:
        for table in MIRRORED:
            counts[table.name], found = _compare(table, ours, theirs, chain_id)
            if found is not None:
                return Comparison(counts, found)
    return Comparison(counts, None)


def _compare(
    table: Table, ours: Connection, theirs: Connection, chain_id: int
) -> tuple[int, Difference | None]:
    """Return how many rows of a table are equal from the first on, and the first that is not."""
    count = 0
    with closing(_rows(ours, table, chain_id)) as left, closing(_rows(theirs, table, chain_id)) as right:
        for one, other in zip_longest(left, right):
            if one != other:
                return count, Difference(table.name, _key(table, one, other), one, other)
            count += 1
    return count, None


def _rows(connection: Connection, table: Table, chain_id: int) -> Generator[tuple[object, ...], None, None]:
    query = select(table).where(table.c.chain_id == chain_id).order_by(*table.primary_key.columns)
    with connection.execution_options(yield_per=_PAGE).execute(query) as result:
        for row in result:
            yield tuple(row)


def _key(
    table: Table, left: tuple[object, ...] | None, right: tuple[object, ...] | None
) -> tuple[object, ...]:
    """Return the primary key of the row that comes first: that is the one the other side lacks or changed."""
    names = [column.name for column in table.columns]
    places = [names.index(column.name) for column in table.primary_key.columns]
    keys = [tuple(row[place] for place in places) for row in (left, right) if row is not None]
    return min(keys, key=lambda key: [(isinstance(part, bytes), part) for part in key])
