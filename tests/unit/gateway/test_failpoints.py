"""Failpoints: off they are nothing; armed they fire once, at the crossing named, and say so."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pysqlite3.dbapi2 as sqlite_driver  # type: ignore[import-untyped]
import pytest
from sqlalchemy.exc import OperationalError

from chain.errors import FormatError, TransientChainError
from gateway.db import Database, execute, fetch_all
from gateway.failpoint_names import STEPS
from gateway.failpoints import FIRED, MARKER, UNNAMED, Mode, Order, arm, disarm, parse_order, step


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data folder in which steps may be armed; disarmed afterwards."""
    (tmp_path / MARKER).touch()
    yield tmp_path
    disarm()


def test_off_a_step_is_one_object_for_all() -> None:
    assert all(step(name) is UNNAMED for name in STEPS)
    arm(None, Path("/nowhere"))
    assert step("ledger.commit") is UNNAMED


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no step of this name"),
        ("ledger.nothing:crash-before", "no step of this name"),
        ("ledger.commit", "the mode is none of crash-before, crash-after, error-before, error-after"),
        ("ledger.commit:boom", "the mode is none of crash-before, crash-after, error-before, error-after"),
        ("ledger.commit:crash-before:0", "the crossing is no number from 1 on"),
        ("ledger.commit:crash-before:x", "the crossing is no number from 1 on"),
    ],
)
def test_an_order_that_is_none_is_refused(text: str, reason: str) -> None:
    with pytest.raises(FormatError) as refused:
        parse_order(text)
    assert (refused.value.where, refused.value.reason) == ("TONGYI_FAILPOINT", reason)


def test_an_order_is_read() -> None:
    assert parse_order("log.sign:error-after") == Order("log.sign", Mode.ERROR_AFTER, 1)
    assert parse_order("log.sign:crash-before:12") == Order("log.sign", Mode.CRASH_BEFORE, 12)


def test_nothing_is_armed_in_a_folder_that_does_not_allow_it(tmp_path: Path) -> None:
    with pytest.raises(FormatError) as refused:
        arm("log.sign:crash-before", tmp_path)
    assert refused.value.reason == "the data folder holds no file failpoints.allowed"
    assert step("log.sign") is UNNAMED and not (tmp_path / FIRED).exists()


@pytest.mark.parametrize(("mode", "done"), [("error-before", []), ("error-after", ["done"])])
def test_an_error_comes_once_before_or_after_the_action(folder: Path, mode: str, done: list[str]) -> None:
    arm(f"log.tiles:{mode}:2", folder)
    seen: list[str] = []
    with step("log.tiles"):
        pass
    with step("log.sign"):
        pass
    with pytest.raises(OSError) as failed, step("log.tiles"):
        seen.append("done")
    assert failed.value.errno == errno.EIO and seen == done
    with step("log.tiles"):
        seen.append("again")
    assert seen == [*done, "again"]
    assert (folder / FIRED).read_text() == f"log.tiles:{mode}:2\n"


def test_a_step_that_fails_by_itself_keeps_its_own_error(folder: Path) -> None:
    arm("log.tiles:error-after", folder)
    with pytest.raises(KeyError), step("log.tiles"):
        raise KeyError("own")
    assert not (folder / FIRED).exists()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("log.sign", OperationalError),
        ("ledger.keys", sqlite_driver.OperationalError),
        ("outbox.send", TransientChainError),
        ("log.rename", OSError),
    ],
)
def test_the_error_is_the_one_the_surroundings_know(folder: Path, name: str, kind: type[Exception]) -> None:
    arm(f"{name}:error-before", folder)
    with pytest.raises(kind), step(name):
        pytest.fail("the action was done")


@pytest.mark.parametrize(("mode", "rows"), [("error-before", []), ("error-after", [(1,)])])
def test_a_failed_commit_was_done_or_not(
    database: Database, folder: Path, mode: str, rows: list[object]
) -> None:
    with database.writer() as connection:
        execute(connection, "CREATE TABLE tried (number INTEGER)")
    arm(f"log.sign:{mode}", folder)
    with pytest.raises(OperationalError), database.writer(step("log.sign")) as connection:
        execute(connection, "INSERT INTO tried VALUES (1)")
    with database.reader() as connection:
        assert fetch_all(connection, "SELECT number FROM tried") == rows
    with database.writer(step("log.sign")) as connection:
        execute(connection, "INSERT INTO tried VALUES (2)")
    with database.reader() as connection:
        assert fetch_all(connection, "SELECT number FROM tried ORDER BY number") == [*rows, (2,)]


@pytest.mark.parametrize(("mode", "done"), [("crash-before", ""), ("crash-after", "done\n")])
def test_a_crash_is_sigkill_on_this_side_of_the_action(folder: Path, mode: str, done: str) -> None:
    program = (
        "import sys, pathlib; from gateway.failpoints import arm, step\n"
        f"arm('log.tiles:{mode}', pathlib.Path(sys.argv[1]))\n"
        "with step('log.tiles'):\n    print('done', flush=True)\nprint('later')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, done), ended.stderr
    assert (folder / FIRED).read_text() == f"log.tiles:{mode}:1\n"
