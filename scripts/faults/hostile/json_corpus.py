"""Edge cases of JSON parsers, drawn from a seed: texts that are no strict JSON, and odd ones that are.

Whether a text must be refused is known from how it was made, not from a parser. Strict is what RFC 8259 and
I-JSON (RFC 7493) say: UTF-8, no duplicate names, no lone surrogates, numbers that a double holds, and here no
more than 32 levels.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass

DEPTH = 32
CONTROL = "control character"
MOST_BYTES = 100_000
"""Below the limit of a body, so that a text is refused for what it is."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text: its sort, its bytes, and whether a strict parser must refuse it."""

    sort: str
    body: bytes
    wrong: bool


Value = dict[str, object]
_NUMBERS = (
    "NaN", "-NaN", "Infinity", "-Infinity", "+1", ".5", "1.", "01", "-01", "0x1F", "1e", "1e+", "-",
    "--1", "1_000",
    "1e400", "-1e400", "1e99999999999", "\uff19", "1.e5", "0e", "00", "1,5", "0b1", "1f", "\u221e",
)  # fmt: skip
_WORDS = ("True", "FALSE", "None", "undefined", "nul", "tru", "nulll", "yes", "'a'", "`a`", "a", "\\u0022")
_ESCAPES = ("\\x41", "\\u12", "\\u12G4", "\\", "\\a", "\\0", "\\'", "\\U00000041", "\\u{41}", "\\ud800",
            "\\udc00", "\\ud800\\ud800", "\\udc00\\ud800", "\\ud83d\\u0041")  # fmt: skip
_BYTES = (b"\xff", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
          b"\xf8\x88\x80\x80\x80", b"\x80", b"\xe4\xbd", b"\xc3",
          b"\xf0\x9f\x98", b"\xed\xb0\x80\xed\xa0\x80")  # fmt: skip
_ODD_STRINGS = (
    "", "\x00", "\uffff", "\ufeff", "\u202e", "\u00a0", "\u2028", "\U0010ffff", "\U0001f600" * 50,
    "a" * 60_000,
    "\u0130\u0131\u1e9e", "\u00e9", "e\u0301", "__proto__", "constructor", "../../etc/passwd",
    "'; DROP TABLE entries; --", "${jndi:ldap://x}", "%00%n%s", "<script>", "\r\nx: y", "\uff19", "-0",
    "1e5", "null",
)  # fmt: skip


def draw_text(chance: random.Random, base: Value) -> Text:
    """Return one text made from ``base``, a body as the route would take it."""
    sort, make, wrong = chance.choice(_SORTS)
    return Text(sort, make(chance, base), wrong)


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _with(base: Value, raw: str | bytes, chance: random.Random) -> bytes:
    """Put raw text in the place of one member's value, or as one more member's."""
    name = chance.choice([*base, "extra"])
    marked = _dump({**base, name: "\x01"}).encode()
    raw = raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw
    return marked.replace(b'"\\u0001"', raw, 1)


def _cut(chance: random.Random, base: Value) -> bytes:
    body = _dump(base).encode()
    return body[: chance.randrange(len(body))]


def _trailing(chance: random.Random, base: Value) -> bytes:
    rest = chance.choice(("x", "{}", ",", "]", "}", "null", "\x00", "//", "/**/", "\ufeff", "\x0b", "\u2028"))
    return (_dump(base) + rest).encode()


def _leading(chance: random.Random, base: Value) -> bytes:
    before = chance.choice(("\ufeff", "\x00", ")]}',\n", "/**/", ",", "\x0c", "\u00a0", "[", "("))
    return (before + _dump(base)).encode()


def _duplicate(chance: random.Random, base: Value) -> bytes:
    name = chance.choice(list(base))
    spelled = chance.choice((name, "".join(f"\\u{ord(letter):04x}" for letter in name)))
    return (_dump(base)[:-1] + f',"{spelled}":{_dump(chance.choice((base[name], None, 1)))}}}').encode()


def _nested_duplicate(chance: random.Random, base: Value) -> bytes:
    return _with(base, '{"a":[{"b":1,"c":2,"\\u0062":3}]}', chance)


def _grammar(chance: random.Random, base: Value) -> bytes:
    body = _dump(base)
    where = [index for index, letter in enumerate(body) if letter in '{}[]:,"']
    at = chance.choice(where)
    if body[at] in ",:" and chance.random() < 0.5:
        return (body[:at] + body[at] + body[at:]).encode()
    return (body[:at] + body[at + 1 :]).encode() if at not in (0, len(body) - 1) else body[1:].encode()


