"""A data folder whose first start ended between its keys and its log: nobody takes it for a sound one."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.data_folder import DataFolder
from gateway.db import Database, migrate, sqlite_url
from gateway.fsck_command import run_fsck
from gateway.keys import KeyFolder
from gateway.ledger.faults import LedgerFault
from gateway.log_rotation import run_rotate_log

ORIGIN = "log.example/half"


@pytest.fixture
def half_made(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path / "data")
    folder.lock()
    database = Database(sqlite_url(folder.database), pool_size=1)
    migrate(database)
    database.close()
    KeyFolder(folder.keys).log_identity(ORIGIN)
    folder.unlock()
    return folder


@pytest.mark.parametrize("cases", [False, True])
def test_fsck_misses_the_genesis_entry(half_made: DataFolder, cases: bool) -> None:
    found = run_fsck(half_made.root, None, cases=cases)
    assert (found.entries, found.faults) == (0, ["entry 0: is missing"])


def test_a_log_that_is_not_there_is_not_rotated(half_made: DataFolder) -> None:
    before = sorted(path.name for path in half_made.keys.iterdir())
    with pytest.raises(LedgerFault) as refused:
        run_rotate_log(half_made.root, None, "scheduled")
    assert (refused.value.check, refused.value.want) == ("there is no such log", ORIGIN)
    assert sorted(path.name for path in half_made.keys.iterdir()) == before
