"""The log's key gives way to another: old and new bundles, every trust root, and a crash at every step."""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from chain.checkpoint import open_checkpoint, parse_vkey
from chain.cose_receipt import key_thumbprint, parse_cose_receipt
from chain.entry import parse_entry
from chain.errors import FormatError, NotaryError, VerificationError
from chain.evidence.bundle import parse_bundle
from chain.receipt import Receipt, parse_receipt, sign_receipt, verify_receipt_by_any
from chain.trust_root import parse_trust_root, trust_root_id
from chain.verify import verify_bundle, verify_cose_file
from gateway import log_rotation
from gateway.data_folder import DataFolder
from gateway.db import Database, sqlite_url
from gateway.fsck_command import run_fsck
from gateway.keys import KeyFolder
from gateway.ledger.log_keys import KeyRange, load_log_keys
from gateway.log_rotation import finish_rotation, rotate_log_key
from tests.integration.serving import Serving
from tests.integration.witnesses_kit import Witnessing

CHAPTER = "3101-0007"
TONGYI = str(Path(sys.executable).parent / "tongyi")
NOW = 1_790_000_000_000


@dataclass
class Rotated:
    """Before: ``data`` as it was stopped, bundle and root. After: the same with a key more, or two."""

    data: Path
    before: Path
    bundles: list[bytes]
    roots: list[bytes]
    said: list[dict[str, object]]
    early: list[Answered]
    late: list[Answered]
    receipts: list[Receipt]


@dataclass
class Answered:
    """What was said when a COSE receipt of a record was asked for: right after a start, and later."""

    status: int
    content: bytes
    code: str | None


def ask_receipt(serving: Serving, bundle: bytes) -> Answered:
    entry = json.loads(parse_bundle(bundle).entry)["id"]
    answer = serving.client.get(f"/v1/entries/{entry}/proof?form=cose")
    is_refused = answer.status_code != 200
    return Answered(answer.status_code, answer.content, answer.json()["code"] if is_refused else None)


def shown_receipt(serving: Serving, bundle: bytes) -> Receipt:
    entry = json.loads(parse_bundle(bundle).entry)["id"]
    return parse_receipt(serving.client.get(f"/v1/entries/{entry}").json()["receipt"])


def purchase(serving: Serving, member: str) -> bytes:
    body = {"type": "purchase.recorded", "chapter": CHAPTER, "actor": member, "subjects": [member]}
    said = {"amount": "40000", "currency": "CNY", "receipt": secrets.token_hex(32)}
    made = serving.made("/v1/entries", body | {"public": said})
    return serving.proof(made["id"])


