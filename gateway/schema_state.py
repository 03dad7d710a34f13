"""Whether the database has the newest revision that this code knows."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select, table
from sqlalchemy.sql import column

from gateway.db import Database

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

_VERSION = table("alembic_version", column("version_num"))


@cache
def _revisions() -> ScriptDirectory:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return ScriptDirectory.from_config(config)


def code_head() -> str | None:
    """Return the newest revision in ``gateway/migrations``."""
    return _revisions().get_current_head()


def is_known(revision: str) -> bool:
    """Say whether this code can bring a database of ``revision`` to the newest one."""
    return any(script.revision == revision for script in _revisions().walk_revisions())


def stored_revision(database: Database) -> str | None:
    """Return the revision a database stands at."""
    with database.reader() as connection:
        return connection.execute(select(_VERSION.c.version_num)).scalar()


def is_current(database: Database) -> bool:
    """Say whether the database stands at that revision."""
    return stored_revision(database) == code_head()
