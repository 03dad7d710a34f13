"""A key that acts on chain gives way to another: powers, proofs of every age, a crash at every step."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from chain.entry import parse_entry
from chain.errors import FormatError
from chain.evm.calldata import Registration, encode_anchor, encode_register, encode_set_quota
from chain.evm.client import EvmClient
from chain.evm.errors import NodeRefused
from chain.evm.local import LocalChain
from chain.evm.signers.base import LocalKey, Signer
from chain.hashing import keccak256
from chain.trust_root import parse_trust_root, trust_root_id
from chain.typed_data import Place, anchor_payload
from chain.types import Address, NodeHash, TreeSize
from chain.verify import verify_bundle
from gateway.command_failures import CommandFailure
from gateway.fsck_command import run_fsck
from gateway.ground import Ground, open_ground
from gateway.keys import KeyFolder
from gateway.role_powers import RolePowers
from gateway.rules.calendar import business_month, parse_timestamp
from gateway.settings import load_settings
from gateway.signer_rotation import SignerSwap, run_rotate_signer
from tests.integration.command_kit import tongyi
from tests.integration.serving import Serving

CHAPTER = "3101-0007"
NUMBER = 31_010_007
FAST = {"TONGYI_BLOCK_TIME": "0.2"}
DAY = 86_400
ROLES = ("operator", "issuer")


@dataclass
class Rotated:
    """``before``: the data as it was first stopped. Then operator and issuer were rotated, one after
    the other, with records before, between and behind.
    """

    data: Path
    before: Path
    bundles: list[bytes] = field(default_factory=list)
    roots: list[bytes] = field(default_factory=list)
    said: list[dict[str, Any]] = field(default_factory=list)


def issue_and_transfer(serving: Serving, pool: str, member: str) -> bytes:
    """Have HQ set a cap, the issuer a quota, coins issued and moved; return the proof of the last step."""
    serving.made(f"/v1/chapters/{CHAPTER}/caps", {"daily": "900000"})
    period = business_month(int(datetime.now(UTC).timestamp()))
    serving.made(f"/v1/chapters/{CHAPTER}/quotas", {"period": period, "amount": "9000000"})
    issued = serving.made("/v1/credits/issue", {"chapter": CHAPTER, "to": pool, "amount": "500"})
    operation = {"kind": "transfer", "from": pool, "to": member, "amount": "70"}
    body = {"type": "credit.transferred", "chapter": CHAPTER, "op": operation}
    made = serving.made("/v1/entries", body)
    for entry, moved in ((issued, "500"), (made, "70")):
        assert serving.wait_state(entry["id"], "final")["outcome"]["moved"] == moved
    return serving.proof(made["id"])


@pytest.fixture(scope="module")
def rotated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rotated]:
    folder = tmp_path_factory.mktemp("signers")
    found = Rotated(folder / "data", folder / "before")
    serving = Serving(found.data, environment=FAST).start()
    try:
        pool, member = serving.open_chapter(CHAPTER), serving.join(CHAPTER)
        for role in (*ROLES, None):
            found.bundles.append(issue_and_transfer(serving, pool, member))
            found.roots.append((found.data / "trust_root.json").read_bytes())
            assert serving.stop() == 0
            if role is None:
                break
            if not found.said:
                shutil.copytree(found.data, found.before)
            reason = "compromised" if role == "operator" else "custody"
            arguments = ("--role", role, "--reason", reason, "--data", str(found.data), "--json")
            done = tongyi("keys", "rotate", "signer", *arguments, env=FAST)
            assert done.returncode == 0, done.stderr
            found.said.append(json.loads(done.stdout))
            serving.start()
    finally:
        if serving.process is not None and serving.process.poll() is None:
            serving.stop()
    yield found


@contextmanager
def opened(data: Path, chain_url: str | None = None, *, signs: bool = False) -> Iterator[Ground]:
    """The ground of a stopped gateway, its chain running."""
    with ExitStack() as stack:
        yield open_ground(load_settings(data, chain_url=chain_url), stack, shared=False, signs=signs)


@pytest.fixture
def copy(rotated: Rotated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data from before any rotation, on a chain of its own."""
    monkeypatch.setenv("TONGYI_BLOCK_TIME", "0.1")
    shutil.copytree(rotated.before, tmp_path / "data")
    return tmp_path / "data"


