"""RLP: everything canonical reads back, everything else is refused. The oracle is the foreign library."""

from __future__ import annotations

import pytest
import rlp as foreign
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from chain.evidence.rlp import format_number, format_rlp, parse_fixed, parse_number, parse_rlp, parse_rlp_list

ITEMS = st.recursive(st.binary(max_size=80), lambda inner: st.lists(inner, max_size=6), max_leaves=20)


@given(ITEMS)
def test_round_trip_equals_the_foreign_library(item: object) -> None:
    encoded = format_rlp(item)  # type: ignore[arg-type]
    assert encoded == foreign.encode(item)
    assert parse_rlp(encoded) == item


@given(st.binary(max_size=40))
def test_accepts_exactly_what_encodes_back(data: bytes) -> None:
    try:
        item = parse_rlp(data)
    except FormatError:
        return
    assert format_rlp(item) == data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "truncated"),
        ("8100", "single byte written in two"),
        ("817f", "single byte written in two"),
        ("82aa", "truncated"),
        ("b800", "length not in its shortest form"),
        ("b801aa", "length not in its shortest form"),
        ("b90001aa", "length not in its shortest form"),
        ("b8", "truncated"),
        ("f800", "length not in its shortest form"),
        ("c2aa", "truncated"),
        ("c18180", "truncated"),
        ("c08080", "trailing bytes"),
        ("0000", "trailing bytes"),
        ("bfffffffffffffffff", "truncated"),
        ("ffffffffffffffffff", "truncated"),
        ("c1" * 17 + "c0", "truncated"),
    ],
)
def test_refuses(data: str, reason: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_rlp(bytes.fromhex(data))
    assert (caught.value.where, caught.value.reason) == ("rlp", reason)


def test_refuses_deep_nesting_without_recursing_far() -> None:
    data = b"\x80"
    for _ in range(5_000):
        data = wrapped(data)
    with pytest.raises(FormatError) as caught:
        parse_rlp(data)
    assert caught.value.reason == "nested deeper than 16"


def wrapped(payload: bytes) -> bytes:
    if len(payload) < 56:
        return bytes([0xC0 + len(payload)]) + payload
    size = format_number(len(payload))
    return bytes([0xF7 + len(size)]) + size + payload


def test_list_number_and_fixed_readers_refuse_other_shapes() -> None:
    assert parse_rlp_list(b"\xc1\x05") == [b"\x05"]
    assert parse_number(b"\x01\x00", "n") == 256
    assert parse_number(b"", "n") == 0
    assert parse_fixed(b"ab", "f", 2) == b"ab"
    for call, where in (
        (lambda: parse_rlp_list(b"\x05"), "rlp"),
        (lambda: parse_number(b"\x00\x01", "n"), "n"),
        (lambda: parse_number(b"\x01" * 9, "n"), "n"),
        (lambda: parse_number([], "n"), "n"),
        (lambda: parse_fixed(b"a", "f", 2), "f"),
        (lambda: parse_fixed([], "f", 0), "f"),
    ):
        with pytest.raises(FormatError) as caught:
            call()
        assert caught.value.where == where
