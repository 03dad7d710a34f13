"""One process per data folder; small files are replaced whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.data_folder import DataFolder, FolderInUse
from gateway.durable_files import write_durably

_TRY = """
import pathlib, sys
from gateway.data_folder import DataFolder
DataFolder(pathlib.Path(sys.argv[1])).lock()
"""


def test_a_second_user_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    first = DataFolder(tmp_path / "data")
    first.lock()
    with pytest.raises(FolderInUse) as caught:
        DataFolder(tmp_path / "data").lock()
    assert caught.value.path == tmp_path / "data"
    other = subprocess.run([sys.executable, "-c", _TRY, str(tmp_path / "data")], capture_output=True)
    assert other.returncode != 0 and b"FolderInUse" in other.stderr
    first.unlock()
    assert subprocess.run([sys.executable, "-c", _TRY, str(tmp_path / "data")]).returncode == 0


def test_a_file_is_replaced_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    write_durably(path, b"new", mode=0o600)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o600)
    assert list(tmp_path.iterdir()) == [path]
