"""RLP of byte strings and lists (Ethereum yellow paper, appendix B). Encoding only.

Receipts of a block are encoded thousands at a time, so this does no type inference: an item is ``bytes`` or a
list of items. The ``rlp`` package is the oracle in tests and the decoder elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

Item = bytes | Sequence["Item"]
"""A byte string or a list of items."""


def encode_bytes(value: bytes) -> bytes:
    """Return the RLP of one byte string."""
    size = len(value)
    if size == 1 and value[0] < 0x80:
        return value
    if size < 56:
        return bytes((0x80 + size,)) + value
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((0xB7 + len(length),)) + length + value


def wrap_list(body: bytes) -> bytes:
    """Return the RLP list whose members' encodings are joined in ``body``."""
    size = len(body)
    if size < 56:
        return bytes((0xC0 + size,)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((0xF7 + len(length),)) + length + body


def encode(item: Item) -> bytes:
    """Return the RLP of ``item``."""
    if isinstance(item, bytes):
        return encode_bytes(item)
    return wrap_list(b"".join([encode(member) for member in item]))


def quantity(value: int) -> bytes:
    """Return a number's shortest big-endian bytes, none for 0, as RLP wants them. Requires value >= 0."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
