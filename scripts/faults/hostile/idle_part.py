"""Connections that take up room: thousands that say nothing, and requests that come a byte at a time.

Both must be ended by the gateway, and nobody else may notice: customers are answered all the while.
"""

from __future__ import annotations

import contextlib
import resource
import selectors
import socket
import time

from scripts.faults.hostile.exchange import Pipe
from scripts.faults.hostile.judging import judge
from scripts.faults.hostile.stage import Stage, compose, running
from scripts.faults.results import Outcome
from scripts.faults.world import World

ENDED_WITHIN = 45.0
"""Seconds in which every connection that sends nothing whole must be closed."""
ADDRESSES = 8
"""Loopback addresses that the connections come from: one has too few ports to be sure of."""
LOOK = 0.5
"""Seconds between two looks whether others are still answered."""
OWN_FILES = 512
"""Descriptors this process needs for itself."""

HEAD = b"POST /v1/entries HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
STARTS = (
    b"",
    b"GET",
    HEAD,
    HEAD + b"x: ",
    HEAD + b"content-length: 1000\r\n\r\n{",
    HEAD + b"transfer-encoding: chunked\r\n\r\n1;",
    b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\nG",
)
"""What a connection sends before it goes silent or drips: nothing, part of a head, part of a body,
a whole request and the beginning of another."""
DRIP = b"x"


def room_for(count: int) -> int:
    """Raise this process's limit of descriptors as far as needed and allowed; return how many there are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + OWN_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return count if soft == resource.RLIM_INFINITY else min(count, soft - OWN_FILES)


class Crowd:
    """Many connections; which are still open is asked of all at once."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._selector = selectors.DefaultSelector()
        self.opened = 0

    def open(self, start: bytes) -> None:
        """Open one more and send its beginning. Raises OSError when it is not let in."""
        source = (f"127.0.0.{1 + self.opened % ADDRESSES}", 0)
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=5, source_address=source)
        with contextlib.suppress(OSError):
            connection.sendall(start)
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, start)
        self.opened += 1

    @property
    def left(self) -> list[bytes]:
        """What those that are still open began with."""
        return [key.data for key in self._selector.get_map().values()]

    def drip(self) -> None:
        """Send one more byte on each that sent something before."""
        for key in list(self._selector.get_map().values()):
            if key.data and isinstance(key.fileobj, socket.socket):
                with contextlib.suppress(OSError):
                    key.fileobj.send(DRIP)

    def drop_closed(self) -> None:
        """Forget those the other side has closed."""
        for key, _ in self._selector.select(0):
            connection = key.fileobj
            assert isinstance(connection, socket.socket)  # noqa: S101
            with contextlib.suppress(BlockingIOError):
                try:
                    data = connection.recv(65_536)
                except ConnectionError:
                    data = b""
                if not data:
                    self._selector.unregister(connection)
                    connection.close()

    def close(self) -> None:
        """Close all."""
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()


def _ask(stage: Stage, pipe: Pipe) -> None:
    request = compose("GET", "/v1/entries?limit=1", secret=stage.case.state.key)
    answer = next(pipe.ask([request]))
    found = list(judge(answer))
    if answer.status != 200:
        found.append(f"O10 others: {answer.status} {answer.body[:200]!r}")
    for what in found:
        stage.fail(what)


def run_idle(fault: str, seed: str, count: int, world: World) -> Outcome:
    """Open ``count`` connections that never send a whole request; they must be ended, others served."""
    began = time.monotonic()
    wanted = room_for(count)
    with running(world, seed) as stage:
        if wanted < count:
            stage.fail(f"this process may only open {wanted} connections: raise the limit of open files")
        crowd, pipe = Crowd(stage.port), Pipe(stage.port)
        try:
            for number in range(wanted):
                crowd.open(STARTS[number % len(STARTS)])
                if number % 1_000 == 0:
                    _ask(stage, pipe)
            deadline = time.monotonic() + ENDED_WITHIN
            while crowd.left and time.monotonic() < deadline:
                crowd.drip()
                crowd.drop_closed()
                _ask(stage, pipe)
                time.sleep(LOOK)
            stage.fired = crowd.opened
            left = crowd.left
            for start in sorted(set(left)):
                stage.fail(f"O10 not ended: {left.count(start)} connections that began with {start!r}")
        finally:
            crowd.close()
            pipe.close()
    return stage.outcome(fault, seed, count, began)
