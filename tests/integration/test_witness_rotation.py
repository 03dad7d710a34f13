"""A witness's key gives way to another: its folder, the log's entry, the trust root's times, a crash."""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from chain.checkpoint import KeyKind, format_vkey, open_note, parse_vkey
from chain.entry import parse_entry
from chain.errors import FormatError
from chain.evidence.bundle import parse_bundle
from chain.trust_root import Witness, parse_trust_root, trust_root_id
from chain.verify import verify_bundle
from gateway import log_rotation
from gateway.data_folder import DataFolder
from gateway.db import Database, sqlite_url
from gateway.fsck_command import run_fsck
from gateway.keys import KeyFolder
from gateway.ledger.log_keys import WitnessChange, load_log_keys
from gateway.log_rotation import finish_rotation, rotate_log_key
from gateway.root_succession import SKEW_SECONDS, follow_witness
from gateway.rules.calendar import parse_timestamp
from gateway.witness_rotation import WitnessKeys, record_witness_rotation
from tests.integration.serving import Serving
from tests.integration.witnesses_kit import Witnessing

CHAPTER = "3101-0007"
NAME = "witness.example/regulator"
TONGYI = str(Path(sys.executable).parent / "tongyi")
NOW = 1_790_000_000_000


@dataclass
class Rotated:
    """``before``: the gateway's data as it was when the witness had its new key and no entry said so."""

    data: Path
    before: Path
    old: str
    new: str
    said: dict[str, object]
    bundles: list[bytes]
    roots: list[bytes]


def command(*arguments: str) -> dict[str, object]:
    done = subprocess.run([TONGYI, *arguments, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout)
    return told


def purchase(serving: Serving, member: str) -> bytes:
    body = {"type": "purchase.recorded", "chapter": CHAPTER, "actor": member, "subjects": [member]}
    said = {"amount": "40000", "currency": "CNY", "receipt": secrets.token_hex(32)}
    made = serving.made("/v1/entries", body | {"public": said})
    return serving.proof(made["id"])


@pytest.fixture(scope="module")
def rotated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rotated]:
    folder = tmp_path_factory.mktemp("rotation")
    data, policy, own = folder / "data", folder / "policy", folder / "witness"
    keys = DataFolder(data).keys
    keys.mkdir(parents=True, mode=0o700)
    log = KeyFolder(keys).log_identity(None).vkey
    witness = Witnessing(own, ("--log", log, "--name", NAME)).start()
    serving = Serving(data, environment={"TONGYI_WITNESS_POLICY": str(policy)})

    def follow(vkey: str) -> None:
        lines = [f"log {log}", f"witness regulator {vkey} {witness.url}/witness"]
        policy.write_text("\n".join([*lines, "#operator regulator independent Civil Affairs Bureau", ""]))
        with policy.open("a") as file:
            file.write("quorum regulator\n")

    try:
        old = witness.vkey
        follow(old)
        serving.start()
        serving.made("/v1/chapters", {"code": CHAPTER})
        member = serving.join(CHAPTER)
        bundles = [purchase(serving, member)]
        roots = [(data / "trust_root.json").read_bytes()]
        assert serving.stop() == 0
        assert witness.stop() == 0
        changed = command("keys", "rotate", "witness", "--data", str(own))
        new = str(changed["new_vkey"])
        assert changed == {"old_vkey": old, "new_vkey": new} and new != old
        shutil.copytree(data, folder / "before")
        entered = ("--old", old, "--new", new, "--reason", "custody", "--data", str(data))
        said = command("keys", "rotate", "witness-entry", *entered)
        roots.append((data / "trust_root.json").read_bytes())
        witness.start()
        assert witness.vkey == new
        follow(new)
        serving.start()
        bundles.append(purchase(serving, member))
        assert serving.stop() == 0
    finally:
        for one in (serving, witness):
            if one.process is not None and one.process.poll() is None:
                one.stop()
    yield Rotated(data, folder / "before", old, new, said, bundles, roots)


