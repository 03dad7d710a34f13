"""Pieces of calldata by fixed positions: words, tails of dynamic arguments, and a call joined of them.

Solidity ABI specification, strict mode. A value that does not fit raises FormatError and is never cut.
"""

from __future__ import annotations

from collections.abc import Sequence

from chain.errors import FormatError


def word(value: int, bits: int, where: str) -> bytes:
    """Return an unsigned number as one word. Raises FormatError where it has more than ``bits``."""
    if not 0 <= value < 1 << bits:
        raise FormatError(where, f"does not fit uint{bits}")
    return value.to_bytes(32, "big")


def hash_word(value: bytes, where: str) -> bytes:
    """Return 32 bytes as they are. Raises FormatError for another length."""
    if len(value) != 32:
        raise FormatError(where, f"is {len(value)} bytes, wants 32")
    return value


def address_word(value: bytes, where: str) -> bytes:
    """Return an address as one word. Raises FormatError for anything but 20 bytes."""
    if len(value) != 20:
        raise FormatError(where, f"is {len(value)} bytes, wants 20")
    return bytes(12) + value


def array(pieces: Sequence[bytes], size: int, where: str) -> bytes:
    """Return the tail of an array whose members are static and ``size`` bytes each."""
    body = b"".join(pieces)
    if any(len(piece) != size for piece in pieces):
        raise FormatError(where, f"a member is not {size} bytes")
    return len(pieces).to_bytes(32, "big") + body


def bytes_tail(value: bytes) -> bytes:
    """Return the tail of a ``bytes`` argument."""
    return len(value).to_bytes(32, "big") + value + bytes(-len(value) % 32)


def bytes_array(values: Sequence[bytes]) -> bytes:
    """Return the tail of a ``bytes[]`` argument."""
    tails = [bytes_tail(value) for value in values]
    offset, heads = 32 * len(tails), []
    for tail in tails:
        heads.append(offset.to_bytes(32, "big"))
        offset += len(tail)
    return len(tails).to_bytes(32, "big") + b"".join(heads) + b"".join(tails)


def join_call(selector: bytes, head: Sequence[bytes | None], tails: Sequence[bytes]) -> bytes:
    """Return a call; each None of ``head`` stands for the offset of the next of ``tails``."""
    offset, parts, rest = 32 * len(head), [selector], iter(tails)
    for part in head:
        if part is None:
            parts.append(offset.to_bytes(32, "big"))
            offset += len(next(rest))
        else:
            parts.append(part)
    return b"".join((*parts, *tails))