def rotations(data: Path) -> list[dict[str, Any]]:
    """The public fields of all rotations' entries."""
    with closing(sqlite3.connect(data / "gateway.sqlite3")) as database:
        sql = "SELECT body FROM entries WHERE type = 'key.rotated' ORDER BY log_index"
        return [dict(parse_entry(body).public) for (body,) in database.execute(sql)]


def address(text: str) -> Address:
    return Address(bytes.fromhex(text.removeprefix("0x")))


# --- before and after ------------------------------------------------------------------------------------


def test_bundles_of_every_age_hold_under_every_root(rotated: Rotated) -> None:
    """No key of a role is pinned by a trust root: a proof rests on what the contracts took in their time."""
    assert len(rotated.bundles) == 3 and rotated.roots[0] == rotated.roots[1] == rotated.roots[2]
    assert [verify_bundle(bundle, rotated.roots[0]).outcome for bundle in rotated.bundles] == ["pass"] * 3
    # As well under a root that followed it for another reason.
    root = parse_trust_root(rotated.roots[0])
    follower = json.loads(rotated.roots[0]) | {"replaces": [trust_root_id(root).hex()]}
    data = json.dumps(follower).encode()
    assert [verify_bundle(bundle, data).outcome for bundle in rotated.bundles] == ["pass"] * 3


def test_no_call_of_any_key_failed_on_the_way(rotated: Rotated) -> None:
    """HQ's nonces go on above those that the rotation of the operator used."""
    with closing(sqlite3.connect(rotated.data / "gateway.sqlite3")) as database:
        # An anchor that waits unsigned carries the old key's signature: it fails and is queued anew.
        sql = "SELECT signer, kind, error FROM chain_transactions WHERE state IN ('failed', 'replaced')"
        assert database.execute(f"{sql} AND kind != 'anchor'").fetchall() == []
        sql = "SELECT signer, count(DISTINCT signer_address) FROM chain_transactions GROUP BY signer"
        assert database.execute(sql).fetchall() == [("hq", 1), ("issuer", 2), ("operator", 2)]
    with opened(rotated.data) as ground:
        hq = KeyFolder(rotated.data / "keys").stored_address("hq")
        assert hq is not None
        # Three caps, and twice the signers of the log's anchors.
        assert ground.client.transaction_count(hq) == 3 + 2


def test_each_rotation_is_an_entry_with_role_reason_and_both_addresses(rotated: Rotated) -> None:
    told = rotations(rotated.data)
    assert [(one["role"], one["signer"], one["reason"]) for one in told] == [
        ("signer", "operator", "compromised"),
        ("signer", "issuer", "custody"),
    ]
    old = KeyFolder(rotated.before / "keys")
    for said, entry, role in zip(rotated.said, told, ROLES, strict=True):
        assert said["state"] == "done" and said["signer"] == role and said["until"] is None
        assert address(said["old_address"]) == old.stored_address(role) == address(entry["old_address"])
        new = KeyFolder(rotated.data / "keys").stored_address(role)
        assert address(said["new_address"]) == new == address(entry["new_address"])
        assert new != old.stored_address(role)
    assert run_fsck(rotated.data, None).faults == []
    assert not list((rotated.data / "keys").glob("*.next*"))


