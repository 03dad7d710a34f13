"""Whether what a command is to read is there at all: opening what is missing would make it."""

from __future__ import annotations

from pathlib import Path

from gateway.command_failures import CommandFailure
from gateway.data_folder import DataFolder
from gateway.db import sqlite_url, supported_url
from gateway.settings import Settings


def require_folder(folder: DataFolder) -> None:
    """Pass for a data folder that is there. Raises CommandFailure; nothing was made."""
    if not folder.root.is_dir():
        raise CommandFailure(f"{folder.root}：没有此数据目录", f"{folder.root}: there is no such data folder")


def require_gateway(folder: DataFolder) -> None:
    """Pass for a data folder with the keys of a gateway's log. Raises CommandFailure; nothing was made."""
    require_folder(folder)
    for path in (folder.keys / "log.json", folder.keys / "password"):
        if not path.is_file():
            raise CommandFailure(
                f"{folder.root}：不是网关的数据目录（缺少 {path.name}）",
                f"{folder.root}: holds no gateway's data ({path.name} is missing)",
            )


def database_url(settings: Settings) -> str:
    """Return the URL of the database in use: the one that is set, else of the data folder's SQLite file."""
    secret = settings.database_url
    return secret.get_secret_value() if secret else sqlite_url(DataFolder(settings.data).database)


def present_database(settings: Settings) -> str:
    """Return the URL of a server, or of a SQLite file that is there; nothing is made, nobody is asked.

    Raises:
        DatabaseError: it is a URL of another kind of database.
        CommandFailure: there is no such file.
    """
    url = database_url(settings)
    parsed = supported_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database and not Path(parsed.database).is_file():
        raise CommandFailure(f"{parsed.database}：没有数据库", f"{parsed.database}: there is no database")
    return url