def test_old_and_new_bundles_hold_under_the_root_with_both_keys(rotated: Rotated) -> None:
    first, second = rotated.bundles
    for bundle in rotated.bundles:
        verdict = verify_bundle(bundle, rotated.roots[1])
        assert verdict.outcome == "pass", verdict.failed_step
        assert verdict.facts.witnesses == verdict.facts.independent_witnesses == (NAME,)
    assert verify_bundle(first, rotated.roots[0]).outcome == "pass"
    # Who knows the old root alone knows nothing of the new key.
    failed = {step.name for step in verify_bundle(second, rotated.roots[0]).steps if step.status == "failed"}
    assert {"trust_root", "witnesses"} <= failed
    for bundle, vkey in zip(rotated.bundles, (rotated.old, rotated.new), strict=True):
        note = parse_bundle(bundle).log.checkpoint.encode()
        assert [one.name for one in open_note(note, [vkey]).signatures] == [NAME]


def test_the_entry_and_the_trust_root_say_which_key_counts_when(rotated: Rotated) -> None:
    with closing(sqlite3.connect(rotated.data / "gateway.sqlite3")) as database:
        bodies = database.execute("SELECT body FROM entries WHERE type = 'key.rotated'").fetchall()
    (entry,) = [parse_entry(body) for (body,) in bodies]
    assert dict(entry.public) == {
        "role": "witness",
        "reason": "custody",
        "old_vkey": rotated.old,
        "new_vkey": rotated.new,
    }
    at = parse_timestamp(entry.at) // 1000
    assert (rotated.said["entry_id"], rotated.said["at"]) == (entry.id, at)
    before, after = map(parse_trust_root, rotated.roots)
    assert after.replaces == (*before.replaces, trust_root_id(before)) and after.logs == before.logs
    told = [(one.vkey, one.start, one.end, one.operator, one.independent) for one in after.witnesses]
    bureau = ("Civil Affairs Bureau", True)
    assert told == [
        (rotated.old, 0, at + SKEW_SECONDS, *bureau),
        (rotated.new, at - SKEW_SECONDS, None, *bureau),
    ]
    assert after.required == before.required and after.required.witness_quorum == 1
    assert run_fsck(rotated.data, None).faults == []


def test_the_new_key_counts_for_no_time_before_its_rotation(rotated: Rotated) -> None:
    """The times are the trust root's: with the two keys exchanged, both bundles fail at the witnesses."""
    root = json.loads(rotated.roots[1])
    early, late = root["witnesses"]
    early["to"], late["from"] = 1, early["to"] + 10**9
    for bundle in rotated.bundles:
        verdict = verify_bundle(bundle, json.dumps(root).encode())
        (step,) = [step for step in verdict.steps if step.name == "witnesses"]
        assert step.status == "failed" and "outside its time" in step.detail


def record(data: Path, old: str, new: str, reason: str = "scheduled") -> None:
    database = Database(sqlite_url(data / "gateway.sqlite3"))
    try:
        keys, changed = KeyFolder(data / "keys"), WitnessKeys(old, new)
        record_witness_rotation(DataFolder(data), database, keys, changed, reason=reason, now=NOW)
    finally:
        database.close()


def another_key(tmp_path: Path, name: str = NAME) -> str:
    made, key = KeyFolder(tmp_path).cosigner(name)
    return format_vkey(made, key.public_key(), KeyKind.COSIGNER)


