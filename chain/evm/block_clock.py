"""A process of its own that makes a local chain mine at a steady pace, and that outlives nobody.

``python -m chain.evm.block_clock URL PID SECONDS DUMP STATE`` asks the node at URL for one block every
SECONDS. The node's own interval mining is not used: below three seconds it keeps 1,500 whole states in
memory whatever it is told. When standard input closes, its parent is gone, however it ended: the node PID
gets SIGTERM, writes its state and stops. Now and then the node's DUMP, which it writes in place, is copied
to STATE, so that a node killed in the middle of a write still finds a whole file.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import select
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_MINE: Final = b'{"jsonrpc":"2.0","id":1,"method":"evm_mine","params":[]}'
_SETTLED_AFTER: Final = 5.0
"""Seconds without a write after which a dump counts as whole."""


def copy_whole(source: Path, target: Path) -> bool:
    """Copy a finished dump over ``target``, durably and in one step; return whether there was one.

    A file counts as finished when it was last written some seconds ago and ends as JSON does.
    """
    try:
        if time.time() - source.stat().st_mtime < _SETTLED_AFTER:
            return False
        with source.open("rb") as handle:
            handle.seek(-1, os.SEEK_END)
            if handle.read(1) != b"}":
                return False
        part = target.with_suffix(".part")
        shutil.copyfile(source, part)
        with part.open("rb+") as handle:
            os.fsync(handle.fileno())
        # If we crash here, the old target still stands and the part is overwritten next time.
        part.replace(target)
    except OSError:
        return False
    return True


def _mine(connection: http.client.HTTPConnection) -> None:
    # A node that is stopping refuses the connection: the parent sees that too, and nothing is lost here.
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("POST", "/", _MINE, {"Content-Type": "application/json"})
        connection.getresponse().read()
        return
    connection.close()


def _parent_left(seconds: float) -> bool:
    ready, _, _ = select.select([sys.stdin], [], [], max(0.0, seconds))
    return bool(ready) and not os.read(sys.stdin.fileno(), 1)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def main(url: str, pid: int, interval: float, dump: Path, state: Path) -> None:
    """Mine every ``interval`` seconds until the parent leaves or the node is gone."""
    host = urlsplit(url)
    connection = http.client.HTTPConnection(host.hostname or "", host.port, timeout=60)
    copied = 0.0
    due = time.monotonic() + interval
    while _alive(pid):
        if _parent_left(due - time.monotonic()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            return
        _mine(connection)
        due = max(due + interval, time.monotonic())
        with contextlib.suppress(OSError):
            written = dump.stat().st_mtime
            if written > copied and copy_whole(dump, state):
                copied = written


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]), Path(sys.argv[5]))
