"""Whether a gateway takes writes again by itself, as whoever watches over one asks `/readyz`."""

from __future__ import annotations

import http.client
import time

from scripts.faults.client import Connection, Target
from scripts.faults.running import GatewayProcess


def comes_back(process: GatewayProcess, target: Target, patience: float, *, settle: float) -> bool:
    """Say whether it is ready when so many seconds have passed, ``settle``; given up after ``patience`` of
    red, or when the process has ended.
    """
    connection = Connection(target)
    red_since: float | None = None
    green_until = time.monotonic() + settle
    try:
        while process.exit_code is None:
            try:
                ready = connection.ask("GET", "/readyz")[0] == 200
            except (OSError, http.client.HTTPException):
                ready = False
            now = time.monotonic()
            red_since = None if ready else (red_since or now)
            if red_since is not None and now - red_since > patience:
                return False
            if ready and now > green_until:
                return True
            time.sleep(0.05)
        return False
    finally:
        connection.close()
