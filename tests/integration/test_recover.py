"""``tongyi recover`` on a gateway's data: what follows from other stores is made again, nothing else."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.fsck_command import run_fsck
from tests.integration.command_kit import tongyi
from tests.integration.serving import Serving

CHAPTER = "3101-0011"
RUNNER = CliRunner()
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, Path, int]]:
    """A stopped gateway with an older backup of it; the last number is how many entries it has."""
    folder = tmp_path_factory.mktemp("recover")
    serving = Serving(folder / "data", environment={"TONGYI_BLOCK_TIME": "0.2"}).start()
    try:
        yield serving, folder / "old", fill(serving, folder / "old")
    finally:
        if serving.process is not None and serving.process.poll() is None:
            serving.stop()


def fill(serving: Serving, backup: Path) -> int:
    """Record something, make a backup, record more; return the number of entries once it is stopped."""
    pool = serving.open_chapter(CHAPTER)
    one, two = serving.join(CHAPTER), serving.join(CHAPTER)
    fee = {"kind": "ordinary", "receipt": "a1" * 32}
    opened = {"type": "membership.opened", "chapter": CHAPTER, "subjects": [one], "public": fee}
    serving.made("/v1/entries", opened)
    gift = {"chapter": CHAPTER, "from": pool, "to": one, "amount": "500"}
    serving.wait_state(serving.made("/v1/credits/transfer", gift)["id"], "final")
    copied = tongyi("backup", "--data", str(serving.data), "--to", str(backup))
    assert copied.returncode == 0, copied.stderr
    serving.made("/v1/credits/transfer", {**gift, "to": two, "amount": "300"})
    held = serving.made("/v1/credits/lock", {"chapter": CHAPTER, "from": one, "to": one, "amount": "120"})
    order = {"may_send": False, "may_receive": True, "order": "ab" * 32}
    serving.made(f"/v1/members/{two}/rights", order)
    public = {"receipt": "b2" * 32, "amount": "1", "currency": "CNY"}
    bought = {"type": "purchase.recorded", "chapter": CHAPTER, "subjects": [one], "public": public}
    last = serving.made("/v1/entries", bought)
    serving.wait_state(held["id"], "final")
    serving.wait_state(last["id"], "final")
    assert serving.stop() == 0
    return int(last["index"]) + 1


def digests(data: Path) -> dict[str, str]:
    """Every file of the data folder but what SQLite keeps beside while it reads."""
    return {
        path.relative_to(data).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in data.rglob("*")
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def rows(data: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(data / "gateway.sqlite3")) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(connection.execute(f'SELECT * FROM "{name}"'), key=repr) for name in names}


def change(data: Path, *statements: str) -> None:
    with closing(sqlite3.connect(data / "gateway.sqlite3")) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0, statement
        connection.commit()


def recover(data: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON of the command, without a process of its own."""
    done = RUNNER.invoke(app, ["recover", "--data", str(data), "--json", *options])
    assert done.stdout, done.exception
    return done.exit_code, json.loads(done.stdout)


DAMAGE = {
    "mirror": ("UPDATE mirror_accounts SET balance = balance + 1 WHERE kind = 3", "mirror", "chain"),
    "mirror row lost": ("DELETE FROM mirror_operations WHERE leaf_index = 4", "mirror", "chain"),
    "mirror row added": (
        "INSERT INTO mirror_quotas SELECT chain_id, chapter, period + 1, 5 FROM mirror_quotas LIMIT 1",
        "mirror", "chain",
    ),
    "balances": ("UPDATE balances SET available = available + 1", "registers", "entries"),
    "account": ("UPDATE accounts SET may_send = 1", "registers", "entries"),
    "account lost": ("DELETE FROM accounts WHERE kind = 1", "registers", "entries"),
    "quota": ("UPDATE quotas SET used = 0", "registers", "entries"),
    "lock": ("UPDATE locks SET amount = 0", "registers", "entries"),
    "lock lost": ("DELETE FROM locks", "registers", "entries"),
    "chapter": ("UPDATE chapters SET daily_cap = 1", "registers", "entries"),
    "operands": ("UPDATE operations SET moved = moved + 1 WHERE kind = 5", "registers", "entries"),
    "operands lost": ("DELETE FROM operations WHERE kind = 2", "registers", "entries"),
    "account's entries": ("DELETE FROM account_entries", "registers", "entries"),
    "case": ("UPDATE cases SET state = 'split' WHERE kind = 'fee'", "cases", "entries"),
    "case lost": ("DELETE FROM cases WHERE kind = 'fee'", "cases", "entries"),
    "receipt": ("DELETE FROM purchase_receipts", "cases", "entries"),
    "sum": ("UPDATE tallies SET amount = amount + 1 WHERE name = 'coins.issued'", "running sums", "entries"),
}  # fmt: skip
"""A statement that damages a store, the store, and what it is made again from."""


