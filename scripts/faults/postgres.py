"""PostgreSQL for the campaign: the server that tests use, and databases on it copied from templates."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable

import psycopg

_NUMBERS = itertools.count()


class Databases:
    """Databases of one server by its maintenance URL."""

    def __init__(self, server: str) -> None:
        self._server = server

    def clone(self, template: str | None) -> tuple[str, Callable[[], None]]:
        """Make a database, a copy of ``template`` where named, and return its URL and what drops it."""
        name = f"torture_{os.getpid()}_{next(_NUMBERS)}"
        source = "" if template is None else f' TEMPLATE "{template.rpartition("/")[2]}"'
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"{source}'.encode())

        def drop() -> None:
            with psycopg.connect(self._server, autocommit=True) as connection:
                connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())

        return f"{self._server.rpartition('/')[0]}/{name}", drop
