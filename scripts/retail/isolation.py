"""Runs ``tongyi`` in a process that cannot reach any network, and proves that before it starts.

A network namespace of its own where the kernel grants one (as root, or by a user namespace); otherwise an
audit hook that refuses every socket but local ones, which no Python code can take out again.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from collections.abc import Sequence

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
NAMESPACE = "network namespace"
GUARD = "socket guard"
GUARDED = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
"""Audit events that reach out, besides opening a socket at all."""


class NetworkReached(Exception):
    """The process that must have no network has one."""


def enter_namespace() -> bool:
    """Move this process into an empty network namespace; False where the kernel refuses."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    flags = CLONE_NEWNET if os.geteuid() == 0 else CLONE_NEWNET | CLONE_NEWUSER
    return bool(libc.unshare(flags) == 0)


def install_guard() -> None:
    """Refuse sockets of any family but AF_UNIX, name look-ups and connections, for good."""

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        opens = event == "socket.__new__" and len(arguments) > 1 and arguments[1] != socket.AF_UNIX
        if opens or event in GUARDED:
            raise PermissionError(f"no network here: {event}")

    sys.addaudithook(refuse)


def isolate() -> str:
    """Cut this process off; returns by which means."""
    if enter_namespace():
        return NAMESPACE
    install_guard()
    return GUARD


def prove_isolation(host: str, port: int) -> None:
    """Try to reach a server that is known to listen. Raises NetworkReached when that succeeds."""
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return
    raise NetworkReached(f"reached {host}:{port} from the isolated process")


def main(argv: Sequence[str]) -> None:
    """Usage: ``HOST PORT TONGYI-ARGUMENTS...``; at HOST:PORT listens a server that must be out of reach."""
    host, port, *rest = argv
    means = isolate()
    prove_isolation(host, int(port))
    print(f"isolated by {means}", file=sys.stderr, flush=True)
    from gateway.cli import main as tongyi

    sys.argv = ["tongyi", *rest]
    tongyi()


if __name__ == "__main__":
    main(sys.argv[1:])