def _too_deep(chance: random.Random, base: Value) -> bytes:
    depth = chance.choice((DEPTH + 1, 64, 1_000, 20_000, MOST_BYTES // 2 - 1_000))
    if chance.random() < 0.5:
        return _with(base, "[" * depth + "]" * depth, chance)
    depth = min(depth, MOST_BYTES // 7)
    return _with(base, '{"a":' * depth + "1" + "}" * depth, chance)


def _open_brackets(chance: random.Random, base: Value) -> bytes:
    return chance.choice((b"[", b'{"a":', b"[[],", b'[{"":')) * chance.choice((40, 1_000, 15_000))


def _control(chance: random.Random, base: Value) -> bytes:
    return _with(base, f'"a{chr(chance.randrange(32))}b"', chance)


def _other_encoding(chance: random.Random, base: Value) -> bytes:
    return _dump(base).encode(chance.choice(("utf-16", "utf-16-le", "utf-32", "utf-16-be", "utf-8-sig")))


def _flipped(chance: random.Random, base: Value) -> bytes:
    # Bytes that UTF-8 never holds: others could by chance be two halves of a letter.
    body = bytearray(_dump(base).encode())
    for _ in range(chance.randint(1, 8)):
        body[chance.randrange(len(body))] = chance.randrange(248, 256)
    return bytes(body)


def _digits(chance: random.Random, base: Value) -> bytes:
    return _with(base, chance.choice("123456789") + "7" * chance.choice((400, 5_000, 60_000)), chance)


def _odd_member(chance: random.Random, base: Value) -> bytes:
    name = chance.choice([*base, "extra", *_ODD_STRINGS])
    value: object = chance.choice(
        (*_ODD_STRINGS, None, True, 0, -0.0, 5e-324, 1.5, [], {}, [[]], {"": {}}, 2**53)
    )
    return _dump({**base, name: value}).encode()


def _spaces(chance: random.Random, base: Value) -> bytes:
    space = "".join(chance.choices(" \t\r\n", k=chance.randint(1, 2_000)))
    return (space + json.dumps(base, indent=chance.randint(0, 9)) + space).encode()


def _escaped(chance: random.Random, base: Value) -> bytes:
    def spell(value: object) -> str:
        if isinstance(value, str):
            return '"' + "".join(f"\\u{ord(letter):04X}" for letter in value) + '"'
        if isinstance(value, dict):
            return "{" + ",".join(f"{spell(name)}:{spell(item)}" for name, item in value.items()) + "}"
        return _dump(value)

    return spell(base).encode()


def _allowed_depth(chance: random.Random, base: Value) -> bytes:
    depth = chance.randint(5, DEPTH - 2)
    return _with(base, "[" * depth + "]" * depth, chance)


def _other_root(chance: random.Random, base: Value) -> bytes:
    return chance.choice((b"[]", b"null", b"true", b"0", b'""', b"-1", b'"x"', b"[{}]", b"[[[]]]", b"1.5"))


def _many(chance: random.Random, base: Value) -> bytes:
    count = chance.choice((100, 2_000, 6_000))
    return _dump({**base, **{f"k{number}": number for number in range(count)}}).encode()


Make = Callable[[random.Random, Value], bytes]
_SORTS: tuple[tuple[str, Make, bool], ...] = (
    ("cut off", _cut, True),
    ("text behind", _trailing, True),
    ("text before", _leading, True),
    ("duplicate name", _duplicate, True),
    ("duplicate name inside", _nested_duplicate, True),
    ("grammar", _grammar, True),
    ("too deep", _too_deep, True),
    ("brackets without an end", _open_brackets, True),
    (CONTROL, _control, True),
    ("another encoding", _other_encoding, True),
    ("bytes that are no UTF-8", lambda c, b: _with(b, b'"' + c.choice(_BYTES) + b'"', c), True),
    ("flipped bytes", _flipped, True),
    ("bad number", lambda c, b: _with(b, c.choice(_NUMBERS), c), True),
    ("bad word", lambda c, b: _with(b, c.choice(_WORDS), c), True),
    ("bad escape", lambda c, b: _with(b, f'"{c.choice(_ESCAPES)}"', c), True),
    ("many digits", _digits, True),
    ("trailing comma", lambda c, b: (_dump(b)[:-1] + ",}").encode(), True),
    ("comment", lambda c, b: _with(b, c.choice(("/*x*/1", "1//x\n", "#x\n1", "1<!--")), c), True),
    ("odd member", _odd_member, False),
    ("white space", _spaces, False),
    ("escaped throughout", _escaped, False),
    ("deep as allowed", _allowed_depth, False),
    ("another root", _other_root, False),
    ("many members", _many, False),
)