def test_old_keys_may_nothing_on_chain_and_new_ones_what_the_old_could(rotated: Rotated) -> None:
    with opened(rotated.data, signs=True) as ground:
        account = Address(sha256(b"a new account").digest()[:20])
        register = encode_register([Registration(account, NUMBER, 1, 1, ground.log_id, bytes([1]) * 32)])
        calls = {
            "operator": (ground.address("Membership"), register),
            "issuer": (ground.address("TimeCredit"), encode_set_quota(NUMBER, 202_612, 5)),
        }
        missing = keccak256(b"MissingRole(address,uint8,uint32)")[:4].hex()
        for said, role in zip(rotated.said, ROLES, strict=True):
            target, data = calls[role]
            old, new = address(said["old_address"]), address(said["new_address"])
            with pytest.raises(NodeRefused) as refused:
                ground.client.view(target, data, sender=old)
            assert (refused.value.data or "").startswith("0x" + missing) and old.hex() in str(
                refused.value.data
            )
            ground.client.view(target, data, sender=new)
        powers = RolePowers(ground.client, ground.deployment, ground.log_id)
        signers, threshold = powers.signers()
        keys = KeyFolder(rotated.data / "keys")
        assert threshold == 2 and set(signers) == {
            keys.stored_address("operator"),
            keys.stored_address("witness"),
        }
        for operator, error in (
            (KeyFolder(rotated.before / "keys").signer("operator"), b"InvalidSignature(uint256,address)"),
            # The new one's counts: only the tree itself is refused.
            (keys.signer("operator"), b"InconsistentTree(bytes32,uint64,uint64)"),
        ):
            assert refusal_of_anchor(ground, [operator, keys.signer("witness")]) == keccak256(error)[:4].hex()


def refusal_of_anchor(ground: Ground, signers: list[Signer]) -> str:
    """The error by which the contract refuses a forged tree under these signatures."""
    place = Place(ground.chain_id, ground.deployment.genesis_hash, ground.address("LogAnchor"))
    size, root = TreeSize(900), NodeHash(bytes([7]) * 32)
    payload = anchor_payload(place, ground.log_id, size, root)
    signatures = [one.sign_payload(payload) for one in sorted(signers, key=lambda one: one.address)]
    with pytest.raises(NodeRefused) as refused:
        ground.client.view(place.contract, encode_anchor(ground.log_id, size, root, [], signatures))
    return str(refused.value.data)[2:10]


# --- a crash at every step -------------------------------------------------------------------------------


KILLED = """
import os, signal, sys
from pathlib import Path
from gateway.keys import KeyFolder
from gateway.role_powers import RolePowers
from gateway.signer_rotation import SignerSwap, run_rotate_signer

owner = {one.__name__: one for one in (KeyFolder, RolePowers, SignerSwap)}[sys.argv[2]]
name, left = sys.argv[3], [int(sys.argv[4])]
real = getattr(owner, name)

def call(*arguments):
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    return real(*arguments)

setattr(owner, name, call)
run_rotate_signer(Path(sys.argv[1]), None, None, "operator", "scheduled", None)
"""
"""A rotation in a process that is killed where a method is called once too often."""


CRASHES: dict[str, tuple[type, str, int, bool]] = {
    # step: whose method is the process's last, after how many calls; whether the entry is there
    "before the new key is kept": (KeyFolder, "following_signer", 0, False),
    "before the role is granted": (RolePowers, "grant_role", 0, False),
    "before the new key signs anchors": (RolePowers, "set_signers", 0, False),
    "before the entry is committed": (SignerSwap, "_record", 0, False),
    "before the new key takes its place": (KeyFolder, "take_following_signer", 0, True),
    "before the old key signs no anchors": (RolePowers, "set_signers", 1, True),
    "before the old key loses its role": (RolePowers, "revoke_role", 0, True),
}


@pytest.mark.parametrize("moment", list(CRASHES))
def test_after_a_crash_the_key_at_hand_can_act_and_the_next_run_finishes(copy: Path, moment: str) -> None:
    owner, name, count, is_recorded = CRASHES[moment]
    old = KeyFolder(copy / "keys").stored_address("operator")
    assert old is not None
    command = [sys.executable, "-c", KILLED, str(copy), owner.__name__, name, str(count)]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(rotations(copy)) == is_recorded
    kept = KeyFolder(copy / "keys").following_address("operator")
    # As a gateway starts.
    with opened(copy, signs=True) as ground:
        powers = RolePowers(ground.client, ground.deployment, ground.log_id)
        acting = ground.keys.signer("operator").address
        assert powers.is_whole("operator", acting) and (acting != old) == is_recorded
        done = SignerSwap(ground, "operator").run("scheduled", None, 1_900_000_000_000)
        new = address(done.new_address)
        assert (done.state, address(done.old_address)) == ("done", old)
        assert powers.is_whole("operator", new) and not powers.is_any("operator", old)
        # The key that the chain may have known already was taken up again.
        assert new in (acting, kept) or moment == "before the new key is kept"
    assert [entry["new_address"] for entry in rotations(copy)] == [new.hex()]
    assert KeyFolder(copy / "keys").signer("operator").address == new
    assert not list((copy / "keys").glob("*.next*"))


