"""Records of the rules as documents of cases, and back: dates as YYYY-MM-DD, codes as text."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import fields
from datetime import date
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from chain.canonical import JsonValue
from gateway.cases.case import Case

Record = TypeVar("Record")


def pack(record: object) -> dict[str, JsonValue]:
    """Return a frozen dataclass of the rules as a document. Inverse: `unpack`."""
    return {field.name: _write(getattr(record, field.name)) for field in fields(record)}  # type: ignore[arg-type]


def unpack(kind: type[Record], case: Case) -> Record:
    """Return the record that a case's document holds; other members are left alone.

    Requires a document that `pack` made; raises KeyError for a missing member.
    """
    hints = _hints(kind)  # type: ignore[arg-type]  # classes can be hashed
    return kind(**{name: _read(hint, case.document[name]) for name, hint in hints.items()})


@cache
def _hints(kind: Hashable) -> dict[str, Any]:
    return get_type_hints(kind)


def _write(value: object) -> JsonValue:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return [_write(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    raise TypeError(f"no document holds a {type(value).__name__}")


def _read(hint: Any, value: JsonValue) -> object:
    if value is None:
        return None
    if get_origin(hint) in (Union, UnionType):
        hint = next(one for one in get_args(hint) if one is not type(None))
    if hint is date:
        return date.fromisoformat(str(value))
    if isinstance(value, list):
        return tuple(value)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint(str(value))
    return value
