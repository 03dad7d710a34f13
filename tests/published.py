"""Holds a value against a schema of our OpenAPI document: the part of JSON Schema 2020-12 that it uses.

Stricter than JSON Schema in two ways, so that nothing is answered that is not written down: a member that an
object's schema does not name is a fault unless ``additionalProperties`` speaks of others, and a keyword that
is not known here is a defect of the test, not a pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

Schema = dict[str, Any]

_TYPES: dict[str, Callable[[object], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}
_TEXT = {"title", "description", "default", "examples", "contentMediaType"}
_OBJECT = {"properties", "required", "additionalProperties", "patternProperties"}


def faults(document: Schema, schema: Schema, value: object, at: str = "$") -> list[str]:
    """Return where ``value`` does not fit ``schema``, each as ``place: what is wrong``; [] when it fits."""
    return list(_faults(document, schema, value, at))


def resolve(document: Schema, schema: Schema) -> Schema:
    """Return the schema a ``$ref`` names, or the schema itself. Raises KeyError for one that is not there."""
    if "$ref" not in schema:
        return schema
    found = document
    for part in schema["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


def _faults(document: Schema, schema: Schema, value: object, at: str) -> Iterator[str]:
    schema = resolve(document, schema)
    for keyword, wanted in schema.items():
        if keyword in _TEXT or keyword in _OBJECT:
            continue
        yield from (f"{at}: {fault}" for fault in _JUDGES[keyword](document, wanted, value))
    if isinstance(value, dict) and (schema.get("type") == "object" or _OBJECT & schema.keys()):
        yield from _object_faults(document, schema, value, at)
    if isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            yield from _faults(document, schema["items"], item, f"{at}[{number}]")


def _object_faults(document: Schema, schema: Schema, value: dict[str, object], at: str) -> Iterator[str]:
    named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    others = schema.get("additionalProperties", False)
    yield from (f"{at}: lacks {name}" for name in schema.get("required", ()) if name not in value)
    for name, member in value.items():
        fitting = [rule for pattern, rule in patterns.items() if re.search(pattern, name)]
        rule = named.get(name) or (fitting[0] if fitting else others)
        if rule is False:
            yield f"{at}: {name} is not published"
        elif rule is not True:
            yield from _faults(document, rule, member, f"{at}.{name}")


def _judge_type(_: Schema, wanted: str | list[str], value: object) -> Iterator[str]:
    names = [wanted] if isinstance(wanted, str) else wanted
    if not any(_TYPES[name](value) for name in names):
        yield f"is no {' or '.join(names)}"


def _judge_any_of(document: Schema, wanted: list[Schema], value: object) -> Iterator[str]:
    found = [faults(document, one, value) for one in wanted]
    if all(found):
        yield f"fits none of {found}"


def _bound(holds: Callable[[Any, Any], bool], what: str, kind: type | tuple[type, ...]) -> Any:
    def judge(_: Schema, wanted: object, value: object) -> Iterator[str]:
        if isinstance(value, kind) and not isinstance(value, bool) and not holds(value, wanted):
            yield f"{what} {wanted}"

    return judge


_JUDGES: dict[str, Callable[[Schema, Any, object], Iterator[str]]] = {
    "type": _judge_type,
    "anyOf": _judge_any_of,
    "items": lambda *_: iter(()),
    "enum": lambda _, wanted, value: iter(() if value in wanted else [f"is none of {wanted}"]),
    "const": lambda _, wanted, value: iter(() if value == wanted else [f"is not {wanted!r}"]),
    "pattern": _bound(lambda value, wanted: re.search(wanted, value) is not None, "does not match", str),
    "minimum": _bound(lambda value, wanted: value >= wanted, "is less than", (int, float)),
    "maximum": _bound(lambda value, wanted: value <= wanted, "is more than", (int, float)),
    "minItems": _bound(lambda value, wanted: len(value) >= wanted, "has fewer items than", list),
    "maxItems": _bound(lambda value, wanted: len(value) <= wanted, "has more items than", list),
}
