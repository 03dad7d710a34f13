"""Vectors for canonical JSON."""

from __future__ import annotations

from collections.abc import Iterator

from chain.canonical import JsonError, JsonValue, canonicalize, parse_json

Case = dict[str, JsonValue]
VectorFile = dict[str, JsonValue]


def build_canonical_vectors() -> Iterator[tuple[str, VectorFile]]:
    """Yield (path below tests/vectors, file) of ``canonical``."""
    for name, what, texts in _SOUND:
        sound: list[JsonValue] = [
            {"input": text, "output": canonicalize(parse_json(text.encode())).decode()} for text in texts
        ]
        yield f"canonical/{name}.json", {"what": what, "valid": True, "cases": sound}
    for name, what, inputs in _MALFORMED:
        broken: list[JsonValue] = [_refused(item) for item in inputs]
        yield f"canonical/{name}.json", {"what": what, "valid": False, "cases": broken}


_SOUND = (
    (
        "sorted-names",
        "Member names are sorted by UTF-16 code unit.",
        (
            '{"b":1,"a":2,"B":3,"":4,"10":5,"2":6}',
            '{"\\ud83d\\ude02":1,"\\ufb33":2,"\\u20ac":3,"\\r":4,"1":5,"\\u0080":6}',
            '{"z":{"b":[{"y":1,"x":2}],"a":{}}}',
        ),
    ),
    (
        "numbers",
        "Numbers are written as ECMAScript does.",
        (
            '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001]}',
            "[-0,-0.0,0.0,1.0,1e21,1e20,123456789012345680000,1e-6,1e-7,5e-324,1.7976931348623157e308]",
            "[9007199254740991,-9007199254740991,9007199254740992,295147905179352830000]",
        ),
    ),
    (
        "strings",
        "Only what must be escaped is escaped, nothing is normalised.",
        (
            '"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/"',
            '["\\u0000\\b\\t\\n\\f\\r\\u001f\\u007f","\\u2028\\u2029","A\\u030a","\\u00c5"]',
        ),
    ),
    ("spacing", "White space between tokens is dropped.", (" [ 1 ,\t{ } ,\r\n[ ] ] \n", "\ttrue ", " null")),
)

_MALFORMED: tuple[tuple[str, str, tuple[str | bytes, ...]], ...] = (
    (
        "duplicate-names",
        "A member name appears twice in one object.",
        ('{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '[{"x":{"b":1,"c":2,"b":3}}]', '{"":1,"":2}'),
    ),
    (
        "not-numbers",
        "Not a number of JSON.",
        ("NaN", "[Infinity]", "-Infinity", "01", "[1.]", "[.5]", "+1", "0x1", "1e", "[-]", "1_000", "[１]"),
    ),
    (
        "unsafe-numbers",
        "No double holds the number.",
        ("9007199254740993", "-9007199254740993", "18446744073709551615", "1e309", "[-1e400]", "1" * 400),
    ),
    (
        "too-deep",
        "More than 32 brackets are open.",
        ("[" * 33 + "]" * 33, "[" * 400, '{"a":' * 33 + "1" + "}" * 33, '["]",' * 33 + "1" + "]" * 33),
    ),
    (
        "not-unicode",
        "Not UTF-8, or half a surrogate pair.",
        (
            '"\\ud800"',
            '["\\udc00\\ud800"]',
            '{"\\udfff":1}',
            b'"\xff"',
            b'"\xc0\xaf"',
            b'"\xed\xa0\x80"',
            b'\xef\xbb\xbf{"a":1}',
            '{"a":1}'.encode("utf-16"),
            '{"a":1}'.encode("utf-32-be"),
        ),
    ),
    (
        "broken-grammar",
        "Not JSON, or more than one text.",
        (
            *(
                "",
                " ",
                "{",
                "]",
                "{}{}",
                "1 2",
                "nul",
                "True",
                "'a'",
                '"a',
                '"\x01"',
                '"\\x41"',
                '"\\u12"',
                "[1,]",
            ),
            *(
                '{"a":1,}',
                '{"a"}',
                "{a:1}",
                '{1:"a"}',
                "[1 2]",
                "// a\n1",
                "\u00a01",
                '"a" b',
                "\ufeff1",
                "\x00",
            ),
        ),
    ),
)


def _refused(item: str | bytes) -> Case:
    data = item if isinstance(item, bytes) else item.encode()
    try:
        parse_json(data)
    except JsonError as error:
        if isinstance(item, bytes):
            return {"input_hex": data.hex(), "code": error.code}
        return {"input": item, "code": error.code}
    raise AssertionError(f"parses: {data[:200]!r}")
