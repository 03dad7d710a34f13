"""Requests as bytes that no HTTP library would send, drawn from a seed.

Each says how many answers it may get at most: more would mean that two readers of the same bytes see
different requests (smuggling). ``statuses`` are those it may be answered with, where only some are right.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

SMUGGLED = "/smuggled"
"""Path inside bodies: an answer about it means that a body was read as a request."""
CLOSE = "connection: close"
_JSON = "content-type: application/json"
_HOST = "host: 127.0.0.1"
_REFUSED = frozenset({400, 401, 404, 405, 408, 411, 413, 414, 415, 422, 431, 501, 505})


@dataclass(frozen=True, slots=True)
class Bytes:
    """One connection's bytes: their sort, how many answers are right at most, which statuses, and whether
    the connection is broken instead of read.
    """

    sort: str
    data: bytes
    most: int = 1
    statuses: frozenset[int] | None = None
    reset: bool = False


@dataclass(frozen=True, slots=True)
class Keys:
    """What drawing may use: a secret that is accepted."""

    secret: str
    paths: tuple[str, ...] = field(
        default=("/v1/entries", "/v1/members", "/v1/status", "/log/checkpoint", "/")
    )


Make = Callable[[random.Random, Keys], Bytes]


def draw_bytes(chance: random.Random, keys: Keys) -> Bytes:
    """Return the bytes of one connection."""
    return chance.choice(_FAMILIES)(chance, keys)


def _head(first: str | bytes, *lines: str | bytes) -> bytes:
    parts = [part if isinstance(part, bytes) else part.encode("latin-1") for part in (first, *lines)]
    return b"\r\n".join([*parts, b"", b""])


def _post(keys: Keys, *lines: str | bytes, path: str = "/v1/entries") -> bytes:
    return _head(f"POST {path} HTTP/1.1", _HOST, f"authorization: Bearer {keys.secret}", CLOSE, *lines)


_LINES = (
    "GET", "GET /", "GET / HTTP", "GET / HTTP/", "GET / HTTP/1", "GET / HTTP/9.9", "GET / HTTP/1.10",
    "GET / http/1.1",
    "GET / HTTP/0.9", "GET  / HTTP/1.1", "GET\t/\tHTTP/1.1", " GET / HTTP/1.1", "GET / HTTP/1.1 x",
    "GET /\x00 HTTP/1.1",
    "GET /\x7f HTTP/1.1", "get / HTTP/1.1", "G\u00cbT / HTTP/1.1", "GETT / HTTP/1.1", "TRACE / HTTP/1.1",
    "CONNECT 127.0.0.1:80 HTTP/1.1", "CONNECT / HTTP/1.1", "OPTIONS * HTTP/1.1", "PRI * HTTP/2.0",
    "GET * HTTP/1.1",
    "GET http://elsewhere/ HTTP/1.1", "GET http:// HTTP/1.1", "GET //elsewhere/x HTTP/1.1",
    "GET ? HTTP/1.1",
    "GET # HTTP/1.1", "GET /#x HTTP/1.1", "GET http://[::1 HTTP/1.1", "GET http://a:99999/ HTTP/1.1",
    "PROPFIND / HTTP/1.1", "PURGE / HTTP/1.1", "M-SEARCH * HTTP/1.1", "SOURCE / ICE/1.0",
    "DESCRIBE x RTSP/1.0",
    "GET /\xff\xfe HTTP/1.1", "GET /\xe4\xbd\xa0 HTTP/1.1", "POST / HTTP/1.1", "PUT / HTTP/1.1",
    "DELETE / HTTP/1.1",
    "HEAD /v1/entries HTTP/1.1", "QUERY / HTTP/1.1", "GET mailto:x HTTP/1.1", "GET /%zz HTTP/1.1",
    "GET /% HTTP/1.1",
)  # fmt: skip


def _request_line(chance: random.Random, keys: Keys) -> Bytes:
    line = chance.choice(_LINES)
    end = chance.choice((b"\r\n", b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r"))
    return Bytes(
        "request line", line.encode("latin-1") + end + _HOST.encode() + end + CLOSE.encode() + end + end
    )


def _noise(chance: random.Random, keys: Keys) -> Bytes:
    data = chance.choice(
        (
            chance.randbytes(chance.randint(1, 5_000)),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(500),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
            b"\x05\x01\x00\x04\x01\x7f\x00\x00\x01\x00P",
            b"\x00" * chance.randint(1, 70_000),
            b"\r\n" * chance.randint(1, 50_000),
            b"*1\r\n$4\r\nPING\r\n",
            b"SSH-2.0-x\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "\u4f60\u597d\r\n\r\n".encode(),
        )
    )
    return Bytes("noise", data)


_LENGTHS = (
    "content-length: +5", "content-length: -1", "content-length: 0x5", "content-length: 5, 5",
    "content-length: 5,6",
    "content-length: 5 5", "content-length: ", "content-length: five",
    "content-length: 99999999999999999999",
    "content-length: 18446744073709551615", "content-length: 9223372036854775808", "content-length: 5\x0b",
    "content-length: 5_0", "content-length: 1e3", "content-length: \u00b9",
    "content-length: 00000000000000000005",
    "content-length: " + "9" * 5_000, "content-length:\t5", "content-length : 5", " content-length: 5",
    "content-length\x00: 5", "content-length: 5;x", "Content-Length: 5\r\nContent-Length: 6",
    "content-length: 5\r\ncontent-length: 5", "content_length: 5",
)  # fmt: skip
_CODINGS = (
    "transfer-encoding: chunked", "transfer-encoding: identity", "transfer-encoding: chunked, chunked",
    "transfer-encoding: xchunked", "transfer-encoding: chunked, identity",
    "transfer-encoding: gzip, chunked",
    "transfer-encoding : chunked", "transfer-encoding:\tchunked", "transfer-encoding: \x0bchunked",
    "transfer-encoding: CHUNKED", "transfer-encoding: chunked\r\ntransfer-encoding: identity",
    " transfer-encoding: chunked",
    "x: y\n transfer-encoding: chunked", "x: y\r\n\ttransfer-encoding: chunked", "transfer-encoding: ",
    "te: chunked",
    "transfer-encoding: chunked;q=1", "transfer-encoding: \"chunked\"", "transfer_encoding: chunked",
    "transfer-encoding\r\n: chunked",
)  # fmt: skip
_INSIDE = f"GET {SMUGGLED} HTTP/1.1\r\n{_HOST}\r\n\r\n".encode()


def _two_lengths(chance: random.Random, keys: Keys) -> Bytes:
    lines = [chance.choice(_LENGTHS), chance.choice((*_CODINGS, *_LENGTHS))]
    if chance.random() < 0.5:
        lines = [f"content-length: {chance.choice((0, 4, 5, len(_INSIDE)))}", chance.choice(_CODINGS)]
    chance.shuffle(lines)
    body = chance.choice(
        (b"0\r\n\r\n" + _INSIDE, _INSIDE, b"5\r\nhello\r\n0\r\n\r\n" + _INSIDE, b"{}\r\n" + _INSIDE)
    )
    return Bytes("lengths that differ", _post(keys, _JSON, *lines) + body, most=1)


def _huge_head(chance: random.Random, keys: Keys) -> Bytes:
    size = chance.choice((17_000, 70_000, 300_000, 1_500_000))
    head = chance.choice(
        (
            _head("GET / HTTP/1.1", _HOST, CLOSE, "x: " + "y" * size),
            _head("GET / HTTP/1.1", _HOST, CLOSE, "x" * size + ": y"),
            _head("GET /" + "z" * size + " HTTP/1.1", _HOST, CLOSE),
            _head("GET /?" + "a=b&" * (size // 4) + " HTTP/1.1", _HOST, CLOSE),
            _head("GET / HTTP/1.1", _HOST, CLOSE, "cookie: " + "a=b; " * (size // 5)),
            _head("GET / HTTP/1.1", _HOST, CLOSE, *[f"x{number}: y" for number in range(size // 12)]),
            _head("GET / HTTP/1.1", _HOST, CLOSE, *["x: y"] * (size // 6)),
            _head("G" * size + " / HTTP/1.1", _HOST),
        )
    )
    return Bytes("huge head", head, statuses=_REFUSED)


_TWICE = (
    "authorization: Bearer x", "idempotency-key: \"a\"\r\nidempotency-key: \"b\"", "host: elsewhere", _JSON,
    "content-type: text/plain", "content-length: 2", "expect: 100-continue",
    "accept: */*\r\naccept: text/html",
    "x-forwarded-for: 127.0.0.1\r\nx-forwarded-for: 10.0.0.1", "cookie: a\r\ncookie: b", "authorization:",
    "connection: keep-alive, close, upgrade", "range: bytes=0-1,0-1,0-1,0-1",
    "if-none-match: *\r\nif-none-match: x",
)  # fmt: skip


def _duplicates(chance: random.Random, keys: Keys) -> Bytes:
    lines = [line for line in chance.choices(_TWICE, k=chance.randint(1, 6))]
    return Bytes("duplicate headers", _post(keys, _JSON, "content-length: 2", *lines) + b"{}")


_STEPS = (
    "..", "%2e%2e", ".%2e", "%252e%252e", "..;", "%c0%ae%c0%ae", "%e0%80%ae", "%00", "%0d%0ax:%20y",
    "%ff", "%u002e",
    "\\", "%5c", "//", "/./", "%2f", "%09", "%7f", "\u00e4", "%F0%9F%98%80", "~", "*", "'", "\"", "<>",
    "{}", "[]", "|",
    "\t", "%", "a" * 3_000, "%41" * 2_000, ";x=y", "@", ":", "acct_" + "0" * 40, "%E2%80%AE", "+", "-1",
    "0" * 300,
    "9" * 400, "1e9", "NaN", "null", "01ARZ3NDEKTSV4RRFFQ69G5FAV",
)  # fmt: skip
_BASES = (
    "/", "/v1", "/v1/entries", "/v1/members", "/v1/accounts", "/v1/chapters", "/v1/keys", "/v1/cases",
    "/v1/webhooks",
    "/v1/credits/proposals", "/log", "/log/tile", "/log/tile/0", "/log/tile/entries", "/problems",
    "/v1/events/stream",
    "/openapi.json", "/metrics",
)  # fmt: skip


def _path(chance: random.Random, keys: Keys) -> Bytes:
    path = chance.choice(_BASES) + "".join(
        chance.choice(("/", "", "?after=", "&limit=", "/")) + chance.choice(_STEPS)
        for _ in range(chance.randint(1, 4))
    )
    if "/stream" in path:
        path = path.replace("/stream", "/strean")
    host = chance.choice(
        (_HOST, f"host: x{SMUGGLED}?", "host: /log/checkpoint#", "host: \u00e4", "host: a b", "host:")
    )
    secret = f"authorization: Bearer {keys.secret}"
    method = chance.choice(("GET", "GET", "GET", "HEAD", "DELETE", "PUT", "PATCH", "OPTIONS"))
    return Bytes("path", _head(f"{method} {path} HTTP/1.1", host, CLOSE, secret, "content-length: 0"))


_CHUNKS: tuple[bytes, ...] = (
    b"-1\r\n{}\r\n0\r\n\r\n", b"ffffffffffffffff\r\n{}", b"fffffffffffffffff\r\n{}",
    b"0x2\r\n{}\r\n0\r\n\r\n",
    b" 2\r\n{}\r\n0\r\n\r\n", b"2 \r\n{}\r\n0\r\n\r\n", b"2;" + b"a=b;" * 20_000 + b"\r\n{}\r\n0\r\n\r\n",
    b"2\n{}\n0\n\n",
    b"2\r\n{}0\r\n\r\n", b"2\r\n{}x\r\n0\r\n\r\n", b"2\r\n{}\r\n0\r\nauthorization: Bearer x\r\n\r\n",
    b"2\r\n{}\r\n0\r\n" + b"x: y\r\n" * 20_000 + b"\r\n",
    b"2\r\n{}\r\n0\r\nx: " + b"y" * 200_000 + b"\r\n\r\n",
    b"2\r\n{}\r\n0\r\n\r\n" + _INSIDE, b"\r\n2\r\n{}\r\n0\r\n\r\n", b"g\r\n{}\r\n0\r\n\r\n",
    b"2\r\n{}\r\n", b"00000000000000002\r\n{}\r\n0\r\n\r\n",
    b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", b"1\r\n{\r\n" + b"1;x\r\n \r\n" * 20_000 + b"1\r\n}\r\n0\r\n\r\n",
    b"0\r\n\r\n",
    b"2\r\n{}\r\n0\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n", b"2\r\r\n{}\r\n0\r\n\r\n",
    b"2\r\n{}\r\n0\r\nidempotency-key: \"t\"\r\n\r\n", b"80000000\r\n" + b"{" * 1_000,
)  # fmt: skip


def _chunks(chance: random.Random, keys: Keys) -> Bytes:
    line = chance.choice((_CODINGS[0], "transfer-encoding: gzip, chunked", "Transfer-Encoding: Chunked"))
    return Bytes("chunks", _post(keys, _JSON, line) + chance.choice(_CHUNKS))


def _truncated(chance: random.Random, keys: Keys) -> Bytes:
    body = b'{"type":"gift.sent","chapter":"9999-9999"}'
    request = _post(keys, _JSON, f"content-length: {len(body)}") + body
    cut = chance.randrange(1, len(request))
    return Bytes("truncated", request[:cut], reset=chance.random() < 0.5)


def _reset(chance: random.Random, keys: Keys) -> Bytes:
    request = _head(
        f"GET {chance.choice(keys.paths)} HTTP/1.1", _HOST, f"authorization: Bearer {keys.secret}"
    )
    return Bytes("left before the answer", request * chance.randint(1, 20), most=20, reset=True)


@cache
def _bomb(size: int) -> bytes:
    return gzip.compress(b" " * size, 9, mtime=0)


def _zipped(chance: random.Random, keys: Keys) -> Bytes:
    body = _bomb(chance.choice((1_000, 10_000_000, 60_000_000)))
    if chance.random() < 0.2:
        body = gzip.compress(body, 9, mtime=0)
    coding = chance.choice(("gzip", "deflate", "br", "gzip, gzip", "zstd", "x-gzip", "compress"))
    path = chance.choice(("/v1/entries", "/v1/verify", "/v1/members"))
    media = (
        "content-type: application/octet-stream" if path == "/v1/verify" and chance.random() < 0.7 else _JSON
    )
    lines = (media, f"content-encoding: {coding}", f"content-length: {len(body)}")
    return Bytes("gzip bomb", _post(keys, *lines, path=path) + body)


def _files(chance: random.Random, keys: Keys) -> Bytes:
    body = chance.choice(
        (
            chance.randbytes(chance.randint(0, 20_000)),
            bytes((0xD2, 0x84, 0x43)) + chance.randbytes(200),
            b"\x9f" * 50_000,
            b"\xbf" * 50_000,
            b"\x81" * 50_000,
            b"\xd8\x18" * 20_000,
            b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
            b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff" * 100,
            b"c2sp.org/tlog-proof@v1\n" + chance.randbytes(300),
            b"c2sp.org/tlog-proof@v1\nindex 99999999999999999999\n" + b"A" * 43 + b"=\n",
        )
    )
    media = chance.choice(
        (
            "application/octet-stream",
            "application/vnd.tongyi.proof+json",
            "text/plain",
            "application/cose",
            "x/y",
        )
    )
    lines = (f"content-type: {media}", f"content-length: {len(body)}")
    return Bytes("files to verify", _post(keys, *lines, path="/v1/verify") + body)


def _upgrades(chance: random.Random, keys: Keys) -> Bytes:
    line = chance.choice(
        (
            "upgrade: websocket\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13",
            "upgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA",
            "upgrade: TLS/1.0", "expect: 100-continue", "expect: 200-ok",
            "expect: 100-continue, 100-continue",
        )
    )  # fmt: skip
    head = _head("GET /v1/status HTTP/1.1", _HOST, "connection: upgrade, close", line)
    if line.startswith("expect"):
        head = _post(keys, _JSON, "content-length: 2", line) + b"{}"
    return Bytes("upgrades", head)


_FAMILIES: tuple[Make, ...] = (
    _request_line, _noise, _two_lengths, _two_lengths, _huge_head, _duplicates, _path, _path, _path,
    _chunks,
    _chunks, _truncated, _reset, _zipped, _files, _upgrades,
)  # fmt: skip
