"""Strict JSON in, canonical JSON out: RFC 8259 and RFC 7493 for reading, RFC 8785 (JCS) for writing. Pure.

One text has one meaning here: what two parsers could read differently (duplicate member names, lone
surrogates, numbers no double holds) is refused. Must not repair, guess or normalise anything.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import NoReturn, TypeAlias

import rfc8785

from chain.errors import FormatError

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
"""What strict JSON can hold. Integers lie within +-(2^53 - 1); floats are finite."""

MAX_DEPTH = 32
"""Brackets that may be open at once when reading, unless the caller says otherwise."""

MAX_WRITE_DEPTH = 256
"""Nesting that :func:`canonicalize` accepts; deeper (or cyclic) values are refused, not overflowed."""

MAX_SAFE_INTEGER = 2**53 - 1
"""Largest integer with neighbours a double can tell apart (RFC 7493 section 2.2)."""

MALFORMED = "json.malformed"
DUPLICATE_KEY = "json.duplicate_key"
TOO_DEEP = "json.too_deep"
NUMBER = "json.number"

_NAME_SAFE_TO_QUOTE = re.compile(r"[A-Za-z0-9._:-]{1,64}\Z")
# Strings are skipped whole, closed or not, and nothing is ever tried twice (possessive), so the scan is
# linear in the input whatever the input is.
_BRACKET_OR_STRING = re.compile(rb'[\[\]{}]|"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_LONGEST_DOUBLE_INTEGER = 21  # ECMAScript writes larger doubles with an exponent.
_SAFE_DIGITS = 15  # 15 digits and a sign are always below 2^53.


class JsonError(FormatError):
    """A text is not the JSON accepted here; ``code`` is one of the four constants of this module."""

    def __init__(self, code: str, where: str, reason: str) -> None:
        super().__init__(where, reason)
        self.code = code


def parse_json(data: bytes, *, max_depth: int = MAX_DEPTH) -> JsonValue:
    """Return the value of one strict UTF-8 JSON text.

    Depth is counted before anything recursive sees the text, so no input can exhaust the stack. Integers
    are returned as ``int`` within +-(2^53 - 1). Other numbers come back as ``float``; an integer beyond
    that range is accepted only when it is exactly what ECMAScript writes for its double (so canonical
    output always reads back), and then comes back as ``float``.

    Raises JsonError with code ``json.malformed`` (not UTF-8, byte order mark, not JSON, trailing data, lone
    surrogate, NaN or Infinity), ``json.duplicate_key``, ``json.too_deep`` or ``json.number``.
    """
    # 1. Depth, on the raw bytes. Counting all brackets is a cheap upper bound for the common small text.
    if data.count(b"[") + data.count(b"{") > max_depth:
        _check_depth(data, max_depth)
    # 2. UTF-8 only: this also refuses UTF-16, UTF-32 and surrogates encoded as UTF-8.
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JsonError(MALFORMED, f"byte {error.start}", "not UTF-8") from None
    # 3. Grammar, duplicates and numbers.
    try:
        value: JsonValue = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        reason = "byte order mark" if text.startswith("\ufeff") else _grammar_reason(error)
        raise JsonError(MALFORMED, f"character {error.pos}", reason) from None
    # 4. Surrogates can now only have come from escapes, and only when one is spelled out.
    if _SURROGATE_ESCAPE.search(data) is not None:
        _check_surrogates(value)
    return value


def canonicalize(value: object) -> bytes:
    """Return the canonical bytes of a JSON value (RFC 8785, all of it).

    Accepts None, bool, int within +-(2^53 - 1), finite float, str, list, tuple and dict with str keys.

    Raises FormatError for anything else, for lone surrogates and for nesting above ``MAX_WRITE_DEPTH``.
    """
    if _is_plain(value):
        # The C encoder equals RFC 8785 here: ASCII member names sort alike by code point and by UTF-16
        # unit, there are no floats, and both write the same escapes and nothing else.
        try:
            return _ENCODER(value).encode("utf-8")
        except UnicodeEncodeError:
            raise FormatError("value", "lone surrogate") from None
    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]
    except rfc8785.IntegerDomainError:
        raise FormatError("value", "integer beyond 2^53 - 1") from None
    except rfc8785.FloatDomainError:
        raise FormatError("value", "number is not finite") from None
    except UnicodeEncodeError:
        raise FormatError("value", "lone surrogate") from None
    except rfc8785.CanonicalizationError as error:
        reason = "lone surrogate" if isinstance(error.__cause__, UnicodeEncodeError) else "not a JSON value"
        raise FormatError("value", reason) from None


def encode_plain(value: object) -> bytes:
    """Return the canonical bytes of a value known to hold no float and only ASCII member names and strings.

    The fast path for values whose schema has been checked; checks nothing itself.
    """
    return _ASCII_ENCODER(value).encode("ascii")


def _is_plain(value: object) -> bool:
    """Say whether the C encoder is provably canonical for ``value``; refuse what nests too deep."""
    level: list[object] = [value]
    depth = 0
    plain = True
    while level:
        if depth > MAX_WRITE_DEPTH:
            raise FormatError("value", f"nested deeper than {MAX_WRITE_DEPTH}")
        depth += 1
        below: list[object] = []
        for item in level:
            if item is None or isinstance(item, str):
                continue
            if isinstance(item, int):
                plain = plain and -MAX_SAFE_INTEGER <= item <= MAX_SAFE_INTEGER
            elif isinstance(item, dict):
                for name in item:
                    plain = plain and isinstance(name, str) and name.isascii()
                below.extend(item.values())
            elif isinstance(item, list | tuple):
                below.extend(item)
            else:
                plain = False
        level = below
    return plain


def _check_depth(data: bytes, max_depth: int) -> None:
    depth = 0
    for match in _BRACKET_OR_STRING.finditer(data):
        token = data[match.start()]
        if token in b"[{":
            depth += 1
            if depth > max_depth:
                raise JsonError(TOO_DEEP, f"byte {match.start()}", f"nested deeper than {max_depth}")
        elif token in b"]}":
            depth -= 1


def _check_surrogates(value: JsonValue) -> None:
    """Refuse a string that still holds half a pair. Recursion is bounded by the depth already checked."""
    if isinstance(value, str):
        if not value.isascii():
            try:
                value.encode("utf-8")
            except UnicodeEncodeError:
                raise JsonError(MALFORMED, "string", "lone surrogate") from None
    elif isinstance(value, list):
        for item in value:
            _check_surrogates(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_surrogates(name)
            _check_surrogates(item)


def _grammar_reason(error: json.JSONDecodeError) -> str:
    return "trailing data" if error.msg == "Extra data" else "not JSON"


def _unique(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                # A name of unusual shape may itself be somebody's data, so it is not repeated.
                where = name if _NAME_SAFE_TO_QUOTE.match(name) else "object"
                raise JsonError(DUPLICATE_KEY, where, "member name appears twice")
            seen.add(name)
    return members


def _integer(text: str) -> int | float:
    if len(text) <= _SAFE_DIGITS:
        return int(text)
    # The length is bounded before int() sees the digits: its cost grows with their square.
    if len(text.lstrip("-")) <= _LONGEST_DOUBLE_INTEGER:
        number = int(text)
        if -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER:
            return number
        nearest = float(number)
        if rfc8785.dumps(nearest) == text.encode("ascii"):
            return nearest
    raise JsonError(NUMBER, "number", "integer that no double holds exactly")


def _fraction(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise JsonError(NUMBER, "number", "beyond the range of a double")
    return number


def _constant(text: str) -> NoReturn:
    raise JsonError(MALFORMED, "number", "NaN and Infinity are not JSON")


def _refuse(value: object) -> NoReturn:
    raise FormatError("value", "not a JSON value")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_integer, parse_float=_fraction, parse_constant=_constant
)
_ENCODER: Callable[[object], str] = json.JSONEncoder(
    ensure_ascii=False,
    allow_nan=False,
    check_circular=False,
    sort_keys=True,
    separators=(",", ":"),
    default=_refuse,
).encode
_ASCII_ENCODER: Callable[[object], str] = json.JSONEncoder(
    ensure_ascii=True,
    allow_nan=False,
    check_circular=False,
    sort_keys=True,
    separators=(",", ":"),
    default=_refuse,
).encode