def test_a_former_key_put_back_does_not_act(rotated: Rotated, tmp_path: Path) -> None:
    shutil.copytree(rotated.data, tmp_path / "data")
    for name in ("issuer.json", "password"):
        shutil.copy2(rotated.before / "keys" / name, tmp_path / "data" / "keys" / name)
    with pytest.raises(FormatError) as refused, opened(tmp_path / "data"):
        pass
    assert (refused.value.where, refused.value.reason) == (
        "issuer.json",
        "is not the key that the role's last rotation names",
    )
    (tmp_path / "data" / "keys" / "issuer.json").unlink()
    with pytest.raises(FormatError) as refused, opened(tmp_path / "data", signs=True):
        pass
    assert (refused.value.where, refused.value.reason) == (
        "issuer.json",
        "is missing: the role's last rotation names its key",
    )
    # None was made in its place.
    assert not (tmp_path / "data" / "keys" / "issuer.json").exists()


# --- grants that wait ------------------------------------------------------------------------------------


def pass_time(client: EvmClient, seconds: int) -> None:
    """Have the chain's next block so much later."""
    client.call("evm_setNextBlockTimestamp", client.header("latest").timestamp + seconds)
    client.call("evm_mine")


def test_a_grant_that_waits_is_told_and_the_old_key_acts_meanwhile(copy: Path) -> None:
    old = KeyFolder(copy / "keys").stored_address("hq")
    assert old is not None
    # One node all the time: a chain that starts anew goes by the clock on the wall.
    with LocalChain(copy / "chain", block_time=0.1) as chain, closing(EvmClient(chain.url)) as client:
        arguments = ("--role", "hq", "--data", str(copy), "--chain-url", chain.url)

        def rotate(*more: str) -> subprocess.CompletedProcess[str]:
            return tongyi("keys", "rotate", "signer", *arguments, *more)

        # The access manager lets a delay begin five days after it is set.
        pass_time(client, 5 * DAY + 60)
        first = rotate("--json")
        assert first.returncode == 3, first.stderr
        told = json.loads(first.stdout)
        assert (told["state"], told["entry_id"], told["index"]) == ("pending", None, None)
        new, again = address(told["new_address"]), rotate()
        assert again.returncode == 3
        assert again.stdout == (
            f"{told['until']} 生效，届时再次运行；此前由旧密钥行事 / "
            f"pending until {told['until']}: run again after; the old key acts until then\n"
            f"{told['old_address']}\n→ {told['new_address']}\n"
        )
        assert rotations(copy) == []
        with opened(copy, chain.url, signs=True) as ground:
            powers = RolePowers(ground.client, ground.deployment, ground.log_id)
            assert ground.keys.signer("hq").address == old and powers.is_whole("hq", old)
            assert not powers.has_role("hq", new)
            assert powers.granted_from("hq", new) == parse_timestamp(told["until"]) // 1000
        pass_time(client, DAY)
        last = rotate("--json")
        assert last.returncode == 0, last.stderr
        done = json.loads(last.stdout)
        assert done["state"] == "done" and done["new_address"] == told["new_address"]
        with opened(copy, chain.url, signs=True) as ground:
            powers = RolePowers(ground.client, ground.deployment, ground.log_id)
            assert powers.is_whole("hq", new) and not powers.is_any("hq", old)


