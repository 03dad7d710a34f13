"""After a write or a flush that the disk did not do: nothing more is written before a restart."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import closing
from pathlib import Path

import pysqlite3.dbapi2 as sqlite_driver  # type: ignore[import-untyped]
import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from chain.operation import OperationKind
from gateway.db import Database, fetch_all, migrate, sqlite_url
from gateway.errors import Refusal
from gateway.failpoints import UNNAMED, Step
from gateway.ledger.drafts import Accepted
from gateway.ledger.tile_files import TileFiles
from gateway.ledger.vault import Vault
from tests.unit.gateway.ledger.worlds import address, joined, opened, operated, recorded, running

READ_ONLY = Refusal("ledger.read_only", reason="storage")
TOLD = {"as the driver tells it": 10, "with the finer code of a flush": 1034}
LOST = 10
NOT_LOST = {"full": 13, "a lock": 5, "no file": 14}


def driver_error(code: int) -> Exception:
    """Return an error as the driver raises it, with SQLite's code."""
    error: Exception = sqlite_driver.OperationalError("disk I/O error")
    error.sqlite_errorcode = code  # type: ignore[attr-defined]
    return error


class Failing:
    """A commit that fails as ordered, not done."""

    def __init__(self, code: int) -> None:
        self._code = code

    def __enter__(self) -> None:
        raise OperationalError("COMMIT", None, driver_error(self._code))

    def __exit__(self, *_: object) -> None:
        return None


@pytest.fixture
def file(tmp_path: Path) -> Database:
    """An SQLite database with the schema."""
    database = Database(sqlite_url(tmp_path / "gateway.sqlite3"))
    migrate(database)
    return database


@pytest.mark.parametrize("code", TOLD.values(), ids=TOLD)
def test_after_a_lost_write_nothing_is_written_and_reads_go_on(file: Database, code: int) -> None:
    with pytest.raises(OperationalError), file.writer(Failing(code)):
        pass
    assert file.has_failed
    with pytest.raises(OperationalError, match="the disk lost an earlier write"), file.writer():
        raise AssertionError("it takes a write")
    with file.reader() as connection:
        assert fetch_all(connection, "SELECT count(*) FROM entries") == [(0,)]
    file.close()


@pytest.mark.parametrize("code", NOT_LOST.values(), ids=NOT_LOST)
def test_after_other_errors_the_next_write_is_taken(file: Database, code: int) -> None:
    with pytest.raises(OperationalError), file.writer(Failing(code)):
        pass
    assert not file.has_failed
    with file.writer():
        pass
    file.close()


def test_a_ledger_whose_disk_lost_a_commit_is_read_only_until_it_is_started_again(
    file: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = ["ledger.commit"]

    def step(name: str) -> Step:
        return Failing(LOST) if name in left and not left.remove(name) else UNNAMED  # type: ignore[func-returns-value]

    with running(file, tmp_path) as world:
        for draft in (opened(), joined("a"), joined("b")):
            world.accept(draft)
        world.publish()
        monkeypatch.setattr("gateway.ledger.sequencer.step", step)
        assert world.answer(recorded("a"), key="k") == READ_ONLY
        assert left == [] and world.ledger.fault == "storage"
        # Not asked again: whether the next flush tells the truth is unknown.
        assert world.answer(recorded("a"), key="k") == READ_ONLY
        with file.reader() as connection:
            assert fetch_all(connection, "SELECT max(size) FROM checkpoints") == [(4,)]
    file.close()
    again = Database(sqlite_url(tmp_path / "gateway.sqlite3"))
    again.settle()
    with running(again, tmp_path) as world:
        answer = world.answer(recorded("a"), key="k")
        assert isinstance(answer, Accepted) and answer.index == 4 and not answer.replayed
    again.close()


def test_a_write_lost_by_another_thread_closes_the_ledger_too(file: Database, tmp_path: Path) -> None:
    with running(file, tmp_path) as world:
        world.accept(opened())
        assert world.ledger.fault is None
        with pytest.raises(OperationalError), file.writer(Failing(LOST)):
            pass
        assert world.ledger.fault == "storage"
        assert world.refuse(operated(OperationKind.ISSUE, receiver=address("a"), amount=1)) == READ_ONLY
    file.close()


def test_a_key_store_that_lost_a_write_makes_no_more_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Vault(tmp_path / "vault.sqlite3", os.urandom)) as vault:
        vault.ensure_keys([b"a" * 20])
        sealed = vault.seal(b"a" * 20, "entry", b"plain", bytes(12))

        class Lost:
            def __enter__(self) -> None:
                raise driver_error(LOST)

            def __exit__(self, *_: object) -> None:
                return None

        monkeypatch.setattr("gateway.ledger.vault.step", lambda _: Lost())
        with pytest.raises(OSError) as told:
            vault.ensure_keys([b"b" * 20])
        assert told.value.errno == errno.EIO and vault.has_failed
        monkeypatch.undo()
        with pytest.raises(OSError) as told:
            vault.ensure_keys([b"b" * 20])
        assert told.value.errno == errno.EIO
        # What was there before is read as ever.
        assert vault.open(b"a" * 20, "entry", sealed) == b"plain"


def test_what_a_crash_left_beside_the_file_is_written_into_it_at_the_start(
    file: Database, tmp_path: Path
) -> None:
    with file.writer() as connection:
        connection.exec_driver_sql("INSERT INTO log_heads VALUES ('o', 1, 7, 't')")
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in ("gateway.sqlite3", "gateway.sqlite3-wal"):
        shutil.copy(tmp_path / name, crashed / name)
    left = (crashed / "gateway.sqlite3-wal").stat().st_size
    assert left > 0
    started = Database(sqlite_url(crashed / "gateway.sqlite3"))
    started.settle()
    assert (crashed / "gateway.sqlite3-wal").stat().st_size == 0
    with started.reader() as connection:
        assert fetch_all(connection, "SELECT next_index FROM log_heads") == [(7,)]
    started.close()
    file.close()


def test_a_tile_that_is_there_already_has_its_folders_flushed_before_anything_speaks_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be there by a rename whose folder was never flushed: the crash came in between."""
    files = TileFiles(tmp_path / "log")
    tile = ("tile/0/x001/000.p/1", bytes(32))
    files.write([tile])
    flushed: set[str] = set()
    real = os.fsync

    def fsync(descriptor: int) -> None:
        flushed.add(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    TileFiles(tmp_path / "log").write([tile])
    log = tmp_path.resolve() / "log"
    chain = [log / "tile/0/x001/000.p", log / "tile/0/x001", log / "tile/0", log / "tile", log]
    assert {str(folder) for folder in chain} <= flushed


def test_after_a_commit_that_failed_the_next_transaction_is_taken(file: Database) -> None:
    with file.writer() as connection:
        connection.exec_driver_sql("CREATE TABLE above (id INTEGER PRIMARY KEY)")
        connection.exec_driver_sql(
            "CREATE TABLE below (above INTEGER REFERENCES above DEFERRABLE INITIALLY DEFERRED)"
        )
    # SQLite looks at it in COMMIT alone, and leaves the transaction open.
    with pytest.raises(IntegrityError), file.writer() as connection:
        connection.exec_driver_sql("INSERT INTO below VALUES (7)")
    with file.writer() as connection:
        connection.exec_driver_sql("INSERT INTO above VALUES (1)")
    with file.reader() as connection:
        assert fetch_all(connection, "SELECT (SELECT count(*) FROM below), count(*) FROM above") == [(0, 1)]
    file.close()
