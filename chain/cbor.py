"""Strict CBOR (RFC 8949), the part that COSE receipts use. Pure.

One value has one encoding here, that of section 4.2.1 (core deterministic): heads in their shortest form,
definite lengths, map keys ascending by their bytes. Anything else is refused, so no two files mean the same.
Integers, byte and text strings, arrays, maps, tags and null; no floats, no other simple values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from chain.errors import FormatError

MAX_DEPTH = 8
"""Arrays, maps and tags that may be open at once; a receipt needs 4."""

_WHERE = "cbor"
_UINT, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_NULL = 0xF6
_MAX = 1 << 64


@dataclass(frozen=True, slots=True)
class Tagged:
    """An item under a tag number (RFC 8949 section 3.4)."""

    tag: int
    item: CborItem


Label: TypeAlias = "int | str"
"""Key of a map: COSE knows no others (RFC 9052 section 1.5)."""

CborItem: TypeAlias = "int | bytes | str | Sequence[CborItem] | Mapping[Label, CborItem] | Tagged | None"


def format_cbor(item: CborItem) -> bytes:
    """Return the deterministic encoding of ``item``. Inverse of :func:`parse_cbor`.

    Raises FormatError for what this subset cannot hold.
    """
    if item is None:
        return bytes([_NULL])
    if isinstance(item, bool):
        raise FormatError(_WHERE, "a truth value")
    if isinstance(item, int):
        return _head(_UINT, item) if item >= 0 else _head(_NEGATIVE, -1 - item)
    if isinstance(item, bytes):
        return _head(_BYTES, len(item)) + item
    if isinstance(item, str):
        text = item.encode()
        return _head(_TEXT, len(text)) + text
    if isinstance(item, Tagged):
        return _head(_TAG, item.tag) + format_cbor(item.item)
    if isinstance(item, Mapping):
        pairs = sorted((format_cbor(key), format_cbor(value)) for key, value in item.items())
        return _head(_MAP, len(pairs)) + b"".join(key + value for key, value in pairs)
    if isinstance(item, list | tuple):
        return _head(_ARRAY, len(item)) + b"".join(map(format_cbor, item))
    raise FormatError(_WHERE, "not a value of this subset")


def parse_cbor(data: bytes) -> CborItem:
    """Return the one item that ``data`` encodes. Inverse of :func:`format_cbor`. Raises FormatError."""
    item, end = _read(data, 0, 0)
    if end != len(data):
        raise FormatError(_WHERE, "trailing bytes")
    return item


def _head(major: int, value: int) -> bytes:
    if not 0 <= value < _MAX:
        raise FormatError(_WHERE, "an integer beyond 64 bits")
    if value < 24:
        return bytes([major << 5 | value])
    size = 1 if value < 1 << 8 else 2 if value < 1 << 16 else 4 if value < 1 << 32 else 8
    return bytes([major << 5 | 23 + size.bit_length()]) + value.to_bytes(size, "big")


def _read(data: bytes, at: int, depth: int) -> tuple[CborItem, int]:
    """Return the item that starts at ``at`` and the position after it."""
    if depth > MAX_DEPTH:
        raise FormatError(_WHERE, f"nested deeper than {MAX_DEPTH}")
    if data[at : at + 1] == bytes([_NULL]):
        return None, at + 1
    major, value, at = _read_head(data, at)
    if major == _UINT:
        return value, at
    if major == _NEGATIVE:
        return -1 - value, at
    if major in (_BYTES, _TEXT):
        return _read_string(data, at, value, major == _TEXT)
    if major == _ARRAY:
        return _read_array(data, at, value, depth)
    if major == _MAP:
        return _read_map(data, at, value, depth)
    item, at = _read(data, at, depth + 1)
    return Tagged(value, item), at


def _read_head(data: bytes, at: int) -> tuple[int, int, int]:
    if at >= len(data):
        raise FormatError(_WHERE, "truncated")
    major, low = data[at] >> 5, data[at] & 31
    at += 1
    if major == _SIMPLE or low > 27:
        raise FormatError(_WHERE, "a simple value, a float or an indefinite length")
    if low < 24:
        return major, low, at
    size = 1 << low - 24
    if at + size > len(data):
        raise FormatError(_WHERE, "truncated")
    value = int.from_bytes(data[at : at + size], "big")
    if value < (24 if size == 1 else 1 << 4 * size):
        raise FormatError(_WHERE, "head not in its shortest form")
    return major, value, at + size


def _read_string(data: bytes, at: int, size: int, text: bool) -> tuple[CborItem, int]:
    if size > len(data) - at:
        raise FormatError(_WHERE, "truncated")
    raw = data[at : at + size]
    if not text:
        return raw, at + size
    try:
        return raw.decode("utf-8"), at + size
    except UnicodeDecodeError:
        raise FormatError(_WHERE, "text is not UTF-8") from None


def _read_array(data: bytes, at: int, count: int, depth: int) -> tuple[CborItem, int]:
    if count > len(data) - at:
        raise FormatError(_WHERE, "truncated")
    items: list[CborItem] = []
    for _ in range(count):
        item, at = _read(data, at, depth + 1)
        items.append(item)
    return items, at


def _read_map(data: bytes, at: int, count: int, depth: int) -> tuple[CborItem, int]:
    if count > len(data) - at:
        raise FormatError(_WHERE, "truncated")
    pairs: dict[Label, CborItem] = {}
    before = b""
    for _ in range(count):
        start = at
        key, at = _read(data, at, depth + 1)
        if not isinstance(key, int | str):
            raise FormatError(_WHERE, "a map key is neither an integer nor a text")
        if data[start:at] <= before:
            raise FormatError(_WHERE, "map keys do not ascend")
        before = data[start:at]
        pairs[key], at = _read(data, at, depth + 1)
    return pairs, at
