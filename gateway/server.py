"""The HTTP server around the application: uvloop and httptools, a socket bound here, a bounded drain."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import secrets
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.command_failures import CommandFailure
from gateway.errors import Refusal, problem_document, problem_headers
from gateway.guard import HEADER_COUNT

DRAIN_SECONDS = 10
"""How long requests in flight may take after a stop was asked for."""
BACKLOG = 2048
UNREAD_SECONDS = 30
"""How long a caller may leave off reading an answer."""
IDLE_SECONDS = 30
"""How long an idle connection is kept."""


def bind(host: str, port: int) -> socket.socket:
    """Return a bound socket that does not listen yet; port 0 takes a free one.

    Callers are turned away until the server listens, which is when it can answer.

    Raises:
        CommandFailure: the address is taken or not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A named port may still have connections of the run before. One that the system chooses must not be
        # given to two: of those that allow reuse it may be, until one of them listens.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, port != 0)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # Connections inherit it: an answer that its caller does not read would stay for ever.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)
        listener.bind((host, port))
    except (OSError, UnicodeError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise CommandFailure(
            f"--host {host} --port {port}：无法监听此地址（{reason}）",
            f"--host {host} --port {port}: this address cannot be listened on ({reason})",
        ) from None
    listener.setblocking(False)
    return listener


def address_of(listener: socket.socket) -> str:
    """Return the URL a listening socket answers at."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


HEAD_SECONDS = 10.0
"""How long the head of a request may take, from the connection's first moment or its first byte; and how
long a caller may go on sending what was answered before it was whole."""
HEAD_LIMIT = 64 * 1024
"""Bytes in a row that are no body; what a head may hold is the guard's to say, once it is whole."""
RESERVED_FILES = 256
"""Open files that connections leave for the database, the log and the chain."""
MOST_CONNECTIONS = 16_384
"""Connections at once, where the system allows that many open files."""


class _Impatient(HttpToolsProtocol):
    """Ends connections that send no whole request. uvicorn alone waits for one for ever, keeps a head of any
    size and adds what stands behind a body to the head.
    """

    most_connections = MOST_CONNECTIONS
    _giving_up: asyncio.TimerHandle | None = None
    _in_head = True
    _whole = True
    _beside = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            # Its file is needed more elsewhere.
            transport.close()
            return
        self._end_in(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._keep()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._beside += len(data)
        super().data_received(data)
        if self._beside > HEAD_LIMIT:
            self._refuse(Refusal("headers.too_large", limit=HEADER_COUNT))
        elif self._whole and self._giving_up is None and (self.cycle is None or self.cycle.response_complete):
            # Something came that begins no request; it has taken the wait between two requests with it.
            self._end_in(HEAD_SECONDS)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._whole, self._beside = True, False, 0
        self._end_in(HEAD_SECONDS)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._keep()
        self._in_head = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._beside = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._whole, self._beside = True, 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._whole and self.cycle.response_complete and not self.transport.is_closing():
            self._end_in(HEAD_SECONDS)

    def send_400_response(self, msg: str) -> None:
        self._refuse(Refusal("http.malformed"))

    def _refuse(self, refusal: Refusal) -> None:
        """Answer what no application was asked, and close."""
        if self.transport.is_closing():
            return
        document = problem_document(refusal, instance="/", trace_id=secrets.token_hex(8))
        body = json.dumps(document, ensure_ascii=False).encode()
        headers = {**problem_headers(refusal), "content-length": str(len(body)), "connection": "close"}
        lines = [f"HTTP/1.1 {refusal.status} ", *(f"{name}: {value}" for name, value in headers.items())]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.transport.close()

    def _end_in(self, seconds: float) -> None:
        self._keep()
        self._giving_up = self.loop.call_later(seconds, self.transport.close)

    def _keep(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None


def make_room() -> int:
    """Have the system allow as many open files as it does at all; return how many connections that leaves."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + RESERVED_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(1, min(MOST_CONNECTIONS, soft - RESERVED_FILES))


class Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the runtime and says when it is ready and when it stops."""

    def __init__(
        self,
        app: ASGIApp,
        on_ready: Callable[[], None],
        on_stop: Callable[[], None],
        *,
        connections: int | None = None,
    ) -> None:
        """``on_stop`` is called in the loop before the drain: answers without an end must end then.

        With ``connections`` no more are answered at once.
        """
        _Impatient.most_connections = make_room()
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http=_Impatient,
                limit_concurrency=connections,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                # Each malformed request would be a line: whoever calls could fill the disk.
                log_level="error",
                server_header=False,
                timeout_keep_alive=IDLE_SECONDS,
                timeout_graceful_shutdown=DRAIN_SECONDS,
                backlog=BACKLOG,
                proxy_headers=False,
            )
        )
        self._on_ready = on_ready
        self._on_stop = on_stop

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signal handlers as the runtime set them; uvicorn would raise them again after serving."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start accepting, then say so."""
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say that it stops, then drain."""
        self._on_stop()
        await super().shutdown(sockets=sockets)

    def stop(self) -> None:
        """Stop accepting, let requests in flight end, return from `run`."""
        self.should_exit = True
