"""JSON-RPC over a node's own socket file: what its owner may ask, and nobody else on the machine."""

from __future__ import annotations

import json
import socket
from pathlib import Path

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of an answer at most."""


class NodeSilent(Exception):
    """The node did not answer on its socket."""

    def __init__(self, socket_file: Path, reason: str) -> None:
        super().__init__(f"{socket_file.name}: {reason}")
        self.socket_file = socket_file
        self.reason = reason


class NodeSaidNo(Exception):
    """The node answered with an error of JSON-RPC."""

    def __init__(self, method: str, message: str) -> None:
        super().__init__(f"{method}: {message}")
        self.method = method
        self.message = message


def ask(socket_file: Path, method: str, *params: object, timeout: float = 20.0) -> object:
    """Return the result of one call. Raises NodeSilent or NodeSaidNo."""
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
    answer = b""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
            channel.settimeout(timeout)
            channel.connect(str(socket_file))
            channel.sendall(json.dumps(request).encode() + b"\n")
            # geth ends each answer with a line break and puts none inside.
            while not answer.endswith(b"\n"):
                part = channel.recv(1 << 16)
                if not part:
                    raise NodeSilent(socket_file, "closed the connection")
                answer += part
                if len(answer) > MOST_BYTES:
                    raise NodeSilent(socket_file, f"answered more than {MOST_BYTES} bytes")
    except OSError as error:
        raise NodeSilent(socket_file, str(error)) from error
    found = json.loads(answer)
    if "error" in found:
        raise NodeSaidNo(method, str(found["error"].get("message", found["error"])))
    return found.get("result")
