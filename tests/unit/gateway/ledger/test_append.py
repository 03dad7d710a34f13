"""Building blocks of entries: ULIDs, the random pool, receipts as JSON."""

from __future__ import annotations

import json
import os
import random

from chain.canonical import canonicalize
from chain.receipt import format_receipt, parse_receipt, sign_receipt
from gateway.ledger.append import RandomPool, format_ulid, make_receipt
from tests.unit.gateway.ledger.worlds import IDENTITY

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
        randomness = chance.randbytes(10)
        text = format_ulid(milliseconds, randomness)
        assert len(text) == 26
        assert parse_ulid(text) == milliseconds << 80 | int.from_bytes(randomness, "big")


def test_ulids_sort_by_time() -> None:
    texts = [format_ulid(time, os.urandom(10)) for time in range(1_000, 2_000)]
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


def test_receipt_bytes_equal_the_formatted_receipt() -> None:
    make = make_receipt(IDENTITY.origin, IDENTITY.sign_receipt)
    leaf_hash, at = os.urandom(32), "2026-11-18T11:06:40.000Z"
    receipt = sign_receipt(IDENTITY.origin, 7, leaf_hash, at, IDENTITY.key)
    assert make(7, leaf_hash, at) == canonicalize(format_receipt(receipt))
    assert parse_receipt(json.loads(make(7, leaf_hash, at))) == receipt
