"""Two sides of a table row for row: equal, or what differs. Works across SQLite and PostgreSQL.

Both sides are read in the order of their keys, so tables of any size are compared.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import Connection, Table, Text, collate, select

_PAGE = 2_000

Values = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One row that differs: ``had`` is the stored one, ``want`` what the other side gives; None: no row."""

    table: Table
    key: Values
    had: Values | None
    want: Values | None

    @property
    def shown_key(self) -> list[str]:
        """The parts of the key, as a person reads them."""
        return [part.hex() if isinstance(part, bytes) else str(part) for part in self.key]

    @property
    def place(self) -> str:
        """Table and key, as a person reads them."""
        return " ".join((self.table.name, *self.shown_key))

    @property
    def how(self) -> str:
        """``missing``, ``extra``, or the columns that differ; never a value."""
        if self.had is None or self.want is None:
            return "missing" if self.had is None else "extra"
        names = [column.name for column in self.table.columns]
        return ", ".join(n for n, one, two in zip(names, self.had, self.want, strict=True) if one != two)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rows that are equal from the first on, by table, and the first that is not; None where all are."""

    rows: dict[str, int]
    difference: Change | None


def compare_tables(
    tables: Iterable[Table], stored: Connection, rebuilt: Connection, *, chain_id: int | None = None
) -> Comparison:
    """Compare table by table, in order of the keys, up to the first difference."""
    counts: dict[str, int] = {}
    for table in tables:
        counts[table.name] = 0
        for change in _pairs(table, stored, rebuilt, chain_id):
            if change.had != change.want:
                return Comparison(counts, change)
            counts[table.name] += 1
    return Comparison(counts, None)


def find_changes(
    tables: Iterable[Table], stored: Connection, rebuilt: Connection, *, chain_id: int | None = None
) -> Iterator[Change]:
    """Yield all that differs, in order of the keys; of one chain's rows where ``chain_id`` is given."""
    for table in tables:
        for change in _pairs(table, stored, rebuilt, chain_id):
            if change.had != change.want:
                yield change


def _pairs(table: Table, stored: Connection, rebuilt: Connection, chain_id: int | None) -> Iterator[Change]:
    """Yield every key of either side with its rows."""
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