def test_everything_that_follows_is_made_again(town: tuple[Serving, Path, int]) -> None:
    serving, _, entries = town
    data = serving.data
    assert run_fsck(data, None, cases=True, embedded_chain=True).faults == []
    assert recover(data) == (
        0, {"whole": True, "written": False, "entries": entries, "needs": None, "contradictions": [],
            "repairs": [], "notes": [], "aside": None},
    )  # fmt: skip
    sound = rows(data)
    for name, (statement, store, source) in DAMAGE.items():
        change(data, statement)
        before = rows(data)
        assert before != sound, name
        dry = recover(data) if name in ("mirror", "balances", "case", "sum") else None
        assert rows(data) == before, name
        code, told = recover(data, "--write")
        assert [(one["store"], one["source"]) for one in told["repairs"]] == [(store, source)], (name, told)
        assert code == 0 and dry in (None, (1, {**told, "whole": False, "written": False, "aside": None}))
        assert rows(data) == sound, name
        kept = [line for path in Path(told["aside"]).iterdir() for line in path.read_text().splitlines()]
        assert all(json.loads(line).keys() == {"had", "put"} for line in kept)
        assert len(kept) == told["repairs"][0]["count"], name


def test_log_files_are_written_again_and_what_was_there_is_kept(town: tuple[Serving, Path, int]) -> None:
    serving, _, entries = town
    data, before = serving.data, digests(serving.data / "log")
    tile = data / "log" / f"tile/0/000.p/{entries}"
    good = tile.read_bytes()
    tile.write_bytes(good[:40] + bytes((good[40] ^ 1,)) + good[41:])
    (data / "log" / f"tile/entries/000.p/{entries}").unlink()
    (data / "log" / f"tile/0/000.p/{entries + 3}").write_bytes(b"\x01" * 32 * (entries + 3))
    (data / "log" / "checkpoint").write_bytes(b"no note")
    found = run_fsck(data, None, embedded_chain=True)
    assert found.pairs["SQL and published checkpoint"] == (
        "published checkpoint: is not the newest stored one"
    )
    assert found.pairs["SQL and tiles"] == f"tile/entries/000.p/{entries}: is missing"
    assert {pair for pair, difference in found.pairs.items() if difference} == {
        "SQL and published checkpoint", "SQL and tiles",
    }  # fmt: skip
    want = {"store": "log files", "source": "SQL", "count": 4, "first": [
        f"tile/entries/000.p/{entries}: missing", f"tile/0/000.p/{entries}: wrong",
        f"tile/0/000.p/{entries + 3}: beyond", "checkpoint: wrong",
    ]}  # fmt: skip
    code, told = recover(data)
    assert (code, told["repairs"], told["aside"]) == (1, [want], None)
    code, told = recover(data, "--write")
    assert (code, told["repairs"]) == (0, [want])
    assert digests(data / "log") == before
    aside = Path(told["aside"]) / "log"
    assert (aside / "checkpoint").read_bytes() == b"no note"
    assert (aside / f"tile/0/000.p/{entries + 3}").exists()


