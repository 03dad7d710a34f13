"""Strict JSON and RFC 8785."""

from __future__ import annotations

import json
import math
import struct
import sys
import time
from enum import IntEnum

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from chain.canonical import (
    MAX_SAFE_INTEGER,
    MAX_WRITE_DEPTH,
    JsonError,
    canonicalize,
    parse_json,
)
from chain.errors import FormatError

# RFC 8785 appendix B: IEEE 754 bits and the text they are written as.
APPENDIX_B = [
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555554", "333333333.33333325"),
    ("41b3de4355555555", "333333333.3333333"),
    ("41b3de4355555556", "333333333.3333334"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]

plain = st.none() | st.booleans() | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
values = st.recursive(
    plain | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(("bits", "text"), APPENDIX_B)
def test_numbers_of_appendix_b(bits: str, text: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonicalize(number) == text.encode()
    assert canonicalize(parse_json(text.encode())) == text.encode()


def test_published_example() -> None:
    text = b'{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001]}'
    assert canonicalize(parse_json(text)) == b'{"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27]}'


def test_names_sort_by_utf16_unit_not_code_point() -> None:
    # U+1F602 is above U+FB33 as a code point and below it as UTF-16 (D83D).
    assert canonicalize({"\ufb33": 1, "\U0001f602": 2}) == '{"\U0001f602":2,"\ufb33":1}'.encode()


@given(values)
def test_fast_and_slow_path_agree_and_read_back(value: object) -> None:
    data = canonicalize(value)
    assert data == rfc8785.dumps(value)  # type: ignore[arg-type]
    assert canonicalize(parse_json(data)) == data


@given(st.dictionaries(st.text(), plain | st.text()))
def test_reading_equals_the_standard_parser(value: dict[str, object]) -> None:
    text = json.dumps(value).encode()
    assert parse_json(text) == value


class Small(IntEnum):
    TWO = 2


def test_subclasses_and_tuples_are_written_as_their_base() -> None:
    assert canonicalize((Small.TWO, True)) == b"[2,true]"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (2**53, "integer beyond 2^53 - 1"),
        (-(2**53), "integer beyond 2^53 - 1"),
        (math.nan, "number is not finite"),
        (-math.inf, "number is not finite"),
        ("\ud800", "lone surrogate"),
        ({"\udfff": 1}, "lone surrogate"),
        ([1.5, "\ud800"], "lone surrogate"),
        ({1: 2}, "not a JSON value"),
        ({None: 2}, "not a JSON value"),
        (b"bytes", "not a JSON value"),
        ({1, 2}, "not a JSON value"),
        (1j, "not a JSON value"),
    ],
)
def test_values_that_are_not_json(value: object, reason: str) -> None:
    with pytest.raises(FormatError) as caught:
        canonicalize(value)
    assert (caught.value.where, caught.value.reason) == ("value", reason)


@pytest.mark.parametrize("leaf", [1, 1.5])
def test_nesting_when_writing(leaf: float) -> None:
    value: object = leaf
    for _ in range(MAX_WRITE_DEPTH):
        value = [value]
    assert canonicalize(value) == b"[" * MAX_WRITE_DEPTH + str(leaf).encode() + b"]" * MAX_WRITE_DEPTH
    with pytest.raises(FormatError, match="nested deeper than 256"):
        canonicalize([value])
    cyclic: list[object] = [leaf]
    cyclic.append(cyclic)
    with pytest.raises(FormatError, match="nested deeper than 256"):
        canonicalize(cyclic)


def refused(data: bytes, **options: int) -> tuple[str, str, str]:
    with pytest.raises(JsonError) as caught:
        parse_json(data, **options)
    return caught.value.code, caught.value.where, caught.value.reason


def test_seventy_thousand_brackets_under_a_huge_recursion_limit() -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)
    try:
        for opening in (b"[", b'{"a":', b'[{"":'):
            code, where, reason = refused(opening * 70_000)
            assert (code, reason) == ("json.too_deep", "nested deeper than 32")
            assert where.startswith("byte ")
    finally:
        sys.setrecursionlimit(limit)


def test_depth_counts_brackets_outside_strings_only() -> None:
    assert parse_json(b"[" * 32 + b"]" * 32) is not None
    assert refused(b"[" * 33 + b"]" * 33) == ("json.too_deep", "byte 32", "nested deeper than 32")
    assert refused(b"[[1]]", max_depth=1) == ("json.too_deep", "byte 1", "nested deeper than 1")
    assert parse_json(b"[[]," * 40 + b"1" + b"]" * 40, max_depth=41)
    text = b'["' + b"[{" * 50 + b'\\"[", "\\\\", []]'
    assert parse_json(text) == ["[{" * 50 + '"[', "\\", []]


def test_hostile_text_is_scanned_in_linear_time() -> None:
    started = time.perf_counter()
    for text in (b'"' + b'\\"' * 500_000, b'["' + b"\\" * 1_000_000, b"[]" * 500_000, b'"' * 999_999):
        with pytest.raises(JsonError):
            parse_json(text + b"[" * 40)
    assert time.perf_counter() - started < 10


def test_long_integers_are_refused_before_they_are_computed() -> None:
    for digits in (17, 22, 5_000, 1_000_000):
        assert refused(b"[" + b"9" * digits + b"]")[:2] == ("json.number", "number")
    assert parse_json(b"[-9007199254740991]") == [-MAX_SAFE_INTEGER]


def test_duplicate_name_is_quoted_only_when_harmless() -> None:
    assert refused(b'{"a":1,"b":{"amount":1,"amount":2}}')[1] == "amount"
    assert refused('{"李雷":1,"李雷":2}'.encode())[1] == "object"


def test_where_and_why_of_malformed_text() -> None:
    assert refused(b'\xef\xbb\xbf{"a":1}') == ("json.malformed", "character 0", "byte order mark")
    assert refused(b'{"a":1} x') == ("json.malformed", "character 8", "trailing data")
    assert refused(b'"\xff"') == ("json.malformed", "byte 1", "not UTF-8")
    assert refused(b"[NaN]") == ("json.malformed", "number", "NaN and Infinity are not JSON")
    assert refused(b'"\\ud800"') == ("json.malformed", "string", "lone surrogate")
    assert refused(b"1e400") == ("json.number", "number", "beyond the range of a double")


def test_pairs_of_surrogates_are_one_character() -> None:
    assert parse_json(b'"\\ud83d\\uDE02 \\\\ud800"') == "\U0001f602 \\ud800"
