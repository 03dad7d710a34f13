"""How the tests themselves are run: where their files go and which file comes first."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.databases import ROOM_IN_MEMORY, choose_temporary_folder
from tests.order import LONG_FILES, ROOT, place


def test_the_long_files_are_there_and_named_once() -> None:
    assert [name for name in LONG_FILES if not (ROOT / name).is_file()] == []
    assert len(set(LONG_FILES)) == len(LONG_FILES)


def test_long_files_come_first_then_those_that_wait_then_the_rest() -> None:
    names = ("tests/unit/test_running.py", "tests/integration/test_spine.py", LONG_FILES[1], LONG_FILES[0])
    assert sorted(names, key=lambda name: place(ROOT / name)) == list(reversed(names))


@pytest.mark.parametrize(
    ("blocks", "flags", "taken"),
    [
        (ROOM_IN_MEMORY // 4096, 0, True),
        (ROOM_IN_MEMORY // 4096 - 1, 0, False),
        (ROOM_IN_MEMORY // 4096, os.ST_NOEXEC, False),
    ],
)
def test_memory_holds_the_files_where_it_has_room_and_runs_programs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, blocks: int, flags: int, taken: bool
) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    room = SimpleNamespace(f_bavail=blocks, f_frsize=4096, f_flag=flags)
    monkeypatch.setattr("os.statvfs", lambda _: room)
    assert choose_temporary_folder(tmp_path) == (str(tmp_path) if taken else None)


def test_a_named_or_missing_folder_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", "/var/tmp")
    assert choose_temporary_folder(tmp_path) is None
    monkeypatch.delenv("TMPDIR")
    assert choose_temporary_folder(tmp_path / "missing") is None
