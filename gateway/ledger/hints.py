"""Notifications between processes through PostgreSQL, as hints to look at once; polling stays behind them.

A hint may be lost or come late and nothing depends on it. Payloads are empty: what is to be seen is in rows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Protocol, cast

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from gateway.db import Database, execute, fetch_all

_log = structlog.get_logger("hints")


class _Listening(Protocol):
    """The part of a driver connection used here."""

    def notifies(self, *, timeout: float, stop_after: int) -> Iterator[object]: ...


def give_hint(connection: Connection, channel: str) -> None:
    """Notify listeners of ``channel`` when the caller's transaction commits."""
    fetch_all(connection, "SELECT pg_notify(?, '')", channel)


class Hints:
    """Listens on one channel. For one thread; `close` when done."""

    def __init__(self, database: Database, channel: str) -> None:
        """``channel`` is a plain identifier."""
        self._database = database
        self._channel = channel
        self._stack = ExitStack()
        self._driver: _Listening | None = None

    def wait(self, seconds: float) -> None:
        """Return at the next hint, at one given since the last call, or after ``seconds``; never raises."""
        started = time.monotonic()
        try:
            driver = self._driver or self._listen()
            next(driver.notifies(timeout=seconds, stop_after=1), None)
        except Exception as error:
            # The session is gone, by whatever name the driver calls it: poll meanwhile, listen again.
            _log.warning("hints are missing", error=type(error).__name__)
            self.close()
            time.sleep(max(0.0, seconds - (time.monotonic() - started)))

    def _listen(self) -> _Listening:
        session = self._stack.enter_context(self._database.session())
        self._stack.callback(session.invalidate)
        execute(session, f"LISTEN {self._channel}")
        self._driver = cast("_Listening", session.connection.driver_connection)
        return self._driver

    def close(self) -> None:
        """Stop listening."""
        self._driver = None
        try:
            self._stack.close()
        except DBAPIError as error:
            _log.warning("hints were not closed", error=type(error).__name__)
