"""The calls that part ``disk`` exchanges: the real SQLite, and Python, meet the ordered fault at the n-th."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
_PROGRAM = """
import json, os, sys
from pathlib import Path
from scripts.faults.disk_calls import NOTES, ORDER, install

data = Path(sys.argv[1])
install(data, {ORDER: sys.argv[2], NOTES: sys.argv[3]})
from gateway.db import Database, fetch_all, sqlite_url
from gateway.ledger.tile_files import TileFiles

said = []
database = Database(sqlite_url(data / "gateway.sqlite3"))
files = TileFiles(data / "log")
with database.writer() as connection:
    connection.exec_driver_sql("CREATE TABLE kept (number INTEGER PRIMARY KEY)")
for number in range(20):
    try:
        with database.writer() as connection:
            connection.exec_driver_sql(f"INSERT INTO kept VALUES ({number})")
        files.write([(f"tile/0/000.p/{number + 1}", bytes(32 * (number + 1)))])
    except Exception as error:
        said.append([number, str(getattr(error, "orig", error))])
with database.reader() as connection:
    rows = fetch_all(connection, "SELECT count(*) FROM kept")[0][0]
tiles = {path.name: path.stat().st_size for path in (data / "log/tile/0/000.p").iterdir()}
print(json.dumps({"said": said, "rows": rows, "tiles": tiles, "failed": database.has_failed}))
"""


def run(tmp_path: Path, order: str) -> tuple[int, dict[str, Any], list[str]]:
    data, notes = tmp_path / "data", tmp_path / "notes"
    data.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(data), order, str(notes)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = json.loads(done.stdout) if done.stdout else {}
    return done.returncode, said, notes.read_text().splitlines() if notes.exists() else []


@pytest.mark.parametrize("op", ["write", "sync"])
def test_an_error_of_the_disk_below_sqlite_ends_all_writing(tmp_path: Path, op: str) -> None:
    code, said, notes = run(tmp_path, f"EIO:{op}:database:14")
    assert (code, notes) == (0, [f"fired EIO:{op}:database:14 gateway.sqlite3-wal"])
    first, *others = said["said"]
    assert first[1] == "disk I/O error" and said["failed"] is True and said["rows"] == first[0]
    assert [number for number, _ in others] == list(range(first[0] + 1, 20))
    assert {what for _, what in others} == {"the disk lost an earlier write"}


def test_a_write_without_room_fails_once_and_the_next_is_taken(tmp_path: Path) -> None:
    code, said, notes = run(tmp_path, "ENOSPC:write:database:14")
    assert (code, notes) == (0, ["fired ENOSPC:write:database:14 gateway.sqlite3-wal"])
    ((_, what),) = said["said"]
    assert (what, said["failed"], said["rows"]) == ("database or disk is full", False, 19)


def test_a_torn_write_ends_the_process_with_half_of_it_on_disk(tmp_path: Path) -> None:
    code, said, notes = run(tmp_path, "torn:write:log:3")
    assert (code, said, notes) == (-9, {}, ["fired torn:write:log:3 .3.new"])
    tiles = tmp_path / "data" / "log" / "tile" / "0" / "000.p"
    assert (tiles / ".3.new").stat().st_size == 48 and not (tiles / "3").exists()


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ("EIO:rename:log:2", "Input/output"),
        ("EIO:close:log:2", "Input/output"),
        ("ENOSPC:sync:log:9", "No space"),
    ],
)
def test_a_call_of_pythons_fails_once(tmp_path: Path, order: str, told: str) -> None:
    code, said, notes = run(tmp_path, order)
    assert code == 0 and len(notes) == 1 and notes[0].startswith(f"fired {order} ")
    ((_, what),) = said["said"]
    assert told in what


def test_what_is_written_in_part_is_written_on(tmp_path: Path) -> None:
    code, said, notes = run(tmp_path, "short:write:log:5")
    assert (code, said["said"], notes) == (0, [], ["fired short:write:log:5 .5.new"])
    assert said["tiles"] == {str(number): 32 * number for number in range(1, 21)}
