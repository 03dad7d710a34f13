"""Rule tables as data: identified, versioned, effective from a business date, published by digest. Pure.

A table is a frozen dataclass that satisfies :class:`Versioned`. Versions are never edited: a new one takes
effect on a later date, and a chapter may stay on an earlier one by naming it. The canonical text of a table
is RFC 8785 JSON of all its fields, deeply: integers as integers, dates as YYYY-MM-DD, lines in the order the
table keeps them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from datetime import date
from typing import Protocol, TypeVar

from chain.canonical import JsonValue, canonicalize
from chain.errors import FormatError
from chain.hashing import sha256
from chain.types import Digest
from gateway.rules.refusals import RuleRefusal


class Versioned(Protocol):
    """What every rule table has: a code, a version from 1, and its first business date."""

    @property
    def id(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def effective_from(self) -> date: ...


Table = TypeVar("Table", bound=Versioned)


def pick_table(tables: Iterable[Table], table_id: str, day: date, version: int | None = None) -> Table:
    """Return the table in force on a business date: of the versions begun by then, the one begun last.

    Two that begin on one date: the higher version. With ``version``, that one, if it has begun.
    Raises RuleRefusal ``rule.not_in_force``.
    """
    begun = [
        table
        for table in tables
        if table.id == table_id and table.effective_from <= day and version in (None, table.version)
    ]
    if not begun:
        raise RuleRefusal("rule.not_in_force", table=table_id, day=day.isoformat())
    return max(begun, key=lambda table: (table.effective_from, table.version))


def table_document(table: object) -> JsonValue:
    """Return a table as a JSON value: all public fields of the dataclass, deeply. Raises FormatError."""
    if table is None or isinstance(table, bool | int | str):
        return table
    if isinstance(table, date):
        return table.isoformat()
    if isinstance(table, tuple):
        return [table_document(item) for item in table]
    if is_dataclass(table) and not isinstance(table, type):
        names = [field.name for field in fields(table) if not field.name.startswith("_")]
        return {name: table_document(getattr(table, name)) for name in names}
    raise FormatError("table", "holds a value that rule tables do not have")


def table_bytes(table: Versioned) -> bytes:
    """Return the canonical text of a table, which is what its digest is of. Raises FormatError."""
    return canonicalize(table_document(table))


def table_digest(table: Versioned) -> Digest:
    """Return SHA-256 of :func:`table_bytes`: the table's name on chain. Raises FormatError."""
    return sha256(table_bytes(table))
