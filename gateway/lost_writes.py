"""Which errors of SQLite mean that the disk did not do what it was told, so that its word is worth nothing.

After such an error the system may hold pages in memory that the disk never got and call them clean: no later
flush writes them. Whoever meets one writes no more until a restart has derived everything anew.
"""

from __future__ import annotations

_IOERR = 10
"""SQLite's primary code, in the lowest byte; the driver tells no finer one. A full disk has its own."""


def is_lost_write(error: BaseException | None) -> bool:
    """Say whether an error of SQLite's driver, met while writing, is one of the disk."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF == _IOERR
