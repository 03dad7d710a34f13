"""Words of an event's topics and data, and how one event lies in a log. Pure; used by the decoders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from chain.errors import FormatError
from chain.event_kinds import Event
from chain.types import Address

_Z12 = bytes(12)


class EventRule(NamedTuple):
    """How one event lies in a log: its signature, number of topics, data bytes (None = an array)."""

    signature: str
    topics: int
    size: int | None
    decoder: Callable[[Sequence[bytes], bytes], Event]


def read_unsigned(word: bytes, bits: int, where: str) -> int:
    """Return the number in a word. Raises FormatError where it has more than ``bits``."""
    value = int.from_bytes(word, "big")
    if value >> bits:
        raise FormatError(where, f"does not fit uint{bits}")
    return value


def read_address(word: bytes, where: str) -> Address:
    """Return the address in a word. Raises FormatError where it is not padded with zeros."""
    if word[:12] != _Z12:
        raise FormatError(where, "address padding is not zero")
    return Address(word[12:])


def read_boolean(word: bytes, where: str) -> bool:
    """Return the boolean in a word. Raises FormatError for anything but 0 and 1."""
    value = int.from_bytes(word, "big")
    if value > 1:
        raise FormatError(where, "boolean is neither 0 nor 1")
    return value == 1
