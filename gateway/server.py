"""The HTTP server around the application: uvloop and httptools, a socket bound here, a bounded drain."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.command_failures import CommandFailure

DRAIN_SECONDS = 10
"""How long requests in flight may take after a stop was asked for."""
BACKLOG = 2048
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
"""How long the head of a request may take where a server is impatient, from the connection's first moment."""


class _Impatient(HttpToolsProtocol):
    """Closes a connection whose next request's head does not arrive: uvicorn alone waits for it for ever."""

    _giving_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._give_up_later()

    def connection_lost(self, exc: Exception | None) -> None:
        self._keep()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._give_up_later()

    def on_headers_complete(self) -> None:
        self._keep()
        super().on_headers_complete()

    def _give_up_later(self) -> None:
        self._keep()
        self._giving_up = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _keep(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None


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

        With ``connections`` no more are answered at once, and one that sends no request is closed.
        """
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http="httptools" if connections is None else _Impatient,
                limit_concurrency=connections,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
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
