"""Direct SQL on a gateway's database, as somebody with its password would: change, delete, insert, swap.

What is changed follows from a seed and from the table's columns alone, so a new table needs nothing here.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Engine,
    LargeBinary,
    String,
    Table,
    and_,
    create_engine,
    event,
    func,
    select,
    text,
)
from sqlalchemy.types import Float

from gateway.schema import full_metadata

Row = dict[str, Any]


class Change(StrEnum):
    """What is done to a table."""

    UPDATE = "update"
    DELETE = "delete"
    INSERT = "insert"
    SWAP = "swap"


@dataclass(frozen=True, slots=True)
class Tampered:
    """What was done: the keys of the rows it was done to, and to which column."""

    keys: Sequence[tuple[Any, ...]]
    column: str = ""


def open_database(url: str) -> Engine:
    """Return an engine of one's own on a gateway's database."""
    if not url.startswith("sqlite"):
        return create_engine("postgresql+psycopg" + url[url.index(":") :])
    engine = create_engine(url, connect_args={"timeout": 30})
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA foreign_keys = OFF"))
    return engine


def tamper(
    url: str, name: str, change: Change, seed: str, free: Sequence[str] = (), where: str = ""
) -> Tampered | None:
    """Do it to table ``name``; None where the table has not the rows for it. ``free`` columns are left alone.

    ``where`` names rows to choose from, as SQL.
    """
    table = full_metadata().tables[name]
    chance = random.Random(f"{seed}:{name}:{change}")  # noqa: S311  repeatable, not secret
    engine = open_database(url)
    try:
        with engine.begin() as connection:
            rows = _rows(connection, table, where)
            done = _DO[change](connection, table, rows, chance, set(free))
        return done
    finally:
        engine.dispose()


def _rows(connection: Any, table: Table, where: str) -> list[Row]:
    query = select(table).order_by(*table.primary_key.columns)
    if where:
        query = query.where(text(where))
    return [dict(row) for row in connection.execute(query).mappings()]


def _key(table: Table, row: Row) -> tuple[Any, ...]:
    return tuple(row[column.name] for column in table.primary_key.columns)


def _at(table: Table, row: Row) -> Any:
    return and_(*(column == row[column.name] for column in table.primary_key.columns))


def _other(column: Column[Any], value: Any, chance: random.Random) -> Any:
    """Return another value that the column may hold."""
    if isinstance(column.type, LargeBinary):
        changed = bytearray(value or bytes(32))
        place = chance.randrange(len(changed) * 8)
        changed[place // 8] ^= 1 << place % 8
        return bytes(changed)
    if isinstance(column.type, Boolean):
        return not value
    if isinstance(column.type, String):
        return (
            (value or "") + "x"
            if column.primary_key or not value
            else value[:-1] + ("y" if value[-1] != "y" else "z")
        )
    if isinstance(column.type, Float):
        return (value or 0.0) + 1.0
    return (value or 0) + chance.randint(1, 9)


def _update(
    connection: Any, table: Table, rows: list[Row], chance: random.Random, free: set[str]
) -> Tampered | None:
    columns = [one for one in table.columns if not one.primary_key and one.name not in free] or [
        one for one in table.columns if one.primary_key
    ]
    if not rows:
        return None
    row = chance.choice(rows)
    filled = [one for one in columns if row[one.name] is not None] or columns
    column = chance.choice(filled)
    value = _other(column, row[column.name], chance)
    result = connection.execute(table.update().where(_at(table, row)).values({column.name: value}))
    return Tampered([_key(table, row)], column.name) if result.rowcount == 1 else None


def _delete(
    connection: Any, table: Table, rows: list[Row], chance: random.Random, _: set[str]
) -> Tampered | None:
    if not rows:
        return None
    row = chance.choice(rows)
    connection.execute(table.delete().where(_at(table, row)))
    return Tampered([_key(table, row)])


def _insert(
    connection: Any, table: Table, rows: list[Row], chance: random.Random, _: set[str]
) -> Tampered | None:
    """Add a copy of a row under a key of its own, or a made-up one where there is none."""
    row = (
        dict(chance.choice(rows)) if rows else {one.name: _other(one, None, chance) for one in table.columns}
    )
    if "chain_id" in row:
        # Rows of another chain are nobody's.
        row["chain_id"] = connection.execute(text("SELECT chain_id FROM mirror_cursor")).scalar()
    unique = [one for one in table.columns if (one.primary_key or one.unique) and one.name != "chain_id"]
    # A table of one row a chain gets one of another chain.
    unique = unique or [*table.primary_key.columns]
    for column in unique:
        row[column.name] = _fresh(connection, column, row[column.name], chance)
    connection.execute(table.insert().values(row))
    return Tampered([_key(table, row)])


def _fresh(connection: Any, column: Column[Any], value: Any, chance: random.Random) -> Any:
    if isinstance(column.type, LargeBinary | String | Boolean):
        return _other(column, value, chance)
    return (connection.execute(select(func.max(column))).scalar() or 0) + chance.randint(2, 9)


def _swap(
    connection: Any, table: Table, rows: list[Row], chance: random.Random, free: set[str]
) -> Tampered | None:
    """Exchange what two rows hold beside their keys; of rows that are all key, nothing can be exchanged."""
    columns = [one.name for one in table.columns if not one.primary_key and one.name not in free]
    pairs = [
        (one, other)
        for place, one in enumerate(rows)
        for other in rows[place + 1 :]
        if any(one[name] != other[name] for name in columns)
    ]
    if not pairs:
        return None
    one, other = chance.choice(pairs)
    # Both are taken away first: a unique column holds each value once.
    for row in (one, other):
        connection.execute(table.delete().where(_at(table, row)))
    for row, source in ((one, other), (other, one)):
        connection.execute(table.insert().values({**row, **{name: source[name] for name in columns}}))
    return Tampered(sorted([_key(table, one), _key(table, other)]))


_DO = {Change.UPDATE: _update, Change.DELETE: _delete, Change.INSERT: _insert, Change.SWAP: _swap}
