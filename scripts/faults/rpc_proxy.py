"""A proxy before a node that lies, loses and breaks off: one rule for one JSON-RPC method at a time.

It answers as the node does, but for the calls of the method that it was told to lie about. A batch that holds
such a call is hit as a whole by what concerns the connection, and call by call by what concerns results. What
was hit is counted, so that a campaign can show that it was.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

JsonCall = dict[str, Any]
"""One JSON-RPC request, or its answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: a status and bytes; ``body`` None breaks the connection off without an answer."""

    body: bytes | None
    status: int = 200


@dataclass(frozen=True, slots=True)
class Ask:
    """One HTTP request and its calls; ``pass_on`` has the node do what it is given, and gives its bytes."""

    method: str
    calls: list[JsonCall]
    content: bytes
    pass_on: Callable[[bytes], bytes]

    def forward(self) -> bytes:
        """Have the node do all of it."""
        return self.pass_on(self.content)

    def edited(self, edit: Callable[[JsonCall, JsonCall], JsonCall]) -> Reply:
        """Return the node's answer with what answers the method's calls edited (call, answer)."""
        answer = json.loads(self.forward())
        by_id = {call["id"]: call for call in self.calls if call["method"] == self.method}
        many = answer if isinstance(answer, list) else [answer]
        many = [edit(by_id[one["id"]], one) if one.get("id") in by_id else one for one in many]
        return Reply(json.dumps(many if isinstance(answer, list) else many[0]).encode())


Rule = Callable[[Ask], Reply]
"""What becomes of a request that holds a call of the method lied about."""


ANY = "any"
"""In the place of a method: every request is hit."""


@dataclass(frozen=True, slots=True)
class Lie:
    """A rule for one method, or `ANY`; hits a request with probability ``share``."""

    name: str
    method: str
    rule: Rule
    share: float = 1.0


class Proxy:
    """A server on 127.0.0.1 before the node at ``backend``, which may be changed at any time."""

    def __init__(self, backend: str, seed: str = "") -> None:
        self.backend = backend
        self.fired = 0
        self._lies: tuple[Lie, ...] = ()
        self._chance = random.Random(seed)  # noqa: S311  repeatable, not secret
        self._lock = threading.Lock()
        self._local = threading.local()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["content-length"]))
                reply = proxy.answer(content)
                if reply.body is None:
                    self.close_connection = True
                    return
                head = (
                    f"HTTP/1.1 {reply.status} Said\r\ncontent-type: application/json\r\n"
                    f"content-length: {len(reply.body)}\r\n\r\n"
                )
                try:
                    self.wfile.write(head.encode() + reply.body)
                except OSError:
                    self.close_connection = True

            def finish(self) -> None:
                super().finish()
                proxy.hang_up()

            def log_message(self, *_: object) -> None:
                return None

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: object) -> None:
                return None

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def lie(self, *lies: Lie) -> None:
        """Lie so from now on; `fired` counts from nought."""
        with self._lock:
            self._lies, self.fired = lies, 0

    def be_honest(self) -> None:
        """Tell what the node says from now on; `fired` stays."""
        with self._lock:
            self._lies = ()

    def answer(self, content: bytes) -> Reply:
        """Return what goes back for one request."""
        parsed = json.loads(content)
        calls = parsed if isinstance(parsed, list) else [parsed]
        methods = {call["method"] for call in calls}
        lie = self._choose(methods)
        try:
            if lie is None:
                return Reply(self._forward(content))
            return lie.rule(Ask(lie.method, calls, content, self._forward))
        except (OSError, http.client.HTTPException):
            return Reply(None)

    def hang_up(self) -> None:
        """Close this thread's connection to the node, if it has one."""
        kept: tuple[str, http.client.HTTPConnection] | None = getattr(self._local, "open", None)
        if kept is not None:
            kept[1].close()
            self._local.open = None

    def _choose(self, methods: set[str]) -> Lie | None:
        with self._lock:
            for lie in self._lies:
                if lie.method in (ANY, *methods) and (lie.share >= 1 or self._chance.random() < lie.share):
                    self.fired += 1
                    return lie
        return None

    def _forward(self, content: bytes) -> bytes:
        kept: tuple[str, http.client.HTTPConnection] | None = getattr(self._local, "open", None)
        if kept is None or kept[0] != self.backend:
            self.hang_up()
            place = urlsplit(self.backend)
            kept = (self.backend, http.client.HTTPConnection(str(place.hostname), place.port, timeout=30))
            self._local.open = kept
        connection = kept[1]
        try:
            connection.request("POST", "/", content, {"content-type": "application/json"})
            return connection.getresponse().read()
        except BaseException:
            self.hang_up()
            raise


# --- what becomes of a connection ------------------------------------------------------------------------

HANG_SECONDS = 2.0
HUGE_BYTES = 100_000_000
DEEP = 100_000


def _break_before(_: Ask) -> Reply:
    return Reply(None)


def _break_after(ask: Ask) -> Reply:
    ask.forward()
    return Reply(None)


def _hang(_: Ask) -> Reply:
    time.sleep(HANG_SECONDS)
    return Reply(None)


def _cut_off(ask: Ask) -> Reply:
    body = ask.forward()
    return Reply(body[: len(body) * 2 // 3])


def _mistake_ids(ask: Ask) -> Reply:
    return ask.edited(lambda _, answer: {**answer, "id": answer["id"] + 1_000_000})


def _refuse(ask: Ask) -> Reply:
    error = {"code": -32005, "message": "limit exceeded"}
    return ask.edited(lambda _, answer: {"jsonrpc": "2.0", "id": answer["id"], "error": error})


def _say_null(ask: Ask) -> Reply:
    return ask.edited(lambda _, answer: {"jsonrpc": "2.0", "id": answer["id"], "result": None})


def _say_nonsense(ask: Ask) -> Reply:
    return ask.edited(lambda _, answer: {"jsonrpc": "2.0", "id": answer["id"], "result": {"hash": "0xzz"}})


def _result(ask: Ask, text: bytes) -> Reply:
    return Reply(b'{"jsonrpc":"2.0","id":%d,"result":%s}' % (ask.calls[0]["id"], text))


CONNECTION_RULES: dict[str, Rule] = {
    "dropped before": _break_before,
    "dropped after": _break_after,
    "429": lambda _: Reply(b"{}", 429),
    "503": lambda _: Reply(b"busy", 503),
    "not JSON": lambda _: Reply(b"<html>an error</html>"),
    "cut off": _cut_off,
    "other ids": _mistake_ids,
    "refused": _refuse,
    "null": _say_null,
    "nonsense": _say_nonsense,
    "hanging": _hang,
    "deep": lambda ask: _result(ask, b"[" * DEEP + b"]" * DEEP),
    "huge": lambda ask: _result(ask, b'"0x' + b"0" * HUGE_BYTES + b'"'),
}
"""Whatever the method is: by the name of what happens."""
