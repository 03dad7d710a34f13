"""Strict RLP (Ethereum yellow paper, appendix B). Pure.

One value has one encoding here: long forms of short payloads, leading zeros in lengths and trailing bytes are
refused, so no two byte strings of an evidence file mean the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from chain.errors import FormatError

RlpItem: TypeAlias = "bytes | list[RlpItem]"
"""A byte string or a list of items."""

MAX_DEPTH = 16
"""Lists that may be open at once; a receipt with its logs needs 4."""

_SHORT = 55
_WHERE = "rlp"


def parse_rlp(data: bytes) -> RlpItem:
    """Return the one item that ``data`` encodes. Inverse of :func:`format_rlp`. Raises FormatError."""
    item, end = _read(data, 0, len(data), 0)
    if end != len(data):
        raise FormatError(_WHERE, "trailing bytes")
    return item


def parse_rlp_list(data: bytes) -> list[RlpItem]:
    """Return the items of a list. Raises FormatError when ``data`` is not exactly one list."""
    item = parse_rlp(data)
    if not isinstance(item, list):
        raise FormatError(_WHERE, "not a list")
    return item


def format_rlp(item: bytes | Sequence[object]) -> bytes:
    """Return the encoding of a byte string or (nested) sequence of byte strings."""
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < 0x80:
            return item
        return _prefix(0x80, len(item)) + item
    payload = b"".join(format_rlp(_item(member)) for member in item)
    return _prefix(0xC0, len(payload)) + payload


def format_number(value: int) -> bytes:
    """Return the bytes of a scalar: big endian, no leading zero, empty for 0.

    Inverse of :func:`parse_number`.
    """
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def parse_number(item: RlpItem, where: str, *, bits: int = 64) -> int:
    """Return the scalar held by ``item``. Raises FormatError for a list, a leading zero or too many bits."""
    if not isinstance(item, bytes):
        raise FormatError(where, "not a scalar")
    if len(item) * 8 > bits or item[:1] == b"\x00":
        raise FormatError(where, f"not a scalar of at most {bits} bits without leading zeros")
    return int.from_bytes(item, "big")


def parse_fixed(item: RlpItem, where: str, size: int) -> bytes:
    """Return the byte string of exactly ``size`` bytes held by ``item``. Raises FormatError."""
    if not isinstance(item, bytes) or len(item) != size:
        raise FormatError(where, f"not {size} bytes")
    return item


def _item(member: object) -> bytes | Sequence[object]:
    if isinstance(member, bytes | list | tuple):
        return member
    raise FormatError(_WHERE, "neither bytes nor a sequence")


def _prefix(base: int, length: int) -> bytes:
    if length <= _SHORT:
        return bytes([base + length])
    size = format_number(length)
    return bytes([base + _SHORT + len(size)]) + size


def _read(data: bytes, at: int, end: int, depth: int) -> tuple[RlpItem, int]:
    """Return the item starting at ``at`` and the position after it; the item must end by ``end``."""
    if at >= end:
        raise FormatError(_WHERE, "truncated")
    first = data[at]
    if first < 0x80:
        return data[at : at + 1], at + 1
    is_list = first >= 0xC0
    length = first - (0xC0 if is_list else 0x80)
    start = at + 1
    if length > _SHORT:
        start, length = _long_length(data, start, end, length - _SHORT)
    stop = start + length
    if stop > end:
        raise FormatError(_WHERE, "truncated")
    if is_list:
        return _read_list(data, start, stop, depth + 1), stop
    if length == 1 and data[start] < 0x80:
        raise FormatError(_WHERE, "single byte written in two")
    return data[start:stop], stop


def _long_length(data: bytes, start: int, end: int, size: int) -> tuple[int, int]:
    if start + size > end:
        raise FormatError(_WHERE, "truncated")
    length = int.from_bytes(data[start : start + size], "big")
    if data[start] == 0 or length <= _SHORT:
        raise FormatError(_WHERE, "length not in its shortest form")
    return start + size, length


def _read_list(data: bytes, at: int, end: int, depth: int) -> list[RlpItem]:
    if depth > MAX_DEPTH:
        raise FormatError(_WHERE, f"nested deeper than {MAX_DEPTH}")
    items: list[RlpItem] = []
    while at < end:
        item, at = _read(data, at, end, depth)
        items.append(item)
    return items
