"""The HTTP server itself: what it answers and ends before any application is asked."""

from __future__ import annotations

import json
import resource
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from starlette.types import Receive, Scope, Send

from gateway import server
from gateway.server import Server, bind, make_room


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the names of the headers that are known once the body is read."""
    if scope["path"] != "/early":
        while (await receive()).get("more_body"):
            pass
    body = b" ".join(name for name, _ in scope["headers"])
    length = str(len(body)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server that waits for a head no longer than 0.4 seconds."""
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.4)
    ready = threading.Event()
    running = Server(application, ready.set, lambda: None)
    listener = bind("127.0.0.1", 0)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    assert ready.wait(10)
    yield listener.getsockname()[1]
    running.stop()
    thread.join(10)
    assert not thread.is_alive()


def read_to_end(port: int, *parts: bytes, pause: float = 0.0) -> tuple[bytes, float]:
    """Send parts and read until the server closes; return all and the seconds it took."""
    began = time.monotonic()
    data = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for part in parts:
            try:
                connection.sendall(part)
            except OSError:
                break
            time.sleep(pause)
        try:
            while part := connection.recv(65_536):
                data += part
        except ConnectionResetError:
            pass
    return data, time.monotonic() - began


def test_what_is_no_http_is_refused_with_a_code(port: int) -> None:
    data, _ = read_to_end(port, b"hello\r\n\r\n")
    head, _, body = data.partition(b"\r\n\r\n")
    document = json.loads(body)
    assert head.startswith(b"HTTP/1.1 400 ") and b"application/problem+json" in head
    assert (document["code"], document["status"]) == ("http.malformed", 400)


def test_a_head_without_an_end_is_not_kept(port: int) -> None:
    parts = [b"GET / HTTP/1.1\r\nhost: x\r\nx: ", *[b"y" * 60_000] * 8]
    data, _ = read_to_end(port, *parts, pause=0.02)
    assert data.startswith(b"HTTP/1.1 431 ")
    assert json.loads(data.partition(b"\r\n\r\n")[2])["code"] == "headers.too_large"


def test_what_stands_behind_a_body_is_no_header(port: int) -> None:
    chunks = b"1\r\n{\r\n0\r\nauthorization: x\r\n\r\n"
    data, _ = read_to_end(
        port,
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n" + chunks,
    )
    assert data.partition(b"\r\n\r\n")[2] == b"host transfer-encoding connection"


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\nGET",
        b"POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{",
    ],
)
def test_a_connection_without_a_whole_request_is_ended(port: int, start: bytes) -> None:
    _, seconds = read_to_end(port, start)
    assert 0.3 < seconds < 5


def test_line_ends_between_requests_do_not_keep_a_connection(port: int) -> None:
    _, seconds = read_to_end(port, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", *[b"\r\n"] * 20, pause=0.1)
    assert seconds < 5


def test_requests_in_a_row_are_answered(port: int) -> None:
    request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
    last = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    data, _ = read_to_end(port, request * 4_999 + last)
    assert data.count(b"HTTP/1.1 200 OK") == 5_000


def test_one_connection_too_many_is_closed(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server._Impatient, "most_connections", 1)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as first:
        time.sleep(0.1)
        assert read_to_end(port, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")[0] == b""
        first.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert first.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_connections_leave_files_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_024, 4_096))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    assert make_room() == 4_096 - server.RESERVED_FILES
    assert asked == [(4_096, 4_096)]
