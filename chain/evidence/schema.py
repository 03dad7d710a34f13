"""Reads closed JSON objects: exact members, bounded sizes, one spelling for every value. Pure.

Shared by the bundle and the trust root, so that both are equally strict. Every reader raises FormatError that
names the member.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from chain.canonical import MAX_SAFE_INTEGER, JsonValue
from chain.errors import FormatError
from chain.operation import MAX_AMOUNT

_HEX = re.compile(r"(?:[0-9a-f]{2})*\Z")
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f]*\Z")


def read_object(value: JsonValue, where: str, names: Collection[str]) -> dict[str, JsonValue]:
    """Return an object that has exactly the members ``names``."""
    if not isinstance(value, dict):
        raise FormatError(where, "not an object")
    if value.keys() != set(names):
        raise FormatError(where, "not exactly the members " + ", ".join(sorted(names)))
    return value


def read_list(value: JsonValue, where: str, most: int, *, least: int = 0) -> list[JsonValue]:
    """Return a list of ``least`` to ``most`` items."""
    if not isinstance(value, list):
        raise FormatError(where, "not a list")
    if not least <= len(value) <= most:
        raise FormatError(where, f"not {least} to {most} items")
    return value


def read_text(value: JsonValue, where: str, most: int, *, lines: bool = False) -> str:
    """Return a non-empty text of at most ``most`` characters, without control characters (line feeds if
    ``lines``).
    """
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise FormatError(where, f"not a text of 1 to {most} characters")
    if not _PRINTABLE.match(value.replace("\n", "") if lines else value):
        raise FormatError(where, "control character")
    return value


def read_choice(value: JsonValue, where: str, choices: Collection[str]) -> str:
    """Return one of ``choices``."""
    if not isinstance(value, str) or value not in choices:
        raise FormatError(where, "not one of " + ", ".join(choices))
    return value


def read_integer(value: JsonValue, where: str, *, least: int = 0, most: int = MAX_SAFE_INTEGER) -> int:
    """Return an integer within the bounds; a boolean or float is none."""
    if type(value) is not int or not least <= value <= most:
        raise FormatError(where, f"not an integer from {least} to {most}")
    return value


def read_flag(value: JsonValue, where: str) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise FormatError(where, "not true or false")
    return value


def read_end(value: JsonValue, where: str, start: int) -> int | None:
    """Return the end of a half-open range from ``start``, or None where it is open."""
    return None if value is None else read_integer(value, where, least=start + 1)


def read_balance(value: JsonValue, where: str) -> int:
    """Return hundredths of a coin written as a decimal string, 0 included."""
    if (
        not isinstance(value, str)
        or not re.match(r"(?:0|[1-9][0-9]{0,18})\Z", value)
        or int(value) > MAX_AMOUNT
    ):
        raise FormatError(where, "not a decimal string from 0 to 2^63 - 1")
    return int(value)


def read_bytes(value: JsonValue, where: str, size: int) -> bytes:
    """Return exactly ``size`` bytes written in lower-case hex."""
    if not isinstance(value, str) or len(value) != 2 * size or not _HEX.match(value):
        raise FormatError(where, f"not {size} bytes in lower-case hex")
    return bytes.fromhex(value)


def read_blob(value: JsonValue, where: str, most: int) -> bytes:
    """Return 1 to ``most`` bytes written in lower-case hex."""
    if not isinstance(value, str) or not 0 < len(value) <= 2 * most or not _HEX.match(value):
        raise FormatError(where, f"not 1 to {most} bytes in lower-case hex")
    return bytes.fromhex(value)


def read_blobs(value: JsonValue, where: str, most: int, size: int, *, least: int = 0) -> tuple[bytes, ...]:
    """Return a list of ``least`` to ``most`` byte strings, each of 1 to ``size`` bytes."""
    items = read_list(value, where, most, least=least)
    return tuple(read_blob(item, f"{where}[{number}]", size) for number, item in enumerate(items))
