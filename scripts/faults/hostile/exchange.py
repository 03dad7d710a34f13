"""Bytes on sockets and the answers to them, for clients that no library would be.

`Pipe` keeps a connection and has many requests under way; `send_alone` gives one request a connection of its
own and reads until the server closes. Shares no code with the product.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SLOW = 5.0
"""Seconds after which an answer is too late, and a silent connection hangs."""
PATIENT = 0.4
"""Seconds of silence after which a client that sends alone says that it has nothing more to send."""
_PART = 1 << 18


class NoAnswer(Exception):
    """The server closed, or was silent for too long, before a whole answer came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: status, headers by lower-case name, body, and seconds from the request to its last byte."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class Alone:
    """What came back on a connection of one request: ``silent`` when there was neither answer nor end."""

    answers: Sequence[Answer]
    silent: bool
    asked_to_end: bool


def parse_answer(data: bytes, seconds: float, *, bare: bool = False) -> tuple[Answer, int] | None:
    """Return the first answer in ``data`` and its length, None while it is not whole.

    ``bare`` is one to HEAD. Raises NoAnswer when it is no HTTP.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *lines = data[:end].decode("latin-1").split("\r\n")
    if not first.startswith("HTTP/1."):
        raise NoAnswer(f"no HTTP: {first[:60]!r}")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    status, start = int(first[9:12]), end + 4
    if status == 100:
        following = parse_answer(data[start:], seconds, bare=bare)
        return None if following is None else (following[0], start + following[1])
    if bare:
        return Answer(status, headers, b"", seconds), start
    if headers.get("transfer-encoding") == "chunked":
        found = _joined_chunks(data, start)
        if found is None:
            return None
        body, end = found
    else:
        end = start + int(headers.get("content-length", "0"))
        if len(data) < end:
            return None
        body = data[start:end]
    return Answer(status, headers, body, seconds), end


def _joined_chunks(data: bytes, at: int) -> tuple[bytes, int] | None:
    parts: list[bytes] = []
    while (line := data.find(b"\r\n", at)) >= 0:
        size = int(data[at:line].split(b";")[0], 16)
        at = line + 2 + size + 2
        if len(data) < at:
            return None
        if size == 0:
            return b"".join(parts), at
        parts.append(data[line + 2 : at - 2])
    return None


class Pipe:
    """One kept connection; made anew where it broke."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def ask(self, requests: Sequence[bytes]) -> Iterator[Answer]:
        """Send all at once and yield answers in order. Raises NoAnswer or OSError where one is missing."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=SLOW * 6)
        data = b""
        began = time.monotonic()
        try:
            self._socket.sendall(b"".join(requests))
            for request in requests:
                bare = request.startswith(b"HEAD ")
                while (found := parse_answer(data, time.monotonic() - began, bare=bare)) is None:
                    part = self._socket.recv(_PART)
                    if not part:
                        raise NoAnswer(f"closed, behind {data[:80]!r}")
                    data += part
                answer, length = found
                data = data[length:]
                yield answer
                began = time.monotonic()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close it; the next question opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def send_alone(port: int, request: bytes, *, reset: bool = False) -> Alone:
    """Send on a new connection, read until the server closes.

    After some silence the client says that it sends no more; ``reset`` breaks the connection instead of
    reading.
    """
    data, ended, silent = b"", False, False
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=SLOW) as connection:
        with contextlib.suppress(OSError):  # the server may refuse before it has read all
            connection.sendall(request)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return Alone((), silent=False, asked_to_end=False)
        connection.settimeout(PATIENT)
        last = began
        while True:
            try:
                part = connection.recv(_PART)
            except TimeoutError:
                if ended and time.monotonic() - began > SLOW:
                    silent = True
                    break
                if not ended:
                    ended = True
                    with contextlib.suppress(OSError):
                        connection.shutdown(socket.SHUT_WR)
                continue
            except OSError:
                break
            if not part:
                break
            data, last = data + part, time.monotonic()
    return Alone(tuple(_parse_all(data, last - began)), silent, ended)


def _parse_all(data: bytes, seconds: float) -> Iterator[Answer]:
    while data:
        try:
            found = parse_answer(data, seconds)
        except NoAnswer:
            return
        if found is None:
            return
        yield found[0]
        data = data[found[1] :]
