"""CBOR against an independent library: what one writes the other reads, and what is untidy is refused."""

from __future__ import annotations

from random import Random
from typing import Any

import cbor2
import pytest

from chain.cbor import CborItem, Tagged, format_cbor, parse_cbor
from chain.errors import FormatError

EXAMPLES: list[tuple[CborItem, str]] = [
    (0, "00"), (23, "17"), (24, "1818"), (255, "18ff"), (256, "190100"), (65_536, "1a00010000"),
    (2**32, "1b0000000100000000"), (2**64 - 1, "1bffffffffffffffff"), (-1, "20"), (-25, "3818"),
    (-(2**64), "3bffffffffffffffff"), (b"", "40"), (b"\x01\x02", "420102"), ("", "60"), ("水", "63e6b0b4"),
    ([], "80"), ([1, [2, 3]], "8201820203"), ({}, "a0"), ({1: 2, "a": [3]}, "a20102616181" + "03"),
    ({10: 1, 100: 2, -1: 3, "z": 4}, "a40a01186402200361" + "7a04"), (None, "f6"),
    (Tagged(18, [None]), "d281f6"),
]  # fmt: skip
"""RFC 8949 appendix A, and keys in the order of section 4.2.1."""

UNTIDY = {
    "head of one byte for 23": "1817",
    "head of two bytes for 255": "1900ff",
    "head of four bytes for 65535": "1a0000ffff",
    "head of eight bytes for 2^32 - 1": "1b00000000ffffffff",
    "length of one byte for 1": "580100",
    "indefinite bytes": "5f4100ff",
    "indefinite array": "9f01ff",
    "indefinite map": "bf0102ff",
    "reserved head": "1c",
    "true": "f5",
    "undefined": "f7",
    "float": "f93c00",
    "break alone": "ff",
    "keys out of order": "a220000100",
    "key twice": "a201000100",
    "bytes as a key": "a1410000",
    "null as a key": "a1f600",
    "text not UTF-8": "61ff",
    "surrogate in text": "63eda080",
    "trailing byte": "0000",
    "nothing": "",
    "array too short": "820",
    "array that claims 2^64 items": "9bffffffffffffffff",
    "map that claims 2^63 pairs": "bb8000000000000000",
    "bytes too short": "4201",
    "head cut": "19",
    "nested too deep": "81" * 9 + "00",
    "tags too deep": "d2" * 9 + "00",
}


@pytest.mark.parametrize(("item", "encoded"), EXAMPLES)
def test_examples(item: CborItem, encoded: str) -> None:
    assert format_cbor(item).hex() == encoded
    assert parse_cbor(bytes.fromhex(encoded)) == item


@pytest.mark.parametrize("name", UNTIDY)
def test_one_value_has_one_encoding(name: str) -> None:
    text = UNTIDY[name]
    with pytest.raises(FormatError) as caught:
        parse_cbor(bytes.fromhex(text + "0" * (len(text) % 2)))
    assert caught.value.where == "cbor"


@pytest.mark.parametrize("item", [2**64, -(2**64) - 1, True, 1.5, {1: True}, [object()]])
def test_refuses_to_write_what_it_cannot_read(item: Any) -> None:
    with pytest.raises(FormatError):
        format_cbor(item)


def draw(chance: Random, depth: int = 0) -> Any:
    kind = chance.randrange(5 if depth > 3 else 8)
    if kind == 0:
        return chance.choice((0, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**64 - 1))
    if kind == 1:
        return -chance.choice((1, 24, 25, 256, 257, 65_537, 2**32, 2**64))
    if kind == 2:
        return chance.randbytes(chance.choice((0, 1, 23, 24, 255, 256, 70_000)))
    if kind == 3:
        return "时间银行 notary"[: chance.randrange(12)] * chance.choice((1, 1, 40))
    if kind == 4:
        return None
    if kind == 5:
        return [draw(chance, depth + 1) for _ in range(chance.choice((0, 1, 3, 30)))]
    if kind == 6:
        keys = [chance.choice((chance.randrange(-300, 70_000), str(chance.random()))) for _ in range(5)]
        return {key: draw(chance, depth + 1) for key in keys}
    return Tagged(1_000_000 + chance.randrange(99), draw(chance, depth + 1))


def foreign(item: Any) -> Any:
    """The same value in the other library's types, its map keys in ascending order."""
    if isinstance(item, Tagged):
        return cbor2.CBORTag(item.tag, foreign(item.item))
    if isinstance(item, list):
        return [foreign(member) for member in item]
    if isinstance(item, dict):
        return {key: foreign(item[key]) for key in sorted(item, key=cbor2.dumps)}
    return item


def test_an_independent_library_writes_and_reads_the_same() -> None:
    chance = Random(8949)
    for _ in range(400):
        item = draw(chance)
        data = format_cbor(item)
        assert data == cbor2.dumps(foreign(item))
        assert cbor2.loads(data) == foreign(item)
        assert parse_cbor(data) == item


def test_no_bytes_crash_it_and_what_it_reads_it_writes_back() -> None:
    chance = Random(1)
    read = 0
    for _ in range(20_000):
        data = bytearray(format_cbor({1: -8, 4: b"k" * 8, 395: 1, "n": [None, [2, b"x"]]}))
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            item = parse_cbor(bytes(data))
        except FormatError:
            continue
        read += 1
        assert format_cbor(item) == bytes(data)
    assert read > 1_000
