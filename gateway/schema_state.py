"""Whether the database has the newest revision that this code knows."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sqlalchemy import select, table
from sqlalchemy.sql import column

from gateway.db import Database

_VERSION = table("alembic_version", column("version_num"))


@cache
def code_head() -> str | None:
    """Return the newest revision in ``gateway/migrations``."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return ScriptDirectory.from_config(config).get_current_head()


def is_current(database: Database) -> bool:
    """Say whether the database stands at that revision."""
    with database.reader() as connection:
        return connection.execute(select(_VERSION.c.version_num)).scalar() == code_head()
