"""Building blocks of entries: ULIDs and the random pool."""

from __future__ import annotations

import os
import random

from gateway.ledger.append import RandomPool, format_ulid

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def parse_ulid(text: str) -> int:
    """Return the 128 bits of a ULID, read digit by digit."""
    value = 0
    for digit in text:
        value = value * 32 + _DIGITS.index(digit)
    return value


def test_ulid_is_time_and_randomness() -> None:
    chance = random.Random(1)
    for milliseconds in (0, 1, 1_795_000_000_000, 2**48 - 1):
        randomness = chance.randbytes(16)
        text = format_ulid(milliseconds, randomness)
        assert len(text) == 26
        assert parse_ulid(text) >> 80 == milliseconds
        assert [parse_ulid(digit) for digit in text[10:]] == [byte & 31 for byte in randomness]


def test_ulids_sort_by_time() -> None:
    texts = [format_ulid(time, os.urandom(16)) for time in range(1_000, 2_000)]
    assert texts == sorted(texts)


def test_pool_hands_out_every_byte_once() -> None:
    drawn: list[bytes] = []

    def entropy(size: int) -> bytes:
        drawn.append(os.urandom(size))
        return drawn[-1]

    pool = RandomPool(entropy)
    parts = [pool.take(32) for _ in range(5_000)]
    assert len(set(parts)) == 5_000
    assert len(drawn) == 3
    assert b"".join(parts[:2_048]) == drawn[0]