def test_a_row_of_another_chain_is_named(town: tuple[Serving, Path, int]) -> None:
    """The mirror is compared with its own chain; what stands beside it was put there by somebody."""
    with closing(sqlite3.connect(town[0].data / "gateway.sqlite3")) as connection:
        columns = [name for _, name, *_ in connection.execute("PRAGMA table_info(mirror_cursor)")]
        others = ",".join("1" if name == "chain_id" else name for name in columns)
        connection.execute(f"INSERT INTO mirror_cursor SELECT {others} FROM mirror_cursor")
        connection.commit()
        (own,) = connection.execute("SELECT chain_id FROM mirror_cursor WHERE chain_id <> 1").fetchone()
    try:
        found = run_fsck(town[0].data, None, embedded_chain=True)
    finally:
        with closing(sqlite3.connect(town[0].data / "gateway.sqlite3")) as connection:
            connection.execute("DELETE FROM mirror_cursor WHERE chain_id = 1")
            connection.commit()
    assert found.faults == [f"mirror: mirror_cursor 1: is of another chain than {own}"]


def test_a_database_that_is_behind_is_left_as_it_is(town: tuple[Serving, Path, int], tmp_path: Path) -> None:
    serving, old, entries = town
    held = json.loads((old / "manifest.json").read_bytes())["entries"]
    parts = [word for part in ("log", "documents", "keys", "vault", "chain") for word in ("--part", part)]
    done = tongyi("backup", "--data", str(serving.data), "--to", str(tmp_path / "copy"), *parts)
    assert done.returncode == 0, done.stderr
    there = tmp_path / "behind"
    done = tongyi("restore", "--data", str(there), "--from", str(tmp_path / "copy"))
    assert done.returncode == 0, done.stderr
    assert tongyi("restore", "--data", str(there), "--from", str(old), "--part", "database").returncode == 0
    before, stored = digests(there), rows(there)
    code, told = recover(there, "--write")
    assert (code, told["needs"], told["repairs"], told["aside"]) == (1, entries, [], None)
    assert [(one["code"], one["here"], one["there"]) for one in told["contradictions"]] == [
        ("log.behind_checkpoint", held, entries), ("log.behind_anchor", held, entries),
    ]  # fmt: skip
    assert (digests(there), rows(there)) == (before, stored)
    said = tongyi("recover", "--data", str(there), "--write")
    assert said.returncode == 1 and f"at least {entries} entries; without one, a successor log" in said.stdout
    assert all(CHINESE.search(line) for line in said.stdout.splitlines())
    # The tree of the old log agrees with an old published checkpoint, yet not with the chain.
    done = tongyi("restore", "--data", str(there), "--from", str(old), "--part", "log", "--replace")
    assert done.returncode == 0, done.stderr
    code, told = recover(there)
    assert (code, [one["code"] for one in told["contradictions"]]) == (1, ["log.behind_anchor"])
    found = run_fsck(there, None, embedded_chain=True)
    assert found.pairs["SQL and anchors"] == (f"anchors: log.behind_anchor(here={held}, there={entries})")


def test_a_database_that_contradicts_itself_is_left_as_it_is(town: tuple[Serving, Path, int]) -> None:
    data = town[0].data
    with closing(sqlite3.connect(data / "gateway.sqlite3")) as connection:
        (kept,) = connection.execute("SELECT salt FROM entries WHERE log_index = 2").fetchone()
        connection.execute("UPDATE entries SET salt = ? WHERE log_index = 2", (bytes(32),))
        connection.commit()
    try:
        code, told = recover(data, "--write")
    finally:
        with closing(sqlite3.connect(data / "gateway.sqlite3")) as connection:
            connection.execute("UPDATE entries SET salt = ? WHERE log_index = 2", (kept,))
            connection.commit()
    assert (code, told["repairs"]) == (1, [])
    assert [(one["code"], one["about"]) for one in told["contradictions"]] == [
        ("sql.damaged", "entry 2: its leaf does not commit to it")
    ]


def test_a_repaired_gateway_goes_on(town: tuple[Serving, Path, int]) -> None:
    serving, _, entries = town
    serving.start()
    pool = serving.client.get(f"/v1/chapters/{CHAPTER}").json()["pool"]
    made = serving.made("/v1/credits/issue", {"chapter": CHAPTER, "to": pool, "amount": "1"})
    assert made["index"] == entries
    serving.wait_state(made["id"], "final")
    serving.stop_and_check()
