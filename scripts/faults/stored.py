"""What a gateway's database holds, read by plain SQL for the checker: SQLite file or PostgreSQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import psycopg

Row = tuple[Any, ...]


class Stored:
    """One database by its URL, as ``sqlite:////path`` or ``postgresql://...``."""

    def __init__(self, url: str) -> None:
        self.url = url

    def rows(self, sql: str) -> list[Row]:
        """Return all rows of a query."""
        if self.url.startswith("sqlite"):
            path = self.url.partition("///")[2]
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
                return [tuple(row) for row in connection.execute(sql)]
        with psycopg.connect(self.url, connect_timeout=5) as connection:
            return [tuple(row) for row in connection.execute(sql.encode())]

    def change(self, sql: str) -> None:
        """Run one statement on the database of a gateway that is stopped. The checker never does."""
        if self.url.startswith("sqlite"):
            with closing(sqlite3.connect(self.url.partition("///")[2])) as connection:
                connection.execute(sql)
                connection.commit()
        else:
            with psycopg.connect(self.url, connect_timeout=5) as connection:
                connection.execute(sql.encode())

    def one(self, sql: str) -> Any:
        """Return the one value of a query, None without a row."""
        found = self.rows(sql)
        return found[0][0] if found else None
