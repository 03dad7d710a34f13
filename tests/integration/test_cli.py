"""Commands of ``tongyi`` against a real gateway: their answers, their exit codes, what they refuse."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.db import Database, execute, sqlite_url
from tests.integration.serving import Serving

TONGYI = str(Path(sys.executable).parent / "tongyi")
COMMANDS = (
    *("serve", "verify", "deploy", "reconcile", "fsck", "import", "doctor", "bench"),
    *("chain up", "mirror rebuild", "keys add", "keys list", "keys revoke", "export evidence"),
)


def tongyi(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([TONGYI, *arguments], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    done = tongyi(*command.split(), "--help")
    assert done.returncode == 0 and "usage: " in done.stdout.casefold()


def test_unknown_options_are_usage_errors() -> None:
    assert tongyi("verify").returncode == 2
    assert tongyi("serve", "--colour").returncode == 2
    assert tongyi("dance").returncode == 2


def test_keys_are_made_listed_and_ended(serving: Serving) -> None:
    reach = ("--key-file", str(serving.data / "platform_key"), "--gateway", serving.url)
    made = json.loads(tongyi("keys", "add", "till", "--scope", "entries:read", *reach, "--json").stdout)
    with serving.new_client(made["secret"]) as client:
        assert client.get("/v1/entries").status_code == 200
        listed = tongyi("keys", "list", *reach)
        assert made["id"] in listed.stdout and made["secret"] not in listed.stdout
        assert tongyi("keys", "revoke", made["id"], *reach).returncode == 0
        assert client.get("/v1/entries").status_code == 401
    refused = tongyi("keys", "revoke", made["id"], *reach)
    assert refused.returncode == 4 and "not_found" in refused.stderr


def test_evidence_is_exported_and_verified(
    serving: Serving, new_chapter: Callable[[], str], tmp_path: Path
) -> None:
    chapter = new_chapter()
    pool = serving.open_chapter(chapter, fill=0)
    entry = serving.made("/v1/credits/issue", {"chapter": chapter, "to": pool, "amount": "5"})
    reach = ("--key-file", str(serving.data / "platform_key"), "--gateway", serving.url)
    file = tmp_path / "proof.json"
    assert (
        tongyi("export", "evidence", entry["id"], "--into", str(file), "--wait", "0", *reach).returncode == 3
    )
    assert tongyi("export", "evidence", entry["id"], "--into", str(file), *reach).returncode == 0
    assert tongyi("verify", str(file), "--trust-root", serving.ready["trust_root"]).returncode == 0
    assert tongyi("verify", str(file), "--trust-root", str(file)).returncode == 4


def test_the_mirror_is_rebuilt_equal_and_reconciles(serving: Serving, tmp_path: Path) -> None:
    reach = ("--data", str(serving.data), "--chain-url", serving.ready["rpc"], "--json")
    into = sqlite_url(tmp_path / "fresh.sqlite3")
    done = tongyi("mirror", "rebuild", "--into", into, *reach)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["equal"] and result["tables"]["mirror_blocks"] > 0
    again = tongyi("mirror", "rebuild", "--into", into, *reach)
    assert again.returncode == 4 and "already mirrors" in again.stderr
    reconciled = json.loads(tongyi("reconcile", *reach).stdout)
    assert reconciled["mismatches"] == [] and reconciled["logs"] == 1


def test_one_process_per_folder(serving: Serving) -> None:
    second = tongyi("serve", "--data", str(serving.data))
    assert second.returncode == 4 and "another process" in second.stderr
    assert tongyi("fsck", "--data", str(serving.data)).returncode == 4


def fsck(data: Path, *options: str) -> tuple[int, dict[str, Any]]:
    done = tongyi("fsck", "--data", str(data), "--json", *options)
    return done.returncode, json.loads(done.stdout)


def test_fsck_finds_every_change_of_a_stopped_gateways_data(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    gateway = Serving(tmp_path_factory.mktemp("fsck") / "data").start()
    gateway.open_chapter("3103-0001")
    member = gateway.join("3103-0001")
    public = {"kind": "ordinary", "receipt": "a1" * 32}
    body = {"type": "membership.opened", "chapter": "3103-0001", "subjects": [member], "public": public}
    opened = gateway.made("/v1/entries", body)["id"]
    entry = gateway.made("/v1/credits/issue", {"chapter": "3103-0001", "to": member, "amount": "5"})
    gateway.wait_state(entry["id"], "final")
    assert gateway.stop() == 0
    code, found = fsck(gateway.data)
    assert (code, found["faults"]) == (0, []) and found["entries"] == entry["index"] + 1

    tiles = [path for path in (gateway.data / "log" / "tile" / "0").rglob("*") if path.is_file()]
    tile = max(tiles, key=lambda path: path.stat().st_size)
    good = tile.read_bytes()
    tile.write_bytes(good[:5] + bytes((good[5] ^ 1,)) + good[6:])
    assert "has other bytes" in fsck(gateway.data)[1]["faults"][0]
    tile.write_bytes(good)

    note = gateway.data / "log" / "checkpoint"
    kept = note.read_bytes()
    note.write_bytes(kept.replace(b"tongyi", b"tongyj", 1))
    assert fsck(gateway.data)[1]["faults"] == ["published checkpoint: is not the newest stored one"]
    note.write_bytes(kept)

    database = Database(sqlite_url(gateway.data / "gateway.sqlite3"), pool_size=1)
    code, found = fsck(gateway.data, "--cases")
    assert (code, found["faults"], found["cases"]) == (0, [], 4)
    with database.writer() as connection:
        execute(connection, "UPDATE cases SET state = 'split' WHERE kind = 'fee'")
    named = f"case fee {opened}: cases is not what the entries give: state"
    assert fsck(gateway.data, "--cases") == (1, {**found, "cases": 0, "faults": [named]})
    assert fsck(gateway.data) == (0, {**found, "cases": None})
    with database.writer() as connection:
        execute(connection, "UPDATE cases SET state = 'paid' WHERE kind = 'fee'")
        execute(connection, "UPDATE tallies SET amount = 501 WHERE name = 'coins.issued'")
    code, found = fsck(gateway.data, "--cases")
    assert (code, found["cases"], len(found["faults"])) == (1, 4, 1)
    month = r"running sum 3103-0001 20\d\d-\d\d coins\.issued: is not what the entries give"
    assert re.fullmatch(month, found["faults"][0])
    with database.writer() as connection:
        execute(connection, "UPDATE entries SET body = replace(body, '500', '501') WHERE log_index = 3")
    code, found = fsck(gateway.data)
    assert (code, found["faults"]) == (1, ["entry 3: its leaf does not commit to it"])
    with database.writer() as connection:
        execute(connection, "DELETE FROM entries WHERE log_index = 4")
    database.close()
    assert "entry 4: is missing" in fsck(gateway.data)[1]["faults"]
