"""Backups: what a copy holds, what is refused, and that nothing is lost when one is put back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary

from gateway.backup.database_copy import copy_sqlite
from gateway.backup.making import make_backup
from gateway.backup.manifest import MANIFEST, USUAL, Manifest, Part, load_manifest
from gateway.backup.restoring import check_backup, restore_backup
from gateway.command_failures import CommandFailure
from gateway.data_folder import DataFolder, FolderInUse
from gateway.db import Database, execute, fetch_all, migrate, sqlite_url
from gateway.ledger.tables import intake
from gateway.schema import full_metadata
from gateway.schema_state import code_head
from tests.databases import fresh_postgres

STATES = {("chain_transactions", "state"): "queued"}
"""Columns that take certain words alone."""


def quiet(_rows: int) -> None:
    return


def sample(column: Column[object], row: int) -> object:
    """A value of a column's kind, another one for each row."""
    if (column.table.name, column.name) in STATES:
        return STATES[column.table.name, column.name]
    match column.type:
        case Boolean():
            return row % 2 == 0
        case Float():
            return row + 0.5
        case LargeBinary():
            return bytes((row, 0, 255)) * 8
        case Integer():
            return row
        case _:
            return f"{row} 条"


def fill(database: Database) -> None:
    """Two rows in every table there is, a third in those whose rows the database numbers itself."""
    with database.writer() as connection:
        for table in full_metadata().sorted_tables:
            rows = [{column.name: sample(column, row) for column in table.columns} for row in (1, 2)]
            connection.execute(table.insert(), rows)
            number = table.autoincrement_column
            if number is not None:
                rest = {c.name: sample(c, 3) for c in table.columns if c is not number}
                connection.execute(table.insert(), [rest])


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path / "data")
    folder.lock()
    folder.unlock()
    folder.deployment.write_text("{}")
    folder.trust_root.write_text("[]")
    (folder.log / "checkpoint").write_bytes(b"published")
    (folder.log / "tile").mkdir()
    (folder.log / "tile" / "000").write_bytes(b"\x01" * 64)
    (folder.log / ".checkpoint.new").write_bytes(b"half")
    (folder.keys / "log.json").write_text("secret")
    folder.platform_key.write_text("secret")
    with closing(sqlite3.connect(folder.vault)) as vault:
        vault.execute("CREATE TABLE subject_keys (account BLOB, key BLOB)")
        vault.commit()
    with closing(Database(sqlite_url(folder.database))) as database:
        migrate(database)
        fill(database)
    return folder


@pytest.fixture
def database(folder: DataFolder) -> Iterator[Database]:
    with closing(Database(sqlite_url(folder.database))) as database:
        yield database


