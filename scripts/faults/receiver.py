"""A receiver of webhooks for the campaign: keeps what it was sent, in order, and what it answered.

What it was sent must be every event once in order, but for events sent again, which are the same bytes under
the same id. Shares no code with the product.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its id, its event's number, its bytes, and whether it was taken."""

    id: str
    seq: int
    body: bytes
    taken: bool


class Receiver:
    """Takes messages at ``port`` of 127.0.0.1 from `start` to `close`; refuses the first ``refused``."""

    def __init__(self, refused: int = 0) -> None:
        self.messages: list[Message] = []
        self._lock = threading.Lock()
        self._refused = refused
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            """One message."""

            def do_POST(self) -> None:
                """Keep it, then answer."""
                body = self.rfile.read(int(self.headers["content-length"]))
                taken = receiver.keep(self.headers["webhook-id"], body)
                self.send_response(204 if taken else 500)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.port: int = self._server.server_address[1]

    @property
    def url(self) -> str:
        """Where messages are sent."""
        return f"http://127.0.0.1:{self.port}/hook"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()

    def keep(self, message_id: str, body: bytes) -> bool:
        """Keep a message; return whether it is taken."""
        with self._lock:
            taken = len(self.messages) >= self._refused
            seq = int(json.loads(body)["data"]["seq"])
            self.messages.append(Message(message_id, seq, body, taken))
            return taken


def find_unsent(messages: list[Message], first: int, last: int) -> Iterator[str]:
    """Say what is wrong with what was sent of the events ``first`` to ``last``; each must have been taken."""
    if {message.seq for message in messages if message.taken} != set(range(first, last + 1)):
        yield f"events {first} to {last} were to be taken, were {sorted({one.seq for one in messages})}"
    known: dict[int, Message] = {}
    taken = first - 1
    for message in messages:
        if message.seq > taken + 1:
            yield f"event {message.seq} was sent before {taken + 1} was taken"
        before = known.setdefault(message.seq, message)
        if (before.id, before.body) != (message.id, message.body):
            yield f"event {message.seq} was sent again as another message"
        taken = max(taken, message.seq) if message.taken else taken
