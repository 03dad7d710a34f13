"""Hold the data folder of a gateway that is not running, for commands that work on its database and files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from gateway.data_folder import DataFolder
from gateway.data_present import present_database, require_gateway
from gateway.db import Database
from gateway.failpoints import arm
from gateway.settings import load_settings


@contextmanager
def stopped_gateway(data: Path | None, database_url: str | None) -> Iterator[tuple[DataFolder, Database]]:
    """Lock a data folder that no gateway is using and open its database, as it is.

    Raises:
        CommandFailure: there is no gateway's data; nothing was made.
        FolderInUse: a gateway runs on it.
    """
    settings = load_settings(data, database_url=database_url)
    folder = DataFolder(settings.data)
    require_gateway(folder)
    url = present_database(settings)
    folder.lock(create=False)
    try:
        arm(settings.failpoint, folder.root)
        with closing(Database(url, pool_size=2)) as database:
            yield folder, database
    finally:
        folder.unlock()