def test_what_is_no_rotation_of_a_pinned_witness_is_refused(rotated: Rotated, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(rotated.data, data)
    for folder in ("third", "stranger"):
        (tmp_path / folder).mkdir()
    third = another_key(tmp_path / "third")
    stranger = another_key(tmp_path / "stranger", "witness.example/other")
    log = KeyFolder(data / "keys").log_identity(None).vkey
    for old, new, reason, told in (
        (rotated.new, third, "because", ("reason", "not one of scheduled, compromised, custody, retired")),
        (rotated.new, log, "scheduled", ("vkey", "is not the key of a witness")),
        (rotated.new, stranger, "scheduled", ("new", "is not under the name of the old key")),
        (
            rotated.old,
            third,
            "scheduled",
            ("old", "is not the key that the trust root pins last for this witness"),
        ),
        (
            stranger,
            stranger,
            "scheduled",
            ("old", "is not the key that the trust root pins last for this witness"),
        ),
        (rotated.new, rotated.old, "scheduled", ("new", "is a key that was used before")),
    ):
        with pytest.raises(FormatError) as refused:
            record(data, old, new, reason)
        assert (refused.value.where, refused.value.reason) == told
    assert (data / "trust_root.json").read_bytes() == rotated.roots[1]
    with closing(sqlite3.connect(data / "gateway.sqlite3")) as database:
        assert database.execute("SELECT count(*) FROM entries WHERE type = 'key.rotated'").fetchone() == (1,)


def test_after_a_crash_behind_the_entry_the_trust_root_follows_on_the_next_start(
    rotated: Rotated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    shutil.copytree(rotated.before, data)

    class Crash(Exception):
        """The process ended here."""

    def crash(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(log_rotation, "write_durably", crash)
        with pytest.raises(Crash):
            record(data, rotated.old, rotated.new)
    assert (data / "trust_root.json").read_bytes() == rotated.roots[0]
    database = Database(sqlite_url(data / "gateway.sqlite3"))
    try:
        for _ in range(2):
            finish_rotation(DataFolder(data), database, KeyFolder(data / "keys"))
        root = parse_trust_root((data / "trust_root.json").read_bytes())
        assert [one.vkey for one in root.witnesses] == [rotated.old, rotated.new]
        assert len(root.replaces) == 1
        # A rotation of the log's key on top of it leaves the witnesses as they are.
        rotate_log_key(DataFolder(data), database, KeyFolder(data / "keys"), reason="scheduled", now=NOW)
        with database.reader() as connection:
            assert len(load_log_keys(connection)) == 2
    finally:
        database.close()
    later = parse_trust_root((data / "trust_root.json").read_bytes())
    assert later.witnesses == root.witnesses and len(later.replaces) == 2 == len(later.logs)
    assert verify_bundle(rotated.bundles[0], (data / "trust_root.json").read_bytes()).outcome == "pass"


def test_an_entry_pins_nobody_who_was_not_pinned(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(3)]
    for folder in folders:
        folder.mkdir()
    first, second, third = map(another_key, folders)
    pinned = (Witness(NAME, first, "Bureau", True, 5_000, 9_000),)
    assert follow_witness(pinned, WitnessChange(second, third, 7_000)) is pinned
    both = follow_witness(pinned, WitnessChange(first, second, 8_900))
    # Never longer than the trust root gave the witness, nor from before.
    assert [(one.vkey, one.start, one.end) for one in both] == [(first, 5_000, 9_000), (second, 8_600, 9_000)]
    assert follow_witness(both, WitnessChange(first, second, 8_900)) is both
    early = follow_witness(pinned, WitnessChange(first, second, 5_100))
    assert [(one.start, one.end) for one in early] == [(5_000, 5_400), (5_000, 9_000)]


def test_a_running_witness_or_a_folder_of_none_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    said = subprocess.run(
        [TONGYI, "keys", "rotate", "witness", "--data", str(empty)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 4 and "holds no witness's key" in said.stderr
    assert list(empty.iterdir()) == []
    log = KeyFolder(tmp_path).log_identity("log.example").vkey
    witness = Witnessing(tmp_path / "w", ("--log", log, "--name", NAME)).start()
    try:
        said = subprocess.run(
            [TONGYI, "keys", "rotate", "witness", "--data", str(witness.data)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert said.returncode == 4, said.stderr
    finally:
        assert witness.stop() == 0
    assert parse_vkey(witness.vkey).name == NAME
    again = Witnessing(witness.data, witness.options).start()
    assert again.stop() == 0 and again.vkey == witness.vkey