def test_the_admins_key_gives_its_own_role_on(copy: Path) -> None:
    old = KeyFolder(copy / "keys").stored_address("deployer")
    assert old is not None
    done = run_rotate_signer(copy, None, None, "deployer", "custody", None)
    with opened(copy, signs=True) as ground:
        powers = RolePowers(ground.client, ground.deployment, ground.log_id)
        assert powers.is_whole("deployer", address(done.new_address)) and not powers.is_any("deployer", old)
        # The new admin grants at once, with no start of the gateway in between.
        second = SignerSwap(ground, "regulator").run("retired", None, 1_900_000_000_000)
        assert powers.is_whole("regulator", address(second.new_address))
        assert not powers.is_any("regulator", address(second.old_address))
    assert [(one["signer"], one["reason"]) for one in rotations(copy)] == [
        ("deployer", "custody"),
        ("regulator", "retired"),
    ]
    # Nobody acts in these roles here: their keys may be away.
    for role in ("deployer", "regulator"):
        (copy / "keys" / f"{role}.json").unlink()
    with opened(copy, signs=True):
        assert not (copy / "keys" / "deployer.json").exists()


# --- what is refused -------------------------------------------------------------------------------------


def open_call(data: Path, signer: Address) -> None:
    """Have the last transaction of a key look as if nobody had heard of it since it was sent."""
    with closing(sqlite3.connect(data / "gateway.sqlite3")) as database, database:
        last = "SELECT max(id) FROM chain_transactions WHERE signer_address = ?"
        changed = database.execute(
            f"UPDATE chain_transactions SET state = 'sent', block_number = NULL WHERE id = ({last})",
            (bytes(signer),),
        )
        assert changed.rowcount == 1


def test_what_the_old_key_has_in_flight_is_brought_to_its_end_first(copy: Path) -> None:
    old = KeyFolder(copy / "keys").stored_address("issuer")
    assert old is not None
    open_call(copy, old)
    with opened(copy) as ground:
        with pytest.raises(CommandFailure) as refused:
            SignerSwap(ground, "issuer", drain_seconds=-1).run("scheduled", None, 1_900_000_000_000)
        assert refused.value.exit_code == 3
        assert refused.value.en.startswith(
            f"signer.not_drained: 1 transactions of 0x{old.hex()} are not final"
        )
        assert refused.value.zh.startswith(f"signer.not_drained：0x{old.hex()} 还有 1 笔交易未最终确定")
        assert KeyFolder(copy / "keys").following_address("issuer") is None
        assert SignerSwap(ground, "issuer").run("scheduled", None, 1_900_000_000_000).state == "done"
    with closing(sqlite3.connect(copy / "gateway.sqlite3")) as database:
        sql = "SELECT DISTINCT state FROM chain_transactions WHERE signer_address = ?"
        assert database.execute(sql, (bytes(old),)).fetchall() == [("final",)]


def test_a_key_may_move_out_of_the_folder_where_its_new_place_is_at_hand(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = sha256(b"the new issuer").digest()
    new, old = LocalKey(secret).address, KeyFolder(copy / "keys").stored_address("issuer")
    operator = KeyFolder(copy / "keys").stored_address("operator")
    assert old is not None and operator is not None

    def refusal(named: str | None, *, place: bool = True) -> str:
        # A process has the variable once: it is taken out of the environment.
        monkeypatch.setenv("NEW_ISSUER", secret.hex())
        monkeypatch.setenv("TONGYI_SIGNERS", "issuer=env:NEW_ISSUER" if place else "")
        with pytest.raises(CommandFailure) as refused:
            run_rotate_signer(copy, None, None, "issuer", "custody", named)
        return refused.value.en.partition(":")[0]

    assert refusal(None) == "signer.no_address"
    assert refusal("0x" + new.hex(), place=False) == "signer.no_address"
    assert refusal("0x" + operator.hex()) == "signer.another_address"
    assert refusal("issuer") == "--address"
    assert rotations(copy) == []
    monkeypatch.setenv("NEW_ISSUER", secret.hex())
    done = run_rotate_signer(copy, None, None, "issuer", "custody", "0x" + new.hex())
    assert (done.state, address(done.new_address)) == ("done", new)
    assert not (copy / "keys" / "issuer.json").exists()
    monkeypatch.setenv("NEW_ISSUER", secret.hex())
    with opened(copy, signs=True) as ground:
        powers = RolePowers(ground.client, ground.deployment, ground.log_id)
        assert powers.is_whole("issuer", new) and not powers.is_any("issuer", old)
    # The same key again is none that never acted.
    assert refusal("0x" + new.hex()) == "signer.key_in_use"