def rows_of(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.reader() as connection:
        return {
            name: sorted(fetch_all(connection, f"SELECT * FROM {name}"), key=repr)
            for name in full_metadata().tables
        }


def refusal(source: Path, folder: DataFolder, parts: Sequence[Part] = (), *, replace: bool = False) -> str:
    with pytest.raises(CommandFailure) as refused:
        restore_backup(source, folder, parts, quiet, replace=replace)
    assert refused.value.zh != refused.value.en
    return refused.value.en


def test_a_copy_holds_what_was_asked_for_and_says_so(
    folder: DataFolder, database: Database, tmp_path: Path
) -> None:
    told = make_backup(folder, database, tmp_path / "copy", USUAL, quiet)
    assert load_manifest(tmp_path / "copy") == told
    assert (told.origin, told.entries, told.size, told.root) == ("1 条", 2, 2, "0200ff" * 8)
    assert told.schema == code_head()
    names = {path.relative_to(tmp_path / "copy").as_posix() for path in (tmp_path / "copy").rglob("*.*")}
    assert names == {MANIFEST, "gateway.sqlite3", "deployment.json", "trust_root.json"}
    assert {file.name for file in told.parts["log"]} == {"log/checkpoint", "log/tile/000"}
    assert "secret" not in "".join(p.read_text("latin1") for p in (tmp_path / "copy").rglob("*.json"))
    everything = make_backup(folder, database, tmp_path / "all", [p for p in Part if p != "chain"], quiet)
    assert {file.name for file in everything.parts["keys"]} == {"keys/log.json", "platform_key"}
    assert {file.name for file in everything.parts["vault"]} == {"vault.sqlite3"}
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o700


def test_what_was_erased_before_is_not_in_a_copy(database: Database, tmp_path: Path) -> None:
    canary = b"a name that was erased"
    with database.writer() as connection:
        execute(connection, "UPDATE checkpoints SET note = ?", canary * 400)
    with database.writer() as connection:
        execute(connection, "UPDATE checkpoints SET note = ?", b"note")
    path = Path(str(database.url.database))
    kept = path.read_bytes() + Path(f"{path}-wal").read_bytes()
    assert canary in kept
    copy_sqlite(path, tmp_path / "copy.sqlite3")
    assert canary not in (tmp_path / "copy.sqlite3").read_bytes()


def test_a_copy_never_replaces_another_and_leaves_nothing_half_made(
    folder: DataFolder, database: Database, tmp_path: Path
) -> None:
    make_backup(folder, database, tmp_path / "copy", USUAL, quiet)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(CommandFailure, match="copy: is there already"):
        make_backup(folder, database, tmp_path / "copy", USUAL, quiet)
    folder.vault.unlink()
    with pytest.raises(CommandFailure, match="vault: is not in the data folder"):
        make_backup(folder, database, tmp_path / "other", [Part.VAULT], quiet)
    folder.trust_root.unlink()
    folder.trust_root.symlink_to("nowhere")
    folder.deployment.unlink()
    (folder.log / "tile" / "001").symlink_to("nowhere")
    make_backup(folder, database, tmp_path / "third", [Part.LOG], quiet)
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "third"])


def test_restored_it_is_what_it_was(folder: DataFolder, database: Database, tmp_path: Path) -> None:
    make_backup(folder, database, tmp_path / "copy", [p for p in Part if p != Part.CHAIN], quiet)
    again = DataFolder(tmp_path / "again")
    manifest, aside = restore_backup(tmp_path / "copy", again, (), quiet)
    assert aside is None and manifest.entries == 2
    with closing(Database(sqlite_url(again.database))) as restored:
        assert rows_of(restored) == rows_of(database)
    for path in ("log/checkpoint", "log/tile/000", "keys/log.json", "platform_key", "trust_root.json"):
        assert (again.root / path).read_bytes() == (folder.root / path).read_bytes()
    assert not list(again.root.glob(".restore*"))
    again.lock()
    again.unlock()


def test_a_copy_of_one_kind_goes_into_the_other(
    folder: DataFolder, database: Database, tmp_path: Path, postgres_url: str
) -> None:
    make_backup(folder, database, tmp_path / "copy", USUAL, quiet)
    with fresh_postgres(postgres_url) as url, closing(Database(url)) as server:
        restore_backup(tmp_path / "copy", DataFolder(tmp_path / "roles"), (), quiet, server=server)
        assert not (tmp_path / "roles" / "gateway.sqlite3").exists()
        there = rows_of(server)
        with server.writer() as connection:
            rest = {c.name: sample(c, 4) for c in intake.columns if c is not intake.c.id}
            connection.execute(intake.insert(), [rest])
            assert fetch_all(connection, "SELECT max(id) FROM intake") == [(4,)]
            execute(connection, "DELETE FROM intake WHERE id = 4")
        assert there == rows_of(database)
        make_backup(DataFolder(tmp_path / "roles"), server, tmp_path / "back", [Part.DATABASE], quiet)
        assert [path.name for path in (tmp_path / "back").iterdir() if "sqlite3" in path.name] == [
            "gateway.sqlite3"
        ]
        with pytest.raises(CommandFailure) as full:
            restore_backup(tmp_path / "copy", DataFolder(tmp_path / "other"), (), quiet, server=server)
        assert full.value.en == "account_entries: the database has rows already; name an empty one"
        assert rows_of(server) == there
    home = DataFolder(tmp_path / "home")
    restore_backup(tmp_path / "back", home, (), quiet)
    with closing(Database(sqlite_url(home.database))) as restored:
        assert rows_of(restored) == rows_of(database)