@pytest.fixture(scope="module")
def rotated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rotated]:
    folder = tmp_path_factory.mktemp("rotation")
    data, found = folder / "data", Rotated(folder / "data", folder / "before", [], [], [], [], [], [])
    serving = Serving(data).start()
    try:
        serving.made("/v1/chapters", {"code": CHAPTER})
        member = serving.join(CHAPTER)
        for reason in ("scheduled", "compromised", None):
            found.early.extend(ask_receipt(serving, bundle) for bundle in found.bundles[-1:])
            found.bundles.append(purchase(serving, member))
            found.late = [ask_receipt(serving, bundle) for bundle in found.bundles]
            found.receipts.extend(shown_receipt(serving, bundle) for bundle in found.bundles)
            found.roots.append((data / "trust_root.json").read_bytes())
            assert serving.stop() == 0
            if not found.said:
                shutil.copytree(data, found.before)
            if reason is None:
                break
            command = [TONGYI, "keys", "rotate", "log", "--data", str(data), "--reason", reason, "--json"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            found.said.append(json.loads(done.stdout))
            serving.start()
            assert serving.ready["vkey"] == found.said[-1]["new_vkey"]
    finally:
        if serving.process is not None and serving.process.poll() is None:
            serving.stop()
    yield found


def test_old_bundles_hold_under_every_later_root_and_new_ones_fail_under_every_older(
    rotated: Rotated,
) -> None:
    for made_at, bundle in enumerate(rotated.bundles):
        for known, root in enumerate(rotated.roots):
            verdict = verify_bundle(bundle, root)
            if made_at <= known:
                assert verdict.outcome == "pass", (made_at, known, verdict.failed_step)
                continue
            failed = {step.name: step.code for step in verdict.steps if step.status == "failed"}
            assert verdict.outcome == "mismatch" and list(failed) == [
                "trust_root",
                "checkpoint",
                "witnesses",
            ], failed


def test_receipts_of_every_age_are_signed_by_the_one_key_of_their_size(rotated: Rotated) -> None:
    """Of a key whose range is over nothing is signed: an older record is shown in a tree of the new range."""
    assert [(one.status, one.code) for one in rotated.early] == [(409, "proof.key_replaced")] * 2
    starts = [said["from_size"] for said in rotated.said]
    told = [json.loads(one.content)["detail"] for one in rotated.early]
    assert [f"{start} entries" in text for start, text in zip(starts, told, strict=True)] == [True, True]
    root = json.loads(rotated.roots[-1])
    root["required"] |= {"anchor": False, "outcome": False, "depth": 0, "witness_quorum": 0}
    new = str(rotated.said[-1]["new_vkey"])
    for bundle, answer in zip(rotated.bundles, rotated.late, strict=True):
        receipt = parse_cose_receipt(answer.content)
        log = parse_bundle(bundle).log
        assert receipt.index == log.index and receipt.leaf == log.leaf
        assert receipt.size >= rotated.said[-1]["from_size"]  # type: ignore[operator]
        assert receipt.key_id == key_thumbprint(parse_vkey(new).public_key)
        assert verify_cose_file(answer.content, json.dumps(root).encode()).outcome == "pass"


def test_receipts_shown_before_and_after_each_rotation_hold_under_the_last_root(rotated: Rotated) -> None:
    """One key shows one, then two, then three receipts; the first key's of the first entry holds for ever."""
    root = parse_trust_root(rotated.roots[-1])
    vkeys = [key.vkey for key in root.logs]
    indices = [parse_bundle(bundle).log.index for bundle in rotated.bundles]
    assert [receipt.index for receipt in rotated.receipts] == [*indices[:1], *indices[:2], *indices]
    gave = [verify_receipt_by_any(one, root.receipt_keys(one.origin, one.index)) for one in rotated.receipts]
    assert gave == [vkeys[0], *[vkeys[1]] * 2, *[vkeys[2]] * 3]
    # An older root takes what its key gave, and nothing of a later one.
    first = parse_trust_root(rotated.roots[0])
    for receipt, vkey in zip(rotated.receipts, gave, strict=True):
        keys = first.receipt_keys(receipt.origin, receipt.index)
        if vkey == vkeys[0]:
            assert verify_receipt_by_any(receipt, keys) == vkey
        else:
            with pytest.raises(VerificationError):
                verify_receipt_by_any(receipt, keys)
    # The thief of a key that ended promises nothing for what came after it.
    old = KeyFolder(rotated.before / "keys").log_identity(None)
    last = rotated.receipts[-1]
    forged = sign_receipt(last.origin, last.index, last.leaf_hash, last.at, old.key)
    with pytest.raises(VerificationError):
        verify_receipt_by_any(forged, root.receipt_keys(last.origin, last.index))


def test_a_checkpoint_of_the_new_range_under_the_old_key_is_refused(rotated: Rotated) -> None:
    """Even the root that knows both keys takes each for its own sizes alone."""
    root = parse_trust_root(rotated.roots[-1])
    sizes = [(key.start, key.end) for key in root.logs]
    first, second = (said["from_size"] for said in rotated.said)
    assert sizes == [(0, first), (first, second), (second, None)]
    assert root.replaces == tuple(trust_root_id(parse_trust_root(data)) for data in rotated.roots[:-1])
    swapped = json.loads(rotated.roots[-1])
    logs = swapped["logs"]
    logs[0]["vkey"], logs[1]["vkey"] = logs[1]["vkey"], logs[0]["vkey"]
    verdict = verify_bundle(rotated.bundles[0], json.dumps(swapped).encode())
    assert verdict.steps[6].status == "failed" and verdict.steps[6].name == "checkpoint"


def test_every_checkpoint_is_signed_by_the_one_key_of_its_size(rotated: Rotated) -> None:
    keys = stored_keys(rotated.data)
    assert len(keys) == 3
    with closing(sqlite3.connect(rotated.data / "gateway.sqlite3")) as database:
        notes = database.execute("SELECT size, note FROM checkpoints ORDER BY size").fetchall()
        bodies = database.execute("SELECT body FROM entries WHERE type = 'key.rotated'").fetchall()
    signed = {key.vkey: [size for size, note in notes if opens(note, key.vkey)] for key in keys}
    assert sum(map(len, signed.values())) == len(notes)
    for key in keys:
        assert all(key.start <= size and (key.end is None or size < key.end) for size in signed[key.vkey])
    # The entry that names the new key is in a checkpoint of the old one.
    for said, key in zip(rotated.said, keys, strict=False):
        assert signed[key.vkey][-1] == said["index"] + 1 == said["from_size"] - 1  # type: ignore[operator]
    told = [parse_entry(body).public for (body,) in bodies]
    assert [(one["role"], one["reason"]) for one in told] == [("log", "scheduled"), ("log", "compromised")]
    assert [one["new_vkey"] for one in told] == [keys[1].vkey, keys[2].vkey]
    assert run_fsck(rotated.data, None).faults == []
    # Nothing of the old key is left.
    assert sorted(path.name for path in (rotated.data / "keys").glob("log*")) == ["log.json"]


def opens(note: bytes, vkey: str) -> bool:
    try:
        open_checkpoint(note, [vkey])
    except NotaryError:
        return False
    return True


def stored_keys(data: Path) -> list[KeyRange]:
    database = Database(sqlite_url(data / "gateway.sqlite3"))
    try:
        with database.reader() as connection:
            return load_log_keys(connection)
    finally:
        database.close()


class Crash(Exception):
    """The process ended here."""


def crash(*_: object, **__: object) -> None:
    raise Crash


CRASHES: dict[str, tuple[object, str, bool]] = {
    "before the new key is kept": (KeyFolder, "make_next_log_key", False),
    "before the entry is committed": (log_rotation, "_record", False),
    "before the new key takes its place": (KeyFolder, "take_next_log_key", True),
    "before the trust root is followed": (log_rotation, "write_durably", True),
    "before the next key's file is gone": (KeyFolder, "drop_next_log_key", True),
}


@pytest.mark.parametrize("moment", list(CRASHES))
def test_after_a_crash_either_the_old_or_the_new_key_signs(
    rotated: Rotated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    data = tmp_path / "data"
    shutil.copytree(rotated.before, data)
    owner, name, is_done = CRASHES[moment]
    old = KeyFolder(data / "keys").log_identity(None).vkey
    with monkeypatch.context() as patched:
        if name == "drop_next_log_key":
            # The first call clears up before the rotation.
            patched.setattr(owner, name, after_calls(1, KeyFolder.drop_next_log_key))
        else:
            patched.setattr(owner, name, crash)
        with pytest.raises(Crash):
            rotate(data)
    finish(data)
    own = KeyFolder(data / "keys").log_identity(None).vkey
    keys = stored_keys(data)
    root = parse_trust_root((data / "trust_root.json").read_bytes())
    assert own == keys[-1].vkey and (own != old) == is_done == (len(keys) == 2)
    assert [(key.vkey, key.start, key.end) for key in root.logs] == [
        (key.vkey, key.start, key.end) for key in keys
    ]
    assert not (data / "keys" / "log.next.json").exists()
    finish(data)
    assert parse_trust_root((data / "trust_root.json").read_bytes()) == root


def after_calls(count: int, real: Callable[..., None]) -> Callable[..., None]:
    calls = [0]

    def call(*arguments: object) -> None:
        calls[0] += 1
        if calls[0] > count:
            raise Crash
        real(*arguments)

    return call


def rotate(data: Path, reason: str = "scheduled") -> None:
    database = Database(sqlite_url(data / "gateway.sqlite3"))
    try:
        rotate_log_key(DataFolder(data), database, KeyFolder(data / "keys"), reason=reason, now=NOW)
    finally:
        database.close()


def finish(data: Path) -> None:
    database = Database(sqlite_url(data / "gateway.sqlite3"))
    try:
        finish_rotation(DataFolder(data), database, KeyFolder(data / "keys"))
    finally:
        database.close()


def test_a_former_key_put_back_does_not_sign(rotated: Rotated, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(rotated.data, data)
    for name in ("log.json", "password"):
        shutil.copy2(rotated.before / "keys" / name, data / "keys" / name)
    with pytest.raises(FormatError) as refused:
        finish(data)
    assert (refused.value.where, refused.value.reason) == (
        "log.json",
        "is not the key that the log's last rotation names",
    )
    assert "log key: is not the one the entries name last" in run_fsck(data, None).faults


def test_a_reason_is_one_of_four(rotated: Rotated, tmp_path: Path) -> None:
    shutil.copytree(rotated.before, tmp_path / "data")
    with pytest.raises(FormatError) as refused:
        rotate(tmp_path / "data", "because")
    assert refused.value.where == "reason"
    assert len(stored_keys(tmp_path / "data")) == 1


def test_witnesses_that_know_both_keys_go_on_cosigning(tmp_path: Path) -> None:
    """Before the gateway starts again, witnesses and policy are told the new key beside the old one."""
    data, policy = tmp_path / "data", tmp_path / "policy"
    serving = Serving(data).start()
    old = serving.ready["vkey"]
    assert serving.stop() == 0
    witness = Witnessing(tmp_path / "w", ("--log", old, "--name", "witness.example/regulator")).start()
    try:
        policy.write_text(
            f"log {old}\nwitness regulator {witness.vkey} {witness.url}/witness\nquorum regulator\n"
        )
        serving.environment = {"TONGYI_WITNESS_POLICY": str(policy)}
        serving.start()
        serving.made("/v1/chapters", {"code": CHAPTER})
        member = serving.join(CHAPTER)
        first = purchase(serving, member)
        notes = [(data / "log" / "checkpoint").read_bytes()]
        assert serving.stop() == 0
        rotate(data)
        new = KeyFolder(data / "keys").log_identity(None).vkey
        assert witness.stop() == 0
        witness.options = ("--log", old, "--log", new)
        witness.start()
        policy.write_text(
            f"log {new}\nwitness regulator {witness.vkey} {witness.url}/witness\nquorum regulator\n"
        )
        serving.start()
        second = purchase(serving, member)
        notes.append((data / "log" / "checkpoint").read_bytes())
        assert serving.stop() == 0
    finally:
        if serving.process is not None and serving.process.poll() is None:
            serving.stop()
        assert witness.stop() == 0
    for note, key in zip(notes, (old, new), strict=True):
        signed = open_checkpoint(note, [key, witness.vkey]).signatures
        assert [one.name for one in signed] == [key.partition("+")[0], "witness.example/regulator"]
    assert parse_bundle(second).log.size >= stored_keys(data)[1].start > parse_bundle(first).log.size
