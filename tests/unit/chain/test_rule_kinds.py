"""Numbers and codes of seats and rules: those of the contracts, and one form for each."""

from __future__ import annotations

import re
from enum import IntEnum
from pathlib import Path

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from chain.hashing import keccak256
from chain.rule_kinds import (
    MAX_DEPTH,
    MAX_LINES,
    WHOLE,
    Gate,
    LineKind,
    RuleLine,
    SeatAction,
    TableKind,
    decode_code,
    encode_code,
    raise_digest,
    seat_digest,
    sorted_lines,
)
from chain.types import Address, Digest

SOURCES = Path(__file__).parents[3] / "contracts" / "src"
HASH = st.binary(min_size=32, max_size=32).map(Digest)
ADDRESS = st.binary(min_size=20, max_size=20).map(Address)


@pytest.mark.parametrize("kinds", [TableKind, LineKind, Gate, SeatAction])
def test_numbers_are_those_of_the_contracts(kinds: type[IntEnum]) -> None:
    text = (SOURCES / "libraries" / "Rules.sol").read_text(encoding="utf-8")
    body = text.split(f"library {kinds.__name__} {{")[1].split("\n}")[0]
    found = re.findall(r"uint8 internal constant (\w+) = (\d+);", body)
    assert {name: int(number) for name, number in found} == {kind.name: int(kind) for kind in kinds}


def test_limits_are_those_of_the_contracts() -> None:
    book = (SOURCES / "RuleBook.sol").read_text(encoding="utf-8")
    gates = (SOURCES / "ReferralGates.sol").read_text(encoding="utf-8")
    assert f"WHOLE = {WHOLE:_};" in book
    assert f"MAX_LINES = {MAX_LINES};" in book
    assert f"MAX_DEPTH = {MAX_DEPTH};" in gates


@given(st.from_regex(r"[a-z0-9][a-z0-9._-]{0,31}", fullmatch=True))
def test_codes_round_trip(text: str) -> None:
    word = encode_code(text)
    assert len(word) == 32
    assert word.rstrip(b"\0") == text.encode()
    assert decode_code(word) == text


@pytest.mark.parametrize("text", ["", "A", "a b", "-a", ".a", "面包", "a" * 33, "a\n", "a\0"])
def test_other_codes_are_refused(text: str) -> None:
    with pytest.raises(FormatError) as error:
        encode_code(text)
    assert error.value.where == "code"


@pytest.mark.parametrize("word", [bytes(32), b"a", b"a" * 33, b"a\0b".ljust(32, b"\0"), b"\xff" * 32])
def test_other_words_are_no_codes(word: bytes) -> None:
    with pytest.raises(FormatError) as error:
        decode_code(word)
    assert error.value.where == "code"


def test_lines_are_sorted_by_role_then_kind() -> None:
    fund, shop = encode_code("fund"), encode_code("shop")
    lines = (RuleLine(shop, 2, 5), RuleLine(shop, 1, 9000), RuleLine(fund, 1, 1000))
    assert sorted_lines(lines) == (lines[2], lines[1], lines[0])


@given(ADDRESS, st.integers(0, 2**32 - 1), HASH, ADDRESS, HASH, st.integers(0, 2**64 - 1))
def test_seat_digest_is_abi_encoding_hashed(
    registry: Address, chapter: int, industry: Digest, merchant: Address, certificate: Digest, until: int
) -> None:
    types = ["address", "uint8", "uint32", "bytes32", "address", "bytes32", "uint64", "uint32"]
    for action in SeatAction:
        row = ["0x" + registry.hex(), action, chapter, industry, "0x" + merchant.hex(), certificate, until, 7]
        got = seat_digest(registry, action, chapter, industry, merchant, certificate, until, 7)
        assert got == keccak256(encode(types, row))


@given(ADDRESS, st.sampled_from(Gate), st.integers(0, 255), HASH, st.integers(0, 2**32 - 1))
def test_raise_digest_is_abi_encoding_hashed(
    rule_book: Address, gate: Gate, value: int, opinion: Digest, changes: int
) -> None:
    types = ["address", "uint8", "uint8", "bytes32", "uint32"]
    want = keccak256(encode(types, ["0x" + rule_book.hex(), gate, value, opinion, changes]))
    assert raise_digest(rule_book, gate, value, opinion, changes) == want
