"""Write a migration from the difference between the newest revision and the tables in code.

`new_migration.py NAME` adds a revision; `new_migration.py --initial` writes the first one anew, which is
allowed only until the first release.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config

from gateway.db import Database, migrate, sqlite_url

MIGRATIONS = Path(__file__).parent.parent / "gateway" / "migrations"


def main(arguments: list[str]) -> int:
    """Write the revision and return 0."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    initial = arguments[0] == "--initial"
    name = "initial" if initial else arguments[0]
    versions = MIGRATIONS / "versions"
    if initial:
        for old in versions.glob("[0-9]*.py"):
            old.unlink()
    number = f"{len(list(versions.glob('[0-9]*.py'))) + 1:04d}"
    with tempfile.TemporaryDirectory() as folder:
        database = Database(sqlite_url(Path(folder) / "schema.sqlite3"))
        migrate(database)
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
        with database.writer() as connection:
            config.attributes["connection"] = connection
            command.revision(config, message=name, autogenerate=True, rev_id=number)
        database.close()
    written = [str(path) for path in versions.glob(f"{number}_*.py")]
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", *written], check=True)
    subprocess.run([sys.executable, "-m", "ruff", "check", "-q", "--fix", *written], check=True)
    print("\n".join(written))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