def test_what_is_there_stays_unless_it_is_moved_aside(
    folder: DataFolder, database: Database, tmp_path: Path
) -> None:
    make_backup(folder, database, tmp_path / "copy", USUAL, quiet)
    database.close()
    (folder.log / "checkpoint").write_bytes(b"newer")
    Path(f"{folder.database}-wal").write_bytes(b"of the newer file")
    said = refusal(tmp_path / "copy", folder)
    assert said == (
        f"{folder.root}: has gateway.sqlite3, gateway.sqlite3-wal, log, deployment.json, trust_root.json"
        " already; --replace moves them aside"
    )
    assert (folder.log / "checkpoint").read_bytes() == b"newer"
    _, aside = restore_backup(tmp_path / "copy", folder, [Part.LOG], quiet, replace=True)
    assert aside is not None and (aside / "log" / "checkpoint").read_bytes() == b"newer"
    assert (folder.log / "checkpoint").read_bytes() == b"published"
    assert Path(f"{folder.database}-wal").read_bytes() == b"of the newer file"
    _, aside = restore_backup(tmp_path / "copy", folder, [Part.DATABASE], quiet, replace=True)
    assert aside is not None
    assert {path.name for path in aside.iterdir()} == {"gateway.sqlite3", "gateway.sqlite3-wal"}
    assert not Path(f"{folder.database}-wal").exists() and folder.database.exists()


def test_a_folder_in_use_is_left_alone(folder: DataFolder, database: Database, tmp_path: Path) -> None:
    make_backup(folder, database, tmp_path / "copy", USUAL, quiet)
    user = DataFolder(folder.root)
    user.lock()
    with pytest.raises(FolderInUse):
        restore_backup(tmp_path / "copy", folder, (), quiet, replace=True)
    user.unlock()


def damage(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)


def test_a_damaged_or_strange_backup_is_refused_and_nothing_made(
    folder: DataFolder, database: Database, tmp_path: Path
) -> None:
    again = DataFolder(tmp_path / "again")
    assert refusal(tmp_path / "none", again).endswith("is no backup (manifest.json is missing)")
    copy = tmp_path / "copy"
    told = make_backup(folder, database, copy, USUAL, quiet)
    assert refusal(copy, again, [Part.VAULT]) == "vault: is not in the backup"
    for name in ("log/tile/000", "gateway.sqlite3", "trust_root.json"):
        whole = (copy / name).read_bytes()
        damage(copy, name)
        assert refusal(copy, again) == f"{name}: is not what the backup's manifest says"
        (copy / name).unlink()
        assert refusal(copy, again) == f"{name}: is not what the backup's manifest says"
        (copy / name).write_bytes(whole)
    for change in ({"v": 2}, {"parts": {"else": []}}, {"size": "many"}, {"parts": inside("../x", told)}):
        text = (copy / MANIFEST).read_text()
        (copy / MANIFEST).write_text(json.dumps({**json.loads(text), **change}))
        assert refusal(copy, again).endswith("manifest.json: is no backup manifest of version 1")
        (copy / MANIFEST).write_text(text)
    later = {**json.loads((copy / MANIFEST).read_text()), "schema": "9999_later"}
    (copy / MANIFEST).write_text(json.dumps(later))
    assert refusal(copy, again).endswith("was made by a newer version (schema 9999_later)")
    assert not again.root.exists()
    with pytest.raises(CommandFailure):
        check_backup(copy)


def inside(name: str, told: Manifest) -> object:
    file = told.files[0]
    return {"log": [{"name": name, "size": file.size, "sha256": file.sha256}]}
